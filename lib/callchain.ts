/**
 * The call stack of a sample -> its frames, when they are asked for. Kernel and user side are told apart by the context markers
 * among the addresses; what a user address is, by what the process had mapped at the time of the sample.
 *
 * Stacks are much alike, so whole ones are remembered by their content and address space: one that was seen before costs a hash and
 * a comparison, and is the same frozen array. Symbols are looked up at the addresses that the kernel reports, return addresses as
 * well: as perf does. Addresses that come of unwinding a copied stack are looked up one before, which perf does, too.
 *
 * Bound: MAX_STACKS stacks; when there are more, all are forgotten.
 *
 * @module
 */

import type { AddressSpace } from "./address_space.ts";
import type { Frames } from "./frames.ts";
import { JIT_MS } from "./jit_code.ts";
import type { Mappings } from "./mappings.ts";
import type { Frame } from "./event_services.ts";
import type { Symbolizer } from "./symbolizer.ts";

const MAX_STACKS = 16384;
/** What the kernel gives a stack at most (kernel.perf_event_max_stack): without max-stack so many user frames are unwound. */
const UNWIND_MOST = 127;

/** include/uapi/linux/perf_event.h: words from here up are no addresses, but tell whose the next ones are. */
const PERF_CONTEXT_MAX = 0xffff_ffff_ffff_f001n;
const PERF_CONTEXT_USER = 0xffff_ffff_ffff_fe00n;
/** enum perf_sample_regs_abi: registers of a 64-bit task. */
const PERF_SAMPLE_REGS_ABI_64 = 2;

/** A stack that was seen. */
interface Seen {
  /** Its addresses, each as its low and its high half. */
  readonly halves: Int32Array;
  /** Of the address space, 0 without a user side. */
  readonly serial: number;
  readonly frames: readonly Frame[];
  /** When it is asked for anew, ms. */
  readonly untilMs: number;
}

/** How the stacks of a trace are read. */
export interface CallchainOptions {
  readonly symbolizer: Symbolizer;
  readonly frames: Frames;
  readonly mappings: Mappings;
  /** The samples have a user side. */
  readonly user: boolean;
  /** The mask of PERF_SAMPLE_REGS_USER. */
  readonly userRegs: bigint;
}

/** The stacks of a trace. Lives as long as the events that may ask. */
export class Callchains {
  readonly #options: CallchainOptions;
  readonly #regCount: number;
  /** By hash. Of two stacks with one hash the newer is remembered. */
  readonly #seen = new Map<number, Seen>();

  constructor(options: CallchainOptions) {
    this.#options = options;
    this.#regCount = options.userRegs.toString(2).replaceAll("0", "").length;
  }

  /** See EventServices.callchain. */
  frames(view: DataView, chain: number, pid: number, timeNs: number, userStack: number, most = 0): readonly Frame[] {
    const { mappings, user } = this.#options;
    const space = user ? mappings.at(pid, timeNs) : undefined;
    const count = view.getUint32(chain, true);
    if (userStack < 0 || space === undefined) return this.#remembered(view, chain + 8, count, space, pid);
    const kernel = this.#remembered(view, chain + 8, count, undefined, pid);
    const rest = most === 0 ? UNWIND_MOST : most - kernel.length;
    const unwound = rest > 0 ? this.#unwind(view, userStack, space, pid, rest) : [];
    return unwound.length === 0 ? kernel : Object.freeze([...kernel, ...unwound]);
  }

  #remembered(view: DataView, at: number, count: number, space: AddressSpace | undefined, pid: number): readonly Frame[] {
    const serial = space?.serial ?? 0;
    const end = at + 8 * count;
    let hash = serial;
    for (let i = at; i < end; i += 4) hash = Math.imul((hash << 5 | hash >>> 27) ^ view.getInt32(i, true), 0x9e3779b1);
    const seen = this.#seen.get(hash);
    if (seen !== undefined && seen.serial === serial && isSame(seen.halves, view, at, end) && isFresh(seen)) return seen.frames;
    return this.#resolve(view, at, count, space, pid, hash);
  }

  #resolve(
    view: DataView,
    at: number,
    count: number,
    space: AddressSpace | undefined,
    pid: number,
    hash: number,
  ): readonly Frame[] {
    const { frames } = this.#options;
    const into: Frame[] = [];
    let isUser = false;
    let isReturn = false;
    let hasJit = false;
    for (let i = 0; i < count; i++) {
      const addr = view.getBigUint64(at + 8 * i, true);
      if (addr >= PERF_CONTEXT_MAX) {
        isUser = addr === PERF_CONTEXT_USER;
        isReturn = false;
        continue;
      }
      if (!isUser || space === undefined) into.push(frames.kernel(addr));
      else hasJit = frames.user(into, space, pid, addr, 0, isReturn) || hasJit;
      isReturn = true;
    }
    const halves = Int32Array.from({ length: 2 * count }, (_, i) => view.getInt32(at + 4 * i, true));
    const untilMs = hasJit ? performance.now() + JIT_MS : Infinity;
    if (this.#seen.size >= MAX_STACKS) this.#seen.clear();
    this.#seen.set(hash, { halves, serial: space?.serial ?? 0, frames: Object.freeze(into), untilMs });
    return into;
  }

  /** The user side from the copy of its stack, `most` frames of it. The last one of a stack that goes on is marked. */
  #unwind(view: DataView, at: number, space: AddressSpace, pid: number, most: number): Frame[] {
    const { symbolizer, frames, userRegs } = this.#options;
    const abi = view.getUint32(at, true);
    // A kernel thread has no user side; a 32-bit task's registers have other meanings, which are not known here.
    if (abi !== PERF_SAMPLE_REGS_ABI_64) return [];
    const size = at + 8 + 8 * this.#regCount;
    const bytes = view.getUint32(size, true);
    // dyn_size: what could be copied of these bytes.
    const copied = bytes === 0 ? 0 : Math.min(bytes, view.getUint32(size + 8 + bytes, true));
    const start = view.byteOffset + at + 8;
    const regs = new BigUint64Array(view.buffer.slice(start, start + 8 * this.#regCount) as ArrayBuffer);
    const stack = new Uint8Array(view.buffer, view.byteOffset + size + 8, copied);
    const { addresses, end } = symbolizer.unwind(frames.modules(space, pid), regs, userRegs, stack, most);
    const into: Frame[] = [];
    addresses.forEach((addr, i) => frames.user(into, space, pid, addr, i === 0 ? 0 : 1, i > 0));
    const last = into.pop();
    if (last !== undefined) into.push(end === "cut" ? Object.freeze({ ...last, cut: true as const }) : last);
    return into;
  }
}

function isSame(halves: Int32Array, view: DataView, at: number, end: number): boolean {
  if (halves.length !== (end - at) >> 2) return false;
  for (let i = 0; at < end; i++, at += 4) if (halves[i] !== view.getInt32(at, true)) return false;
  return true;
}

function isFresh({ untilMs }: Seen): boolean {
  return untilMs === Infinity || performance.now() < untilMs;
}
