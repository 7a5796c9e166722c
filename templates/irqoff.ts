#!/usr/bin/env -S perfprof -e irq-off -i 1000
/**
 * What interrupts and softirqs cost each CPU: how many of each, their time as a share of the interval, and the longest.
 *
 *     perfprof -e irq-off -i 1000 irqoff.ts
 */

/** What this takes of the global that perfprof gives to every handler. */
declare const perf_prof: {
  table(rows: readonly Record<string, string | number>[]): string;
};

interface IrqOff {
  readonly cpu: number;
  readonly time: number;
  readonly kind: "irq" | "softirq" | "preemptirq";
  readonly name: string;
  readonly duration: number;
}

const runs = new Map<string, { cpu: number; kind: string; name: string; count: number; ns: number; longestNs: number }>();
/** Of the interval: the first beginning and the last end. */
let startNs = Infinity;
let endNs = 0;

export function irq_off({ cpu, time, kind, name, duration }: IrqOff): void {
  startNs = Math.min(startNs, time - duration);
  endNs = time;
  const key = `${cpu} ${kind} ${name}`;
  let run = runs.get(key);
  if (run === undefined) runs.set(key, run = { cpu, kind, name, count: 0, ns: 0, longestNs: 0 });
  run.count++;
  run.ns += duration;
  run.longestNs = Math.max(run.longestNs, duration);
}

export function __interval__(): void {
  const rows = [...runs.values()].sort((a, b) => a.cpu - b.cpu || b.ns - a.ns);
  console.log(perf_prof.table(rows.map(({ cpu, kind, name, count, ns, longestNs }) => ({
    CPU: cpu,
    KIND: kind,
    NAME: name,
    COUNT: count,
    "TIME %": (100 * ns / (endNs - startNs)).toFixed(2),
    "MAX µs": (longestNs / 1000).toFixed(1),
  }))));
  console.log();
  runs.clear();
  startNs = Infinity;
}

/** What came since the last interval. */
export function __exit__(): void {
  if (runs.size > 0) __interval__();
}
