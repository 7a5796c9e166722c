/**
 * A recording (perf.data) as the rest of lib/ sees it: its events, the formats of its tracepoints, whose kernel it is of. Reads what
 * the sections of its header hold (tools/perf/util/header.c; Documentation/perf.data-file-format.txt); its records go another way
 * (lib/source.ts). Nothing of it is trusted: a length that leaves its section is an error.
 *
 * @module
 */

import { PerfprofError } from "./errors.ts";
import { SectionReader } from "./section_reader.ts";
import type { PrintSymbol, PrintTree, TracepointFormat } from "./format.ts";
import type { Source } from "./source.ts";
import type { Symbolizer } from "./symbolizer.ts";
import { NO_TRACING_DATA, parseTracingData, type RecordedFormat, type TracingData } from "./tracing_data.ts";

/** Sections of a perf.data, HEADER_* of tools/perf/util/header.h. */
const SECTION = {
  TRACING_DATA: 1,
  BUILD_ID: 2,
  HOSTNAME: 3,
  OSRELEASE: 4,
  ARCH: 6,
  CMDLINE: 11,
  EVENT_DESC: 12,
  CLOCK_DATA: 29,
} as const;
/** PERF_RECORD_MISC_BUILD_ID_SIZE: the 20 bytes are followed by how many of them there are. */
const MISC_BUILD_ID_SIZE = 1 << 15;
const BUILD_ID_MOST = 20;
/** What perf calls the kernel. */
const KERNEL_NAMES = ["[kernel.kallsyms]", "[kernel.vmlinux]", "[kernel]"];
/** enum perf_type_id and perf_sw_ids, where a recording does not name its events. */
const PERF_TYPE_SOFTWARE = 1, PERF_TYPE_TRACEPOINT = 2;

/** An event that is wanted. */
export interface WantedEvent {
  /** The recording's numbers of it: several where one name is there twice. */
  readonly numbers: readonly number[];
  /** Only of these CPUs; none: of all. */
  readonly cpus: readonly number[];
}

/** What is wanted of a recording. */
export interface ReplayOptions {
  /** A sample's index is the place of its event in this list. */
  readonly events: readonly WantedEvent[];
  /** Only samples from here to there, both included. */
  readonly fromNs: bigint;
  readonly toNs: bigint;
  /** Wall clock - clock of the events. */
  readonly offsetNs: bigint;
}

/** The records of a recording. */
export interface ReplaySource extends Source {
  /** Settles when the time of the oldest sample is known, which `clockPair` gives from then on: a pipe may take its time. */
  ready(): Promise<void>;
}

/** An open perf.data: ffi/recording.ts gives it. */
export interface RecordingFile {
  readonly path: string;
  /** How many it has. */
  readonly events: number;
  /** perf record was killed: there are no sections. */
  readonly unfinished: boolean;
  /** It has the form that pipes have. */
  readonly isPipe: boolean;
  /** Where the kernel's text began, 0n while no record has told. */
  readonly kernelText: bigint;
  /** Of the kernel, where a record has told; others have it in a section. */
  readonly kernelBuildId: Uint8Array | undefined;
  /** How far it is read, and where its records end, in bytes; of a pipe that is never. */
  readonly position: { readonly at: number; readonly end: number };
  /** struct perf_event_attr of an event. */
  attr(event: number): Uint8Array<ArrayBuffer>;
  /** A section of its header, empty where there is none. @throws {SourceError} */
  section(feature: number): Uint8Array<ArrayBuffer>;
  open(options: ReplayOptions): ReplaySource;
  close(): void;
}

/** Where the symbols of a recording's kernel are to be had. */
export interface KernelPlace {
  /** Where its _text was. */
  readonly text: bigint;
  /** Of the kernel whose kallsyms is in perf's build-id cache; empty: it is the one that runs here. */
  readonly buildId: Uint8Array;
}

/** Symbols of files and of a recording's kernel. */
export interface RecordingSymbolizer extends Symbolizer {
  /** Kernel addresses are that kernel's from now on. Says whether its symbols were moved. @throws {SourceError} There are none */
  recordedKernel(place: KernelPlace): boolean;
}

/** Parses formats that were recorded, and prints by them. */
export interface RecordedFormats {
  parse(system: string, text: string): TracepointFormat;
  recorded(printk: Uint8Array<ArrayBuffer>): void;
  /** As RecordingSymbolizer's, for what is printed. */
  recordedKernel(place: KernelPlace): boolean;
  print(formatId: number, raw: Uint8Array, cpu: number): string;
  printTree(formatId: number): PrintTree | undefined;
  printSymbol(address: bigint): PrintSymbol | undefined;
}

/** Opens recordings: the C library. */
export interface RecordingHost {
  /** @param path `-` is stdin @throws {SourceError} */
  open(path: string, force: boolean): RecordingFile;
  formats(): RecordedFormats;
  symbolizer(mangled: boolean): RecordingSymbolizer;
  /** ELF notes of the kernel that runs here; undefined where they are not to be read. */
  kernelNotes(): Uint8Array | undefined;
}

