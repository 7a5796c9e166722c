/**
 * One recording in the other forms that a perf.data can have, with the very same samples; tools/perf/Documentation/
 * perf.data-file-format.txt of the kernel has the layout.
 *
 * @module
 */

import { zstdCompressSync } from "node:zlib";

const HEADER_ATTR = 64;
const HEADER_TRACING_DATA = 66;
const COMPRESSED = 81;
const HEADER_FEATURE = 80;
/** Bits of features: formats, and build ids, which a pipe has in records of their own. */
const TRACING_DATA = 1;
const BUILD_ID = 2;
/** Place of a perf_event_attr's flags, and of the flag. */
const ATTR_FLAGS = 40;
const SAMPLE_ID_ALL = 1n << 18n;
/** TID, TIME, ID, CPU, STREAM_ID, IDENTIFIER: 8 bytes each at the end of what is no sample. */
const TRAILER_MEMBERS = [1, 2, 6, 7, 9, 16];
const MMAP = 1;
const SAMPLE = 9;
/** Where kernels of x86 and arm64 have their code and modules. */
const KERNEL_FROM = 0xffff_8000_0000_0000n, KERNEL_TO = 0xffff_ffff_ffff_f000n;
const OSRELEASE = 4;
const FINISHED_ROUND = 0x0008_0000_0000_0044n;

interface Section {
  readonly at: number;
  readonly size: number;
}

/** A perf.data in memory. */
class File {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly view: DataView<ArrayBuffer>;

  constructor(bytes: Uint8Array<ArrayBuffer>) {
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer);
  }

  section(at: number): Section {
    return { at: Number(this.view.getBigUint64(at, true)), size: Number(this.view.getBigUint64(at + 8, true)) };
  }

  get data(): Section {
    return this.section(40);
  }

  of({ at, size }: Section): Uint8Array<ArrayBuffer> {
    return this.bytes.subarray(at, at + size);
  }

  /** Each attr, and where its ids lie. */
  attrs(): { at: number; ids: Section }[] {
    const { at, size } = this.section(24);
    const step = Number(this.view.getBigUint64(16, true));
    return Array.from({ length: size / step }, (_, i) => {
      const start = at + i * step;
      return { at: start, ids: this.section(start + step - 16) };
    });
  }

  /** Each record of the data: where it begins, its type and its size. */
  *records(): Generator<[at: number, type: number, size: number]> {
    const { at: begin, size } = this.data;
    for (let at = begin; at < begin + size; at += this.view.getUint16(at + 6, true)) {
      yield [at, this.view.getUint32(at, true), this.view.getUint16(at + 6, true)];
    }
  }

  /** Adds to the words of a record that are addresses of the kernel. */
  moveKernel(at: number, size: number, distance: bigint): void {
    for (let word = at + 8; word < at + size; word += 8) {
      const value = this.view.getBigUint64(word, true);
      if (value >= KERNEL_FROM && value < KERNEL_TO) this.view.setBigUint64(word, value + distance, true);
    }
  }

  features(): [bit: number, section: Section][] {
    const bits = Array.from({ length: 256 }, (_, bit) => bit).filter((bit) => this.bytes[72 + (bit >> 3)]! >> (bit & 7) & 1);
    const table = this.data.at + this.data.size;
    return bits.map((bit, i) => [bit, this.section(table + 16 * i)]);
  }
}

function record(type: number, ...parts: Uint8Array[]): Uint8Array[] {
  const size = parts.reduce((sum, part) => sum + part.length, 8);
  const header = new DataView(new ArrayBuffer(8));
  header.setUint32(0, type, true);
  header.setUint16(6, size, true);
  return [new Uint8Array(header.buffer), ...parts];
}

