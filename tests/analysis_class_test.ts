/** Events of an analysis keep the protocol of every event. */

import assert from "node:assert/strict";
import { makeAnalysisClass } from "../lib/profilers/analysis_class.ts";
import { hash, PerfEvent } from "../lib/perf_event.ts";
import type { EventServices, Frame } from "../lib/event_services.ts";
import { linesTo } from "../lib/text_bytes.ts";

const FRAME: Frame = { addr: 0x10n, symbol: "f", offset: 2, kernel: true, dso: "[kernel.kallsyms]" };
const SERVICES = {
  comm: (tid: number) => `task${tid}`,
  realtimeNumber: (timeNs: number) => timeNs + 1e18,
  realtimeNs: (timeNs: bigint) => timeNs + 10n ** 18n,
  realtimeOffset: () => ({ seconds: 1, ns: 0 }),
} as unknown as EventServices;

interface Values {
  readonly state: string;
  readonly args: BigUint64Array;
  readonly keys: number;
  readonly callchain: () => readonly Frame[];
}

const written: string[] = [];
const Event = makeAnalysisClass<Values>({
  event: "toy",
  members: ["state", "args", "keys", "callchain"].map((name) => ({ name, type: "", help: "" })),
  services: SERVICES,
  lines: linesTo((text) => void written.push(text)),
  text: ({ state }) => `state=${state}`,
});

let resolved = 0;
function makeEvent(record?: Uint8Array) {
  resolved = 0;
  const callchain = () => (resolved++, [FRAME]);
  const values = { state: "S", args: new BigUint64Array([1n, 2n]), keys: 3, callchain };
  return new Event({ pid: 1, tid: 2, timeNs: 5_000_001_000, cpu: 3, ...(record && { record }) }, values);
}

Deno.test("an analysis's event has its fields in order", () => {
  const names = ["_pid", "_tid", "_time", "_cpu", "_realtime", "_event", "pid", "tid", "time", "cpu"];
  const event = makeEvent();
  assert.deepEqual(event.keys(), [...names, "state", "args", "keys", "callchain"]);
  assert.deepEqual(Event.keys, event.keys());
  const values = [1, 2, 5_000_001_000, 3, 1000000005000001000, "toy", 1, 2, 5_000_001_000, 3];
  assert.deepEqual(event.values().slice(0, 10), values);
  assert.deepEqual(names.map((name) => event.get(name)), values);
  assert.equal(event.get("keys"), 3, "a method of the name wins, get() reaches the member");
  assert.deepEqual([event instanceof PerfEvent, "state" in event, Reflect.has(event, "print")], [true, true, false]);
  assert.equal(event.get_bigint("_time"), 5_000_001_000n);
  assert.equal(event.get_bigint("_realtime"), 1_000_000_005_000_001_000n);
});

Deno.test("an analysis's event resolves a lazy value once, when it is read", () => {
  const event = makeEvent();
  assert.equal(resolved, 0);
  assert.deepEqual(event.callchain, [FRAME]);
  assert.equal(event.to_dict().callchain, event.callchain);
  assert.equal(resolved, 1);
});

Deno.test("an analysis's event does not change", () => {
  const event = makeEvent();
  (event.args as BigUint64Array)[0] = 7n;
  (event.to_dict().args as BigUint64Array)[0] = 7n;
  assert.deepEqual(event.args, new BigUint64Array([1n, 2n]));
  assert.throws(() => Object.assign(event, { state: "D" }), TypeError);
  assert.throws(() => Object.assign(event, { other: 1 }), { message: /toy: cannot set 'other'/ });
  assert.throws(() => event.stat, { message: /^toy has no field 'stat'; did you mean 'state'\?/ });
});

Deno.test("an analysis's event as text, JSON and print", () => {
  const event = makeEvent();
  assert.equal(Deno.inspect(event), "<PerfEvent toy cpu=3 pid=1 time=5000001000>");
  assert.deepEqual(JSON.parse(JSON.stringify(event)).args, [1, 2]);
  assert.match(String(event), /state: "S", args: \[1n, 2n\], keys: 3/);
  const line = "           task2      2 [003] 5.000001: toy: state=S";
  assert.equal(event.to_text({ timestamp: false, callchain: false }), line);
  event.print({ timestamp: false });
  assert.deepEqual(written.splice(0), [`${line}\n    0000000000000010 f+0x2 ([kernel.kallsyms])`]);
});

Deno.test("an analysis's event shows its own comm", () => {
  const Named = makeAnalysisClass<{ comm: string }>({
    ...{ event: "named", services: SERVICES, lines: linesTo(() => {}), text: () => "x" },
    members: [{ name: "comm", type: "string", help: "" }],
  });
  const event = new Named({ pid: 1, tid: 2, timeNs: 0, cpu: 0 }, { comm: "own" });
  assert.equal(event.to_text({ timestamp: false }), "             own      2 [000] 0.000000: named: x");
});

Deno.test("an analysis's event is hashed by its record, or by its text", () => {
  const bytes = new TextEncoder().encode("a");
  assert.equal(hash(makeEvent(bytes)), 0xaf63dc4c8601ec8cn, "FNV-1a of 'a'");
  assert.equal(hash(makeEvent()), hash(makeEvent()));
  assert.notEqual(hash(makeEvent()), hash(makeEvent(bytes)));
});
