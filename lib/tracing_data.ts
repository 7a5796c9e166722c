/**
 * The tracing data of a recording, which perf and trace-cmd share (tools/perf/util/trace-event-info.c; trace-cmd.dat.v6(5)): formats
 * of tracepoints as tracefs had them, and the strings of printk.
 *
 * @module
 */

import type { SectionReader } from "./section_reader.ts";

const MAGIC = [0x17, 0x08, 0x44];
/** More than any kernel has. */
const FORMATS_MOST = 100_000;

/** A tracepoint's format file. */
export interface RecordedFormat {
  readonly system: string;
  readonly name: string;
  readonly text: string;
}

/** What a recording knows of tracepoints. */
export interface TracingData {
  /** By the ids that attrs have. */
  readonly formats: ReadonlyMap<number, RecordedFormat>;
  /** Text of printk_formats. */
  readonly printk: Uint8Array<ArrayBuffer>;
}

/** Of a recording without tracepoints. */
export const NO_TRACING_DATA: TracingData = { formats: new Map(), printk: new Uint8Array(0) };

/** @throws RangeError It is not what it says, or of another machine */
export function parseTracingData(reader: SectionReader): TracingData {
  if (!MAGIC.every((byte) => reader.u8() === byte) || reader.textOf(7) !== "tracing") {
    throw new RangeError("it does not begin as tracing data does");
  }
  reader.cText(); // version
  if (reader.u8() !== 0) throw new RangeError("it is of a machine of the other byte order");
  if (reader.u8() !== 8) throw new RangeError("it is of a 32-bit machine");
  reader.skip(4); // page size
  for (const name of ["header_page", "header_event"]) {
    if (reader.cText() !== name) throw new RangeError(`it has no ${name}`);
    reader.skip(reader.length64());
  }
  const formats = new Map<number, RecordedFormat>();
  readFormats(reader, "ftrace", formats);
  for (let systems = reader.u32(); systems > 0; systems--) readFormats(reader, reader.cText(), formats);
  reader.skip(reader.u32()); // kallsyms: perf leaves it empty
  return { formats, printk: reader.bytes(reader.u32()).slice() };
}

/** u32 count, and for each: u64 size, text. */
function readFormats(reader: SectionReader, system: string, into: Map<number, RecordedFormat>): void {
  for (let count = reader.u32(); count > 0; count--) {
    const text = reader.textOf(reader.length64());
    const id = Number(/^ID: (\d+)$/m.exec(text)?.[1] ?? NaN);
    const name = /^name: (.+)$/m.exec(text)?.[1];
    if (name === undefined || Number.isNaN(id) || into.size >= FORMATS_MOST) {
      throw new RangeError(`a format of ${system} makes no sense`);
    }
    into.set(id, { system, name, text });
  }
}
