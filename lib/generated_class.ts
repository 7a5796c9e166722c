/**
 * Generates the class of one event: a getter per field over (DataView, offset), and to_dict as one object literal. Generated code
 * is several times faster than closures, and an object of two fields is cheaper than a Proxy per event. What the fields are, and
 * the code of their values, comes from event_class.ts (tracepoints) and profilers/member_class.ts.
 *
 * What goes into the code: numbers of a layout, and names, as JSON strings. Text of a kernel or a file never gets there in another
 * way.
 *
 * @module
 */

import { DecodeError } from "./errors.ts";
import {
  type EventInfo,
  INFO,
  type IntegerType,
  isReservedName,
  LINE,
  makeTail,
  type PerfEvent,
  RECORD,
  TIME,
  TO_DICT,
} from "./perf_event.ts";

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

/** A field of the event and the code of its value: an expression, in which `v` is the view and `o` the record's offset. */
export interface Value {
  readonly name: string;
  readonly code: string;
  /** Of an integer. */
  readonly integer?: IntegerType;
  /** Further constants that the code uses: `r = o + 52`. */
  readonly locals?: string;
}

/** What a class is made of. */
export interface ClassParts {
  readonly info: Pick<EventInfo, "event" | "stack" | "services" | "lines">;
  /** In the order of keys(). */
  readonly values: readonly Value[];
  /** The constants that all values together use. */
  readonly locals: string;
  /** Checks the record at `o` of the view `v`; `damaged(info, size)` refuses it. */
  readonly checks: string;
  /** Constants of `checks` that become private fields of their name. */
  readonly kept?: readonly string[];
  /** Private fields that the code of values fills. */
  readonly caches?: readonly string[];
  /** The code that adds print()'s line to `text`, with `timestamp`. */
  readonly line: Omit<Value, "name">;
  readonly timeOffset: number;
  /** What the code calls, by name. */
  readonly scope: Readonly<Record<string, unknown>>;
}

/** Generates the class. */
export function generateClass(parts: ClassParts): EventClass {
  const keys = parts.values.map(({ name }) => name);
  const properties = new Map(keys.map((name) => [name, isReservedName(name) ? Symbol(name) : name]));
  const integers = new Map(parts.values.flatMap(({ name, integer }) => integer === undefined ? [] : [[name, integer]]));
  const info: EventInfo = { ...parts.info, keys, properties, integers };
  const scope = { INFO, TO_DICT, RECORD, LINE, TIME, info, tail: makeTail(info), damaged, ...parts.scope };
  const make = new Function(...Object.keys(scope), classSource(parts, info));
  return Object.assign(make(...Object.values(scope)), { keys, timeOffset: parts.timeOffset }) as EventClass;
}

function classSource(
  { values, locals, checks, kept = [], caches = [], line, timeOffset }: ClassParts,
  info: EventInfo,
): string {
  const begin = (more = "") => `const v = this.#v, o = this.#o${more === "" ? "" : `, ${more}`};`;
  const property = ({ name }: Value) => {
    if (typeof info.properties.get(name) === "string") return JSON.stringify(name);
    return `[info.properties.get(${JSON.stringify(name)})]`;
  };
  const getters = values.map((value) => `get ${property(value)}() { ${begin(value.locals)} return ${value.code}; }`);
  const members = values.map(({ name, code }) => `${name === "__proto__" ? `["__proto__"]` : JSON.stringify(name)}: ${code}`);
  return `"use strict";
const Event = class {
  #v; #o;${[...kept, ...caches].map((name) => ` #${name};`).join("")}
  constructor(v, o) {
    ${checks}
    this.#v = v; this.#o = o;${kept.map((name) => ` this.#${name} = ${name};`).join("")}
  }
  ${getters.join("\n  ")}
  [TO_DICT]() { ${begin(locals)} return {${members.join(", ")}}; }
  [TIME]() { return this.#v.getBigUint64(this.#o + ${timeOffset}, true); }
  [RECORD]() { ${begin()} return new Uint8Array(v.buffer, v.byteOffset + o, v.getUint16(o + 6, true)); }
  [LINE](text, timestamp) { ${begin(line.locals)} ${line.code}; }
};
delete Event.prototype.constructor;
Object.setPrototypeOf(Event.prototype, tail);
Object.defineProperty(Event.prototype, INFO, { value: info });
return Event;
//# sourceURL=perfprof-event:${encodeURIComponent(info.event)}`;
}

function damaged({ event }: EventInfo, size: number): never {
  throw new DecodeError(`${event}: a record of ${size} bytes does not hold what the event's layout says`);
}
