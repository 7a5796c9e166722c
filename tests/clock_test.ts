/** Event time -> wall clock: exact, stable, resynchronised. */

import assert from "node:assert/strict";
import { Realtime } from "../lib/clock.ts";

const BASE = 1_795_338_249_701_974_001n;

Deno.test("event time becomes wall clock by the pair in force, and later pairs change no earlier answer", () => {
  const realtime = new Realtime({ clockNs: 1000n, realtimeNs: BASE });
  const before = [0n, 1000n, 1999n].map((time) => realtime.at(time));
  assert.deepEqual(before, [BASE - 1000n, BASE, BASE + 999n]);
  realtime.add({ clockNs: 2000n, realtimeNs: BASE + 1500n }); // the wall clock was put back by 500 ns
  realtime.add({ clockNs: 3000n, realtimeNs: BASE + 2500n });
  assert.deepEqual([0n, 1000n, 1999n].map((time) => realtime.at(time)), before);
  assert.equal(realtime.at(2000n), BASE + 1500n);
  assert.equal(realtime.at(9000n), BASE + 8500n);
});

Deno.test("a pair that is not newer is passed over", () => {
  const realtime = new Realtime({ clockNs: 1000n, realtimeNs: BASE });
  realtime.add({ clockNs: 1000n, realtimeNs: 0n });
  realtime.add({ clockNs: 10n, realtimeNs: 0n });
  assert.equal(realtime.at(5000n), BASE + 4000n);
});

Deno.test("atNumber is the double nearest to the exact answer", () => {
  const realtime = new Realtime({ clockNs: 1000n, realtimeNs: BASE });
  realtime.add({ clockNs: 500_000n, realtimeNs: BASE + 499_123n });
  for (let time = 0; time < 1_000_000; time += 37) assert.equal(realtime.atNumber(time), Number(realtime.at(BigInt(time))));
  for (const time of [2 ** 53 - 1, 1_105_245_325_610, 8_999_999_999_999_871]) {
    assert.equal(realtime.atNumber(time), Number(realtime.at(BigInt(time))));
  }
});

Deno.test("where event clock and wall clock are the same, or the event clock is ahead, nothing changes or it goes back", () => {
  assert.equal(new Realtime({ clockNs: BASE, realtimeNs: BASE }).at(BASE + 5n), BASE + 5n);
  const ahead = new Realtime({ clockNs: 5_000_000_000n, realtimeNs: 1n });
  assert.equal(ahead.at(5_000_000_010n), 11n);
  assert.equal(ahead.atNumber(5_000_000_010), 11);
});

Deno.test("offsetAt is the exact difference in seconds, rounded down, and ns", () => {
  const realtime = new Realtime({ clockNs: 1000n, realtimeNs: BASE });
  realtime.add({ clockNs: 37_000_000_500n, realtimeNs: 499n }); // TAI is ahead of the wall clock
  assert.deepEqual(realtime.offsetAt(37_000_000_499), { seconds: 1_795_338_249, ns: 701_973_001 });
  assert.deepEqual(realtime.offsetAt(37_000_000_500), { seconds: -38, ns: 999_999_999 });
});
