/**
 * Every tracepoint format of this machine: each makes an event class, and each field of a record (of zeros, of ones, of random
 * bytes) has the value that the format text says, by a second opinion, or is refused. About 2,300 formats of 28,000 fields.
 *
 * @module
 */

import assert from "node:assert/strict";
import { NativeMachine } from "../ffi/machine.ts";
import { DecodeError } from "../lib/errors.ts";
import { type EventClass, makeEventClass } from "../lib/event_class.ts";
import type { TracepointFormat } from "../lib/format.ts";
import { SAMPLE_TYPE, SERVICES } from "./fixtures/bytes.ts";
import { live } from "./harness.ts";
import { Random } from "./random.ts";
import { sample } from "./recorded_source.ts";
import { referenceTexts } from "./print_reference.ts";
import { fieldValue, NO_VALUE, pairs, parseFormat, type ReferenceField, type ReferenceFormat } from "./reference_format.ts";
import { linesTo } from "../lib/text_bytes.ts";

const EVENTS = "/sys/kernel/tracing/events";
/** Of the raw data in a sample without a call chain, and of its u32 size. */
const RAW = 52, RAW_SIZE = 48;

const machine = new NativeMachine();

interface Tracepoint {
  readonly event: string;
  readonly format: TracepointFormat;
  readonly text: string;
  readonly reference: ReferenceFormat;
  readonly type: EventClass;
}

/** Made once, by the first test that asks. */
let tracepoints: readonly Tracepoint[] | undefined;

function allTracepoints(): readonly Tracepoint[] {
  return tracepoints ??= machine.systems().flatMap((system) =>
    machine.names(system).map((name) => {
      const format = machine.format(system, name);
      const event = `${system}:${name}`;
      const text = Deno.readTextFileSync(`${EVENTS}/${event.replace(":", "/")}/format`);
      const type = makeEventClass({
        event,
        format,
        sampleType: SAMPLE_TYPE,
        services: SERVICES,
        kernel: [6, 18],
        lines: linesTo(() => {}),
      });
      return { event, format, text, type, reference: parseFormat(text) };
    })
  );
}

function isDynamic({ type }: ReferenceField): boolean {
  return /__data_loc|__rel_loc/.test(type);
}

/** Bytes of the raw data that every record has. */
function fixedSize({ fields }: ReferenceFormat): number {
  return Math.max(8, ...fields.map(({ offset, size }) => offset + size));
}

/** A record of these raw bytes, its dynamic values of 0 to 40 bytes behind the fixed ones, each where its locator says. */
function withDynamic(format: ReferenceFormat, fixed: Uint8Array<ArrayBuffer>, random: Random): Uint8Array<ArrayBuffer> {
  const parts = [fixed];
  let end = fixed.length;
  for (const field of format.fields.filter(isDynamic)) {
    const length = random.below(6) * 8;
    const base = field.type.includes("__rel_loc") ? field.offset + 4 : 0;
    new DataView(fixed.buffer).setUint32(field.offset, length * 65536 + end - base, true);
    parts.push(random.bytes(length));
    end += length;
  }
  return Uint8Array.from(parts.flatMap((part) => [...part]));
}

/** Reads all fields of a record and compares them with the second opinion. Returns how many were compared. */
function compare({ event, type, reference }: Tracepoint, raw: Uint8Array): number {
  const record = sample(12345, raw);
  const object = new type(new DataView(record.buffer), 0);
  const padded = record.subarray(RAW);
  for (const field of reference.fields) {
    const expected = fieldValue(reference, field, padded);
    const read = () => object.get(field.name);
    const what = `${event}: ${field.type} ${field.name}`;
    if (expected === NO_VALUE) assert.throws(read, DecodeError, what);
    else assert.deepEqual(read(), expected, what);
  }
  return reference.fields.length;
}

live("every format of this machine has the fields, in order, that its text has", () => {
  const all = allTracepoints();
  for (const { event, format, reference, type } of all) {
    assert.equal(format.id, reference.id, event);
    const names = (common: boolean) => reference.fields.filter((field) => field.common === common).map(({ name }) => name);
    const before = ["_pid", "_tid", "_time", "_cpu", "_period", ...names(true), "_realtime", "_callchain", "_event"];
    assert.deepEqual(type.keys, [...new Set([...before, ...names(false)])], event);
  }
  console.log(`${all.length} formats`);
  assert.ok(all.length > 500, `only ${all.length} formats`);
});

live("every field of every format decodes as its C type says", () => {
  const random = new Random(1);
  let compared = 0;
  for (const tracepoint of allTracepoints()) {
    const size = fixedSize(tracepoint.reference);
    for (const fixed of [new Uint8Array(size), new Uint8Array(size).fill(0xff), random.bytes(size)]) {
      compared += compare(tracepoint, withDynamic(tracepoint.reference, fixed, random));
    }
  }
  console.log(`${compared} values`);
  assert.ok(compared > 10_000, `only ${compared} values`);
});

live("random bytes as a record of any format give values of the record or a DecodeError", () => {
  const random = new Random(2);
  for (const tracepoint of allTracepoints()) {
    const size = fixedSize(tracepoint.reference) + random.below(64);
    for (let i = 0; i < 3; i++) compare(tracepoint, random.bytes(size));
  }
});

live("a record that is too short for its format is refused, whatever the format", () => {
  for (const { event, type, reference } of allTracepoints()) {
    const record = sample(12345, new Uint8Array(fixedSize(reference)));
    const view = new DataView(record.buffer);
    view.setUint32(RAW_SIZE, fixedSize(reference) - 1, true);
    assert.throws(() => new type(view, 0), DecodeError, event);
    view.setUint32(RAW_SIZE, record.length, true);
    assert.throws(() => new type(view, 0), DecodeError, event);
    assert.throws(() => new type(new DataView(record.buffer, 0, RAW), 0), DecodeError, event);
  }
});

live("a record of zeros prints as libtraceevent prints it, or as pairs, whatever the format", async () => {
  const random = new Random(3);
  const samples = allTracepoints().map(({ event, text, reference }) => {
    const fixed = new Uint8Array(fixedSize(reference));
    new DataView(fixed.buffer).setUint16(0, reference.id, true);
    return { event, formatText: text, cpu: 0, raw: withDynamic(reference, fixed, random) };
  });
  const texts = await referenceTexts(samples);
  let inPairs = 0;
  for (const [i, { event, format, reference }] of allTracepoints().entries()) {
    const { raw } = samples[i]!;
    const text = machine.printText(format.id, raw, 0);
    if (text === texts[i]) continue;
    assert.equal(text, pairs(reference, raw), `${event}\nlibtraceevent: ${texts[i]}`);
    // What it can print is printed so, but for ftrace's own events, which perf cannot open: they read as far as a value says.
    if (texts[i] !== "") assert.match(event, /^ftrace:/, `libtraceevent: ${texts[i]}`);
    inPairs++;
  }
  console.log(`${samples.length - inPairs} formats print alike, ${inPairs} as pairs`);
  assert.ok(samples.length - inPairs > 500);
});
