#!/usr/bin/env -S perfprof -e task-state -i 1000
/**
 * Where time goes that is not spent running: the ten threads that waited longest in each interval, uninterruptibly (D) or for a
 * CPU (R), and how long they slept (S). In ms.
 *
 *     perfprof -e task-state -i 1000 taskstate.ts
 */

interface TaskState {
  readonly comm: string;
  readonly tid: number;
  readonly state: string;
  readonly duration: number;
}

interface Waits {
  /** Its latest: a new task has that of its parent until it runs a program. */
  comm: string;
  readonly tid: number;
  /** ns by state. */
  readonly in: Record<string, number>;
}

const TOP = 10;
const tasks = new Map<number, Waits>();

export function task_state({ comm, tid, state, duration }: TaskState): void {
  let task = tasks.get(tid);
  if (task === undefined) tasks.set(tid, task = { comm, tid, in: { S: 0, D: 0, R: 0 } });
  task.comm = comm;
  const letter = state[0]!; // R+ is R, after a preemption
  task.in[letter] = (task.in[letter] ?? 0) + duration;
}

export function __interval__(): void {
  const waited = ({ in: { D = 0, R = 0 } }: Waits) => D + R;
  const top = [...tasks.values()].sort((a, b) => waited(b) - waited(a)).slice(0, TOP);
  console.log(row("COMM", "TID", "D", "R", "S"));
  for (const { comm, tid, in: { S = 0, D = 0, R = 0 } } of top) console.log(row(comm, tid, ms(D), ms(R), ms(S)));
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

function row(comm: string, tid: number | string, ...columns: string[]): string {
  return [comm.padEnd(16), String(tid).padStart(8), ...columns.map((text) => text.padStart(10))].join(" ");
}
