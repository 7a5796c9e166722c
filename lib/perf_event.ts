/**
 * What all events share: protocols (get, to_dict, iteration, text, JSON, inspection), print, hash, and the answer to unknown names.
 * Field values come from the class that event_class.ts generates for each event; the symbols here are the agreement between the two.
 *
 * The prototype chain is: event -> its class (a getter per field) -> a Proxy -> PerfEvent.prototype. Getters are found before
 * the Proxy, so it costs a field nothing. It answers what is no field: methods (which are thereby not `in` the event), names
 * that JavaScript itself looks up, and a TypeError for the rest.
 *
 * @module
 */

import type { IntegerArray } from "./decode.ts";
import { nearest } from "./errors.ts";
import { formatFrames, type PrintOptions } from "./print.ts";
import type { EventServices, Frame } from "./event_services.ts";
import { type Lines, TextBytes } from "./text_bytes.ts";

/** What a field can be. */
export type FieldValue =
  | number
  | bigint
  | boolean
  | string
  | IntegerArray
  | readonly Frame[]
  | Readonly<Record<string, unknown>>;

/** How many bits an integer field has, and whether they have a sign. */
export type IntegerType = "int32" | "uint32" | "int64" | "uint64";

/** What the events of one class have in common. */
export interface EventInfo {
  /** `sched:sched_wakeup`, or with the alias. */
  readonly event: string;
  /** Names of the fields in order. */
  readonly keys: readonly string[];
  /** Field -> the property that reads it: its name, or a symbol where a method has the name. */
  readonly properties: ReadonlyMap<string, string | symbol>;
  /** What integer fields can hold, which a value does not show; smaller ones are as those of 32 bits. */
  readonly integers?: ReadonlyMap<string, IntegerType>;
  /** The field with the frames of its stack. */
  readonly stack: string | undefined;
  readonly services: EventServices;
  /** Takes what print() writes. */
  readonly lines: Lines;
}

/** Of the class: EventInfo. */
export const INFO: unique symbol = Symbol("info");
/** Method: all fields as a plain object. */
export const TO_DICT: unique symbol = Symbol("to_dict");
/** Method: the record's bytes, not copied. */
export const RECORD: unique symbol = Symbol("record");
/** Method: time in ns, exact. */
export const TIME: unique symbol = Symbol("time");
/** Method: adds what print() writes of the event itself; the lines of its stack follow. */
export const LINE: unique symbol = Symbol("line");

/** One sample. Its bytes are its own: an event that is kept stays valid and unchanged. Fields are decoded when they are read. */
export abstract class PerfEvent {
  declare readonly _pid: number;
  declare readonly _tid: number;
  /** ns of the events' clock, exact up to 2^53 (104 days); `get_bigint("_time")` always is. */
  declare readonly _time: number;
  declare readonly _cpu: number;
  declare readonly _period: number | bigint;
  declare readonly common_type: number;
  declare readonly common_flags: number;
  declare readonly common_preempt_count: number;
  declare readonly common_pid: number;
  /** ns since the Unix epoch, in steps of 256; `get_bigint("_realtime")` is exact. */
  declare readonly _realtime: number;
  /** Innermost frame first; empty without stacks. */
  declare readonly _callchain: readonly Frame[];
  declare readonly _event: string;
  declare readonly [INFO]: EventInfo;
  declare readonly [TO_DICT]: () => Record<string, FieldValue>;
  declare readonly [RECORD]: () => Uint8Array;
  declare readonly [TIME]: () => bigint;
  declare readonly [LINE]: (text: TextBytes, timestamp: boolean) => void;

  /** The field's value, or `fallback` when there is no such field. */
  get<T = undefined>(name: string, fallback?: T): FieldValue | T {
    const property = this[INFO].properties.get(name);
    return property === undefined ? fallback as T : Reflect.get(this, property) as FieldValue;
  }

  /**
   * An integer field, always as a bigint and always exact.
   *
   * @throws TypeError when there is no such field, or it is no integer
   */
  get_bigint(name: string): bigint {
    const { event, properties, services } = this[INFO];
    if (name === "_time") return this[TIME]();
    if (name === "_realtime") return services.realtimeNs(this[TIME]());
    if (!properties.has(name)) throw unknownField(this[INFO], name);
    const value = this.get(name);
    if (typeof value !== "number" && typeof value !== "bigint") throw new TypeError(`${event}: field '${name}' is no integer`);
    return BigInt(value);
  }

  /** Names of all fields, in order. */
  keys(): string[] {
    return [...this[INFO].keys];
  }

  /** Values of all fields, in the order of keys(). */
  values(): FieldValue[] {
    return Object.values(this[TO_DICT]());
  }

  /** [name, value] of all fields. */
  items(): [string, FieldValue][] {
    return Object.entries(this[TO_DICT]());
  }

  [Symbol.iterator](): IterableIterator<[string, FieldValue]> {
    return this.items().values();
  }

  /** All fields as a plain object that can be changed, spread and cloned. */
  to_dict(): Record<string, FieldValue> {
    return this[TO_DICT]();
  }

