/**
 * One address -> its frame, or with source lines its frames: those of the functions that the compiler put into it come first.
 * Owns what is remembered of symbols, by file and offset: the same in all processes that have the file mapped.
 *
 * Bound: MAX_SYMBOLS symbols; when there are more, all are forgotten.
 *
 * @module
 */

import { type AddressSpace, isAnonymous, type Mapping, mappingAt } from "./address_space.ts";
import { JitCode } from "./jit_code.ts";
import type { Mappings } from "./mappings.ts";
import type { Frame } from "./event_services.ts";
import type { SourceLine, SymbolAt, Symbolizer, UnwindModule } from "./symbolizer.ts";
import type { UnknownFrames } from "./unknown_frames.ts";

const MAX_SYMBOLS = 65536;
const UNKNOWN_SYMBOL = "Unknown";

/** What is remembered of a place in a file. */
interface Place {
  readonly symbol: SymbolAt;
  readonly buildId: string | undefined;
  /** By the address that is asked for its line: a return address is the next instruction's. */
  lines: readonly SourceLine[] | undefined;
}

/** Makes frames. */
export class Frames {
  readonly #symbolizer: Symbolizer;
  readonly #mappings: Mappings;
  readonly #lines: boolean;
  readonly #unknown: UnknownFrames;
  readonly #jit: JitCode;
  readonly #kernel = new Map<bigint, Frame>();
  /** By file, then by offset in it, doubled; odd for return addresses. */
  readonly #places = new Map<number, Map<bigint, Place>>();
  #placeCount = 0;
  readonly #modules = new WeakMap<AddressSpace, readonly UnwindModule[]>();

  /** @param lines Source lines and inlined functions are wanted */
  constructor(symbolizer: Symbolizer, mappings: Mappings, lines: boolean, unknown: UnknownFrames) {
    this.#symbolizer = symbolizer;
    this.#jit = new JitCode(symbolizer);
    this.#mappings = mappings;
    this.#lines = lines;
    this.#unknown = unknown;
  }

  /** The frame of a kernel address. */
  kernel(addr: bigint): Frame {
    let frame = this.#kernel.get(addr);
    if (frame === undefined) {
      if (this.#kernel.size >= MAX_SYMBOLS) this.#kernel.clear();
      const symbol = this.#symbolizer.kernel(addr);
      frame = frameOf(addr, symbol, true, symbol.module === "" ? "[kernel.kallsyms]" : `[${symbol.module}]`);
      this.#kernel.set(addr, frame);
    }
    this.#unknown.add(frame);
    return frame;
  }

  /**
   * The frames of a user address, innermost first.
   *
   * @param back 1 where the symbol is that of the instruction before: of return addresses that were found by unwinding
   * @param isReturn The line is that of the instruction before
   * @returns True where a JIT compiler was asked, who may know better later
   */
  user(into: Frame[], space: AddressSpace, pid: number, addr: bigint, back: number, isReturn: boolean): boolean {
    const mapping = mappingAt(space, addr);
    const before = into.length;
    const isJit = mapping !== undefined && isAnonymous(mapping);
    if (mapping === undefined) into.push(frameOf(addr, NOTHING_MAPPED, false, "[unknown]"));
    else if (isJit) into.push(this.#jitFrame(mapping, addr));
    else this.#fileFrames(into, mapping, pid, addr, back, isReturn);
    for (let i = before; i < into.length; i++) this.#unknown.add(into[i]!);
    return isJit;
  }

  /** The files of an address space, for unwinding: the same array each time. */
  modules(space: AddressSpace, pid: number): readonly UnwindModule[] {
    let modules = this.#modules.get(space);
    if (modules === undefined) {
      modules = space.mappings.filter((mapping) => !isAnonymous(mapping))
        .map((mapping) => ({
          start: mapping.start,
          end: mapping.end,
          pgoff: mapping.pgoff,
          dso: this.#open(mapping, pid),
        }));
      this.#modules.set(space, modules);
    }
    return modules;
  }

  /** The map is named after the process that mapped the memory, as perf does: a child of it has the same code. */
  #jitFrame({ pid, start }: Mapping, addr: bigint): Frame {
    const symbol = this.#jit.symbol(pid, addr);
    const known = symbol.name === undefined ? { ...symbol, offset: Number(addr - start) } : symbol;
    return frameOf(addr, known, false, `/tmp/perf-${pid}.map`);
  }

  #fileFrames(into: Frame[], mapping: Mapping, pid: number, addr: bigint, back: number, isReturn: boolean): void {
    const { path, start, pgoff } = mapping;
    const place = this.#place(this.#open(mapping, pid), addr - start + pgoff, back, isReturn);
    const { symbol, buildId } = place;
    const frame = frameOf(addr, symbol, false, path, buildId);
    const lines = place.lines ?? [];
    const own = lines.at(-1);
    for (const { function: name, file, line, inlined } of lines) {
      if (inlined) into.push(Object.freeze({ addr, symbol: name, offset: 0, kernel: false, dso: path, file, line, inlined }));
    }
    into.push(own === undefined || own.inlined ? frame : Object.freeze({ ...frame, file: own.file, line: own.line }));
  }

  #place(dso: number, fileOffset: bigint, back: number, isReturn: boolean): Place {
    let places = this.#places.get(dso);
    if (places === undefined) this.#places.set(dso, places = new Map());
    const key = fileOffset * 2n + (isReturn ? 1n : 0n);
    let place = places.get(key);
    if (place === undefined) {
      if (++this.#placeCount > MAX_SYMBOLS) this.#forget();
      const symbol = this.#symbolAt(dso, fileOffset, back);
      place = {
        symbol,
        buildId: symbol.name === undefined ? this.#symbolizer.buildId(dso) : undefined,
        lines: this.#lines ? this.#symbolizer.lines(dso, fileOffset - (isReturn ? 1n : 0n)) : undefined,
      };
      places.set(key, place);
    }
    return place;
  }

  /** Nothing before the address, but something at it: that is where a signal's handler returns to, and no call was before it. */
  #symbolAt(dso: number, fileOffset: bigint, back: number): SymbolAt {
    if (back > 0) {
      const before = this.#symbolizer.fileSymbol(dso, fileOffset - BigInt(back));
      if (before.name !== undefined) return { ...before, offset: before.offset + back };
    }
    return this.#symbolizer.fileSymbol(dso, fileOffset);
  }

  #forget(): void {
    for (const places of this.#places.values()) places.clear();
    this.#placeCount = 1;
  }

  /** A file is looked for where the process that mapped it sees it; when that has ended, where one of its kind does. */
  #open(mapping: Mapping, pid: number): number {
    if (mapping.dso < 0) {
      const parent = pid === mapping.pid ? this.#mappings.ancestor(pid) : pid;
      mapping.dso = this.#symbolizer.openFile({ ...mapping, parent });
    }
    return mapping.dso;
  }
}

const NOTHING_MAPPED: SymbolAt = { name: undefined, offset: 0, module: "", reason: "nothing is mapped there" };

function frameOf(addr: bigint, { name, offset, reason }: SymbolAt, kernel: boolean, dso: string, buildId?: string): Frame {
  if (name !== undefined) return Object.freeze({ addr, symbol: name, offset, kernel, dso });
  const frame = { addr, symbol: UNKNOWN_SYMBOL, offset, kernel, dso, reason };
  return Object.freeze(buildId === undefined ? frame : { ...frame, build_id: buildId });
}
