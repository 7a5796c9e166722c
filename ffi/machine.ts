/**
 * lib/source.ts's Machine over the kernel that runs here: tracefs, formats, tasks, attrs.
 *
 * @module
 */

import type { PrintSymbol, PrintTree, TracepointFormat } from "../lib/format.ts";
import type { Machine, TaskName } from "../lib/machine.ts";
import { type Source, SourceError, type SourceRequest } from "../lib/source.ts";
import type { Symbolizer } from "../lib/symbolizer.ts";
import { parseCpuList } from "../lib/option_values.ts";
import { ABI } from "./abi.ts";
import { Formats } from "./formats.ts";
import { type Bytes, call, callForBytes, callForText, cString, NativeError } from "./library.ts";
import { openLive } from "./live_source.ts";
import { NativeProbes } from "./probes.ts";
import { orSourceError } from "./source_error.ts";
import { NativeSymbolizer } from "./symbolizer.ts";

/** First sizes of buffers, in bytes: most files and formats fit. */
const FILE_SIZE = 4096;
const FOLDER_SIZE = 16 * 1024;
const TASKS_SIZE = 1024 * ABI.structs.pp_task.size;
/** Systems of dynamic probes, of this perfprof and of others. */
const PROBE_GROUP = /^perfprof_\d+_\d+$/;
/** errno(3). */
const EACCES = 13;
/** AT_PAGESZ of the auxiliary vector (getauxval(3)). */
const AT_PAGESZ = 6n;

/** This machine. */
export class NativeMachine implements Machine {
  readonly pageSize = readPageSize();
  readonly probes = new NativeProbes(() => this.#tracefsPath(), (path) => this.kernelFile(path));
  readonly #decoder = new TextDecoder();
  #tracefs: string | undefined;
  #formats: Formats | undefined;
  /** By whether names are left mangled: they live as long as the process, and so there is no more than one of each. */
  readonly #symbolizers = new Map<boolean, Symbolizer>();

  onlineCpus(): number[] {
    return parseCpuList("/sys/devices/system/cpu/online", this.kernelFile("/sys/devices/system/cpu/online")?.trim() ?? "0");
  }

  kernelFile(path: string): string | undefined {
    try {
      return callForText(
        FILE_SIZE,
        (library, buffer, error) => library.pp_kernel_file_read(cString(path), buffer, buffer.length, error),
      );
    } catch (error) {
      if (error instanceof NativeError && error.code === "PP_E_FILE") return undefined;
      throw error;
    }
  }

  kernelFolder(path: string): string[] {
    return entriesOf(path).map((entry) => entry.replace(/\/$/, ""));
  }

  systems(): string[] {
    return folders(`${this.#tracefsPath()}/events`).filter((system) => !PROBE_GROUP.test(system));
  }

  names(system: string): string[] {
    return folders(`${this.#tracefsPath()}/events/${system}`);
  }

  format(system: string, name: string): TracepointFormat {
    return orSourceError(() => this.#openFormats().load(system, name));
  }

  printText(formatId: number, raw: Bytes, cpu: number): string {
    return this.#openFormats().print(formatId, raw, cpu);
  }

  printTree(formatId: number): PrintTree | undefined {
    return this.#openFormats().printTree(formatId);
  }

  printSymbol(address: bigint): PrintSymbol | undefined {
    return this.#openFormats().printSymbol(address);
  }

  accepts(attr: Bytes): boolean {
    try {
      call((library, error) => library.pp_attr_probe(attr, attr.length, error));
      return true;
    } catch (error) {
      if (error instanceof NativeError && error.code === "PP_E_OPEN") return false;
      throw error;
    }
  }

  tasks(): TaskName[] {
    const { size, fields } = ABI.structs.pp_task;
    const { result, buffer } = callForBytes(
      TASKS_SIZE,
      (library, buffer, error) => library.pp_tasks_read(buffer, buffer.length, error),
    );
    const view = new DataView(buffer.buffer);
    return Array.from({ length: result }, (_, i) => {
      const comm = buffer.subarray(i * size + fields.comm.offset, i * size + fields.comm.offset + fields.comm.size);
      return {
        pid: view.getUint32(i * size + fields.pid.offset, true),
        tid: view.getUint32(i * size + fields.tid.offset, true),
        comm: this.#decoder.decode(comm.subarray(0, comm.indexOf(0))),
      };
    });
  }

  symbolizer(mangled: boolean): Symbolizer {
    const symbolizer = this.#symbolizers.get(mangled) ?? orSourceError(() => new NativeSymbolizer(mangled));
    this.#symbolizers.set(mangled, symbolizer);
    return symbolizer;
  }

  open(request: SourceRequest): Source {
    return openLive(request);
  }

  #openFormats(): Formats {
    return this.#formats ??= new Formats(this.#tracefsPath());
  }

  /** Where tracefs is; mounted when it is nowhere, as perf does. */
  #tracefsPath(): string {
    this.#tracefs ??= orSourceError(() =>
      callForText(FILE_SIZE, (library, buffer, error) => library.pp_tracefs_path(1, buffer, buffer.length, error))
    );
    return this.#tracefs;
  }
}

/** Names of the folders in a folder of tracefs. */
function folders(path: string): string[] {
  return entriesOf(path).filter((entry) => entry.endsWith("/")).map((entry) => entry.slice(0, -1));
}

/**
 * Names in a folder, those of folders with a `/` behind them; none when it is not there. C reads it: Deno reads /proc and /sys only
 * for programs that may do everything.
 *
 * @throws {SourceError} This user may not read it
 */
function entriesOf(path: string): string[] {
  try {
    const text = callForText(
      FOLDER_SIZE,
      (library, buffer, error) => library.pp_kernel_folder_read(cString(path), buffer, buffer.length, error),
    );
    return text.split("\n").slice(0, -1);
  } catch (error) {
    if (!(error instanceof NativeError) || error.code !== "PP_E_FILE") throw error;
    if (error.sysErrno === EACCES) throw new SourceError("tracefs", `reading ${path}`, EACCES);
    return [];
  }
}

/** From the auxiliary vector, pairs of u64: type, value. */
function readPageSize(): number {
  const { result, buffer } = callForBytes(
    FILE_SIZE,
    (library, buffer, error) => library.pp_kernel_file_read(cString("/proc/self/auxv"), buffer, buffer.length, error),
  );
  const view = new DataView(buffer.buffer);
  for (let at = 0; at + 16 <= result; at += 16) {
    if (view.getBigUint64(at, true) === AT_PAGESZ) return Number(view.getBigUint64(at + 8, true));
  }
  return FILE_SIZE;
}
