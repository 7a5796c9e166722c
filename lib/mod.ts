/**
 * The public door: what other programs may import.
 *
 * @module
 */

export { DecodeError, PerfprofError, UsageError } from "./errors.ts";
export { hash, PerfEvent } from "./perf_event.ts";
export type { FieldValue } from "./perf_event.ts";
export type { PrintOptions } from "./print.ts";
export type { PerfProf } from "./perf_prof.ts";
export type { Count } from "./results/count.ts";
export type { Histogram, HistogramOptions } from "./results/histogram.ts";
export type { Key, Result } from "./results/result.ts";
export type { LinearRange } from "./results/scale.ts";
export type { Statistics, StatisticsOptions } from "./results/statistics.ts";
export type { Cell, TableOptions } from "./results/table.ts";
export type { Top, TopEntry } from "./results/top.ts";
