/**
 * The line that event.print() writes, in the shape of the kernel's own trace and of perf script:
 *
 *     2024-01-15 10:30:45.123456           mysqld  12345 d... [003] 1705298445.123456: sched:sched_wakeup: comm=worker ...
 *         ffffffff81234567 try_to_wake_up+0x42 ([kernel.kallsyms])
 *
 * Only puts together what it is given; it reads no event and writes nowhere.
 *
 * @module
 */

import { sixDigits } from "./print_values.ts";
import { copied, type FixedText, fixedText, type TextBytes } from "./text_bytes.ts";
import type { Frame, Moment } from "./event_services.ts";

/** What print() and to_text() leave out. Both are shown unless they are false. */
export interface PrintOptions {
  /** The wall clock at the line's start. */
  readonly timestamp?: boolean;
  /** The lines of the stack. */
  readonly callchain?: boolean;
}

/** What a line shows before the event. */
export interface Head {
  readonly comm: string;
  readonly tid: number;
  /** Four characters, see latencyFlags; empty where there are none. */
  readonly flags: string;
  readonly cpu: number;
}

/**
 * Adds what stands before the event, up to its time.
 *
 * @param wall Undefined where it is not shown
 */
export function addHead(text: TextBytes, wall: Moment | undefined, head: Head, time: Moment): void {
  if (wall !== undefined) {
    addTime(text, wallClock(wall.seconds), wall.ns);
    text.view.setUint8(text.used++, SPACE);
  }
  addTime(text, headText(head, time.seconds), time.ns);
}

/** Adds a text and microseconds; there is room for a character behind it. */
function addTime(text: TextBytes, before: FixedText, ns: number): void {
  const to = text.room(before.length + 7);
  text.used = sixDigits(to, copied(to, text.used, before), ns / 1000 >>> 0);
}

/** The lines of a stack, each after a newline. */
export function formatFrames(frames: readonly Frame[]): string {
  return frames.map((frame) => `\n${frameLine(frame)}`).join("");
}

/** With source lines as `perf script -F +srcline` shows them: behind the frame, on a line of its own. */
function frameLine({ addr, symbol, offset, dso, inlined, file, line }: Frame): string {
  const place = inlined ? `${symbol} (inlined)` : `${symbol}+0x${offset.toString(16)} (${dso})`;
  const text = printable(`    ${addr.toString(16).padStart(16, "0")} ${place}`);
  return file === undefined ? text : `${text}\n${printable(`  ${file}:${line}`)}`;
}

/** A task can call itself what it wants: no control character of its name or arguments reaches the terminal, but for tabs. */
export function printable(line: string): string {
  // deno-lint-ignore no-control-regex
  return line.replace(/[\x00-\x08\x0a-\x1f\x7f-\x9f]/g, "?");
}

const SPACE = 0x20;

/** Heads that were printed, up to the seconds: a task makes many events in one. A new one takes the place. */
const HEADS = 1024;
const heads: (Head & { readonly seconds: number; readonly text: FixedText })[] = new Array(HEADS).fill({ tid: -2 });

function headText({ comm, tid, flags, cpu }: Head, seconds: number): FixedText {
  const slot = (tid ^ flags.charCodeAt(0) ^ flags.charCodeAt(3) << 5) & HEADS - 1;
  const known = heads[slot]!;
  if (known.tid === tid && known.seconds === seconds && known.cpu === cpu && known.flags === flags && known.comm === comm) {
    return known.text;
  }
  const task = `${printable(comm).padStart(16)} ${String(tid).padStart(6)}`;
  const text = fixedText(`${task}${flags && ` ${flags}`} [${String(cpu).padStart(3, "0")}] ${seconds}.`);
  heads[slot] = { comm, tid, flags, cpu, seconds, text };
  return text;
}

/** The second that was formatted last: events come thousands to a second, and a Date costs more than the rest of the line. */
let lastSecond = NaN;
let lastSecondText = fixedText("");

/** Local time up to its seconds, and a point. */
function wallClock(seconds: number): FixedText {
  if (seconds !== lastSecond) {
    lastSecond = seconds;
    lastSecondText = fixedText(`${localTime(new Date(seconds * 1000))}.`);
  }
  return lastSecondText;
}

function localTime(date: Date): string {
  const two = (value: number) => String(value).padStart(2, "0");
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
  return `${day} ${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
}

/** Major and minor of the running kernel, as [6, 18]. */
export type KernelVersion = readonly [major: number, minor: number];

/** Reads the version out of a release such as `6.18.44-fc-v445`; one that is not to be read counts as new. */
export function kernelVersion(release: string): KernelVersion {
  const match = /^(\d+)\.(\d+)/.exec(release);
  return match === null ? [Infinity, 0] : [Number(match[1]), Number(match[2])];
}

/** enum trace_flag_type, include/linux/trace_events.h. Bit 1 was IRQS_NOSUPPORT before it became NEED_RESCHED_LAZY in 6.12. */
const IRQS_OFF = 0x01, IRQS_NOSUPPORT = 0x02, NEED_RESCHED_LAZY = 0x02, NEED_RESCHED = 0x04, HARDIRQ = 0x08;
const SOFTIRQ = 0x10, PREEMPT_RESCHED = 0x20, NMI = 0x40, BH_OFF = 0x80;

/**
 * The latency flags of the kernel's trace, as trace_print_lat_fmt of kernel/trace/trace_output.c renders them:
 * irqs-off, need-resched, hardirq/softirq, preempt depth.
 *
 * @param flags common_flags
 * @param preemptCount common_preempt_count; since 5.15 its high half counts migrate-disable, which is not shown
 */
export function latencyFlags(flags: number, preemptCount: number, kernel: KernelVersion): string {
  const lazy = isAtLeast(kernel, 6, 12);
  const depth = isAtLeast(kernel, 5, 15) ? preemptCount & 0xf : preemptCount;
  return irqsOff(flags, lazy) + needResched(lazy ? flags : flags & ~NEED_RESCHED_LAZY) + interrupt(flags) +
    (depth === 0 ? "." : depth.toString(16));
}

function isAtLeast([major, minor]: KernelVersion, wantMajor: number, wantMinor: number): boolean {
  return major > wantMajor || (major === wantMajor && minor >= wantMinor);
}

function irqsOff(flags: number, lazy: boolean): string {
  if (flags & IRQS_OFF) return flags & BH_OFF ? "D" : "d";
  if (flags & BH_OFF) return "b";
  return !lazy && flags & IRQS_NOSUPPORT ? "X" : ".";
}

function needResched(flags: number): string {
  const index = (flags & NEED_RESCHED ? 1 : 0) | (flags & PREEMPT_RESCHED ? 2 : 0) | (flags & NEED_RESCHED_LAZY ? 4 : 0);
  return ".npNlbLB"[index]!;
}

function interrupt(flags: number): string {
  if (flags & NMI) return flags & HARDIRQ ? "Z" : "z";
  if (flags & HARDIRQ) return flags & SOFTIRQ ? "H" : "h";
  return flags & SOFTIRQ ? "s" : ".";
}
