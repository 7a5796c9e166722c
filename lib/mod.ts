/**
 * The public door: what other programs may import.
 *
 * @module
 */

import type { OpenOptions } from "./open.ts";
import type { SessionStats } from "./session_stats.ts";
import type { EventOf, EventsOf, SessionHandlers } from "./typed_events.ts";

export type { OpenOptions, OpenStacks } from "./open.ts";
export type { EventStats, LostEvents, SessionStats } from "./session_stats.ts";
export type { EventName, EventOf, EventsOf, SessionHandler, SessionHandlers } from "./typed_events.ts";
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
export type { Frame } from "./event_services.ts";

/** Events as they happen, each once: for a loop (`for await (const event of session)`), or for handlers. One of them reads at a time. */
export interface Session<Events> extends AsyncDisposable {
  /** The events. A loop that was left can be taken up again. */
  [Symbol.asyncIterator](): AsyncIterableIterator<EventOf<Events>, void, undefined>;
  /**
   * Calls handlers, which are not awaited, until the session ends.
   *
   * @throws {unknown} What a handler threw, or its promise was rejected with
   */
  run(handlers: SessionHandlers<Events>): Promise<void>;
  /** What became of the events so far. */
  readonly stats: SessionStats;
  /** Lines for a person: symbols that are hidden, events of a pattern that cannot be opened. */
  readonly notes: readonly string[];
  /** Ends the flow. What happened before is still handed over. */
  stop(): void;
  /** Ends everything at once, and leaves nothing open. */
  close(): Promise<void>;
}

/**
 * Opens events of this machine. They flow from then on; what is not read waits in the rings, and is lost when those are full.
 *
 * The types of events follow from their texts, where these are literals: names, and what all events have. What fields an event has
 * the kernel says: a handler declares those that it reads (`(event: PerfEvent & { prev_pid: number }) => ...`), or all come as a
 * type argument, from what `perfprof types` prints: `open<{ "sched:sched_switch": SchedSwitch }>({ ... })`.
 *
 * @example
 * ```ts ignore
 * await using session = await open({ events: ["sched:sched_switch"], signal: AbortSignal.timeout(1000) });
 * for await (const event of session) console.log(String(event));
 * ```
 *
 * @throws {PerfprofError} An option is wrong, or the kernel refuses: it says why, and in `hints` what mends it
 */
export async function open<const Texts extends readonly string[]>(
  options: OpenOptions<Texts>,
): Promise<Session<EventsOf<Texts>>>;
export async function open<Events extends Readonly<Record<keyof Events, object>>>(
  options: OpenOptions,
): Promise<Session<Events>>;
export async function open(options: OpenOptions): Promise<AsyncDisposable> {
  const [{ openSession }, { thisMachine }] = await Promise.all([import("./open.ts"), import("../ffi/this_machine.ts")]);
  return await openSession(await thisMachine(), options);
}
