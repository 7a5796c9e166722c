#!/usr/bin/env -S perfprof -e blktrace -i 1000
/**
 * Disks at work: requests and bytes of each by kind of access, and how long they were queued and served.
 *
 *     perfprof -e blktrace -i 1000 blktrace.ts
 */

/** What this takes of the global that perfprof gives to every handler. */
declare const perf_prof: {
  table(rows: readonly Record<string, string | number>[]): string;
};

interface Request {
  readonly dev: string;
  readonly rwbs: string;
  readonly bytes: number;
  readonly queue: number;
  readonly service: number;
  readonly latency: number;
}

const KINDS: Readonly<Record<string, string>> = { R: "read", W: "write", D: "discard", F: "flush" };

interface Disk {
  readonly dev: string;
  readonly kind: string;
  requests: number;
  bytes: number;
  queueNs: number;
  serviceNs: number;
  longestNs: number;
}

const disks = new Map<string, Disk>();

export function blktrace({ dev, rwbs, bytes, queue, service, latency }: Request): void {
  const kind = KINDS[rwbs[0] ?? ""] ?? rwbs;
  const key = `${dev} ${kind}`;
  let disk = disks.get(key);
  if (disk === undefined) {
    disks.set(key, disk = { dev, kind, requests: 0, bytes: 0, queueNs: 0, serviceNs: 0, longestNs: 0 });
  }
  disk.requests++;
  disk.bytes += bytes;
  disk.queueNs += queue;
  disk.serviceNs += service;
  disk.longestNs = Math.max(disk.longestNs, latency);
}

export function __interval__(): void {
  const rows = [...disks.values()].sort((a, b) => a.dev.localeCompare(b.dev) || a.kind.localeCompare(b.kind));
  console.log(perf_prof.table(rows.map(({ dev, kind, requests, bytes, queueNs, serviceNs, longestNs }) => ({
    DISK: dev,
    ACCESS: kind,
    REQUESTS: requests,
    KiB: bytes / 1024,
    "QUEUE µs": (queueNs / requests / 1000).toFixed(1),
    "SERVICE µs": (serviceNs / requests / 1000).toFixed(1),
    "MAX µs": (longestNs / 1000).toFixed(1),
  }))));
  console.log();
  disks.clear();
}

/** What came since the last interval. */
export function __exit__(): void {
  if (disks.size > 0) __interval__();
}
