#!/usr/bin/env -S perfprof -e rundelay -i 1000
/**
 * How long threads waited for a CPU: a histogram for each interval, and the longest wait of it.
 *
 *     perfprof -e rundelay -i 1000 rundelay.ts
 */

interface RunDelay {
  readonly comm: string;
  readonly tid: number;
  readonly cpu: number;
  readonly delay: number;
  readonly waker_comm: string;
}

const WIDTH = 40;
/** By the power of two of µs: the first holds all below 1 µs. */
let counts: number[] = [];
let longest: RunDelay | undefined;

export function rundelay(event: RunDelay): void {
  const bucket = 32 - Math.clz32(event.delay / 1000);
  counts[bucket] = (counts[bucket] ?? 0) + 1;
  if (event.delay > (longest?.delay ?? -1)) longest = event;
}

export function __interval__(): void {
  const rows = Array.from(counts, (count = 0) => count); // without holes
  const most = Math.max(...rows);
  rows.forEach((count, bucket) => {
    const to = `< ${2 ** bucket} µs`.padStart(14);
    console.log(`${to} ${String(count).padStart(8)} ${"#".repeat(Math.ceil(count / most * WIDTH))}`.trimEnd());
  });
  if (longest !== undefined) {
    const { comm, tid, cpu, delay, waker_comm } = longest;
    const why = waker_comm === "" ? "preempted" : `woken by ${waker_comm}`;
    console.log(`longest: ${comm} (${tid}) on CPU ${cpu}, ${(delay / 1000).toFixed(1)} µs, ${why}\n`);
  }
  counts = [];
  longest = undefined;
}

/** What came since the last interval. */
export function __exit__(): void {
  if (longest !== undefined) __interval__();
}