function joined(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

/** As it would have come through a pipe: attrs, formats and features in records before the data. */
export function piped(bytes: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  const file = new File(bytes);
  const attrs = file.attrs().flatMap(({ at, ids }) =>
    record(HEADER_ATTR, file.of({ at, size: file.view.getUint32(at + 4, true) }), file.of(ids))
  );
  const features = file.features().filter(([bit]) => bit !== BUILD_ID).flatMap(([bit, section]) => {
    const data = file.of(section);
    if (bit !== TRACING_DATA) return record(HEADER_FEATURE, new Uint8Array(new BigUint64Array([BigInt(bit)]).buffer), data);
    const padded = new Uint8Array(Math.ceil(data.length / 8) * 8);
    padded.set(data);
    return [...record(HEADER_TRACING_DATA, new Uint8Array(new Uint32Array([padded.length]).buffer)), padded];
  });
  const head = new Uint8Array(new BigUint64Array([file.view.getBigUint64(0, true), 16n]).buffer);
  return joined([head, ...attrs, ...features, file.of(file.data)]);
}

/** Its data in one compressed record. The table of features must follow at once: it may lie where data was. */
export function compressed(bytes: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  const file = new File(bytes.slice());
  const { at, size } = file.data;
  const table = file.of({ at: at + size, size: 16 * file.features().length }).slice();
  const packed = joined(record(COMPRESSED, zstdCompressSync(file.of(file.data))));
  file.bytes.set(packed, at);
  file.bytes.set(table, at + packed.length);
  file.view.setBigUint64(48, BigInt(packed.length), true);
  return file.bytes;
}

/** Without sample_id_all: what is no sample has no trailer. The room that gets free is filled with records that say nothing. */
export function withoutTrailers(bytes: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  const file = new File(bytes.slice());
  const [first] = file.attrs();
  const type = file.view.getBigUint64(first!.at + 24, true);
  const trailer = 8 * TRAILER_MEMBERS.filter((bit) => type >> BigInt(bit) & 1n).length;
  for (const { at } of file.attrs()) {
    file.view.setBigUint64(at + ATTR_FLAGS, file.view.getBigUint64(at + ATTR_FLAGS, true) & ~SAMPLE_ID_ALL, true);
  }
  const { at: begin, size } = file.data;
  let to = begin;
  for (let at = begin; at < begin + size;) {
    const kind = file.view.getUint32(at, true);
    const length = file.view.getUint16(at + 6, true);
    const kept = kind < HEADER_ATTR && kind !== SAMPLE ? length - trailer : length;
    file.bytes.copyWithin(to, at, at + kept);
    file.view.setUint16(to + 6, kept, true);
    to += kept;
    at += length;
  }
  for (; to < begin + size; to += 8) file.view.setBigUint64(to, FINISHED_ROUND, true);
  return file.bytes;
}

/** As of another boot, where the kernel lay `distance` bytes higher: in perf's own record of it, and in stacks. */
export function withMovedKernel(bytes: Uint8Array<ArrayBuffer>, distance: bigint): Uint8Array<ArrayBuffer> {
  const file = new File(bytes.slice());
  for (const [at, type, size] of file.records()) {
    if (type === SAMPLE) file.moveKernel(at, size, distance);
    else if (type === MMAP) file.moveKernel(at, 40, distance);
  }
  return file.bytes;
}

/** As of a kernel of another build, with its build id: all that tells of the kernel but its addresses. */
export function ofAnotherKernel(bytes: Uint8Array<ArrayBuffer>): { bytes: Uint8Array<ArrayBuffer>; buildId: string } {
  const file = new File(bytes.slice());
  const sections = new Map(file.features());
  // The text of the release is behind its length; of the build ids the kernel's comes first, behind u32 type, misc, size and pid.
  file.bytes[sections.get(OSRELEASE)!.at + 4] = "0".charCodeAt(0);
  const id = file.of({ at: sections.get(BUILD_ID)!.at + 12, size: 20 });
  id.reverse();
  return { bytes: file.bytes, buildId: id.toHex() };
}
