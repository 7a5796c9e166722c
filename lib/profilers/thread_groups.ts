/**
 * Which process a thread belongs to, where a sample names a thread that did not make it: from the machine's list of the start, from
 * births, and from the samples that a thread makes itself.
 *
 * Bound: MAX_THREADS threads that are not their process's first one, a few MB.
 *
 * @module
 */

import type { TaskName } from "../machine.ts";

const MAX_THREADS = 65536;

/** Thread -> process. */
export class ThreadGroups {
  /** Only of threads whose process has another number. */
  readonly #pids = new Map<number, number>();

  /** @param running The threads of the start */
  constructor(running: Iterable<Pick<TaskName, "pid" | "tid">>) {
    for (const { pid, tid } of running) this.saw(pid, tid);
  }

  /** The process of a thread; the thread's own number where nobody told. */
  of(tid: number): number {
    return this.#pids.get(tid) ?? tid;
  }

  /** A sample that thread `tid` made itself. The kernel writes -1 where a thread that ends has given its number back. */
  saw(pid: number, tid: number): void {
    if (pid <= 0 || pid === tid || this.#pids.get(tid) === pid) return;
    if (this.#pids.size >= MAX_THREADS) this.#pids.delete(this.#pids.keys().next().value!);
    this.#pids.set(tid, pid);
  }

  /** Thread `tid` is born in process `pid`. Its number may have been another's. */
  born(tid: number, pid: number): void {
    this.#pids.delete(tid);
    this.saw(pid, tid);
  }
}
