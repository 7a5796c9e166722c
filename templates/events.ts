#!/usr/bin/env -S perfprof -e 'sched:*' -i 1000
/**
 * Which events come, and how often: a count for each name, the most frequent first.
 *
 *     perfprof -e 'sched:*' -i 1000 events.ts
 *
 * Without -i it counts to the end.
 */

/** What this takes of the global that perfprof gives to every handler. */
declare const perf_prof: {
  count(): { add(name: string): void; print(): void; clear(): void; readonly lost: number; entries(): unknown[] };
};

const counts = perf_prof.count();

/** Every event without a handler of its own, so this works with any -e. */
export function __sample__(event: { readonly _event: string }): void {
  counts.add(event._event);
}

export function __interval__(): void {
  counts.print();
  console.log();
  counts.clear();
}

/** What came since the last interval. */
export function __exit__(): void {
  if (counts.entries().length > 0 || counts.lost > 0) counts.print();
}
