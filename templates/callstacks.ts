#!/usr/bin/env -S perfprof -e sched:sched_wakeup -g -i 1000
/**
 * Which ways through the kernel lead to an event: its stacks by their five innermost functions, the most frequent first.
 *
 *     perfprof -e sched:sched_wakeup -g -i 1000 callstacks.ts
 *     perfprof -e 'sched:sched_wakeup//stack/' -i 1000 callstacks.ts
 *     perfprof -e 'profile/-F 99 -g/' -i 1000 callstacks.ts
 */

interface Frame {
  readonly symbol: string;
  readonly kernel: boolean;
}

const DEPTH = 5;
const TOP = 10;
const TOP_OF_ALL = 20;

/** In this interval, and since the start. */
const interval = new Map<string, number>();
const all = new Map<string, number>();

/** Every event without a handler of its own, so this works with any -e. */
export function __sample__(event: { get(name: string): unknown }): void {
  // Tracepoints and profilers have their stack by another name.
  const frames = (event.get("_callchain") ?? event.get("callchain") ?? []) as readonly Frame[];
  const kernel = frames.filter((frame) => frame.kernel);
  if (kernel.length === 0) return;
  const stack = kernel.slice(0, DEPTH).map(({ symbol }) => symbol).join(" <- ");
  interval.set(stack, (interval.get(stack) ?? 0) + 1);
  all.set(stack, (all.get(stack) ?? 0) + 1);
}

export function __interval__(): void {
  console.log("\n=== Top stacks ===");
  show(interval, TOP);
  interval.clear();
}

export function __exit__(): void {
  console.log("\n=== Top stacks of all ===");
  show(all, TOP_OF_ALL);
}

function show(counts: ReadonlyMap<string, number>, most: number): void {
  const sorted = [...counts].sort(([, a], [, b]) => b - a);
  for (const [stack, count] of sorted.slice(0, most)) console.log(`${String(count).padStart(6)}  ${stack}`);
}
