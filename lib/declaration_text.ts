/**
 * The declarations that all events share, as text: what PerfEvent and `perf_prof` are to a script that imports nothing. It repeats
 * perf_event.ts, perf_prof.ts and results/ in the terms of a script, and a test compares it with them.
 *
 * @module
 */

/** What every event has. */
export const PERF_EVENT_TYPES = `/** What every event has. Its bytes are its own: an event may be kept. */
interface PerfEvent {
  readonly _pid: number;
  readonly _tid: number;
  /** ns of the events' clock; get_bigint("_time") is always exact. */
  readonly _time: number;
  readonly _cpu: number;
  readonly _period: number | bigint;
  readonly common_type: number;
  readonly common_flags: number;
  readonly common_preempt_count: number;
  readonly common_pid: number;
  /** ns since 1970, in steps of 256: for display, not for latencies. */
  readonly _realtime: number;
  /** Innermost frame first; empty without stacks. */
  readonly _callchain: readonly Frame[];
  /** \`sys:name\`, or \`sys:alias\`. */
  readonly _event: string;
  /** The field's value, or \`fallback\` when there is no such field. */
  get<T = undefined>(name: string, fallback?: T): FieldValue | T;
  /** An integer field as a bigint, always exact. */
  get_bigint(name: string): bigint;
  keys(): string[];
  values(): FieldValue[];
  items(): [string, FieldValue][];
  [Symbol.iterator](): IterableIterator<[string, FieldValue]>;
  /** All fields as a plain object. */
  to_dict(): Record<string, FieldValue>;
  /** Writes a line to stdout, then the stack. */
  print(options?: PrintOptions): void;
  /** What print() writes. */
  to_text(options?: PrintOptions): string;
  /** All fields in a line. */
  toString(): string;
  toJSON(): Record<string, unknown>;
}

/** One frame of a stack. */
interface Frame {
  readonly addr: bigint;
  readonly symbol: string;
  readonly offset: number;
  readonly kernel: boolean;
  readonly dso: string;
}

/** Parts of print() that are left out when false. */
interface PrintOptions {
  readonly timestamp?: boolean;
  readonly callchain?: boolean;
}

/** What a field can be. */
type FieldValue =
  | number
  | bigint
  | boolean
  | string
  | Int8Array
  | Uint8Array
  | Int16Array
  | Uint16Array
  | Int32Array
  | Uint32Array
  | BigInt64Array
  | BigUint64Array
  | readonly Frame[];
`;

/** The global that every handler module finds. */
export const PERF_PROF_TYPES = `/** What perfprof gives to a handler module. */
interface PerfProf {
  /** The script's path, then its arguments. */
  readonly argv: readonly string[];
  /** For \`instanceof\`. */
  readonly PerfEvent: abstract new () => PerfEvent;
  /** 64-bit FNV-1a of the whole event. */
  hash(event: PerfEvent): bigint;
  /** Prints what an event can do. */
  help(): void;
  /** A histogram: by powers of two, or by ranges of the same size. */
  hist(options?: HistogramOptions): Histogram;
  /** A count by key that shows the \`n\` greatest, in bounded memory. */
  top(n: number): Top;
  /** An exact count by key, or by several together. */
  count(): Count;
  /** Mean, spread, percentiles; to be awaited. */
  stats(options?: StatisticsOptions): Promise<Statistics>;
  /** Text of rows in aligned columns, under their names. */
  table<Column extends string>(
    rows: readonly Readonly<Partial<Record<Column, Cell>>>[],
    options?: { readonly columns?: readonly Column[] },
  ): string;
}

/** What is added to and printed. */
interface Result {
  /** Events that were lost since it was made, or last cleared. */
  readonly lost: number;
  clear(): void;
  print(): void;
  toString(): string;
}

interface HistogramOptions {
  readonly unit?: string;
  readonly linear?: {
    readonly min: number;
    readonly max: number;
    readonly step: number;
  };
}

interface Histogram extends Result {
  add(value: number | bigint, count?: number): void;
}

interface Top extends Result {
  readonly total: number;
  /** By how much a count may be too low. */
  readonly error: number;
  add(key: Key, by?: number | bigint): void;
  /** Greatest first; the share is 0 to 1. */
  greatest(): { key: Key; count: number; share: number }[];
}

interface Count extends Result {
  add(...keys: Key[]): void;
  get(...keys: Key[]): number;
  /** Greatest first. */
  entries(): [Key[], number][];
}

interface StatisticsOptions {
  readonly unit?: string;
}

interface Statistics extends Result {
  readonly count: number;
  readonly min: number;
  readonly max: number;
  readonly mean: number;
  readonly stddev: number;
  add(value: number | bigint, count?: number): void;
  /** The value that so many percent are not above. */
  percentile(percent: number): number;
}

/** What is counted by. */
type Key = string | number | bigint;

/** What a table shows. */
type Cell = string | number | bigint | boolean | null | undefined;

declare const perf_prof: PerfProf;
`;
