/**
 * The kernel of a recording: where its symbols are to be had. From the kernel that runs here only where that is of the very same
 * build, moved where it lies elsewhere (KASLR); of another one from perf's build-id cache; else there are none, and it is said.
 *
 * @module
 */

import type { KernelPlace, Recording, RecordingHost } from "./recording.ts";
import { SourceError } from "./source.ts";

/** errno(3). */
const ENOENT = 2, EPERM = 1;
/** struct elf_note: u32 name and description sizes, u32 type; NT_GNU_BUILD_ID of elf.h. */
const NOTE_HEAD = 12, NT_GNU_BUILD_ID = 3;
const RUNNING = new Uint8Array();

/** Says once what is to be known of its symbols. */
export class RecordedKernel {
  readonly #recording: Recording;
  readonly #host: RecordingHost;
  readonly #runningRelease: string;
  readonly #say: (line: string) => void;
  readonly #said = new Set<string>();
  #isRunning: boolean | undefined;

  /**
   * @param runningRelease Of the kernel that runs here, as uname(1) -r has it
   * @param say Takes a line for the user
   */
  constructor(recording: Recording, host: RecordingHost, runningRelease: string, say: (line: string) => void) {
    this.#recording = recording;
    this.#host = host;
    this.#runningRelease = runningRelease;
    this.#say = say;
  }

  /** Is the kernel that runs here of the same build? */
  get isRunning(): boolean {
    this.#isRunning ??= this.#recording.osRelease === this.#runningRelease && this.#isRunningBuild();
    return this.#isRunning;
  }

  /**
   * Where a recording tells of the place only in its records, it is to be called when some were read.
   *
   * @param take Takes the symbols in, and says whether they were moved. @throws {SourceError} There are none
   * @returns False: it has none
   */
  symbols(take: (place: KernelPlace) => boolean): boolean {
    const { file: { kernelText: text }, kernelBuildId } = this.#recording;
    if (text === 0n) return this.#none("the recording does not tell where the kernel lay");
    let failure: SourceError | undefined;
    for (const buildId of [...(this.isRunning ? [RUNNING] : []), ...(kernelBuildId === undefined ? [] : [kernelBuildId])]) {
      try {
        if (take({ text, buildId })) this.#tell(MOVED);
        return true;
      } catch (error) {
        if (!(error instanceof SourceError)) throw error;
        failure = error;
      }
    }
    return this.#none(this.isRunning ? HIDDEN : this.#notCached(failure));
  }

  #isRunningBuild(): boolean {
    const { kernelBuildId } = this.#recording;
    if (kernelBuildId === undefined) return true;
    const notes = this.#host.kernelNotes();
    return notes !== undefined && buildIdOf(notes)?.toHex() === kernelBuildId.toHex();
  }

  /** @param failure Of its symbols in the cache; undefined where it has no build id to look there */
  #notCached(failure: SourceError | undefined): string {
    const { osRelease, kernelBuildId } = this.#recording;
    if (osRelease === "") return "the recording does not tell which kernel it is of";
    const other = `the recording is of another kernel, ${osRelease}`;
    if (failure === undefined || kernelBuildId === undefined) return other;
    const id = kernelBuildId.toHex();
    const path = `~/.debug/.build-id/${id.slice(0, 2)}/${id.slice(2)}/kallsyms`;
    const { errno } = failure;
    if (errno === ENOENT) return `${other}; hint: perf archive where it was recorded, or its /proc/kallsyms as ${path}`;
    return `${other}, and ${path} ${errno === EPERM ? "has no addresses, or others may write it" : "cannot be read"}`;
  }

  #none(why: string): false {
    this.#tell(`perfprof: kernel addresses have no symbols: ${why}`);
    return false;
  }

  #tell(line: string): void {
    if (!this.#said.has(line)) this.#say(line);
    this.#said.add(line);
  }
}

const MOVED =
  "perfprof: the recording's kernel was of another boot: its symbols were moved to where it lay, those of modules are missing";
const HIDDEN = "they are hidden from this user (kptr_restrict); hint: sudo sysctl kernel.kptr_restrict=0";

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
