/**
 * lib/source.ts's Machine over the kernel that runs here: tracefs, formats, tasks, attrs. Formats and print text live as long as the
 * process, so that an event that is kept can be printed after its session is closed.
 *
 * @module
 */

import type { Machine, Source, SourceRequest, TaskName, TracepointFormat } from "../lib/source.ts";
import { parseCpuList } from "../lib/option_values.ts";
import { ABI } from "./abi.ts";
import { type Bytes, call, callForBytes, callForText, cString, type Handle, NativeError, outPointer } from "./library.ts";
import { openLive } from "./live_source.ts";
import { orSourceError } from "./source_error.ts";

/** First sizes of buffers, in bytes: most files and formats fit. */
const FILE_SIZE = 4096;
const FORMAT_SIZE = 16 * 1024;
const TASKS_SIZE = 1024 * ABI.structs.pp_task.size;
/** The longest print text: the kernel's own trace_seq is a page or two. */
const TEXT_SIZE = 16 * 1024;
/** AT_PAGESZ of the auxiliary vector (getauxval(3)). */
const AT_PAGESZ = 6n;

/** This machine. */
export class NativeMachine implements Machine {
  readonly pageSize = readPageSize();
  readonly #text = new Uint8Array(TEXT_SIZE);
  readonly #decoder = new TextDecoder();
  #tracefs: string | undefined;
  #formats: Handle | undefined;

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

  systems(): string[] {
    return folders(`${this.#tracefsPath()}/events`);
  }

  names(system: string): string[] {
    return folders(`${this.#tracefsPath()}/events/${system}`);
  }

  format(system: string, name: string): TracepointFormat {
    const formats = this.#openFormats();
    const json = orSourceError(() =>
      callForText(
        FORMAT_SIZE,
        (library, buffer, error) =>
          library.pp_format_load(formats, cString(system), cString(name), buffer, buffer.length, error),
      )
    );
    return JSON.parse(json);
  }

  printText(formatId: number, raw: Bytes, cpu: number): string {
    const formats = this.#openFormats();
    const length = call((library, error) =>
      library.pp_format_print(formats, formatId, raw, raw.length, cpu, this.#text, this.#text.length, error)
    );
    return this.#decoder.decode(this.#text.subarray(0, length));
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

  open(request: SourceRequest): Source {
    return openLive(request);
  }

  #openFormats(): Handle {
    this.#formats ??= outPointer((library, out, error) =>
      library.pp_formats_new(cString(this.#tracefsPath()), new Uint8Array(out.buffer), error)
    );
    return this.#formats;
  }

  /** Where tracefs is; mounted when it is nowhere, as perf does. */
  #tracefsPath(): string {
    this.#tracefs ??= orSourceError(() =>
      callForText(FILE_SIZE, (library, buffer, error) => library.pp_tracefs_path(1, buffer, buffer.length, error))
    );
    return this.#tracefs;
  }
}

/** Names of the folders in a folder; none when it is not there. */
function folders(path: string): string[] {
  try {
    return [...Deno.readDirSync(path)].filter(({ isDirectory }) => isDirectory).map(({ name }) => name);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory) return [];
    throw error;
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
