/**
 * The address spaces of processes over time: fed by side-band records (MMAP and MMAP2, FORK, EXIT, and COMM of an exec) and by
 * /proc/PID/maps for what was there before. An event that is read later finds what its process had mapped when it happened.
 *
 * Bounds: MAX_LIVES address spaces (about 1 KiB each) with MAX_HELD mappings, those that were left (by an exec or an end) going
 * first, oldest first; MAX_ADDED changes of one, after which its past is forgotten; MAX_SPACE mappings of one, after which it is
 * read anew: the kernel does not tell of munmap(2), so what is remembered only grows. An event older than what is remembered is
 * resolved by the oldest there is.
 *
 * @module
 */

import { type AddressSpace, addressSpace, covers, type Mapping, overlay, parseMaps } from "./address_space.ts";
import { HEADER_SIZE } from "./layout.ts";
import { mappingOf, PERF_RECORD_MMAP, PERF_RECORD_MMAP2, TRAILER_SIZE } from "./mmap_record.ts";

const MAX_LIVES = 16384;
const MAX_HELD = 131072;
const MAX_ADDED = 4096;
const MAX_SPACE = 16384;
const MOST_ANCESTORS = 64;

/** enum perf_event_type and PERF_RECORD_MISC_*, include/uapi/linux/perf_event.h. */
const PERF_RECORD_COMM = 3, PERF_RECORD_EXIT = 4, PERF_RECORD_FORK = 7;
const PERF_RECORD_MISC_COMM_EXEC = 1 << 13;

/** Of the time, in the trailer. */
const TRAILER_TIME = 8;

const EMPTY = addressSpace([]);

/** What /proc tells of a process. */
export interface ProcessMaps {
  /** Text of /proc/PID/maps, undefined when the process has ended. */
  maps(pid: number): string | undefined;
  /** Where /proc/PID/root leads. */
  root(pid: number): string;
}

/** An address space of a process, from a fork or an exec to the next exec or the end. */
interface Life {
  readonly pid: number;
  readonly sinceNs: number;
  /** What it began with. */
  base: AddressSpace;
  /** What was mapped since, in order of time. */
  added: { readonly sinceNs: number; readonly mapping: Mapping }[];
  /** The base with the first `builtOf` of these: what was asked for last. */
  built: AddressSpace;
  builtOf: number;
  /** Mappings that are held for it: its changes, and its base where that is not its parent's. */
  held: number;
}

/** The address spaces of all processes. */
export class Mappings {
  readonly #proc: ProcessMaps;
  /** Of a process, oldest first; never empty. */
  readonly #lives = new Map<number, Life[]>();
  readonly #parents = new Map<number, number>();
  /** Those that were left, oldest first. */
  readonly #left = new Set<Life>();
  #count = 0;
  #held = 0;

  constructor(proc: ProcessMaps) {
    this.#proc = proc;
  }

