/**
 * HEADER_TRACING_DATA: what a reader needs to understand tracepoints on another machine, in the format of trace-cmd, version 0.6
 * (tools/perf/util/trace-event-info.c). Sizes are u64 but for those of kallsyms and printk_formats.
 *
 * kallsyms is left empty, as perf leaves it: it has megabytes, and the kernel's build id tells where symbols can be had.
 *
 * @module
 */

import { ByteWriter } from "./byte_writer.ts";

const MAGIC = Uint8Array.of(23, 8, 68);
const VERSION = "0.6";
const LONG_SIZE = 8;

/** What is read of tracefs: paths below it -> bytes, undefined where there is none. */
export type ReadTracefs = (path: string) => Uint8Array | undefined;

/**
 * Puts it together.
 *
 * @param events `sys:name` of the tracepoints; none twice
 */
export function writeTracingData(events: readonly string[], pageSize: number, read: ReadTracefs): Uint8Array<ArrayBuffer> {
  const out = new ByteWriter().bytes(MAGIC).text("tracing").cString(VERSION).u8(0 /* little endian */).u8(LONG_SIZE).u32(
    pageSize,
  );
  for (const name of ["header_page", "header_event"]) sized(out.cString(name), read(`events/${name}`));
  out.u32(0); // formats of ftrace's own events
  const systems = Map.groupBy(events, (event) => event.slice(0, event.indexOf(":")));
  out.u32(systems.size);
  for (const [system, names] of systems) {
    out.cString(system).u32(names.length);
    for (const name of names) sized(out, read(`events/${system}/${name.slice(system.length + 1)}/format`));
  }
  out.u32(0); // kallsyms
  const printk = read("printk_formats") ?? new Uint8Array();
  out.u32(printk.length).bytes(printk);
  return sized(out, read("saved_cmdlines")).take();
}

function sized(out: ByteWriter, bytes: Uint8Array = new Uint8Array()): ByteWriter {
  return out.u64(bytes.length).bytes(bytes);
}
