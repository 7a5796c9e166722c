/**
 * What perfprof says of itself: its status on SIGUSR2 and the line of --usage-self. Pure text from counts and two files of /proc.
 *
 * @module
 */

import type { EventCount, SourceState } from "./source.ts";

/** Kernel's USER_HZ, which /proc counts CPU time in: 100 on every architecture that Deno runs on (proc(5)). */
const TICKS_PER_SECOND = 100;

/** CPU time and memory of this process. */
export interface Usage {
  readonly userSeconds: number;
  readonly systemSeconds: number;
  readonly rssBytes: number;
  readonly peakRssBytes: number;
}

/**
 * Reads this process's usage.
 *
 * @param kernelFile Reads a file of /proc
 */
export function readUsage(kernelFile: (path: string) => string | undefined): Usage {
  // The second field, the name in parentheses, may hold spaces: the numbers are counted from behind it (proc_pid_stat(5)).
  const stat = kernelFile("/proc/self/stat") ?? "";
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const status = kernelFile("/proc/self/status") ?? "";
  const bytes = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, "m").exec(status)?.[1] ?? 0) * 1024;
  return {
    userSeconds: Number(fields[11] ?? 0) / TICKS_PER_SECOND,
    systemSeconds: Number(fields[12] ?? 0) / TICKS_PER_SECOND,
    rssBytes: bytes("VmRSS"),
    peakRssBytes: bytes("VmHWM"),
  };
}

/**
 * The line of --usage-self: what was used since the line before.
 *
 * @param seconds How long that was
 */
export function usageLine(before: Usage, now: Usage, seconds: number): string {
  const percent = (a: number, b: number) => (((b - a) / seconds) * 100).toFixed(1);
  const user = percent(before.userSeconds, now.userSeconds);
  const system = percent(before.systemSeconds, now.systemSeconds);
  return `perfprof: cpu ${user}% user ${system}% sys, rss ${mebibytes(now.rssBytes)} (peak ${mebibytes(now.peakRssBytes)})`;
}

/** What a status is made from. */
export interface Status {
  /** Since the events were enabled. */
  readonly seconds: number;
  /** Since the process started, which is what its CPU time is measured against. */
  readonly upSeconds: number;
  readonly state: SourceState;
  readonly counts: readonly EventCount[];
  /** By event index; undefined: side-band, not shown. */
  readonly names: readonly (string | undefined)[];
  readonly usage: Usage;
  /** How far `__interval__` is behind, ns. */
  readonly lagNs: number;
}

/** The lines of SIGUSR2. */
export function statusLines({ seconds, upSeconds, state, counts, names, usage, lagNs }: Status): string[] {
  const rate = Math.round(state.delivered / Math.max(seconds, 0.001));
  const extra = [
    state.late > 0 ? `, ${state.late} late` : "",
    state.excluded > 0 ? `, ${state.excluded} of our own excluded` : "",
    state.damaged > 0 ? `, ${state.damaged} damaged` : "",
    state.sidebandLost > 0 ? `, ${state.sidebandLost} task records lost` : "",
  ].join("");
  const queue = state.queueBytes > 0 ? `, queue ${mebibytes(state.queueBytes)}` : "";
  const cpu = ((usage.userSeconds + usage.systemSeconds) / upSeconds) * 100;
  const lines = [
    `perfprof: ${seconds.toFixed(1)} s, ${state.delivered} events (${rate}/s), ${state.lost} lost${extra}`,
    `    cpu ${cpu.toFixed(1)}%, rss ${mebibytes(usage.rssBytes)} (peak ${mebibytes(usage.peakRssBytes)}), ` +
    `rings ${state.rings} x ${mebibytes(state.ringBytes)}${queue}`,
  ];
  if (lagNs > 0) lines.push(`    interval: ${(lagNs / 1e9).toFixed(1)} s behind`);
  const shown = names.flatMap((name, event) => name === undefined ? [] : [{ name, event }]);
  const width = Math.max(0, ...shown.map(({ name }) => name.length));
  for (const { name, event } of shown) {
    const own = counts.filter((count) => count.event === event);
    const sum = (key: "delivered" | "lost") => own.reduce((total, count) => total + count[key], 0);
    lines.push(`    ${name.padEnd(width)}  ${sum("delivered")} delivered, ${sum("lost")} lost`);
  }
  return lines;
}

function mebibytes(bytes: number): string {
  const mib = bytes / 1024 / 1024;
  return `${mib >= 10 || Number.isInteger(mib) ? Math.round(mib) : mib.toFixed(1)} MiB`;
}
