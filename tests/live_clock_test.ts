/** Times of events in every clock, against readings of that clock around them. */

import assert from "node:assert/strict";
import { lastJson, live, Stage } from "./harness.ts";

/** CLOCK_* of time.h. */
const CLOCKS = { realtime: 0, monotonic: 1, boottime: 7, tai: 11 };

/** Reads a clock, ns. */
function now(clock: number): bigint {
  const libc = Deno.dlopen("libc.so.6", { clock_gettime: { parameters: ["i32", "buffer"], result: "i32" } });
  const time = new BigInt64Array(2);
  assert.equal(libc.symbols.clock_gettime(clock, new Uint8Array(time.buffer)), 0);
  libc.close();
  return time[0]! * 1_000_000_000n + time[1]!;
}

/** `_time` and `_realtime` of three events, ns, and readings of a clock and of the wall clock before and after them. */
async function trace(name: string, clock: number) {
  using stage = new Stage();
  const read = () => [now(clock), now(CLOCKS.realtime)] as const;
  let before = read(), after = before;
  const ended = await stage.trace(
    ["--clock", name, "-e", stage.event()],
    `const times = [];
     const exact = (event, field) => String(event.get_bigint(field));
     export const __sample__ = (event) => { times.push([exact(event, "_time"), exact(event, "_realtime")]); };
     export const __exit__ = () => console.log(JSON.stringify(times));`,
    async () => {
      before = read();
      await stage.emit("calls", 3);
      after = read();
    },
  );
  const times = (lastJson(ended) as string[][]).map((pair) => pair.map(BigInt) as [bigint, bigint]);
  assert.equal(times.length, 3, ended.stderr);
  for (const [, realtime] of times) within(realtime, before[1], after[1]);
  return { times: times.map(([time]) => time), before: before[0], after: after[0] };
}

/** Two clocks are compared with an error of a few µs; a wall clock may also be slewed while they run. */
function within(time: bigint, before: bigint, after: bigint): void {
  const slack = 1_000_000n;
  assert.ok(before - slack <= time && time <= after + slack, `${time} is not within ${before} and ${after}`);
}

for (const [name, clock] of Object.entries(CLOCKS)) {
  live(`--clock ${name}: _time is of that clock, _realtime is the wall clock`, async () => {
    const { times, before, after } = await trace(name, clock);
    for (const time of times) assert.ok(before <= time && time <= after, `${time} is not within ${before} and ${after}`);
  });
}

live("--clock perf: _time counts from the start of the machine, _realtime is the wall clock", async () => {
  const { times, after } = await trace("perf", CLOCKS.boottime);
  for (const time of times) assert.ok(0n < time && time <= after + 1_000_000_000n, `${time} at ${after}`);
});