/** An event of a recording. */
export interface RecordedEvent {
  readonly index: number;
  /** As perf names it: `sched:sched_switch`, `cpu-clock`, `cycles:u`. */
  readonly name: string;
  readonly attr: Uint8Array<ArrayBuffer>;
  /** Of a tracepoint whose format the recording has. */
  readonly format: RecordedFormat | undefined;
}

/** What a recording says of itself. */
export class Recording {
  readonly file: RecordingFile;
  readonly events: readonly RecordedEvent[];
  readonly tracing: TracingData;
  /** By the paths of files, in hexadecimal; the kernel's own is `kernelBuildId`. */
  readonly buildIds: ReadonlyMap<string, Uint8Array>;
  readonly osRelease: string;
  readonly hostname: string;
  readonly arch: string;
  /** The words of the command that made it; none where it does not tell. */
  readonly commandLine: readonly string[];
  /** Wall clock - clock of the events; undefined where nobody has recorded it. */
  readonly offsetNs: bigint | undefined;

  /** @throws {PerfprofError} A section makes no sense */
  constructor(file: RecordingFile) {
    this.file = file;
    const read = <T>(name: keyof typeof SECTION, parse: (reader: SectionReader) => T, none: T): T =>
      orDamaged(file.path, name, () => {
        const bytes = file.section(SECTION[name]);
        return bytes.length === 0 ? none : parse(new SectionReader(bytes));
      });
    this.tracing = read("TRACING_DATA", parseTracingData, NO_TRACING_DATA);
    this.buildIds = read("BUILD_ID", parseBuildIds, new Map());
    const text = (name: keyof typeof SECTION) => read(name, (reader) => reader.sizedText(), "");
    this.osRelease = text("OSRELEASE");
    this.hostname = text("HOSTNAME");
    this.arch = text("ARCH");
    this.commandLine = read("CMDLINE", parseTexts, []);
    this.offsetNs = read("CLOCK_DATA", clockOffset, undefined);
    const names = read("EVENT_DESC", parseNames, []);
    this.events = Array.from({ length: file.events }, (_, index) => this.#event(index, names[index]));
  }

  /** Of the kernel; undefined where the recording does not tell. */
  get kernelBuildId(): Uint8Array | undefined {
    return this.file.kernelBuildId ?? KERNEL_NAMES.map((name) => this.buildIds.get(name)).find((id) => id !== undefined);
  }

  #event(index: number, told: string | undefined): RecordedEvent {
    const attr = this.file.attr(index);
    const view = new DataView(attr.buffer);
    const type = view.getUint32(0, true);
    const config = view.getBigUint64(8, true);
    const format = type === PERF_TYPE_TRACEPOINT ? this.tracing.formats.get(Number(config)) : undefined;
    const name = format === undefined ? told ?? defaultName(type, config) : `${format.system}:${format.name}`;
    return { index, name, attr, format };
  }
}

function defaultName(type: number, config: bigint): string {
  if (type === PERF_TYPE_SOFTWARE && config === 0n) return "cpu-clock";
  return `event-${type}-0x${config.toString(16)}`;
}

/** @throws {PerfprofError} What is read is not what it says */
function orDamaged<T>(path: string, section: string, step: () => T): T {
  try {
    return step();
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new PerfprofError(`read ${path} failed: section ${section} is damaged: ${error.message}`, { cause: error });
  }
}

/** u32 count, and so many sized texts. */
function parseTexts(reader: SectionReader): string[] {
  return Array.from({ length: Math.min(reader.u32(), 0xffff) }, () => reader.sizedText());
}

/** u32 count, u32 attr_size, and for each: attr, u32 ids, sized text, u64 ids[]. */
function parseNames(reader: SectionReader): string[] {
  const count = reader.u32();
  const attrSize = reader.u32();
  return Array.from({ length: Math.min(count, 0xffff) }, () => {
    reader.skip(attrSize);
    const ids = reader.u32();
    const name = reader.sizedText();
    reader.skip(8 * ids);
    return name;
  });
}

/** struct build_id_event: header, s32 pid, u8 build_id[24], path up to the record's end. */
function parseBuildIds(reader: SectionReader): ReadonlyMap<string, Uint8Array> {
  const ids = new Map<string, Uint8Array>();
  while (reader.left > 0) {
    reader.skip(4);
    const misc = reader.u16();
    const size = reader.u16();
    reader.skip(4);
    const id = reader.bytes(24);
    const length = misc & MISC_BUILD_ID_SIZE ? Math.min(id[BUILD_ID_MOST]!, BUILD_ID_MOST) : BUILD_ID_MOST;
    ids.set(reader.textOf(size - 36), id.slice(0, length));
  }
  return ids;
}

/** u32 version, u32 clockid, u64 wall clock, u64 clock: the same moment. */
function clockOffset(reader: SectionReader): bigint | undefined {
  reader.skip(8);
  const wallNs = reader.u64();
  return wallNs - reader.u64();
}
