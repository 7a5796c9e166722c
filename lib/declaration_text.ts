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

/** One frame of a stack. Frames are shared and frozen. */
interface Frame {
  readonly addr: bigint;
  /** "Unknown" where there is none. */
  readonly symbol: string;
  /** From the symbol, or from the start of the dso where it is unknown. */
  readonly offset: number;
  readonly kernel: boolean;
  readonly dso: string;
  /** Why the symbol is unknown; only there. */
  readonly reason?: string;
  /** Of the dso, in hexadecimal; only where the symbol is unknown. */
  readonly build_id?: string;
  /** With --srcline. */
  readonly file?: string;
  readonly line?: number;
  /** With --srcline: the compiler put it into the next frame's function. */
  readonly inlined?: true;
  /** The stack goes on behind this last frame. */
  readonly cut?: true;
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
  | readonly Frame[]
  | Readonly<Record<string, unknown>>;
`;

/** What every event of a profiler has: no trace_entry, and its stack is a member. */
export const PROFILER_EVENT_TYPES = `/** What every event of a profiler has. */
type ProfilerEvent = Omit<
  PerfEvent,
  | "_period"
  | "_callchain"
  | "common_type"
  | "common_flags"
  | "common_preempt_count"
  | "common_pid"
>;
`;

/** What members of profilers' events are: profilers/read_format.ts and registers.ts, for scripts that have such events. */
export const MEMBER_TYPES = `/** One counter. Keys are there where the profiler asks for them. */
interface GroupCounter {
  readonly value: number | bigint;
  readonly id?: bigint;
  /** Samples that were lost. */
  readonly lost?: number | bigint;
}

/** ns: the counters counted for \`time_running\` of \`time_enabled\`. */
interface CounterTimes {
  readonly time_enabled?: number | bigint;
  readonly time_running?: number | bigint;
}

/** The counter of an event. */
interface CounterRead extends GroupCounter, CounterTimes {}

/** The counters of a group, the leader first. */
interface GroupRead extends CounterTimes {
  readonly nr: number;
  readonly cntr: readonly GroupCounter[];
}

/** Registers by name; { abi: 0 } where there are none. */
interface Registers {
  readonly abi: number | bigint;
  readonly [register: string]: number | bigint;
}
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
  /** Ways out into files that other programs open. */
  readonly export: Exports;
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

/** Each is to be awaited where the module begins. */
interface Exports {
  /** Adds up stacks: for a flame graph, folded, speedscope, pprof. */
  stacks(options?: StacksOptions): Promise<Stacks>;
  /** Rows of a .csv, .jsonl, .sqlite, .arrow or .parquet file. */
  table(path: string, options?: TableOptions): Promise<Table>;
  /** A timeline, as Perfetto opens it (JSON). */
  timeline(path: string): Promise<Timeline>;
}

interface StacksOptions {
  /** "samples", "ns", "us", "ms", "s", "bytes", or any other word. */
  readonly unit?: string;
  readonly title?: string;
}

interface Stacks {
  /** The weight of all that was added. */
  readonly total: number;
  /** Frames or names, the innermost first. */
  add(
    frames: readonly (Frame | string)[],
    weight?: number | bigint,
    thread?: string,
  ): void;
  /** By the end of its name .html, .folded, .speedscope.json or .pb.gz. */
  write(path: string, format?: StackFormat): Promise<void>;
  /** What write() writes. */
  encode(format: StackFormat): Promise<string | Uint8Array>;
}

type StackFormat = "html" | "folded" | "speedscope" | "pprof";

interface TableOptions {
  /** Instead of that of the name's end. */
  readonly format?: "csv" | "jsonl" | "sqlite" | "arrow" | "parquet";
  /** Types of columns that the first rows may not show. */
  readonly columns?: Readonly<Record<string, ColumnType | \`\${ColumnType}[]\`>>;
}

type ColumnType =
  | "boolean"
  | "int32"
  | "uint32"
  | "int64"
  | "uint64"
  | "float64"
  | "string";

interface Table {
  readonly count: number;
  /** Adds an event, or a plain object. */
  add(row: object): void;
  /** Ends the file; the end of the run does it as well. */
  close(): void;
  /** Gives the file up. */
  discard(): void;
}

/** Times are ns. */
interface Timeline {
  readonly count: number;
  slice(slice: {
    readonly name: string;
    readonly track: string;
    readonly group?: string;
    readonly startNs: number | bigint;
    readonly durationNs: number | bigint;
    readonly args?: Readonly<Record<string, unknown>>;
  }): void;
  instant(instant: {
    readonly name: string;
    readonly track: string;
    readonly group?: string;
    readonly timeNs: number | bigint;
    readonly args?: Readonly<Record<string, unknown>>;
  }): void;
  /** The value from then on. */
  counter(counter: {
    readonly name: string;
    readonly group?: string;
    readonly timeNs: number | bigint;
    readonly value: number | bigint;
  }): void;
  /** Ends the file; the end of the run does it as well. */
  close(): void;
  /** Gives the file up. */
  discard(): void;
}

/** What is counted by. */
type Key = string | number | bigint;

/** What a table shows. */
type Cell = string | number | bigint | boolean | null | undefined;

declare const perf_prof: PerfProf;
`;
