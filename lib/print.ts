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

/** One frame of a stack. */
export interface Frame {
  readonly addr: bigint;
  /** `Unknown` where there is none. */
  readonly symbol: string;
  /** From the symbol, or from the start of the dso where the symbol is unknown. */
  readonly offset: number;
  readonly kernel: boolean;
  /** `[kernel.kallsyms]`, `[module]`, or the path as the process sees it. */
  readonly dso: string;
}

/** What print() and to_text() leave out. Both are shown unless they are false. */
export interface PrintOptions {
  /** The wall clock at the line's start. */
  readonly timestamp?: boolean;
  /** The lines of the stack. */
  readonly callchain?: boolean;
}

/** The parts of a line. */
export interface Line {
  readonly realtimeNs: bigint;
  readonly comm: string;
  readonly tid: number;
  /** Four characters, see latencyFlags. */
  readonly flags: string;
  readonly cpu: number;
  readonly timeNs: bigint;
  readonly event: string;
  readonly text: string;
  readonly frames: readonly Frame[];
}

/** The line, without a newline at its end, then a line per frame. */
export function formatLine(line: Line, { timestamp = true, callchain = true }: PrintOptions = {}): string {
  const task = `${line.comm.padStart(16)} ${String(line.tid).padStart(6)}`;
  const cpu = String(line.cpu).padStart(3, "0");
  const seconds = `${line.timeNs / 1_000_000_000n}.${micros(line.timeNs)}`;
  const rest = `${task} ${line.flags} [${cpu}] ${seconds}: ${line.event}: ${line.text.trimEnd()}`;
  const first = printable(timestamp ? `${wallClock(line.realtimeNs)} ${rest}` : rest);
  return callchain ? [first, ...line.frames.map(frameLine)].join("\n") : first;
}

function frameLine({ addr, symbol, offset, dso }: Frame): string {
  return printable(`    ${addr.toString(16).padStart(16, "0")} ${symbol}+0x${offset.toString(16)} (${dso})`);
}

/** A task can call itself what it wants: no control character of its name or arguments reaches the terminal, but for tabs. */
function printable(line: string): string {
  // deno-lint-ignore no-control-regex
  return line.replace(/[\x00-\x08\x0a-\x1f\x7f-\x9f]/g, "?");
}

function micros(timeNs: bigint): string {
  return String(timeNs % 1_000_000_000n / 1000n).padStart(6, "0");
}

/** The second that was formatted last: events come thousands to a second, and a Date costs more than the rest of the line. */
let lastSecond = -1n;
let lastSecondText = "";

/** Local time with microseconds. */
function wallClock(realtimeNs: bigint): string {
  const second = realtimeNs / 1_000_000_000n;
  if (second !== lastSecond) {
    lastSecond = second;
    lastSecondText = localTime(new Date(Number(second) * 1000));
  }
  return `${lastSecondText}.${micros(realtimeNs)}`;
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
