/**
 * How large the rings are when the user does not say: so large that a handler may stall for a second, yet within a bound for the
 * whole machine.
 *
 * @module
 */

/** A stall of 1 s at 200,000 events/s of 128 bytes each fits: 25.6 MB. */
const WANTED_BYTES = 32 * 1024 * 1024;
/** All rings together take at most this, or a 32nd of the machine's memory. */
const TOTAL_BYTES = 512 * 1024 * 1024;
const MEMORY_SHARE = 32;
/** Below this a ring is of no use. */
const LEAST_PAGES = 8;

/**
 * Data pages of each ring.
 *
 * @param machine Page size and memory in bytes, number of CPUs that are traced
 * @returns A power of two
 */
export function defaultRingPages(machine: { pageSize: number; memoryBytes: number; cpus: number }): number {
  const total = Math.min(TOTAL_BYTES, machine.memoryBytes / MEMORY_SHARE);
  const bytes = Math.min(WANTED_BYTES, total / Math.max(1, machine.cpus));
  return Math.max(LEAST_PAGES, 2 ** Math.floor(Math.log2(bytes / machine.pageSize)));
}

/** Memory of the machine in bytes, from the text of /proc/meminfo. */
export function memoryBytes(meminfo: string | undefined): number {
  const kilobytes = /^MemTotal:\s+(\d+) kB/m.exec(meminfo ?? "")?.[1];
  return kilobytes === undefined ? TOTAL_BYTES : Number(kilobytes) * 1024;
}
