/**
 * The machine that a recording was made on, as far as the recording tells of it: tracepoints with their formats, and symbols where
 * they can be had. Of the machine that runs here it asks nothing but symbols, and those of the kernel only where it is the very
 * one: same build, same place in memory.
 *
 * @module
 */

import type { RecordedFormats, Recording, RecordingHost } from "./recording.ts";
import type { PrintSymbol, PrintTree, TracepointFormat } from "./format.ts";
import type { Machine, TaskName } from "./machine.ts";
import type { Probes } from "./probes.ts";
import { type Source, SourceError } from "./source.ts";
import type { MappedFile, SymbolAt, Symbolizer } from "./symbolizer.ts";

/** errno(3). */
const ENOENT = 2;
/** struct elf_note: u32 name and description sizes, u32 type; NT_GNU_BUILD_ID of elf.h. */
const NOTE_HEAD = 12, NT_GNU_BUILD_ID = 3;
/** What is at the start of a kernel's text, by one of its names. */
const TEXT_SYMBOL = /^(?:__pi_)?(?:_s?text|_head|startup_64)$/;

/** The machine of a recording. */
export class RecordedMachine implements Machine {
  readonly pageSize: number;
  readonly probes: Probes;
  readonly #recording: Recording;
  readonly #formats: RecordedFormats;
  readonly #host: RecordingHost;
  readonly #here: Machine;
  readonly #say: (line: string) => void;
  #isSame: boolean | undefined;
  #printsReady = false;

  /**
   * @param here The machine that runs this
   * @param say Takes a line for the user
   */
  constructor(recording: Recording, host: RecordingHost, here: Machine, say: (line: string) => void) {
    this.pageSize = here.pageSize;
    this.probes = here.probes;
    this.#recording = recording;
    this.#formats = host.formats();
    this.#host = host;
    this.#here = here;
    this.#say = say;
  }

  onlineCpus(): number[] {
    return [];
  }

  /** Files of /proc and /sys tell of the machine here. */
  kernelFile(): undefined {
    return undefined;
  }

  kernelFolder(): string[] {
    return [];
  }

  systems(): string[] {
    return [...new Set(this.#recordedFormats().map(({ system }) => system))];
  }

  names(system: string): string[] {
    return this.#recordedFormats().filter((format) => format.system === system).map(({ name }) => name);
  }

  format(system: string, name: string): TracepointFormat {
    const recorded = this.#recordedFormats().find((format) => format.system === system && format.name === name);
    if (recorded === undefined) throw new SourceError("format", `finding ${system}:${name} in the recording`, ENOENT);
    return this.#formats.parse(system, recorded.text);
  }

  printText(formatId: number, raw: Uint8Array, cpu: number): string {
    return this.#prints().print(formatId, raw, cpu);
  }

  printTree(formatId: number): PrintTree | undefined {
    return this.#prints().printTree(formatId);
  }

  printSymbol(address: bigint): PrintSymbol | undefined {
    return this.#prints().printSymbol(address);
  }

  accepts(): boolean {
    return false;
  }

  tasks(): TaskName[] {
    return [];
  }

  symbolizer(mangled: boolean): Symbolizer {
    return new RecordedSymbolizer(this.#here.symbolizer(mangled), this.#recording.buildIds, () => this.isSameKernel());
  }

  open(): Source {
    throw new TypeError("open events on a recording's machine failed: they are opened by openRecorded()");
  }

  /** Is the kernel that runs here the recording's, started at the same address? Asked when the first symbol is. */
  isSameKernel(): boolean {
    if (this.#isSame !== undefined) return this.#isSame;
    const { kernelBuildId, osRelease, file } = this.#recording;
    const running = this.#here.kernelFile("/proc/sys/kernel/osrelease")?.trim();
    const notes = this.#host.kernelNotes();
    const sameBuild = osRelease === running &&
      (kernelBuildId === undefined || notes !== undefined && buildIdOf(notes)?.toString() === kernelBuildId.toString());
    this.#isSame = sameBuild && this.#isTextAt(file.kernelText);
    if (!this.#isSame) {
      this.#say("perfprof: the recording is of another kernel, or of another boot of it: kernel addresses have no symbols");
    }
    return this.#isSame;
  }

  #isTextAt(address: bigint): boolean {
    if (address === 0n) return false;
    const { name, offset } = this.#here.symbolizer(true).kernel(address);
    return offset === 0 && name !== undefined && TEXT_SYMBOL.test(name);
  }

  #recordedFormats() {
    return [...this.#recording.tracing.formats.values()];
  }

  #prints(): RecordedFormats {
    if (!this.#printsReady) this.#formats.recorded(this.#recording.tracing.printk, this.isSameKernel());
    this.#printsReady = true;
    return this.#formats;
  }
}

/** The build id in the notes of an ELF file; undefined where there is none. */
function buildIdOf(notes: Uint8Array): Uint8Array | undefined {
  const view = new DataView(notes.buffer, notes.byteOffset, notes.byteLength);
  const padded = (size: number) => Math.ceil(size / 4) * 4;
  for (let at = 0; at + NOTE_HEAD <= notes.length;) {
    const nameSize = view.getUint32(at, true);
    const size = view.getUint32(at + 4, true);
    const start = at + NOTE_HEAD + padded(nameSize);
    if (view.getUint32(at + 8, true) === NT_GNU_BUILD_ID && nameSize === 4) return notes.subarray(start, start + size);
    at = start + padded(size);
  }
  return undefined;
}

/** Symbols for the addresses of a recording: of files with the very build ids that were recorded, never by way of /proc/PID. */
class RecordedSymbolizer implements Symbolizer {
  readonly #files: Symbolizer;
  readonly #buildIds: ReadonlyMap<string, Uint8Array>;
  readonly #isSameKernel: () => boolean;

  constructor(files: Symbolizer, buildIds: ReadonlyMap<string, Uint8Array>, isSameKernel: () => boolean) {
    this.#files = files;
    this.#buildIds = buildIds;
    this.#isSameKernel = isSameKernel;
  }

  kernel(address: bigint): SymbolAt {
    if (this.#isSameKernel()) return this.#files.kernel(address);
    return { name: undefined, offset: 0, module: "", reason: "no symbol covers it" };
  }

  openFile(file: MappedFile): number {
    const recorded = file.buildId.length > 0 ? file.buildId : this.#buildIds.get(file.path);
    // The process that runs here under that number is another one.
    return this.#files.openFile({ ...file, pid: 0, parent: 0, buildId: recorded ?? file.buildId });
  }

  fileSymbol(dso: number, fileOffset: bigint): SymbolAt {
    return this.#files.fileSymbol(dso, fileOffset);
  }

  buildId(dso: number): string | undefined {
    return this.#files.buildId(dso);
  }

  jit(): SymbolAt {
    return { name: undefined, offset: 0, module: "", reason: "no JIT map" };
  }

  lines(dso: number, fileOffset: bigint) {
    return this.#files.lines(dso, fileOffset);
  }

  unwind(...stack: Parameters<Symbolizer["unwind"]>) {
    return this.#files.unwind(...stack);
  }
}
