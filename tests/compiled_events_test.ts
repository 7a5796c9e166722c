/** What compiled handlers are told of events, and analyses' events as records. (That records are read right: wasm_test.ts.) */

import assert from "node:assert/strict";
import { ENCODED_MAX, encodedFields, encodeEvent } from "../lib/compiled/encode.ts";
import type { CompiledField } from "../lib/compiled/field.ts";
import { type CompiledEvent, compiledEvent, fieldOf, valueText } from "../lib/compiled/fields.ts";
import { PERF_SAMPLE } from "../lib/layout.ts";
import { tracepointPlan } from "../lib/loaded_event.ts";
import { makeAnalysisClass } from "../lib/profilers/analysis_class.ts";
import type { Member } from "../lib/profilers/profiler.ts";
import type { TracedEvent } from "../lib/trace.ts";
import { field, format, SAMPLE_TYPE, SERVICES } from "./fixtures/bytes.ts";
import { wakeupEvent } from "./wasm_modules.ts";
import { linesTo } from "../lib/text_bytes.ts";

/** Fields as `name kind offset size base chain`. */
function shown(fields: readonly CompiledField[]): string[] {
  return fields.map(({ name, kind, offset, size, base, chain }) => [name, kind, offset, size, base, chain].join(" "));
}

const HEAD = ["_pid signed 16 4 0 0", "_tid signed 20 4 0 0", "_time unsigned 24 8 0 0", "_cpu unsigned 32 4 0 0"];

/** A tracepoint with fields of every kind. */
function tracepoint(sampleType: number): TracedEvent {
  const base = wakeupEvent();
  const every = format("every", [
    field("where", "__data_loc char[]", 8, 4, { array: true, dynamic: true, string: true }),
    field("near", "__rel_loc int[]", 12, 4, { array: true, dynamic: true, relative: true }),
    field("address", "void *", 16, 8),
    field("tiny", "s8", 24, 1, { signed: true }),
    field("is", "bool", 25, 1),
    field("pair", "struct two", 26, 6),
    field("comm", "char", 32, 16, { array: true, count: 16, string: true }),
    field("rest", "u64", 48, 0, { array: true }),
  ]);
  return {
    ...base,
    loaded: { kind: "tracepoint", spec: base.spec, format: every, plan: tracepointPlan(base.spec, every) },
    attrs: [{ ...base.attrs[0]!, sampleType }],
  };
}

Deno.test("a tracepoint's fields, from the record's header", () => {
  const { fields, name } = compiledEvent(tracepoint(SAMPLE_TYPE));
  assert.equal(name, "sched:sched_wakeup");
  assert.deepEqual(shown(fields), [
    ...HEAD,
    "_period unsigned 40 8 0 0",
    "common_type unsigned 52 2 0 0",
    "common_flags unsigned 54 1 0 0",
    "common_preempt_count unsigned 55 1 0 0",
    "common_pid signed 56 4 0 0",
    "where dynamic 60 4 52 0",
    "near dynamic 64 4 68 0",
    "address unsigned 68 8 0 0",
    "tiny signed 76 1 0 0",
    "is unsigned 77 1 0 0",
    "pair bytes 78 6 0 0",
    "comm bytes 84 16 0 0",
    "rest bytes 100 0 0 0",
  ]);
});

Deno.test("behind a call chain they say where its length is", () => {
  const event = compiledEvent(tracepoint(SAMPLE_TYPE | PERF_SAMPLE.CALLCHAIN));
  assert.deepEqual(shown([fieldOf(event, "_period"), fieldOf(event, "where"), fieldOf(event, "is")]), [
    "_period unsigned 40 8 0 0",
    "where dynamic 68 4 60 48",
    "is unsigned 85 1 0 48",
  ]);
});

const MEMBERS: readonly Member[] = [
  ...["pid", "tid", "time", "cpu", "delay"].map((name) => ({ name, type: "number", help: "" })),
  { name: "ret", type: "number | bigint", help: "" },
  { name: "ptr", type: "bigint", help: "" },
  { name: "comm", type: "string", help: "" },
  { name: "callchain", type: "readonly Frame[]", help: "" },
  { name: "args", type: "BigUint64Array", help: "" },
];
const EVENT: CompiledEvent = { name: "held", traced: wakeupEvent(), fields: encodedFields(MEMBERS), asked: ["callchain"] };
const Held = makeAnalysisClass({
  event: "held",
  members: MEMBERS.slice(4),
  services: SERVICES,
  lines: linesTo(() => {}),
  text: () => "",
});

