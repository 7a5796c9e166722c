/**
 * The class of a tracepoint's events: (sample_type, format) -> the code of a value per field, of which generated_class.ts makes the
 * class.
 *
 * What goes into the code: numbers of the layout, and names that are C identifiers, as JSON strings. Text of a kernel or a file
 * never gets there in another way.
 *
 * @module
 */

import * as decode from "./decode.ts";
import { type AnyEvent, type EventClass, generateClass, type Value } from "./generated_class.ts";
import { arrayTypeName, type FieldLayout, rawLayout, type SampleLayout, sampleLayout } from "./layout.ts";
import type { KernelVersion } from "./print.ts";
import { PrintLine } from "./print_line.ts";
import type { EventServices } from "./event_services.ts";
import type { Lines } from "./text_bytes.ts";
import type { TracepointFormat } from "./format.ts";

export type { AnyEvent, EventClass } from "./generated_class.ts";

/** What a class is generated from. */
export interface EventClassSpec {
  /** `sched:sched_wakeup`, or with the alias: the event's `_event`. */
  readonly event: string;
  readonly format: TracepointFormat;
  /** perf_event_attr.sample_type: IDENTIFIER, TID, TIME, CPU, PERIOD, RAW; CALLCHAIN, REGS_USER and STACK_USER with stacks. */
  readonly sampleType: bigint | number;
  /** How many registers PERF_SAMPLE_REGS_USER has. */
  readonly userRegs?: number;
  /** perf_event_attr.sample_max_stack. */
  readonly maxStack?: number | undefined;
  readonly services: EventServices;
  /** For the latency flags of print(). */
  readonly kernel: KernelVersion;
  /** Takes what print() writes. */
  readonly lines: Lines;
}

/**
 * Generates the class of an event.
 *
 * @throws TypeError when a field's name is no C identifier
 * @throws RangeError when sampleType lacks a member that every event has, or has one that is not known
 */
export function makeEventClass(spec: EventClassSpec): EventClass {
  const { event, format, services, lines } = spec;
  const sample = sampleLayout(spec.sampleType);
  const at = sampleOffsets(sample);
  const raw = rawLayout(format);
  const hasChain = sample.callchain !== undefined;
  // With a call chain the place of the raw data is a field of the object, else an addition.
  const locals = hasChain ? "r = this.#r" : `r = o + ${at.raw}`;
  return generateClass({
    info: { event, stack: hasChain ? "_callchain" : undefined, services, lines },
    values: eventValues(spec, sample, at, raw.fields).map((value) => ({ ...value, locals })),
    locals,
    checks: constructorCode(at, sample, raw.fixedSize, spec.userRegs ?? 0),
    kept: hasChain ? ["r"] : [],
    caches: sample.userStack ? ["c"] : [],
    line: { code: "line.add(text, v, o, r, timestamp)", locals },
    timeOffset: at.time,
    scope: { ...decode, services, line: new PrintLine(event, format, services, spec.kernel, at) },
  });
}

/** Offsets of what every tracepoint event has, from the record's start. */
interface SampleOffsets {
  readonly tid: number;
  readonly time: number;
  readonly cpu: number;
  readonly period: number;
  /** Of the raw data, where the call chain is empty or there is none. */
  readonly raw: number;
}

function sampleOffsets({ fixed: { TID, TIME, CPU, PERIOD }, rawSize }: SampleLayout): SampleOffsets {
  if (TID === undefined || TIME === undefined || CPU === undefined || PERIOD === undefined || rawSize === undefined) {
    throw new RangeError("the sample_type of a tracepoint event needs TID, TIME, CPU, PERIOD and RAW");
  }
  return { tid: TID, time: TIME, cpu: CPU, period: PERIOD, raw: rawSize + 4 };
}

/** Fields in the order of keys(). A format's field that repeats a name is not reachable, and left out. */
function eventValues(
  { event, format, maxStack = 0 }: EventClassSpec,
  sample: SampleLayout,
  at: SampleOffsets,
  fields: readonly FieldLayout[],
): Value[] {
  const isCommon = new Set(format.fields.filter(({ common }) => common).map(({ name }) => name));
  const coded = fields.map((field) => ({
    name: field.name,
    code: fieldCode(field, `${event}: field '${field.name}'`),
    ...integerOf(field),
  }));
  const values: Value[] = [
    { name: "_pid", code: `v.getInt32(o + ${at.tid}, true)`, integer: "int32" },
    { name: "_tid", code: `v.getInt32(o + ${at.tid + 4}, true)`, integer: "int32" },
    { name: "_time", code: `time(v, o + ${at.time})` },
    { name: "_cpu", code: `v.getUint32(o + ${at.cpu}, true)`, integer: "uint32" },
    { name: "_period", code: `unsigned64(v, o + ${at.period})`, integer: "uint64" },
    ...coded.filter(({ name }) => isCommon.has(name)),
    { name: "_realtime", code: `services.realtimeNumber(time(v, o + ${at.time}))` },
    { name: "_callchain", code: callchainCode(sample, at, maxStack) },
    { name: "_event", code: JSON.stringify(event) },
    ...coded.filter(({ name }) => !isCommon.has(name)),
  ];
  const names = values.map(({ name }) => name);
  return values.filter(({ name }, i) => names.indexOf(name) === i);
}

