/**
 * The contents of a perf.data file's features: what it tells of the machine, the command and the events beside the records. Layouts
 * are those of tools/perf/util/header.c (write_*). What this machine cannot tell is left out.
 *
 * @module
 */

import { ByteWriter } from "./byte_writer.ts";
import { type FeatureName, type Features, type RecordedEvent, USER_RECORD, writeRecord } from "./perf_data.ts";
import type { ClockPair } from "./source.ts";

/** struct perf_header_string: its length is a multiple of NAME_ALIGN. */
const NAME_ALIGN = 64;
const MISC_KERNEL = 1;
/** The byte behind the build id has its size (PERF_RECORD_MISC_BUILD_ID_SIZE). */
const MISC_BUILD_ID_SIZE = 1 << 15;
const BUILD_ID_MOST = 20;
/** Of a note that is a build id (elf.h). */
const NT_GNU_BUILD_ID = 3;
/** perf.data's versions of HEADER_CLOCK_DATA and HEADER_COMPRESSED, and what the latter calls zstd. */
const CLOCK_DATA_VERSION = 1, COMPRESSED_VERSION = 1, COMPRESSED_ZSTD = 1;
/** What a record is unpacked to, at most, with the part of a record before it. */
const UNPACKED_MOST = 1 << 20;

/** What the features are made from. */
export interface RecordingFacts {
  readonly events: readonly RecordedEvent[];
  readonly commandLine: readonly string[];
  /** perfprof's own. */
  readonly version: string;
  readonly tracingData: Uint8Array | undefined;
  /** The clock of the events and the wall clock; `clockid` -1 is the kernel's own clock. */
  readonly clock: ClockPair & { readonly clockid: number };
  /** 0: records are written as they are. */
  readonly level: number;
  /** Of a file of the kernel, undefined where it is not there. */
  readonly text: (path: string) => string | undefined;
  readonly bytes: (path: string) => Uint8Array | undefined;
  readonly folder: (path: string) => readonly string[];
}

/** All features that can be told now. Times of samples are told at the end: 16 bytes of them are kept free. */
export function featuresOf(facts: RecordingFacts): Features {
  const { events, text, clock, level, tracingData } = facts;
  const cpuinfo = text("/proc/cpuinfo") ?? "";
  const kernel = (name: string) => text(`/proc/sys/kernel/${name}`)?.trim();
  const features: Partial<Record<FeatureName, Uint8Array | undefined>> = {
    tracingData,
    buildId: buildIds(facts),
    hostname: string(kernel("hostname")),
    osRelease: string(kernel("osrelease")),
    version: string(`perfprof ${facts.version}`),
    arch: string(Deno.build.arch),
    nrCpus: nrCpus(text),
    cpuDesc: string(/^model name\s*: (.*)$/m.exec(cpuinfo)?.[1]),
    cpuId: string(cpuId(cpuinfo)),
    totalMem: totalMem(text("/proc/meminfo")),
    cmdline: strings(facts.commandLine),
    eventDesc: eventDesc(events),
    cpuTopology: cpuTopology(text),
    pmuMappings: pmuMappings(facts),
    groupDesc: groupDesc(events),
    sampleTime: new Uint8Array(16),
    clockId: clock.clockid < 0 ? undefined : new ByteWriter().u64(1 /* ns a tick */).take(),
    compressed: level === 0 ? undefined : compressed(level, 1),
    clockData: new ByteWriter().u32(CLOCK_DATA_VERSION).u32(clock.clockid >>> 0).u64(clock.realtimeNs).u64(clock.clockNs)
      .take(),
  };
  const told = Object.entries(features) as [FeatureName, Uint8Array | undefined][];
  return new Map(told.filter((entry): entry is [FeatureName, Uint8Array] => entry[1] !== undefined));
}

/** HEADER_COMPRESSED. @param ratio Of all bytes to those that they became, a whole number */
export function compressed(level: number, ratio: number): Uint8Array<ArrayBuffer> {
  return new ByteWriter().u32(COMPRESSED_VERSION).u32(COMPRESSED_ZSTD).u32(level).u32(ratio).u32(UNPACKED_MOST).take();
}

function writeString(out: ByteWriter, text: string): void {
  const written = new ByteWriter().cString(text, NAME_ALIGN).take();
  out.u32(written.length).bytes(written);
}

function string(text: string | undefined): Uint8Array | undefined {
  if (text === undefined) return undefined;
  const out = new ByteWriter();
  writeString(out, text);
  return out.take();
}

function strings(texts: readonly string[]): Uint8Array {
  const out = new ByteWriter().u32(texts.length);
  for (const text of texts) writeString(out, text);
  return out.take();
}

/** Of the kernel and its modules. Those of other files come with the records of their mappings. */
function buildIds({ bytes, folder }: RecordingFacts): Uint8Array | undefined {
  const out = new ByteWriter();
  const add = (notes: Uint8Array | undefined, name: string) => {
    const id = notes && buildIdOf(notes);
    if (id === undefined) return;
    // pid_t pid; u8 build_id[20], size, 3 bytes of nothing; char filename[]
    const body = new ByteWriter().u32(-1 >>> 0).bytes(id).zeros(BUILD_ID_MOST - id.length).u8(id.length).zeros(3);
    writeRecord(out, USER_RECORD.buildId, body.cString(name, NAME_ALIGN).take(), MISC_KERNEL | MISC_BUILD_ID_SIZE);
  };
  add(bytes("/sys/kernel/notes"), "[kernel.kallsyms]");
  for (const name of folder("/sys/module")) add(bytes(`/sys/module/${name}/notes/.note.gnu.build-id`), `[${name}]`);
  return out.size === 0 ? undefined : out.take();
}