  /** Writes the event to stdout as one line, and a line per frame of its stack. */
  print(options: PrintOptions = {}): void {
    const { lines } = this[INFO];
    const { used } = lines.text;
    try {
      addText(lines.text, this, options);
    } catch (error) {
      lines.text.used = used;
      throw error;
    }
    lines.end();
  }

  /** What print() writes, without the last newline. */
  to_text(options: PrintOptions = {}): string {
    scratch.clear();
    addText(scratch, this, options);
    return String(scratch);
  }

  /** All fields in one line, as `{_pid: 12, comm: "bash", ...}`. */
  toString(): string {
    return `{${this.items().map(([name, value]) => `${name}: ${literal(value)}`).join(", ")}}`;
  }

  /** For JSON.stringify: bigints exactly, arrays of integers as arrays. */
  toJSON(): Record<string, unknown> {
    return Object.fromEntries(this.items().map(([name, value]) => [name, jsonValue(value)]));
  }

  [Symbol.for("Deno.customInspect")](): string {
    return `<PerfEvent ${this[INFO].event} cpu=${this._cpu} pid=${this._pid} time=${this._time}>`;
  }
}

/** Where to_text() puts a line together. */
const scratch = new TextBytes();

function addText(text: TextBytes, event: PerfEvent, { timestamp = true, callchain = true }: PrintOptions): void {
  event[LINE](text, timestamp);
  const { stack } = event[INFO];
  if (callchain && stack !== undefined) text.addString(formatFrames(event.get(stack) as readonly Frame[]));
}

/** A value as it would be written in a program. */
function literal(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(value);
  if (typeof value === "bigint") return `${value}n`;
  if (ArrayBuffer.isView(value)) return literal([...value as Uint8Array | BigUint64Array]);
  if (Array.isArray(value)) return `[${value.map(literal).join(", ")}]`;
  if (typeof value !== "object" || value === null) return String(value);
  return `{${Object.entries(value).map(([name, member]) => `${name}: ${literal(member)}`).join(", ")}}`;
}

/** JSON has no bigint, but numbers of any length: rawJSON writes one digit by digit. TypeScript does not declare it yet. */
const { rawJSON } = JSON as unknown as { rawJSON(text: string): unknown };

/** A field's value for JSON.stringify. */
export function jsonValue(value: unknown): unknown {
  if (typeof value === "bigint") return rawJSON(String(value));
  if (ArrayBuffer.isView(value)) return [...value as Uint8Array | BigUint64Array].map(jsonValue);
  if (Array.isArray(value)) return value.map(jsonValue);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, jsonValue(member)]));
}

/** Names that JavaScript and test libraries look up on any object: they get `undefined`, not an error. */
const PROBED = new Set(["then", "asymmetricMatch"]);

/** The methods by name: a call of one passes through the Proxy, so the way to it is short. */
const METHODS = new Map(
  Object.getOwnPropertyNames(PerfEvent.prototype)
    .filter((name) => name !== "constructor")
    .map((name) => [name, Reflect.get(PerfEvent.prototype, name)]),
);

/** Is this a name that belongs to a method or to any object, so that a field of that name is only reached by get()? */
export function isReservedName(name: string): boolean {
  return METHODS.has(name) || name in Object.prototype;
}

/** What the prototype of an event class inherits from: PerfEvent.prototype behind the Proxy that answers for unknown names. */
export function makeTail(info: EventInfo): PerfEvent {
  return new Proxy<PerfEvent>(Object.create(PerfEvent.prototype), {
    get(target, name, receiver) {
      const method = METHODS.get(name as string);
      if (method !== undefined) return method;
      if (typeof name === "symbol" || name in Object.prototype) return Reflect.get(target, name, receiver);
      if (PROBED.has(name)) return undefined;
      throw unknownField(info, name);
    },
    has: (target, name) => typeof name === "symbol" ? name in target : info.properties.has(name),
    set(_target, name) {
      throw new TypeError(
        `${info.event}: cannot set '${String(name)}': an event is read-only; to_dict() gives an object to change`,
      );
    },
  });
}

/** What is thrown for a name that is no field of an event. */
export function unknownField({ event, keys }: Pick<EventInfo, "event" | "keys">, name: string): TypeError {
  const [near] = nearest(name, keys, 1);
  const hint = near === undefined ? "" : `; did you mean '${near}'?`;
  return new TypeError(`${event} has no field '${name}'${hint}${hint ? " " : "; "}Fields: ${keys.join(", ")}`);
}

/** 64-bit FNV-1a of the event's whole record, by 32-bit halves: prime 2^40 + 0x1b3. */
export function hash(event: PerfEvent): bigint {
  if (!(event instanceof PerfEvent)) throw new TypeError("hash takes an event as handlers get it");
  let low = 0x84222325;
  let high = 0xcbf29ce4;
  for (const byte of event[RECORD]()) {
    low = (low ^ byte) >>> 0;
    const product = low * 0x1b3;
    high = (high * 0x1b3 + (low << 8 >>> 0) + Math.floor(product / 4294967296)) >>> 0;
    low = product >>> 0;
  }
  return BigInt(high) << 32n | BigInt(low);
}
