#!/usr/bin/env -S perfprof -e kvm-exit -i 1000
/**
 * Why virtual CPUs leave their guests, and how long they stay outside: by CPU and reason, the longest in all first.
 *
 *     perfprof -e kvm-exit -i 1000 kvmexits.ts
 */

/** What this takes of the global that perfprof gives to every handler. */
declare const perf_prof: {
  table(rows: readonly Record<string, string | number>[]): string;
};

interface KvmExit {
  readonly pid: number;
  readonly vcpu_id: number;
  readonly exit_reason: string;
  readonly latency: number;
}

const exits = new Map<string, { pid: number; vcpu: number; reason: string; count: number; ns: number; longestNs: number }>();

export function kvm_exit({ pid, vcpu_id, exit_reason, latency }: KvmExit): void {
  const key = `${pid} ${vcpu_id} ${exit_reason}`;
  let exit = exits.get(key);
  if (exit === undefined) {
    exits.set(key, exit = { pid, vcpu: vcpu_id, reason: exit_reason, count: 0, ns: 0, longestNs: 0 });
  }
  exit.count++;
  exit.ns += latency;
  exit.longestNs = Math.max(exit.longestNs, latency);
}

export function __interval__(): void {
  const rows = [...exits.values()].sort((a, b) => b.ns - a.ns);
  console.log(perf_prof.table(rows.map(({ pid, vcpu, reason, count, ns, longestNs }) => ({
    PID: pid,
    VCPU: vcpu,
    REASON: reason,
    EXITS: count,
    "TOTAL µs": (ns / 1000).toFixed(1),
    "MEAN µs": (ns / count / 1000).toFixed(1),
    "MAX µs": (longestNs / 1000).toFixed(1),
  }))));
  console.log();
  exits.clear();
}

/** What came since the last interval. */
export function __exit__(): void {
  if (exits.size > 0) __interval__();
}
