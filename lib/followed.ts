/**
 * Whose events are wanted, where a profiler has those of all tasks and only some are traced: the tasks of -p, -t and -c, and those
 * that side-band records tell to be born of them. (Side-band records are of the targets only, but for those at the begin of a
 * recording, of time 0, which tell of all tasks that were there before.) With --exclude-self our own are not.
 *
 * Bound: threads that have ended are remembered for a while, as their last switch comes after their end: ENDED_MOST of them.
 *
 * @module
 */

import { HEADER_SIZE } from "./layout.ts";
import type { TaskName } from "./machine.ts";
import type { Target } from "./source.ts";

const ENDED_MOST = 1024;
/** enum perf_event_type, include/uapi/linux/perf_event.h. */
const PERF_RECORD_COMM = 3, PERF_RECORD_EXIT = 4, PERF_RECORD_FORK = 7;
/** struct sample_id after a side-band record: u32 pid, tid; u64 time; u32 cpu, res; u64 id. */
const TRAILER_SIZE = 32;
const TRAILER_TIME = 8;

/** The tasks that are followed. */
export class Followed {
  /** Undefined: all. */
  readonly #tids: Set<number> | undefined;
  readonly #target: Target;
  /** Process whose threads are left out, and these. */
  readonly #self: number | undefined;
  readonly #own = new Set<number>();
  /** In the order of their ends. */
  readonly #ended = new Set<number>();

  /** @param self Process whose threads are left out */
  constructor(target: Target, self?: number) {
    this.#target = target;
    this.#self = self;
    const all = target.kind === "all" || target.kind === "cgroups";
    this.#tids = all ? undefined : new Set(target.kind === "tids" ? target.tids : []);
  }

  /** To be called once the events flow. */
  start(running: readonly TaskName[]): void {
    for (const { pid, tid } of running) if (pid === this.#self) this.#own.add(tid);
    for (const { pid, tid } of running) this.#there(pid, tid);
  }

  /** Takes in a side-band record. */
  sideband(view: DataView, at: number): void {
    const size = view.getUint16(at + 6, true);
    if (size < HEADER_SIZE + 8 + TRAILER_SIZE || at + size > view.byteLength) return;
    const type = view.getUint32(at, true);
    const body = at + HEADER_SIZE;
    const isEarlier = view.getBigUint64(at + size - TRAILER_SIZE + TRAILER_TIME, true) === 0n;
    // u32 pid, tid; char comm[]
    if (type === PERF_RECORD_COMM && !isEarlier) this.#add(view.getInt32(body + 4, true));
    // u32 pid, ppid, tid, ptid; u64 time
    if (size < HEADER_SIZE + 24 + TRAILER_SIZE) return;
    const pid = view.getInt32(body, true), tid = view.getInt32(body + 8, true);
    if (type === PERF_RECORD_EXIT) this.#end(tid);
    if (type !== PERF_RECORD_FORK) return;
    this.#born(pid, tid);
    if (isEarlier) this.#there(pid, tid);
    else this.#add(tid);
  }

  /** Are this task's events wanted? */
  readonly has = (tid: number): boolean => !this.#own.has(tid) && (this.#tids === undefined || this.#tids.has(tid));

  /** A task that was there before. */
  #there(pid: number, tid: number): void {
    if (this.#target.kind === "pids" && this.#target.pids.includes(pid)) this.#tids?.add(tid);
  }

  /** A number of ours that has ended lives again in another process. */
  #born(pid: number, tid: number): void {
    if (pid === this.#self) this.#own.add(tid);
    else this.#own.delete(tid);
  }

  #add(tid: number): void {
    if (this.#target.kind === "tids") return;
    this.#ended.delete(tid);
    this.#tids?.add(tid);
  }

  #end(tid: number): void {
    if (this.#tids === undefined || this.#target.kind === "tids") return;
    this.#ended.add(tid);
    if (this.#ended.size <= ENDED_MOST) return;
    const [oldest] = this.#ended;
    this.#ended.delete(oldest!);
    this.#tids.delete(oldest!);
  }
}
