/**
 * Symbols of code that JIT compilers made, by their maps. The maps grow and change, so what is remembered of a process lasts for
 * JIT_MS: long enough that a flood of its stacks does not ask for the same again and again.
 *
 * @module
 */

import type { SymbolAt, Symbolizer } from "./symbolizer.ts";

/** ms. Stacks with such frames are remembered no longer either. */
export const JIT_MS = 100;
/** More processes than this are forgotten at once. */
const MOST_PROCESSES = 1024;

interface Process {
  readonly untilMs: number;
  /** Why no address of it has a symbol: there is no map, or none to be trusted. */
  none: SymbolAt | undefined;
  readonly symbols: Map<bigint, SymbolAt>;
}

/** What JIT compilers tell of their code. */
export class JitCode {
  readonly #symbolizer: Symbolizer;
  readonly #processes = new Map<number, Process>();

  constructor(symbolizer: Symbolizer) {
    this.#symbolizer = symbolizer;
  }

  symbol(pid: number, addr: bigint): SymbolAt {
    const process = this.#process(pid);
    if (process.none !== undefined) return process.none;
    let symbol = process.symbols.get(addr);
    if (symbol !== undefined) return symbol;
    symbol = this.#symbolizer.jit(pid, addr);
    if (symbol.reason === "no JIT map" || symbol.reason === "the JIT map is not the process's own") process.none = symbol;
    process.symbols.set(addr, symbol);
    return symbol;
  }

  #process(pid: number): Process {
    const now = performance.now();
    let process = this.#processes.get(pid);
    if (process !== undefined && now < process.untilMs) return process;
    if (this.#processes.size >= MOST_PROCESSES) this.#processes.clear();
    process = { untilMs: now + JIT_MS, none: undefined, symbols: new Map() };
    this.#processes.set(pid, process);
    return process;
  }
}