/** The build id among the notes of an ELF file: u32 namesz, descsz, type; name; desc; both up to a multiple of 4 bytes. */
export function buildIdOf(notes: Uint8Array): Uint8Array | undefined {
  const view = new DataView(notes.buffer, notes.byteOffset, notes.length);
  for (let at = 0; at + 12 <= notes.length;) {
    const nameSize = view.getUint32(at, true), size = view.getUint32(at + 4, true);
    const desc = at + 12 + Math.ceil(nameSize / 4) * 4;
    const isGnu = nameSize === 4 && desc <= notes.length && view.getUint32(at + 12, true) === 0x00554e47; // "GNU"
    if (isGnu && view.getUint32(at + 8, true) === NT_GNU_BUILD_ID && size <= BUILD_ID_MOST && desc + size <= notes.length) {
      return notes.slice(desc, desc + size);
    }
    at = desc + Math.ceil(size / 4) * 4;
  }
  return undefined;
}

/** The number behind the last dash of a CPU list such as `0-3`. */
function lastCpu(list: string | undefined): number | undefined {
  const last = /(\d+)\s*$/.exec(list ?? "")?.[1];
  return last === undefined ? undefined : Number(last);
}

const CPUS = "/sys/devices/system/cpu";

function nrCpus(text: RecordingFacts["text"]): Uint8Array | undefined {
  const last = lastCpu(text(`${CPUS}/present`));
  const online = text(`${CPUS}/online`);
  if (last === undefined || online === undefined) return undefined;
  const count = online.trim().split(",").reduce((sum, range) => {
    const [from = 0, to = from] = range.split("-").map(Number);
    return sum + to - from + 1;
  }, 0);
  return new ByteWriter().u32(last + 1).u32(count).take();
}

/** `vendor,family,model,stepping`, which only x86 has. */
function cpuId(cpuinfo: string): string | undefined {
  const parts = ["vendor_id", "cpu family", "model", "stepping"].map((name) =>
    new RegExp(`^${name}\\s*: (.*)$`, "m").exec(cpuinfo)?.[1]
  );
  return parts.includes(undefined) ? undefined : parts.join();
}

/** In KiB. */
function totalMem(meminfo: string | undefined): Uint8Array | undefined {
  const kilobytes = /^MemTotal:\s+(\d+) kB/m.exec(meminfo ?? "")?.[1];
  return kilobytes === undefined ? undefined : new ByteWriter().u64(BigInt(kilobytes)).take();
}

function eventDesc(events: readonly RecordedEvent[]): Uint8Array {
  const out = new ByteWriter().u32(events.length).u32(events[0]?.attr.length ?? 0);
  for (const { name, attr, ids } of events) {
    out.bytes(attr).u32(ids.length);
    writeString(out, name);
    for (const id of ids) out.u64(id);
  }
  return out.take();
}

/** Which CPUs share a package, which a core; then core and package of each CPU, -1 of one that is offline. */
function cpuTopology(text: RecordingFacts["text"]): Uint8Array | undefined {
  const last = lastCpu(text(`${CPUS}/present`));
  if (last === undefined) return undefined;
  const read = (cpu: number, name: string) => text(`${CPUS}/cpu${cpu}/topology/${name}`)?.trim();
  const cpus = Array.from({ length: last + 1 }, (_, cpu) => cpu);
  const lists = (name: string) => [...new Set(cpus.flatMap((cpu) => read(cpu, name) ?? []))];
  const out = new ByteWriter().bytes(strings(lists("core_siblings_list"))).bytes(strings(lists("thread_siblings_list")));
  for (const cpu of cpus) {
    for (const name of ["core_id", "physical_package_id"]) out.u32(Number(read(cpu, name) ?? -1) >>> 0);
  }
  return out.take();
}

function pmuMappings({ text, folder }: RecordingFacts): Uint8Array | undefined {
  const devices = "/sys/bus/event_source/devices";
  const pmus = folder(devices).flatMap((name) => {
    const type = text(`${devices}/${name}/type`);
    return type === undefined ? [] : [{ name, type: Number(type) }];
  });
  if (pmus.length === 0) return undefined;
  const out = new ByteWriter().u32(pmus.length);
  for (const { name, type } of pmus) writeString(out.u32(type), name);
  return out.take();
}

function groupDesc(events: readonly RecordedEvent[]): Uint8Array | undefined {
  const members = Map.groupBy(events.filter(({ leader }) => leader !== undefined), ({ leader }) => leader!);
  if (members.size === 0) return undefined;
  const out = new ByteWriter().u32(members.size);
  for (const [leader, { length }] of members) {
    writeString(out, `{${events[leader]!.name}}`);
    out.u32(leader).u32(length + 1);
  }
  return out.take();
}
