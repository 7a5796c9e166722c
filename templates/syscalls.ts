#!/usr/bin/env -S perfprof -e syscalls -i 1000
/**
 * System calls by name: how many, how many failed, and how long they took; those that took most first. With -p or -c of one program.
 *
 *     perfprof -e syscalls -i 1000 -c 'ls -R /usr' syscalls.ts
 */

/** What this takes of the global that perfprof gives to every handler. */
declare const perf_prof: {
  table(rows: readonly Record<string, string | number>[]): string;
};

interface SystemCall {
  readonly name: string;
  readonly ret: number | bigint;
  readonly latency: number;
}

const TOP = 20;
/** -errno is in this range (MAX_ERRNO of include/linux/err.h). */
const LEAST_ERROR = -4095;

const calls = new Map<string, { count: number; errors: number; ns: number; longestNs: number }>();

export function syscalls({ name, ret, latency }: SystemCall): void {
  let call = calls.get(name);
  if (call === undefined) calls.set(name, call = { count: 0, errors: 0, ns: 0, longestNs: 0 });
  call.count++;
  if (ret < 0 && ret >= LEAST_ERROR) call.errors++;
  call.ns += latency;
  call.longestNs = Math.max(call.longestNs, latency);
}

export function __interval__(): void {
  const top = [...calls].sort(([, a], [, b]) => b.ns - a.ns).slice(0, TOP);
  console.log(perf_prof.table(top.map(([name, { count, errors, ns, longestNs }]) => ({
    SYSCALL: name,
    CALLS: count,
    ERRORS: errors,
    "TOTAL µs": (ns / 1000).toFixed(1),
    "MEAN µs": (ns / count / 1000).toFixed(1),
    "MAX µs": (longestNs / 1000).toFixed(1),
  }))));
  console.log();
  calls.clear();
}

/** What came since the last interval. */
export function __exit__(): void {
  if (calls.size > 0) __interval__();
}