/** Writes an event over a buffer that is dirty. */
function encoded(values: Record<string, unknown>) {
  const view = new DataView(new Uint8Array(ENCODED_MAX).fill(0xee).buffer);
  const head = { pid: 7, tid: -1, timeNs: 5_000_000_000, cpu: 3 };
  const size = encodeEvent(EVENT, new Held(head, { ret: -38, ...values }), view);
  return { view, size };
}

/** The bytes that a field's locator tells of. */
function bytesOf(view: DataView, name: string): Uint8Array {
  const { offset, base } = fieldOf(EVENT, name);
  const word = view.getUint32(offset, true);
  return new Uint8Array(view.buffer, base + (word & 0xffff), word >>> 16);
}

Deno.test("an analysis's members have slots behind the head of a sample", () => {
  assert.deepEqual(shown(EVENT.fields), [
    ...HEAD,
    ...HEAD.map((line) => line.slice(1)),
    "delay signed 40 8 0 0",
    "ret signed 48 8 0 0",
    "ptr unsigned 56 8 0 0",
    "comm dynamic 64 4 0 0",
    "args dynamic 72 4 0 0",
  ]);
  assert.throws(
    () => fieldOf(EVENT, "callchain"),
    /^TypeError: held: field 'callchain' has no fixed place: ask for its value$/,
  );
  assert.throws(() => fieldOf(EVENT, "dely"), /^TypeError: held has no field 'dely'; did you mean 'delay'\?/);
});

Deno.test("an event as a record: integers, texts and arrays, and nothing of what was there before", () => {
  const { view, size } = encoded({ delay: -2, ptr: 2n ** 64n - 1n, comm: "é\0x", args: BigUint64Array.of(1n, 2n ** 63n) });
  assert.deepEqual([view.getUint32(0, true), view.getUint16(6, true), size % 8], [0, size, 0]);
  assert.deepEqual([view.getInt32(16, true), view.getInt32(20, true), view.getUint32(32, true)], [7, -1, 3]);
  assert.equal(view.getBigUint64(24, true), 5_000_000_000n);
  assert.deepEqual([view.getBigInt64(40, true), view.getBigInt64(48, true)], [-2n, -38n]);
  assert.equal(view.getBigUint64(56, true), 2n ** 64n - 1n);
  assert.deepEqual([...bytesOf(view, "comm")], [0xc3, 0xa9, 0, 0x78, 0]);
  assert.deepEqual([...new BigUint64Array(bytesOf(view, "args").slice().buffer)], [1n, 2n ** 63n]);
  assert.ok(!new Uint8Array(view.buffer, 0, size).includes(0xee));
});

Deno.test("any value as a text", () => {
  const event = new Held({ pid: 7, tid: 7, timeNs: 1, cpu: 3 }, {
    ...{ delay: 5, ptr: 2n ** 63n, comm: "a b", args: BigUint64Array.of(1n, 2n ** 63n) },
    callchain: [{ addr: 16n, symbol: "f", offset: 0, kernel: true, dso: "[k]" }],
  });
  const texts = ["delay", "ptr", "comm", "args", "callchain", "nothing"].map((name) => valueText(event, name));
  const frame = '[{"addr":16,"symbol":"f","offset":0,"kernel":true,"dso":"[k]"}]';
  assert.deepEqual(texts, ["5", "9223372036854775808", "a b", "[1,9223372036854775808]", frame, undefined]);
});

Deno.test("texts are cut at 4 KiB between characters, and what has no room is an error", () => {
  const { view } = encoded({ delay: 0, ptr: 0n, comm: "é".repeat(3000), args: new BigUint64Array() });
  const comm = bytesOf(view, "comm");
  assert.deepEqual([comm.length, comm.at(-2), comm.at(-1)], [4095, 0xa9, 0]);
  assert.throws(
    () => encoded({ delay: 0, ptr: 0n, comm: "", args: new BigUint64Array(8192) }),
    /^RangeError: an event of \d+ bytes/,
  );
});
