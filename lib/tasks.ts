/**
 * Names of threads at a time: fed by side-band records (COMM, FORK, EXIT) and by a first list of what runs at the start.
 * An event that is printed later shows the name its thread had when it happened, also when it has ended since.
 *
 * Bound: MAX_TASKS threads, MAX_NAMES names of each (the newest): about 20 MB when full. Ended threads go first, oldest end first.
 *
 * @module
 */

import { text } from "./decode.ts";
import { HEADER_SIZE } from "./layout.ts";
import type { TaskName } from "./machine.ts";

const MAX_TASKS = 65536;
const MAX_NAMES = 8;

/** enum perf_event_type, include/uapi/linux/perf_event.h. */
const PERF_RECORD_COMM = 3, PERF_RECORD_EXIT = 4, PERF_RECORD_FORK = 7;
/** struct sample_id after a side-band record with TID, TIME, CPU and IDENTIFIER: u32 pid, tid; u64 time; u32 cpu, res; u64 id. */
const TRAILER_SIZE = 32;
const TRAILER_TIME = 8;

/** A name, and since when. */
interface Name {
  readonly sinceNs: number;
  readonly comm: string;
}

/** The names of all threads. */
export class Tasks {
  readonly #names = new Map<number, Name[]>();
  /** Threads that have ended, in the order of their ends. A number that lives again is taken out. */
  readonly #ended = new Set<number>();
  readonly #readComm: (tid: number) => string | undefined;

  /**
   * @param running The threads of the start
   * @param readComm Asks the machine for the name of a thread that nobody told of
   */
  constructor(running: Iterable<TaskName>, readComm: (tid: number) => string | undefined) {
    this.#readComm = readComm;
    for (const { tid, comm } of running) this.#name(tid, -Infinity, comm);
  }

  /**
   * Takes in a side-band record; other types, and records whose lengths make no sense, are passed over.
   *
   * @param offset Of its perf_event_header in the view
   */
  record(view: DataView, offset: number): void {
    const size = view.getUint16(offset + 6, true);
    if (size < HEADER_SIZE + 8 + TRAILER_SIZE || offset + size > view.byteLength) return;
    const timeNs = Number(view.getBigUint64(offset + size - TRAILER_SIZE + TRAILER_TIME, true));
    const body = offset + HEADER_SIZE;
    switch (view.getUint32(offset, true)) {
      case PERF_RECORD_COMM: // u32 pid, tid; char comm[]
        return this.#name(view.getInt32(body + 4, true), timeNs, text(view, body + 8, size - HEADER_SIZE - 8 - TRAILER_SIZE));
      case PERF_RECORD_FORK: // u32 pid, ppid, tid, ptid; u64 time
        if (size < HEADER_SIZE + 24 + TRAILER_SIZE) return;
        return this.#fork(view.getInt32(body + 8, true), view.getInt32(body + 12, true), timeNs);
      case PERF_RECORD_EXIT:
        if (size < HEADER_SIZE + 24 + TRAILER_SIZE) return;
        this.#end(view.getInt32(body + 8, true));
    }
  }

  /** Name of thread `tid` at `timeNs`; `<...>`, as in the kernel's trace, when nobody knows. */
  comm(tid: number, timeNs: number): string {
    if (tid === 0) return "swapper";
    const names = this.#names.get(tid);
    if (names !== undefined) {
      const last = names[names.length - 1]!;
      return (last.sinceNs <= timeNs ? last : names.findLast(({ sinceNs }) => sinceNs <= timeNs) ?? names[0]!).comm;
    }
    const comm = this.#readComm(tid);
    if (comm !== undefined) this.#name(tid, -Infinity, comm);
    return comm ?? "<...>";
  }

  #name(tid: number, sinceNs: number, comm: string): void {
    const names = this.#names.get(tid);
    this.#ended.delete(tid);
    if (names === undefined) {
      if (this.#names.size >= MAX_TASKS) this.#forget();
      this.#names.set(tid, [{ sinceNs, comm }]);
      return;
    }
    if (names.at(-1)!.comm === comm) return;
    names.push({ sinceNs, comm });
    if (names.length > MAX_NAMES) names.shift();
  }

  /** A new thread has its parent's name until it takes another. A parent that nobody knows leaves it unknown. */
  #fork(tid: number, parent: number, timeNs: number): void {
    const comm = this.comm(parent, timeNs);
    if (comm !== "<...>") this.#name(tid, timeNs, comm);
  }

  #end(tid: number): void {
    this.#ended.delete(tid);
    if (this.#names.has(tid)) this.#ended.add(tid);
  }

  /** Makes room: the thread that ended first, or where none has, the one that has been known longest. */
  #forget(): void {
    const [tid] = this.#ended.size > 0 ? this.#ended : this.#names.keys();
    if (tid === undefined) return;
    this.#ended.delete(tid);
    this.#names.delete(tid);
  }
}
