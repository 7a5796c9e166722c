/**
 * The layout of a perf.data file around its records, as tools/perf/Documentation/perf.data-file-format.txt and tools/perf/util/header.c
 * have it: what stands before the data, the table behind it; or the same as records, for a pipe. Pure bytes; what the features
 * say is lib/perf_data_features.ts's.
 *
 * A file is: struct perf_file_header; the ids of each event; the attrs, each with its ids' section; the features' contents; the data;
 * and the table, a section for each feature. Contents come first, because the data grows until the end.
 *
 * @module
 */

import { ByteWriter } from "./byte_writer.ts";
import { PerfprofError } from "./errors.ts";

const MAGIC = "PERFILE2";
/** sizeof(struct perf_file_header) and of a struct perf_file_section. */
const HEADER_SIZE = 104;
const SECTION_SIZE = 16;
/** sizeof(struct perf_pipe_file_header) and of a struct perf_event_header. */
const PIPE_HEADER_SIZE = 16;
const RECORD_HEADER_SIZE = 8;
/** perf_event_header.size is a u16. */
const RECORD_MOST = 65528;

/** HEADER_*: bits of the features. */
export const FEATURE = {
  tracingData: 1,
  buildId: 2,
  hostname: 3,
  osRelease: 4,
  version: 5,
  arch: 6,
  nrCpus: 7,
  cpuDesc: 8,
  cpuId: 9,
  totalMem: 10,
  cmdline: 11,
  eventDesc: 12,
  cpuTopology: 13,
  pmuMappings: 16,
  groupDesc: 17,
  sampleTime: 21,
  clockId: 23,
  compressed: 27,
  clockData: 29,
} as const;
export type FeatureName = keyof typeof FEATURE;

/** HEADER_LAST_FEATURE of perf 6.1: none of a pipe's features is behind it. */
const LAST_FEATURE = 32;

/** PERF_RECORD_* that perf adds to the kernel's, enum perf_user_event_type. */
export const USER_RECORD = { headerAttr: 64, tracingData: 66, buildId: 67, finishedRound: 68, feature: 80 } as const;

/** An event of a recording. */
export interface RecordedEvent {
  /** As perf names it. */
  readonly name: string;
  /** struct perf_event_attr; of all events the same size. */
  readonly attr: Uint8Array;
  /** Of each file descriptor that was opened for it. */
  readonly ids: readonly bigint[];
  /** Index of the event that leads its group. */
  readonly leader?: number | undefined;
}

/** What is known of a recording beside its events, by feature. */
export type Features = ReadonlyMap<FeatureName, Uint8Array>;

/** A file without its data. */
export interface FileHead {
  /** What comes before the data; its data.size is 0. */
  readonly head: Uint8Array<ArrayBuffer>;
  /** What comes right behind the data. */
  readonly table: Uint8Array<ArrayBuffer>;
  /** Where the contents of each feature begin in the head. */
  readonly offsets: ReadonlyMap<FeatureName, number>;
}

/** Puts a file's head and table together. */
export function fileHead(events: readonly RecordedEvent[], features: Features): FileHead {
  const ordered = [...features].sort(([a], [b]) => FEATURE[a] - FEATURE[b]);
  const attrSize = (events[0]?.attr.length ?? 0) + SECTION_SIZE;
  const attrsAt = HEADER_SIZE + events.reduce((sum, { ids }) => sum + ids.length * 8, 0);
  const contentsAt = attrsAt + events.length * attrSize;
  const contents = new ByteWriter();
  const table = new ByteWriter();
  const offsets = new Map<FeatureName, number>();
  for (const [name, bytes] of ordered) {
    offsets.set(name, contentsAt + contents.size);
    table.u64(contentsAt + contents.size).u64(bytes.length);
    contents.bytes(bytes).zeros(-bytes.length & 7);
  }
  const bits = ordered.reduce((sum, [name]) => sum | 1n << BigInt(FEATURE[name]), 0n);
  const head = new ByteWriter().text(MAGIC).u64(HEADER_SIZE).u64(attrSize)
    .u64(attrsAt).u64(events.length * attrSize) // attrs
    .u64(contentsAt + contents.size).u64(0) // data
    .u64(0).u64(0) // event_types: of old
    .u64(bits).zeros(24);
  for (const { ids } of events) for (const id of ids) head.u64(id);
  let idsAt = HEADER_SIZE;
  for (const { attr, ids } of events) {
    head.bytes(attr).u64(idsAt).u64(ids.length * 8);
    idsAt += ids.length * 8;
  }
  return { head: head.bytes(contents.take()).take(), table: table.take(), offsets };
}

/**
 * What a pipe begins with: the same as records.
 *
 * @throws {PerfprofError} An event has more ids than a record can hold
 */
export function streamHead(events: readonly RecordedEvent[], features: Features): Uint8Array<ArrayBuffer> {
  const out = new ByteWriter().text(MAGIC).u64(PIPE_HEADER_SIZE);
  for (const { name, attr, ids } of events) {
    const most = Math.floor((RECORD_MOST - RECORD_HEADER_SIZE - attr.length) / 8);
    if (ids.length > most) {
      throw new PerfprofError(`recording ${name} to a pipe failed: it is opened ${ids.length} times, and ${most} can be told`, {
        hints: ["-o FILE", "fewer tasks (-p, -t)"],
      });
    }
    const body = new ByteWriter().bytes(attr);
    for (const id of ids) body.u64(id);
    writeRecord(out, USER_RECORD.headerAttr, body.take());
  }
  const tracing = features.get("tracingData");
  if (tracing !== undefined) {
    const padding = -tracing.length & 7;
    writeRecord(out, USER_RECORD.tracingData, new ByteWriter().u32(tracing.length + padding).take());
    out.bytes(tracing).zeros(padding);
  }
  const buildIds = features.get("buildId");
  if (buildIds !== undefined) out.bytes(buildIds); // they are records
  for (const [name, bytes] of features) {
    if (name !== "tracingData" && name !== "buildId") writeFeature(out, FEATURE[name], bytes);
  }
  writeFeature(out, LAST_FEATURE, new Uint8Array());
  return out.take();
}

/** To the byte, as perf writes them: of some features the size tells what is there. One that is too large is left out. */
function writeFeature(out: ByteWriter, feature: number, bytes: Uint8Array): void {
  const size = RECORD_HEADER_SIZE + 8 + bytes.length;
  if (size <= RECORD_MOST) out.u32(USER_RECORD.feature).u16(0).u16(size).u64(feature).bytes(bytes);
}

/** Adds a record: struct perf_event_header, and `body` up to a multiple of 8 bytes. */
export function writeRecord(out: ByteWriter, type: number, body: Uint8Array, misc = 0): void {
  const padding = -body.length & 7;
  out.u32(type).u16(misc).u16(RECORD_HEADER_SIZE + body.length + padding).bytes(body).zeros(padding);
}
