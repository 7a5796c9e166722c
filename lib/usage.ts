/**
 * What perfprof itself takes of the machine, from two files of /proc, and the lines of --usage-self.
 *
 * @module
 */

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
function usageLine(before: Usage, now: Usage, seconds: number): string {
  const percent = (a: number, b: number) => (((b - a) / seconds) * 100).toFixed(1);
  const user = percent(before.userSeconds, now.userSeconds);
  const system = percent(before.systemSeconds, now.systemSeconds);
  return `perfprof: cpu ${user}% user ${system}% sys, rss ${mebibytes(now.rssBytes)} (peak ${mebibytes(now.peakRssBytes)})`;
}

/**
 * Says every `everyMs` what was used since the time before.
 *
 * @param kernelFile Reads a file of /proc
 * @param say Takes a line
 * @returns What ends it
 */
export function reportUsage(
  everyMs: number,
  kernelFile: (path: string) => string | undefined,
  say: (line: string) => void,
): () => void {
  let before = readUsage(kernelFile);
  let beforeMs = performance.now();
  const timer = setInterval(() => {
    const now = readUsage(kernelFile);
    const nowMs = performance.now();
    say(usageLine(before, now, (nowMs - beforeMs) / 1000));
    [before, beforeMs] = [now, nowMs];
  }, everyMs);
  return () => clearInterval(timer);
}

/** `12 MiB`. */
export function mebibytes(bytes: number): string {
  const mib = bytes / 1024 / 1024;
  return `${mib >= 10 || Number.isInteger(mib) ? Math.round(mib) : mib.toFixed(1)} MiB`;
}
