/**
 * Generates the class of one event: layout -> a getter per field over (DataView, offset), and to_dict as one object literal.
 * Generated code is several times faster than closures, and an object of two fields is cheaper than a Proxy per event.
 *
 * What goes into the code: numbers of the layout, and names that are C identifiers, as JSON strings. Text of a kernel or a file
 * never gets there in another way.
 *
 * @module
 */

import * as decode from "./decode.ts";
import { DecodeError } from "./errors.ts";
import { arrayTypeName, type FieldLayout, rawLayout, type SampleLayout, sampleLayout } from "./layout.ts";
import { type EventInfo, INFO, isReservedName, makeTail, type PerfEvent, RAW, RECORD, TIME, TO_DICT } from "./perf_event.ts";
import type { KernelVersion } from "./print.ts";
import type { EventServices, TracepointFormat } from "./source.ts";

/** What a class is generated from. */
export interface EventClassSpec {
  /** `sched:sched_wakeup`, or with the alias: the event's `_event`. */
  readonly event: string;
  readonly format: TracepointFormat;
  /** perf_event_attr.sample_type: IDENTIFIER, TID, TIME, CPU, PERIOD, RAW, and CALLCHAIN with stacks. */
  readonly sampleType: bigint | number;
  readonly services: EventServices;
  /** For the latency flags of print(). */
  readonly kernel: KernelVersion;
  /** Takes what print() writes, without the last newline. */
  readonly write: (text: string) => void;
}

/** An event with its own fields, by name. */
export type AnyEvent = PerfEvent & { readonly [field: string]: unknown };

/** The class of one event. */
export interface EventClass {
  /**
   * @param view Over a buffer whose bytes never change again
   * @param offset Of the sample's perf_event_header
   * @throws DecodeError when the record is too short for its fixed part
   */
  new (view: DataView, offset: number): AnyEvent;
  /** Names of the fields in order. */
  readonly keys: readonly string[];
  /** Of the u64 time, from the record's start. */
  readonly timeOffset: number;
}

/** A field of the event, and the code of its value: `v` is the view, `o` the record's offset, `r` that of its raw data. */
interface Value {
  readonly name: string;
  readonly code: string;
}

/**
 * Generates the class of an event.
 *
 * @throws TypeError when a field's name is no C identifier
 * @throws RangeError when sampleType lacks a member that every event has, or has one that is not known
 */
export function makeEventClass(spec: EventClassSpec): EventClass {
  const sample = sampleLayout(spec.sampleType);
  const at = sampleOffsets(sample);
  const raw = rawLayout(spec.format);
  const values = eventValues(spec, at, raw.fields);
  const keys = values.map(({ name }) => name);
  const info: EventInfo = {
    event: spec.event,
    formatId: spec.format.id,
    keys,
    properties: new Map(keys.map((name) => [name, isReservedName(name) ? Symbol(name) : name])),
    services: spec.services,
    kernel: spec.kernel,
    write: spec.write,
  };
  const source = classSource(values, at, sample.callchain, raw.fixedSize, info);
  const names = { INFO, TO_DICT, RECORD, RAW, TIME, info, services: spec.services, tail: makeTail(info), damaged, ...decode };
  const make = new Function(...Object.keys(names), source);
  return Object.assign(make(...Object.values(names)), { keys, timeOffset: at.time }) as EventClass;
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
function eventValues({ event, format }: EventClassSpec, at: SampleOffsets, fields: readonly FieldLayout[]): Value[] {
  const isCommon = new Set(format.fields.filter(({ common }) => common).map(({ name }) => name));
  const coded = fields.map((field) => ({ name: field.name, code: fieldCode(field, `${event}: field '${field.name}'`) }));
  const values: Value[] = [
    { name: "_pid", code: `v.getInt32(o + ${at.tid}, true)` },
    { name: "_tid", code: `v.getInt32(o + ${at.tid + 4}, true)` },
    { name: "_time", code: `time(v, o + ${at.time})` },
    { name: "_cpu", code: `v.getUint32(o + ${at.cpu}, true)` },
    { name: "_period", code: `unsigned64(v, o + ${at.period})` },
    ...coded.filter(({ name }) => isCommon.has(name)),
    { name: "_realtime", code: `services.realtimeNumber(time(v, o + ${at.time}))` },
    { name: "_callchain", code: "[]" },
    { name: "_event", code: JSON.stringify(event) },
    ...coded.filter(({ name }) => !isCommon.has(name)),
  ];
  const names = values.map(({ name }) => name);
  return values.filter(({ name }, i) => names.indexOf(name) === i);
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

/** The whole class as source. With a call chain the place of the raw data is a field of the object, else an addition. */
function classSource(
  values: readonly Value[],
  at: SampleOffsets,
  callchain: number | undefined,
  rawFixed: number,
  info: EventInfo,
): string {
  const locals = `const v = this.#v, o = this.#o, r = ${callchain === undefined ? `o + ${at.raw}` : "this.#r"};`;
  const property = ({ name }: Value) => {
    if (typeof info.properties.get(name) === "string") return JSON.stringify(name);
    return `[info.properties.get(${JSON.stringify(name)})]`;
  };
  const getters = values.map((value) => `get ${property(value)}() { ${locals} return ${value.code}; }`);
  const members = values.map(({ name, code }) => `${name === "__proto__" ? `["__proto__"]` : JSON.stringify(name)}: ${code}`);
  return `"use strict";
const Event = class {
  #v; #o;${callchain === undefined ? "" : " #r;"}
  constructor(v, o) {
    ${constructorCode(at, callchain, rawFixed)}
    this.#v = v; this.#o = o;${callchain === undefined ? "" : " this.#r = r;"}
  }
  ${getters.join("\n  ")}
  [TO_DICT]() { ${locals} return {${members.join(", ")}}; }
  [TIME]() { return this.#v.getBigUint64(this.#o + ${at.time}, true); }
  [RECORD]() { const v = this.#v, o = this.#o; return new Uint8Array(v.buffer, v.byteOffset + o, v.getUint16(o + 6, true)); }
  [RAW]() { ${locals} return new Uint8Array(v.buffer, v.byteOffset + r, v.getUint32(r - 4, true)); }
};
delete Event.prototype.constructor;
Object.setPrototypeOf(Event.prototype, tail);
Object.defineProperty(Event.prototype, INFO, { value: info });
return Event;
//# sourceURL=perfprof-event:${encodeURIComponent(info.event)}`;
}

/** Checks once that the record holds its fixed part and all of its raw data: the getters of fixed fields need no check after that. */
function constructorCode(at: SampleOffsets, callchain: number | undefined, rawFixed: number): string {
  // A call chain of nr addresses moves the raw data by 8 bytes each. An nr of more than 32 bits is looked at by its low half alone:
  // whatever place it leads to is checked against the record.
  const raw = callchain === undefined ? `o + ${at.raw}` : `o + ${at.raw} + 8 * v.getUint32(o + ${callchain}, true)`;
  return `if (o + ${at.raw} > v.byteLength) damaged(info, v.byteLength - o);
    const end = o + v.getUint16(o + 6, true);
    const r = ${raw};
    if (r > end || end > v.byteLength) damaged(info, end - o);
    const rawSize = v.getUint32(r - 4, true);
    if (rawSize < ${rawFixed} || r + rawSize > end) damaged(info, end - o);`;
}

function damaged({ event }: EventInfo, size: number): never {
  throw new DecodeError(`${event}: a record of ${size} bytes does not hold what the event's layout says`);
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
