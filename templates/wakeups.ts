#!/usr/bin/env -S perfprof -e sched:sched_wakeup -i 1000
/**
 * Who is woken most often, and on which CPUs: the ten first in each interval.
 *
 *     perfprof -e sched:sched_wakeup -i 1000 wakeups.ts
 */

interface SchedWakeup {
  readonly comm: string;
  readonly pid: number;
  readonly target_cpu: number;
}

interface Task {
  readonly comm: string;
  readonly pid: number;
  count: number;
  readonly cpus: Set<number>;
}

const TOP = 10;
const tasks = new Map<string, Task>();

export function sched__sched_wakeup(event: SchedWakeup): void {
  const { comm, pid } = event;
  const key = `${pid} ${comm}`;
  let task = tasks.get(key);
  if (task === undefined) {
    task = { comm, pid, count: 0, cpus: new Set() };
    tasks.set(key, task);
  }
  task.count++;
  task.cpus.add(event.target_cpu);
}

export function __interval__(): void {
  const top = [...tasks.values()].sort((a, b) => b.count - a.count).slice(0, TOP);
  console.log(row("COMM", "PID", "COUNT", "CPUS"));
  for (const { comm, pid, count, cpus } of top) {
    console.log(row(comm, pid, count, [...cpus].sort((a, b) => a - b).join(",")));
  }
  console.log();
  tasks.clear();
}

/** What came since the last interval. */
export function __exit__(): void {
  if (tasks.size > 0) __interval__();
}

function row(comm: string, pid: number | string, count: number | string, cpus: string): string {
  return `${comm.padEnd(16)} ${String(pid).padStart(8)} ${String(count).padStart(8)} ${cpus}`;
}
