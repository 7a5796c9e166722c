/**
 * What became of a session's events, as programs are told: counts by the events' names, and losses.
 *
 * @module
 */

import type { Trace } from "./trace.ts";

/** Events that were lost. Times in ns: of the last event before the gap and the first behind it. */
export interface LostEvents {
  readonly start: number;
  readonly end: number;
  readonly count: number;
  readonly cpu: number;
  /** Undefined where the kernel cannot tell. */
  readonly event: string | undefined;
}

/** What became of the events of one name: the kernel sent `delivered + lost + excluded`. */
export interface EventStats {
  readonly event: string;
  /** Taken from the rings. */
  readonly delivered: number;
  readonly lost: number;
  /** Of this process itself, with excludeSelf. */
  readonly excluded: number;
}

/** What became of a session's events so far. */
export interface SessionStats {
  readonly delivered: number;
  readonly lost: number;
  readonly excluded: number;
  /** Delivered after a newer one. */
  readonly late: number;
  readonly events: readonly EventStats[];
}

/** The counts of an open trace, now. */
export function sessionStats({ source, names }: Pick<Trace, "source" | "names">): SessionStats {
  const { delivered, lost, excluded, late } = source.state();
  const events = names.map((event) => ({ event, delivered: 0, lost: 0, excluded: 0 }));
  for (const count of source.counts()) {
    const stats = events[count.event];
    if (stats === undefined) continue;
    stats.delivered += count.delivered;
    stats.lost += count.lost;
    stats.excluded += count.excluded;
  }
  return { delivered, lost, excluded, late, events };
}
