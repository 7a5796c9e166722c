#!/usr/bin/env -S perfprof -e sched:sched_wakeup -i 1000
/**
 * Counts events: how many came in each interval.
 *
 *     perfprof -e sched:sched_wakeup -i 1000 counter.ts
 */

let count = 0;

/** Every event without a handler of its own, so this works with any -e. */
export function __sample__(): void {
  count++;
}

export function __interval__(): void {
  console.log(`Events: ${count}`);
  count = 0;
}

export function __exit__(): void {
  console.log("Done");
}
