/**
 * The machine that a recording was made on, as far as the recording tells of it: tracepoints with their formats, and symbols where
 * they can be had (recorded_symbols.ts). Of the machine that runs here it asks nothing else.
 *
 * @module
 */

import type { RecordedFormats, Recording, RecordingHost } from "./recording.ts";
import type { PrintSymbol, PrintTree, TracepointFormat } from "./format.ts";
import type { Machine, TaskName } from "./machine.ts";
import type { Probes } from "./probes.ts";
import { RecordedKernel } from "./recorded_kernel.ts";
import { RecordedSymbols } from "./recorded_symbols.ts";
import { type Source, SourceError } from "./source.ts";
import type { Symbolizer } from "./symbolizer.ts";

/** errno(3). */
const ENOENT = 2;
/** What a print format shows as a symbol of the kernel (Documentation/core-api/printk-formats.rst). */
const KERNEL_SYMBOL = /^print fmt:.*%p[sSfFB]/m;

/** The machine of a recording. */
export class RecordedMachine implements Machine {
  readonly pageSize: number;
  readonly probes: Probes;
  readonly #recording: Recording;
  readonly #formats: RecordedFormats;
  readonly #host: RecordingHost;
  readonly #kernel: RecordedKernel;
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
    const release = here.kernelFile("/proc/sys/kernel/osrelease")?.trim() ?? "";
    this.#kernel = new RecordedKernel(recording, host, release, say);
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
    return new RecordedSymbols(this.#host.symbolizer(mangled), this.#recording.buildIds, this.#kernel);
  }

  open(): Source {
    throw new TypeError("open events on a recording's machine failed: they are opened by openRecorded()");
  }

  #recordedFormats() {
    return [...this.#recording.tracing.formats.values()];
  }

  #prints(): RecordedFormats {
    if (this.#printsReady) return this.#formats;
    this.#printsReady = true;
    this.#formats.recorded(this.#recording.tracing.printk);
    const wantsSymbols = this.#recordedFormats().some(({ text }) => KERNEL_SYMBOL.test(text));
    if (wantsSymbols) this.#kernel.symbols((place) => this.#formats.recordedKernel(place));
    return this.#formats;
  }
}
