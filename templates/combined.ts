#!/usr/bin/env -S perfprof -e sched:sched_wakeup,profile -i 1000
/**
 * A tracepoint and a profiler together: wake-ups and CPU samples of each interval.
 *
 *     perfprof -e sched:sched_wakeup,profile -i 1000 combined.ts
 */

let wakeups = 0;
let samples = 0;
let others = 0;

export function sched__sched_wakeup(): void {
  wakeups++;
}

export function profile(): void {
  samples++;
}

/** Events without a handler of their own; `_event` tells which. */
export function __sample__(): void {
  others++;
}

export function __interval__(): void {
  console.log(`Wakeups: ${wakeups}, CPU samples: ${samples}${others > 0 ? `, others: ${others}` : ""}`);
  wakeups = samples = others = 0;
}

/** What came since the last interval. */
export function __exit__(): void {
  if (wakeups + samples + others > 0) __interval__();
}
