/**
 * What print() makes of a tracepoint's sample: its columns, and its text by the compiled print format, or by libtraceevent where that
 * knows better. No BigInt is made for an event of an ordinary clock, and a time is exact all the same.
 *
 * @module
 */

import { time as timeAt } from "./decode.ts";
import { addMoments, momentAt } from "./moment.ts";
import { compilePrint, type PrintFunction } from "./print_code.ts";
import { addHead, type KernelVersion, latencyFlags, printable } from "./print.ts";
import { type FixedText, fixedText, type TextBytes } from "./text_bytes.ts";
import type { EventServices } from "./event_services.ts";
import type { TracepointFormat } from "./format.ts";

/** Of common_flags, common_preempt_count and common_pid in the raw data: struct trace_entry, include/linux/trace_events.h. */
const COMMON_FLAGS = 2, COMMON_PREEMPT_COUNT = 3, COMMON_PID = 4;

/** Where a sample has what every line shows, from the record's start. */
export interface LineOffsets {
  /** Of the u32 pid and tid. */
  readonly tid: number;
  readonly time: number;
  readonly cpu: number;
}

/** Makes the lines of one event. */
export class PrintLine {
  /** `: sched:sched_wakeup: ` */
  readonly #label: FixedText;
  readonly #format: TracepointFormat;
  readonly #services: EventServices;
  readonly #kernel: KernelVersion;
  readonly #at: LineOffsets;
  /** Latency flags by common_flags and common_preempt_count. */
  readonly #flags = new Map<number, string>();
  /** Made at the first line: most events of a trace are never printed. */
  #print: PrintFunction | undefined;

  constructor(event: string, format: TracepointFormat, services: EventServices, kernel: KernelVersion, at: LineOffsets) {
    this.#label = fixedText(printable(`: ${event}: `));
    this.#format = format;
    this.#services = services;
    this.#kernel = kernel;
    this.#at = at;
  }

  /**
   * Adds the line of a sample, without a newline.
   *
   * @param record Of its perf_event_header in the view
   * @param raw Of its raw data
   * @param timestamp With the wall clock
   * @throws {DecodeError} When the raw data is no record of the event
   */
  add(text: TextBytes, view: DataView, record: number, raw: number, timestamp: boolean): void {
    const services = this.#services;
    const timeNs = timeAt(view, record + this.#at.time);
    const cpu = view.getUint32(record + this.#at.cpu, true);
    const sampled = view.getInt32(record + this.#at.tid + 4, true);
    // A task that is ending has given its number back: the kernel writes -1, but the tracepoint still knew it.
    const tid = sampled === -1 ? view.getInt32(raw + COMMON_PID, true) : sampled;
    const time = momentAt(view, record + this.#at.time);
    const wall = timestamp ? addMoments(time, services.realtimeOffset(timeNs)) : undefined;
    const head = { comm: services.comm(tid, timeNs), tid, flags: this.#flagsAt(view, raw), cpu };
    addHead(text, wall, head, time);
    text.add(this.#label);
    this.#addEvent(text, view, raw, cpu);
  }

  #addEvent(text: TextBytes, view: DataView, raw: number, cpu: number): void {
    this.#print ??= this.#compile();
    if (this.#print(view, raw, text)) return;
    const bytes = new Uint8Array(view.buffer, view.byteOffset + raw, view.getUint32(raw - 4, true));
    text.addString(printable(this.#services.printText(this.#format.id, bytes, cpu).trimEnd()));
  }

  #compile(): PrintFunction {
    const tree = this.#services.printTree(this.#format.id);
    return (tree && compilePrint(this.#format, tree, (address) => this.#services.printSymbol(address))) ?? (() => false);
  }

  #flagsAt(view: DataView, raw: number): string {
    const flags = view.getUint8(raw + COMMON_FLAGS);
    const preemptCount = view.getUint8(raw + COMMON_PREEMPT_COUNT);
    const key = flags << 8 | preemptCount;
    let text = this.#flags.get(key);
    if (text === undefined) this.#flags.set(key, text = latencyFlags(flags, preemptCount, this.#kernel));
    return text;
  }
}
