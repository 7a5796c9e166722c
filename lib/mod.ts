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
