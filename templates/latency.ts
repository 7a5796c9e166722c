#!/usr/bin/env -S perfprof -e sched:sched_wakeup,sched:sched_switch -i 1000
/**
 * Wake-up latency: how long a task that was woken waited for a CPU. One line for each interval.
 *
 *     perfprof -e sched:sched_wakeup,sched:sched_switch -i 1000 latency.ts [LINES]
 *
 * With LINES it ends the run after so many lines, as Ctrl-C would. A task is woken by one task, and gets the CPU of another: so not
 * with -p, -t, -c or --cgroups, which leave the others' events out. The profiler rundelay (rundelay.ts) tells of chosen tasks.
 */

interface SchedWakeup {
  readonly pid: number;
  readonly _time: number;
}

interface SchedSwitch {
  readonly prev_pid: number;
  readonly next_pid: number;
  readonly _time: number;
}

let linesLeft = Number(Deno.args[0] ?? Infinity);
let lost = 0;
let latenciesUs: number[] = [];
/** When a task was woken that has not run since, by its pid; ns. */
const wokenAt = new Map<number, number>();

export function sched__sched_wakeup(event: SchedWakeup): void {
  wokenAt.set(event.pid, event._time);
}

export function sched__sched_switch(event: SchedSwitch): void {
  const { next_pid, _time } = event;
  const woken = wokenAt.get(next_pid);
  if (woken !== undefined) {
    latenciesUs.push((_time - woken) / 1000);
    wokenAt.delete(next_pid);
  }
  // A task that is woken before it got to sleep never waited.
  wokenAt.delete(event.prev_pid);
}

/** A switch may be among the lost events: what is pending would be paired with a later one. */
export function __lost__(_start: number, _end: number, info: { readonly count: number }): void {
  lost += info.count;
  wokenAt.clear();
}

function report(): void {
  console.log(summary(latenciesUs.sort((a, b) => a - b)) + (lost > 0 ? `  (${lost} events lost)` : ""));
  latenciesUs = [];
  lost = 0;
}

export function __interval__(): void {
  report();
  if (--linesLeft <= 0) Deno.kill(Deno.pid, "SIGINT");
}

/** What came since the last interval. */
export function __exit__(): void {
  if (linesLeft > 0 && latenciesUs.length > 0) report();
}

/** `sorted` in µs, ascending. */
function summary(sorted: readonly number[]): string {
  const count = sorted.length;
  const sum = sorted.reduce((total, latency) => total + latency, 0);
  const us = (value = 0) => value.toFixed(1).padStart(9);
  const p99 = sorted[Math.ceil(count * 0.99) - 1];
  return `${String(count).padStart(8)} wake-ups  min${us(sorted[0])}  avg${us(sum / (count || 1))}  ` +
    `p99${us(p99)}  max${us(sorted[count - 1])} µs`;
}
