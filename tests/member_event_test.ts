/** A profiler's event is a PerfEvent: every protocol, print, stacks, and that it may be kept. */

import assert from "node:assert/strict";
import { USER_REGS } from "../lib/attr.ts";
import { makeCaller } from "../lib/event_class.ts";
import { hash, PerfEvent } from "../lib/perf_event.ts";
import { PERF_FORMAT } from "../lib/profilers/read_format.ts";
import { SERVICES, view } from "./fixtures/bytes.ts";
import { classOf, eventOf, frame, recordOf, type SampleBit, written } from "./fixtures/members.ts";

/** What `profile/-g/` asks for; IDENTIFIER is the trace's own. */
const BITS: readonly SampleBit[] = ["IDENTIFIER", "IP", "TID", "TIME", "CPU", "PERIOD", "READ", "CALLCHAIN"];
const SHOWN = 1 << 0 | 1 << 4 | 1 << 5 | 1 << 8;

const Profile = classOf(BITS, { readFormat: PERF_FORMAT.ID }, {
  event: "profile",
  shown: SHOWN,
  text: (event) => `${(event.read as { value: number }).value} cpu-cycles\x1b\n`,
});
const READ = { READ: "d9 8d 0f 00 00 00 00 00  2b 00 00 00 00 00 00 00" };
const record = recordOf(BITS, READ);
const event = eventOf(Profile, record);
const FIELDS = {
  _pid: 1000,
  _tid: 1001,
  _time: 1105245325610,
  _cpu: 3,
  _realtime: 1795339354947299600,
  _event: "profile",
  ip: 0xffffffff81000010n,
  pid: 1000,
  tid: 1001,
  time: 1105245325610,
  cpu: 3,
  period: 1_000_000,
  read: { value: 1019353, id: 43n },
  callchain: [0xffffffffffffff80n, 0xffffffff81001000n, 0xffffffff81002000n].map(frame),
};

Deno.test("its fields come first, then its members in the kernel's order", () => {
  assert.deepEqual(event.to_dict(), FIELDS);
  assert.deepEqual(event.keys(), Object.keys(FIELDS));
  assert.deepEqual(Profile.keys, event.keys());
  assert.deepEqual(event.values(), Object.values(FIELDS));
  assert.deepEqual([...event], Object.entries(FIELDS));
  assert.equal(new DataView(record.buffer).getBigUint64(Profile.timeOffset, true), 1105245325610n);
});

Deno.test("members are read by property, by index, by get and by destructuring", () => {
  const { ip, _pid } = event;
  assert.deepEqual([ip, _pid], [0xffffffff81000010n, 1000]);
  assert.deepEqual(event["read"], FIELDS.read);
  assert.equal(event.get("period", 0), 1_000_000);
  assert.equal(event.get("addr", -1), -1);
  assert.ok("ip" in event && !("addr" in event) && !("identifier" in event));
});

Deno.test("get_bigint is exact for every integer, and refuses what is none", () => {
  assert.equal(event.get_bigint("period"), 1_000_000n);
  assert.equal(event.get_bigint("_realtime"), 1795339354947299611n);
  assert.throws(() => event.get_bigint("read"), /^TypeError: profile: field 'read' is no integer$/);
  const late = eventOf(Profile, recordOf(BITS, { ...READ, TIME: "01 00 00 00 00 00 00 10" }));
  assert.deepEqual([late.get_bigint("_time"), late._time, late.time], [2n ** 60n + 1n, 2 ** 60, 2n ** 60n + 1n]);
});

Deno.test("an unknown name is a TypeError with the nearest name and all fields", () => {
  const fields = Object.keys(FIELDS).join(", ");
  assert.throws(() => event.perod, {
    name: "TypeError",
    message: `profile has no field 'perod'; did you mean 'period'? Fields: ${fields}`,
  });
  assert.throws(() => event._callchain, /^TypeError: profile has no field '_callchain'; did you mean 'callchain'\?/);
});

