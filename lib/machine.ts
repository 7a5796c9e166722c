/**
 * The interface of a machine: what it has, and the source that it opens. ffi/machine.ts asks the kernel, a recording tells of the
 * machine that it was made on, tests give their own.
 *
 * @module
 */

import type { PrintSymbol, PrintTree, TracepointFormat } from "./format.ts";
import type { Probes } from "./probes.ts";
import type { Source, SourceRequest } from "./source.ts";
import type { Symbolizer } from "./symbolizer.ts";

/** One task of the machine. */
export interface TaskName {
  readonly pid: number;
  readonly tid: number;
  readonly comm: string;
}

/** What this machine has: ffi/machine.ts asks the kernel; tests give their own. */
export interface Machine {
  readonly pageSize: number;
  onlineCpus(): number[];
  /** Text of a file under /proc, /sys or tracefs; undefined when it is not there. */
  kernelFile(path: string): string | undefined;
  /** Names in a folder under /proc or /sys; none when it is not there. */
  kernelFolder(path: string): string[];
  /** Names under tracefs events/. */
  systems(): string[];
  names(system: string): string[];
  format(system: string, name: string): TracepointFormat;
  printText(formatId: number, raw: Uint8Array, cpu: number): string;
  printTree(formatId: number): PrintTree | undefined;
  printSymbol(address: bigint): PrintSymbol | undefined;
  /** Can the kernel open this attr? */
  accepts(attr: Uint8Array<ArrayBuffer>): boolean;
  tasks(): TaskName[];
  /** @param mangled Names of C++ and Rust are left as they are in the files */
  symbolizer(mangled: boolean): Symbolizer;
  readonly probes: Probes;
  /** Opens everything, disabled. */
  open(request: SourceRequest): Source;
}
