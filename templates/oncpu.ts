#!/usr/bin/env -S perfprof -e oncpu -i 1000
/**
 * Who has the CPUs: the ten threads with the most time in each interval, how often they were given a CPU, and their longest slice.
 * A slice counts when it ends.
 *
 *     perfprof -e oncpu -i 1000 oncpu.ts
 */

interface OnCpu {
  readonly comm: string;
  readonly tid: number;
  readonly runtime: number;
}

interface Task {
  /** Its latest: a new task has that of its parent until it runs a program. */
  comm: string;
  readonly tid: number;
  total: number;
  slices: number;
  longest: number;
}

const TOP = 10;
const tasks = new Map<number, Task>();

export function oncpu({ comm, tid, runtime }: OnCpu): void {
  let task = tasks.get(tid);
  if (task === undefined) tasks.set(tid, task = { comm, tid, total: 0, slices: 0, longest: 0 });
  task.comm = comm;
  task.total += runtime;
  task.slices++;
  task.longest = Math.max(task.longest, runtime);
}

export function __interval__(): void {
  const top = [...tasks.values()].sort((a, b) => b.total - a.total).slice(0, TOP);
  console.log(row("COMM", "TID", "MS", "SLICES", "LONGEST"));
  for (const { comm, tid, total, slices, longest } of top) console.log(row(comm, tid, ms(total), slices, ms(longest)));
  console.log();
  tasks.clear();
}

/** What came since the last interval. */
export function __exit__(): void {
  if (tasks.size > 0) __interval__();
}

function ms(ns: number): string {
  return (ns / 1e6).toFixed(2);
}

function row(comm: string, ...columns: (number | string)[]): string {
  return [comm.padEnd(16), ...columns.map((value) => String(value).padStart(9))].join(" ");
}