Deno.test("it is a PerfEvent to instanceof, inspect, String, JSON and hash", () => {
  assert.ok(event instanceof PerfEvent);
  assert.equal(Deno.inspect(event), "<PerfEvent profile cpu=3 pid=1000 time=1105245325610>");
  assert.match(
    String(event),
    /^\{_pid: 1000, .* ip: 18446744071578845200n, .* read: \{value: 1019353, id: 43n\}, callchain: \[\{addr: /,
  );
  const json = JSON.stringify(event);
  assert.match(
    json,
    /"ip":18446744071578845200,.*"read":\{"value":1019353,"id":43\},"callchain":\[\{"addr":18446744073709551488,/,
  );
  assert.deepEqual(Object.keys(JSON.parse(json)), Object.keys(FIELDS));
  assert.deepEqual(structuredClone(event.to_dict()), FIELDS);
  const other = recordOf(BITS, { ...READ, PERIOD: "01 00 00 00 00 00 00 00" });
  assert.equal(hash(event), hash(eventOf(Profile, record.slice())));
  assert.notEqual(hash(event), hash(eventOf(Profile, other)));
  assert.throws(() => Object.assign(event, { ip: 0n }), TypeError);
});

Deno.test("print writes the columns of a tracepoint but for the flags, the profiler's text and the stack", () => {
  written.length = 0;
  event.print({ timestamp: false, callchain: false });
  assert.deepEqual(written, ["       task-1001   1001 [003] 1105.245325: profile: 1019353 cpu-cycles?"]);
  const lines = event.to_text().split("\n");
  assert.match(
    lines[0]!,
    /^\d{4}-\d\d-\d\d \d\d:\d\d:34\.947299 {8}task-1001 {3}1001 \[003\] 1105\.245325: profile: 1019353 /,
  );
  assert.deepEqual(lines.slice(2), [
    "    ffffffff81001000 f+0x1 ([kernel.kallsyms])",
    "    ffffffff81002000 f+0x1 ([kernel.kallsyms])",
  ]);
  const without = eventOf(classOf(BITS, { readFormat: PERF_FORMAT.ID }, { shown: 0 }), record);
  assert.equal(without.to_text({ timestamp: false }), "       task-1001   1001 [003] 1105.245325: probe: text");
});

Deno.test("a call chain is asked for with its place, task and time; a copied stack is unwound once for an event", () => {
  const bits: readonly SampleBit[] = ["TID", "TIME", "CPU", "CALLCHAIN", "RAW", "REGS_USER", "STACK_USER"];
  const registers = "02 00 00 00 00 00 00 00" + " 11 00 00 00 00 00 00 00".repeat(20);
  const asked: number[][] = [];
  const services = {
    ...SERVICES,
    callchain: (_: DataView, ...place: number[]) => {
      asked.push(place);
      return [];
    },
  };
  const sample = recordOf(bits, { REGS_USER: registers });
  const dwarf = classOf(bits, { regsUser: USER_REGS.x86_64 }, { services, shown: 1 << 5 });
  const unwound = eventOf(dwarf, sample);
  assert.deepEqual([unwound.callchain, unwound.callchain, unwound.to_dict().callchain], [[], [], []]);
  // The record is at 16; its call chain at 32, 32 bytes; raw data, 16 bytes.
  assert.deepEqual(asked, [[16 + 32, 1000, 1105245325610, 16 + 32 + 32 + 16]]);
  // Other registers are not what unwinding takes.
  const own = classOf(bits, { regsUser: 0xfffffn }, { services, shown: 1 << 5 });
  assert.deepEqual(eventOf(own, sample).callchain, []);
  assert.deepEqual(asked[1], [16 + 32, 1000, 1105245325610, -1]);
});

Deno.test("what was read of an event, and the event, may be kept", () => {
  const bits: readonly SampleBit[] = ["TID", "TIME", "CPU", "RAW", "STACK_USER"];
  const kept = eventOf(classOf(bits), recordOf(bits));
  const raw = kept.raw as Uint8Array;
  raw.fill(0);
  assert.deepEqual(kept.raw, Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 0));
});

Deno.test("no name gets into the generated code as code; a caller makes the event", () => {
  const type = classOf(["TID", "TIME", "CPU"], {}, { event: 'a"`\n*/' });
  const call = makeCaller(type, ({ _event, cpu }) => [_event, cpu]);
  assert.deepEqual(call(view(recordOf(["TID", "TIME", "CPU"]), 8), 8), ['a"`\n*/', 3]);
});
