/**
 * Recordings for tests, made by perf itself: what perf has written perfprof must read, and perf script says what is in it.
 *
 * @module
 */

import { cannotTrace, EMIT, emittedNr } from "./harness.ts";

/** How often a command is begun that aborts. */
const TRIES = 3;

/**
 * Runs a command; its stdout. perf 6.1 aborts now and then when it looks for build ids at its end ("assertion failed at
 * util/build-id.c", "stack smashing detected"), and does not when it is begun again.
 */
export function output(command: string, args: readonly string[]): string {
  const run = () => new Deno.Command(command, { args: [...args] }).outputSync();
  let { code, signal, stdout, stderr } = run();
  for (let tries = 1; signal === "SIGABRT" && tries < TRIES; tries++) ({ code, signal, stdout, stderr } = run());
  const text = new TextDecoder();
  if (code !== 0) throw new Error(`${command} ${args.join(" ")} ended with status ${code}: ${text.decode(stderr)}`);
  return text.decode(stdout);
}

/** Why nothing can be recorded here; undefined when it can. */
export const cannotRecord: string | undefined = cannotTrace ?? (() => {
  try {
    output("perf", ["--version"]);
    return undefined;
  } catch {
    return "perf is not installed";
  }
})();

/** The generator's system call as perf takes it: exactly as many samples as calls. */
export function emitted(): string[] {
  return ["-e", "raw_syscalls:sys_enter", "--filter", `id==${emittedNr()}`];
}

/**
 * Records the generator.
 *
 * @param options Of perf record; events among them
 * @param calls That it makes
 */
export function recordCalls(path: string, options: readonly string[], calls: number): void {
  output("perf", ["record", "-q", "-N", ...options, "-o", path, "--", EMIT, "calls", `${calls}`]);
}

/** A sample as one line, without the latency flags, which perf script does not show: `comm tid cpu time event text`. */
export function sampleLines(text: string): string[] {
  return text.split("\n").flatMap((line) => {
    const [, comm, tid, cpu, time, event, rest] =
      /^\s*(.+?)\s+(\d+)(?: [^\s[]{4})?\s+\[(\d+)\]\s+(\d+\.\d+):\s+(\S+?):\s*(.*?)\s*$/.exec(line) ?? [];
    return comm === undefined ? [] : [`${comm} ${tid} ${cpu} ${time} ${event} ${rest}`];
  });
}

/** The same by perf script. */
export function perfLines(path: string): string[] {
  return sampleLines(output("perf", ["script", "-i", path, "-F", "comm,tid,cpu,time,event,trace"]));
}
