/**
 * Symbols for the addresses of a recording: of files with the very build ids that were recorded, at their paths or in perf's build-id
 * cache, and of the recording's kernel. Never by way of /proc/PID, nor by a JIT compiler's map: the process that has the number now
 * is another one, and a map outlives its process.
 *
 * @module
 */

import type { RecordedKernel } from "./recorded_kernel.ts";
import type { RecordingSymbolizer } from "./recording.ts";
import type { MappedFile, SymbolAt, Symbolizer, UnknownReason } from "./symbolizer.ts";

const VDSO = "[vdso]";
/** A build id that no file has: what has it is not found. */
const NO_FILE = new Uint8Array(1);

/** The symbolizer of a recording. */
export class RecordedSymbols implements Symbolizer {
  readonly #files: RecordingSymbolizer;
  readonly #buildIds: ReadonlyMap<string, Uint8Array>;
  readonly #kernel: RecordedKernel;
  #hasKernel: boolean | undefined;

  /** @param buildIds Of files, by their paths, where their mappings do not tell */
  constructor(files: RecordingSymbolizer, buildIds: ReadonlyMap<string, Uint8Array>, kernel: RecordedKernel) {
    this.#files = files;
    this.#buildIds = buildIds;
    this.#kernel = kernel;
  }

  kernel(address: bigint): SymbolAt {
    this.#hasKernel ??= this.#kernel.symbols((place) => this.#files.recordedKernel(place));
    return this.#hasKernel ? this.#files.kernel(address) : unknown("its kernel's symbols are not here");
  }

  openFile(file: MappedFile): number {
    const recorded = file.buildId.length > 0 ? file.buildId : this.#buildIds.get(file.path);
    return this.#files.openFile({ ...file, pid: 0, parent: 0, buildId: recorded ?? this.#unrecorded(file) });
  }

  fileSymbol(dso: number, fileOffset: bigint): SymbolAt {
    const symbol = this.#files.fileSymbol(dso, fileOffset);
    const isGone = symbol.reason === "the file is gone" || symbol.reason === "the file was replaced";
    return isGone ? { ...symbol, reason: "the recorded file is not here" } : symbol;
  }

  buildId(dso: number): string | undefined {
    return this.#files.buildId(dso);
  }

  jit(): SymbolAt {
    return unknown("a recording has no JIT maps");
  }

  lines(dso: number, fileOffset: bigint) {
    return this.#files.lines(dso, fileOffset);
  }

  unwind(...stack: Parameters<Symbolizer["unwind"]>) {
    return this.#files.unwind(...stack);
  }

  /** The vdso is a part of the kernel: without a build id it is that of the kernel here only where the kernel is. */
  #unrecorded({ path, buildId }: MappedFile): Uint8Array {
    return path === VDSO && !this.#kernel.isRunning ? NO_FILE : buildId;
  }
}

function unknown(reason: UnknownReason): SymbolAt {
  return { name: undefined, offset: 0, module: "", reason };
}
