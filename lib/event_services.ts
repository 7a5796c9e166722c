/**
 * What an event asks for that is not in its bytes: names, stacks, the wall clock and the text of its print format.
 *
 * @module
 */

import type { PrintSymbol, PrintTree } from "./format.ts";

/** A time as whole seconds and the ns within: a number of ns since 1970 does not hold every µs. */
export interface Moment {
  readonly seconds: number;
  /** 0 to 999,999,999. */
  readonly ns: number;
}

/** One frame of a call stack. Frames are shared: the same place in the same stack is the same object. */
export interface Frame {
  readonly addr: bigint;
  /** `Unknown` where there is none. */
  readonly symbol: string;
  /** From the symbol, or from the start of the dso where the symbol is unknown. */
  readonly offset: number;
  readonly kernel: boolean;
  /** `[kernel.kallsyms]`, `[module]`, or the path as the process sees it. */
  readonly dso: string;
  /** Why the symbol is unknown; only there. */
  readonly reason?: string;
  /** Of the dso, in hexadecimal; only where the symbol is unknown. */
  readonly build_id?: string;
  /** With --srcline, where the file has debug information. */
  readonly file?: string;
  readonly line?: number;
  /** With --srcline: the compiler put this function into the next frame's. */
  readonly inlined?: true;
  /** This is the last frame, and the stack goes on: its copy ended, or it has too many frames. */
  readonly cut?: true;
}

/** What an event needs from outside of its bytes, as long as the process lives (also after the source is closed). */
export interface EventServices {
  /** The kernel's print format of tracepoint `formatId` evaluated on `raw`. A DecodeError when `raw` is no record of it. */
  printText(formatId: number, raw: Uint8Array, cpu: number): string;
  /** The print format of tracepoint `formatId`; undefined where libtraceevent cannot parse it. */
  printTree(formatId: number): PrintTree | undefined;
  /** The kernel symbol that a print format shows for an address. */
  printSymbol(address: bigint): PrintSymbol | undefined;
  /**
   * The frames of a sample's stack, innermost first.
   *
   * @param chain Of the u64 nr in the view, which its addresses follow
   * @param timeNs When: what the process had mapped then
   * @param userStack Of the user's registers and copied stack (the u64 abi), -1 without
   * @param most Frames of a stack with a copied one: perf_event_attr.sample_max_stack, which the kernel applies to its own side only
   */
  callchain(
    view: DataView,
    chain: number,
    pid: number,
    timeNs: number,
    userStack: number,
    most?: number,
  ): readonly Frame[];
  /** Name of thread `tid` at `timeNs`, `"<...>"` when nobody knows. */
  comm(tid: number, timeNs: number): string;
  /** Event time -> ns since the Unix epoch. */
  realtimeNs(timeNs: bigint): bigint;
  /** The same, rounded to a double: the way that makes no BigInt. */
  realtimeNumber(timeNs: number): number;
  /** What is to be added to an event time for the wall clock. */
  realtimeOffset(timeNs: number): Moment;
}
