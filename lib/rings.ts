/**
 * How large the rings are when the user does not say, and the queue that they share: so large that a handler may stall for a second,
 * yet within a bound for the whole machine.
 *
 * @module
 */

/** A stall of 1 s at 200,000 events/s of 128 bytes each fits: 25.6 MB. */
const WANTED_BYTES = 32 * 1024 * 1024;
/** All rings and the queue together take at most this, or a 32nd of the machine's memory. */
const TOTAL_BYTES = 512 * 1024 * 1024;
const MEMORY_SHARE = 32;
/** Below this a ring is of no use. */
const LEAST_BYTES = 64 * 1024;

/** Where records are kept until they are read. */
export interface Buffers {
  /** Data pages of each ring, a power of two. */
  readonly ringPages: number;
  /** Of the queue for what the rings cannot hold while the script's thread is away; 0: none. */
  readonly queueBytes: number;
}

/**
 * The rings alone where each can have what a stall takes: that is what costs least. Else they get half of what there is, and what
 * they leave is for the queue, which the CPUs share: a stall seldom meets a flood on all of them.
 *
 * @param machine Page size and memory in bytes, number of CPUs that are traced
 */
export function defaultBuffers(machine: { pageSize: number; memoryBytes: number; cpus: number }): Buffers {
  const { pageSize, memoryBytes } = machine;
  const cpus = Math.max(1, machine.cpus);
  const total = Math.min(TOTAL_BYTES, memoryBytes / MEMORY_SHARE);
  if (WANTED_BYTES * cpus <= total) return { ringPages: powerOfTwo(WANTED_BYTES / pageSize), queueBytes: 0 };
  // One ring has nobody to share with.
  if (cpus === 1) return { ringPages: powerOfTwo(Math.max(LEAST_BYTES, total) / pageSize), queueBytes: 0 };
  const ringPages = powerOfTwo(Math.max(LEAST_BYTES, total / 2 / cpus) / pageSize);
  const left = total - ringPages * pageSize * cpus;
  return { ringPages, queueBytes: Math.floor(Math.max(left, total / 2) / pageSize) * pageSize };
}

/** The greatest power of two that is not above `pages`, and at least 1. */
function powerOfTwo(pages: number): number {
  return Math.max(1, 2 ** Math.floor(Math.log2(pages)));
}

/** Memory of the machine in bytes, from the text of /proc/meminfo. */
export function memoryBytes(meminfo: string | undefined): number {
  const kilobytes = /^MemTotal:\s+(\d+) kB/m.exec(meminfo ?? "")?.[1];
  return kilobytes === undefined ? TOTAL_BYTES : Number(kilobytes) * 1024;
}
