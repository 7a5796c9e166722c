#!/usr/bin/env -S perfprof -e sched-migrate -i 1000
/**
 * Which threads the kernel moves between CPUs: the ten that moved most in each interval, and their ways.
 *
 *     perfprof -e sched-migrate -i 1000 migrations.ts
 */

interface SchedMigrate {
  readonly comm: string;
  readonly tid: number;
  readonly orig_cpu: number;
  readonly dest_cpu: number;
}

interface Task {
  /** Its latest: a new task has that of its parent until it runs a program. */
  comm: string;
  readonly tid: number;
  moves: number;
  /** `0>1` -> how often. */
  readonly ways: Map<string, number>;
}

const TOP = 10;
const tasks = new Map<number, Task>();

export function sched_migrate({ comm, tid, orig_cpu, dest_cpu }: SchedMigrate): void {
  let task = tasks.get(tid);
  if (task === undefined) tasks.set(tid, task = { comm, tid, moves: 0, ways: new Map() });
  const way = `${orig_cpu}>${dest_cpu}`;
  task.comm = comm;
  task.moves++;
  task.ways.set(way, (task.ways.get(way) ?? 0) + 1);
}

export function __interval__(): void {
  const top = [...tasks.values()].sort((a, b) => b.moves - a.moves).slice(0, TOP);
  console.log(row("COMM", "TID", "MOVES", "FROM>TO"));
  for (const { comm, tid, moves, ways } of top) {
    const most = [...ways].sort(([, a], [, b]) => b - a).map(([way, count]) => `${way}:${count}`);
    console.log(row(comm, tid, moves, most.join(" ")));
  }
  console.log();
  tasks.clear();
}

/** What came since the last interval. */
export function __exit__(): void {
  if (tasks.size > 0) __interval__();
}

function row(comm: string, tid: number | string, moves: number | string, ways: string): string {
  return `${comm.padEnd(16)} ${String(tid).padStart(8)} ${String(moves).padStart(8)} ${ways}`;
}