/** The code of the stack's frames. Unwinding a copied stack takes so long that the event keeps what came of it. */
function callchainCode({ callchain, userStack }: SampleLayout, at: SampleOffsets, most: number): string {
  if (callchain === undefined) return "[]";
  const place = `v, o + ${callchain}, v.getInt32(o + ${at.tid}, true), time(v, o + ${at.time})`;
  if (!userStack) return `services.callchain(${place}, -1)`;
  return `this.#c ??= services.callchain(${place}, r + v.getUint32(r - 4, true)${most > 0 ? `, ${most}` : ""})`;
}

/** What a field can hold, when it is an integer. */
function integerOf({ kind, size, signed }: FieldLayout): Pick<Value, "integer"> {
  if (kind === "address") return { integer: "uint64" };
  if (kind === "integer64") return { integer: signed ? "int64" : "uint64" };
  return kind === "number" ? { integer: signed || size < 4 ? "int32" : "uint32" } : {};
}

/** The code of a field's value. `label` says whose it is when its bytes make no sense. */
function fieldCode(field: FieldLayout, label: string): string {
  const { name, kind, extent, offset, size, signed, elementSize } = field;
  if (!/^[A-Za-z_]\w*$/.test(name)) throw new TypeError(`a field's name is no C identifier: ${JSON.stringify(name)}`);
  const at = `r + ${offset}`;
  const sign = signed ? "Int" : "Uint";
  switch (kind) {
    case "number":
      return `v.get${sign}${size * 8}(${at}${size > 1 ? ", true" : ""})`;
    case "boolean":
      return `v.getUint8(${at}) !== 0`;
    case "address":
      return `v.getBigUint64(${at}, true)`;
    case "integer64":
      return `${signed ? "signed64" : "unsigned64"}(v, ${at})`;
    case "string":
      if (extent === "fixed" && size === 16) return `text16(v, ${at})`;
      return `text(v, ${rangeCode(field, label)})`;
    case "bytes":
    case "integers":
      return `integers(v, ${rangeCode(field, label)}, ${arrayTypeName(elementSize, signed)}, ${JSON.stringify(label)})`;
  }
}

/** The code of a value's start in the view and its length: two arguments. */
function rangeCode({ extent, offset, size, elementSize }: FieldLayout, label: string): string {
  switch (extent) {
    case "fixed":
      return `r + ${offset}, ${size}`;
    case "rest": // whole elements: the kernel pads raw data
      return `r + ${offset}, (v.getUint32(r - 4, true) - ${offset}) & -${elementSize || 1}`;
    default: {
      const base = extent === "rel_loc" ? offset + size : 0;
      return `dynamicStart(v, r, ${offset}, ${base}, ${JSON.stringify(label)}), dynamicLength(v, r, ${offset})`;
    }
  }
}

/**
 * Checks once that the record holds its fixed part, all of its raw data and what is copied of the user's stack: the getters need no
 * check after that.
 */
function constructorCode(
  at: SampleOffsets,
  { callchain, userStack }: SampleLayout,
  rawFixed: number,
  userRegs: number,
): string {
  // A call chain of nr addresses moves the raw data by 8 bytes each. An nr of more than 32 bits is looked at by its low half alone:
  // whatever place it leads to is checked against the record.
  const raw = callchain === undefined ? `o + ${at.raw}` : `o + ${at.raw} + 8 * v.getUint32(o + ${callchain}, true)`;
  const stack = `
    const regs = r + rawSize;
    if (regs + 16 > end) damaged(info, end - o);
    const stack = regs + 8 + (v.getUint32(regs, true) === 0 ? 0 : ${8 * userRegs});
    if (stack + 8 > end) damaged(info, end - o);
    const bytes = v.getUint32(stack, true);
    if (bytes > 0 && stack + 16 + bytes > end) damaged(info, end - o);`;
  return `if (o + ${at.raw} > v.byteLength) damaged(info, v.byteLength - o);
    const end = o + v.getUint16(o + 6, true);
    const r = ${raw};
    if (r > end || end > v.byteLength) damaged(info, end - o);
    const rawSize = v.getUint32(r - 4, true);
    if (rawSize < ${rawFixed} || r + rawSize > end) damaged(info, end - o);${userStack ? stack : ""}`;
}

let callers = 0;

/**
 * Generates the place that makes an event and calls its handler. Each has code of its own, so that V8 sees one class and one
 * handler there.
 *
 * @returns What the handler returned
 */
export function makeCaller(
  type: EventClass,
  handler: (event: AnyEvent) => unknown,
): (view: DataView, offset: number) => unknown {
  // Equal sources would share their inline caches: a number makes each different.
  const source = `return (view, offset) => handler(new Event(view, offset));\n//# sourceURL=perfprof-caller:${callers++}`;
  return new Function("Event", "handler", source)(type, handler);
}
