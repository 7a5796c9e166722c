/**
 * The interface of what turns addresses into names, and stacks that were copied into addresses. ffi/symbolizer.ts implements it over
 * the C library, recordings over their own build ids.
 *
 * @module
 */

/** Why an address has no symbol: enum pp_unknown, of the same order. */
export const UNKNOWN = [
  "known",
  "kernel addresses are hidden",
  "no symbol covers it",
  "the file is stripped",
  "the file is gone",
  "the file was replaced",
  "the file is not readable",
  "the file is damaged",
  "no JIT map",
  "the JIT map is not the process's own",
  "nothing is mapped there",
  "there are too many files",
] as const;
export type UnknownReason =
  | typeof UNKNOWN[number]
  // Of recordings, said by lib/recorded_symbols.ts.
  | "its kernel's symbols are not here"
  | "the recorded file is not here"
  | "a recording has no JIT maps";

/** What an address is. */
export interface SymbolAt {
  /** Undefined where it is unknown. */
  readonly name: string | undefined;
  /** Of the address from the symbol's start, or where it is unknown from the start of the dso. */
  readonly offset: number;
  /** Of a kernel symbol: the module that it is in, `""` for the kernel itself. */
  readonly module: string;
  /** `known` where it is. */
  readonly reason: UnknownReason;
}

/** A file that a process has mapped to be executed. */
export interface MappedFile {
  readonly start: bigint;
  readonly end: bigint;
  /** Offset of `start` in the file. */
  readonly pgoff: bigint;
  /** 0n where nobody told. */
  readonly inode: bigint;
  readonly major: number;
  readonly minor: number;
  /** Whose mount namespace `path` is of. */
  readonly pid: number;
  /** A process whose namespace will do where `pid` has ended, 0 for none. */
  readonly parent: number;
  /** Empty where nobody told. */
  readonly buildId: Uint8Array;
  /** As the process sees it. */
  readonly path: string;
}

/** A place in source text; inlined functions come before the one that has their code. */
export interface SourceLine {
  readonly function: string;
  readonly file: string;
  readonly line: number;
  readonly inlined: boolean;
}

/** A mapping of an address space that is to be unwound. */
export interface UnwindModule {
  readonly start: bigint;
  readonly end: bigint;
  readonly pgoff: bigint;
  readonly dso: number;
}

/** A user stack as unwound: the ip, then return addresses. */
export interface Unwound {
  readonly addresses: BigUint64Array;
  /** `cut`: the copied bytes end before the stack does, or there are more frames than asked for; `lost`: a frame has no unwind information. */
  readonly end: "whole" | "cut" | "lost";
}

/** Turns addresses into names. It lives as long as the process: a kept event may ask at any time. Nothing of it is fast: callers cache. */
export interface Symbolizer {
  kernel(address: bigint): SymbolAt;
  /** The number of a file; of one that cannot be read as well. */
  openFile(file: MappedFile): number;
  fileSymbol(dso: number, fileOffset: bigint): SymbolAt;
  /** In hexadecimal; undefined where the file has none. */
  buildId(dso: number): string | undefined;
  /** Of code that is in no file. */
  jit(pid: number, address: bigint): SymbolAt;
  /** None where there is no debug information. @throws {SourceError} libdw is not installed */
  lines(dso: number, fileOffset: bigint): SourceLine[];
  /**
   * Unwinds a user stack by the files' unwind information.
   *
   * @param modules Ascending; the same array for the same address space
   * @param regs One for each bit of `regsMask`, PERF_SAMPLE_REGS_USER
   * @param stack At the stack pointer, PERF_SAMPLE_STACK_USER
   * @throws {SourceError} libdw is not installed
   */
  unwind(modules: readonly UnwindModule[], regs: BigUint64Array, regsMask: bigint, stack: Uint8Array, most: number): Unwound;
}