  /** Takes in what processes have mapped that were there before the records began. */
  scan(pids: Iterable<number>): void {
    for (const pid of pids) if (!this.#lives.has(pid)) this.#meet(pid);
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
    const misc = view.getUint16(offset + 4, true);
    const body = offset + HEADER_SIZE;
    const pid = view.getInt32(body, true);
    switch (view.getUint32(offset, true)) {
      case PERF_RECORD_MMAP:
      case PERF_RECORD_MMAP2: {
        const mapping = mappingOf(view, offset);
        if (mapping !== undefined) this.#map(timeNs, mapping);
        return;
      }
      case PERF_RECORD_COMM:
        if (misc & PERF_RECORD_MISC_COMM_EXEC) this.#begin(pid, timeNs, EMPTY);
        return;
      case PERF_RECORD_FORK: // u32 pid, ppid, tid, ptid; u64 time
        return this.#fork(pid, view.getInt32(body + 4, true), timeNs);
      case PERF_RECORD_EXIT:
        if (size >= HEADER_SIZE + 24 + TRAILER_SIZE && pid === view.getInt32(body + 8, true)) this.#end(pid);
    }
  }

  /** What `pid` had mapped at `timeNs`. */
  at(pid: number, timeNs: number): AddressSpace {
    const lives = this.#lives.get(pid);
    if (lives === undefined) return this.#meet(pid).base;
    let i = lives.length - 1;
    while (i > 0 && lives[i]!.sinceNs > timeNs) i--;
    return spaceOf(lives[i]!, timeNs);
  }

  /** The nearest of a process's ancestors that is still there, 0 where none is known. */
  ancestor(pid: number): number {
    // Numbers live again, so the way up may lead round.
    for (let steps = 0, parent = this.#parents.get(pid); parent !== undefined && steps < MOST_ANCESTORS; steps++) {
      const life = this.#lives.get(parent)?.at(-1);
      if (life !== undefined && !this.#left.has(life)) return parent;
      parent = this.#parents.get(parent);
    }
    return 0;
  }

  /** A process that no record told of. One that is gone by now stays unknown. */
  #meet(pid: number): Life {
    const space = pid > 0 ? this.#read(pid) : EMPTY;
    const life = this.#begin(pid, -Infinity, space ?? EMPTY);
    this.#hold(life, life.base.mappings.length);
    if (space === undefined) this.#end(pid);
    return life;
  }

  /** What a process has mapped now; undefined when it has ended. */
  #read(pid: number): AddressSpace | undefined {
    const maps = this.#proc.maps(pid);
    if (!maps) return maps === undefined ? undefined : EMPTY;
    return addressSpace(parseMaps(maps, pid, this.#proc.root(pid)).slice(0, MAX_SPACE));
  }

  /** A new address space. One that the process had is left. */
  #begin(pid: number, sinceNs: number, base: AddressSpace): Life {
    if (this.#count >= MAX_LIVES) this.#forget();
    const life: Life = { pid, sinceNs, base, added: [], built: base, builtOf: 0, held: 0 };
    const lives = this.#lives.get(pid);
    this.#end(pid);
    if (lives === undefined) this.#lives.set(pid, [life]);
    else lives.push(life);
    this.#count++;
    return life;
  }

  /** A new process has what its parent had; a new thread has the same space. */
  #fork(pid: number, parent: number, timeNs: number): void {
    if (pid === parent) return;
    this.#begin(pid, timeNs, this.at(parent, timeNs));
    // A number that lives again has no more to do with those whose parent it was.
    if (parent > 0) this.#parents.set(pid, parent);
  }

  #map(timeNs: number, mapping: Mapping): void {
    const life = this.#lives.get(mapping.pid)?.at(-1) ?? this.#meet(mapping.pid);
    if (covers(spaceOf(life, Infinity).mappings, mapping)) return;
    life.added.push({ sinceNs: timeNs, mapping });
    if (life.added.length > MAX_ADDED) this.#settle(life);
    else this.#hold(life, life.held + 1);
  }

  /** Forgets how a space came to be what it is. */
  #settle(life: Life): void {
    const space = spaceOf(life, Infinity);
    const tooMany = space.mappings.length > MAX_SPACE;
    life.base = tooMany ? this.#read(life.pid) ?? addressSpace(space.mappings.slice(0, MAX_SPACE)) : space;
    life.added = [];
    life.built = life.base;
    life.builtOf = 0;
    this.#hold(life, life.base.mappings.length);
  }

  #hold(life: Life, mappings: number): void {
    this.#held += mappings - life.held;
    life.held = mappings;
    while (this.#held > MAX_HELD) this.#forget();
  }

  #end(pid: number): void {
    const life = this.#lives.get(pid)?.at(-1);
    if (life !== undefined) this.#left.add(life);
  }

  /** Makes room: the space that was left first, or where none was, the one that has been known longest. */
  #forget(): void {
    const [left] = this.#left;
    const [oldest] = this.#lives.values();
    const life = left ?? oldest?.[0];
    if (life === undefined) return;
    this.#left.delete(life);
    this.#count--;
    this.#held -= life.held;
    const lives = this.#lives.get(life.pid)!;
    lives.splice(lives.indexOf(life), 1);
    if (lives.length > 0) return;
    this.#lives.delete(life.pid);
    this.#parents.delete(life.pid);
  }
}

/** The space at a time; built anew only when something was mapped since, or when an older one is asked for. */
function spaceOf(life: Life, timeNs: number): AddressSpace {
  const { added } = life;
  let count = added.length;
  while (count > 0 && added[count - 1]!.sinceNs > timeNs) count--;
  if (count === life.builtOf) return life.built;
  const from = count > life.builtOf ? life.builtOf : 0;
  const mappings = [...(from > 0 ? life.built : life.base).mappings];
  for (const { mapping } of added.slice(from, count)) overlay(mappings, mapping);
  life.built = addressSpace(mappings);
  life.builtOf = count;
  return life.built;
}
