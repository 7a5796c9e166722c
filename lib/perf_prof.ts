/**
 * The global `perf_prof` that every handler module finds: its arguments, the event class, hash and help, and what counts and sums
 * up (results/). Makes the object; that it becomes a global is the affair of whoever loads the module.
 *
 * @module
 */

import { EXPORTS, type Exports } from "./export/mod.ts";
import { hash, PerfEvent } from "./perf_event.ts";
import { Count } from "./results/count.ts";
import { Histogram, type HistogramOptions } from "./results/histogram.ts";
import type { LossTotal } from "./results/result.ts";
import { makeStatistics, type Statistics, type StatisticsOptions } from "./results/statistics.ts";
import { table } from "./results/table.ts";
import { Top } from "./results/top.ts";

/** What a handler module sees as `perf_prof`. */
export interface PerfProf {
  /** The script's path, then its arguments. */
  readonly argv: readonly string[];
  /** Every event is an instance of it. */
  readonly PerfEvent: typeof PerfEvent;
  /** 64-bit FNV-1a of the whole record: equal records, equal hashes. */
  hash(event: PerfEvent): bigint;
  /** Prints what an event can do. */
  help(): void;
  /**
   * Makes a histogram, by powers of two or by ranges of the same size.
   *
   * @throws RangeError when the ranges make no sense
   */
  hist(options?: HistogramOptions): Histogram;
  /**
   * Makes a count by key that shows the `n` greatest, in bounded memory.
   *
   * @throws RangeError when `n` is not 1 to 1000
   */
  top(n: number): Top;
  /** Makes an exact count by key, or by several together. */
  count(): Count;
  /** Makes statistics: mean, spread, percentiles. To be awaited where the module begins, or in `__init__`. */
  stats(options?: StatisticsOptions): Promise<Statistics>;
  /** Text of rows in aligned columns. */
  readonly table: typeof table;
  /** Ways out into files that other programs open. */
  readonly export: Exports;
}

/**
 * Makes the object for a module started with `argv`.
 *
 * @param losses Of the run; what a result prints says how many were lost in its window
 */
export function makePerfProf(argv: readonly string[], losses: LossTotal): PerfProf {
  return Object.freeze({
    argv: Object.freeze([...argv]),
    PerfEvent,
    hash,
    help: () => console.log(HELP),
    hist: (options?: HistogramOptions) => new Histogram(losses, options),
    top: (n: number) => new Top(losses, n),
    count: () => new Count(losses),
    stats: (options?: StatisticsOptions) => makeStatistics(losses, options),
    table,
    export: EXPORTS,
  });
}

/** What `perf_prof.help()` prints: one screen. */
export const HELP = `PerfEvent: one event, as handlers get it

Fields are decoded when they are read. An event may be kept: its bytes are its
own.

  event.comm  event["comm"]   a field; an unknown name throws a TypeError that
                              names the nearest
  event.get("comm", other)    the same, but other (or undefined) where there is
                              no such field
  event.get_bigint("addr")    an integer as a bigint, always exact
  "comm" in event             true for fields only
  for (const [name, value] of event)
  event.keys() values() items()   arrays, in the order of the fields
  event.to_dict()             a plain object: to spread, change, clone or send
  event.print({timestamp, callchain})    one line on stdout, then the stack;
                              false leaves a part out
  event.to_text({timestamp, callchain})  the same as a string
  String(event)               all fields in a line
  console.log(event)          <PerfEvent NAME cpu= pid= time=>
  JSON.stringify(event)       bigints to the last digit, arrays as arrays
  perf_prof.hash(event)       64-bit FNV-1a of the whole record

Every tracepoint event has

  _pid _tid _cpu              who and where
  _time                       ns of the events' clock; exact up to 104 days,
                              get_bigint("_time") always
  _realtime                   ns since 1970, in steps of 256;
                              get_bigint("_realtime") is exact
  _period _event _callchain   _callchain is [] without stacks
  common_type common_flags common_preempt_count common_pid

and then its own fields (perfprof show EVENT lists them):

  integers up to 32 bits      number
  64 bits                     number when exact, else bigint
  pointers                    bigint
  bool                        boolean
  char[]                      string up to the first NUL
  other integers[]            Uint8Array ... BigUint64Array, a copy
  structs                     Uint8Array, a copy`;
