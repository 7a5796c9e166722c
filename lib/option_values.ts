/**
 * Values of options and attributes: whole numbers, CPU and task lists, ring sizes, a command's words. Each reader checks its text
 * before anything is opened, and a wrong one names the option, the value and what is allowed. Whether a CPU or task is there is
 * not asked here: that is the machine's to say.
 *
 * @module
 */

import { PerfprofError, UsageError } from "./errors.ts";

/** The largest CPU number that a record's prefix can carry (u16). */
const CPU_MAX = 65535;
/** PID_MAX_LIMIT of include/linux/threads.h. */
const PID_MAX = 4 * 1024 * 1024;
/** 2 GiB of pages of 4 KiB: a watermark, in bytes, is a u32. */
const RING_PAGES_MAX = 512 * 1024;
const RING_BYTES_MAX = 2 ** 31;

/** The size of a ring as written: in pages, or in bytes (`512K`). */
export type RingSize = { readonly pages: number } | { readonly bytes: number };

/**
 * A whole number in decimal digits.
 *
 * @param what Where it stands, such as `option -i`
 * @param text The value
 * @param min The least that is allowed
 * @param max The greatest, at most 2^53 - 1
 * @throws {UsageError} Not a number, or out of range
 */
export function parseInteger(what: string, text: string, min: number, max: number): number {
  if (!/^\d+$/.test(text)) throw new UsageError(`${what}: '${text}' is not a whole number`, { hints: [range(min, max)] });
  const value = Number(text);
  if (value < min || value > max) {
    throw new UsageError(`${what}: '${text}' is out of range`, { hints: [range(min, max)] });
  }
  return value;
}

function range(min: number, max: number): string {
  return `allowed is a whole number from ${min} to ${max}`;
}

/**
 * A CPU list as the kernel writes it: `0-3,7`.
 *
 * @returns The numbers, ascending, each once
 * @throws {UsageError} An empty item, a reversed range, a number that no CPU has
 */
export function parseCpuList(what: string, text: string): number[] {
  const cpus = new Set<number>();
  for (const item of text.split(",")) {
    const [, first, last = first] = /^\s*(\d+)(?:-(\d+))?\s*$/.exec(item) ?? [];
    if (first === undefined || last === undefined) {
      throw new UsageError(`${what}: '${item}' is not a CPU or a range of CPUs`, { hints: ["a CPU list is written 0-3,7"] });
    }
    const from = parseInteger(what, first, 0, CPU_MAX);
    const to = parseInteger(what, last, 0, CPU_MAX);
    if (from > to) throw new UsageError(`${what}: the range '${item}' is reversed`, { hints: [`write it ${last}-${first}`] });
    for (let cpu = from; cpu <= to; cpu++) cpus.add(cpu);
  }
  return [...cpus].sort((a, b) => a - b);
}

/** The other way: `[0, 1, 2, 3, 7]` -> `0-3,7`. `cpus` ascend. */
function formatCpuList(cpus: readonly number[]): string {
  const ranges: [number, number][] = [];
  for (const cpu of cpus) {
    const last = ranges.at(-1);
    if (last !== undefined && last[1] === cpu - 1) last[1] = cpu;
    else ranges.push([cpu, cpu]);
  }
  return ranges.map(([from, to]) => from === to ? `${from}` : `${from}-${to}`).join(",");
}

/**
 * Checks that all of `cpus` are online.
 *
 * @param what Where they were asked for, such as `option -C`
 * @throws {PerfprofError} Naming those that are not
 */
export function requireOnline(what: string, cpus: readonly number[], online: readonly number[]): void {
  const off = cpus.filter((cpu) => !online.includes(cpu));
  if (off.length === 0) return;
  const which = off.length === 1 ? `CPU ${off[0]} is` : `CPUs ${formatCpuList(off)} are`;
  throw new PerfprofError(`${what}: ${which} not online`, {
    hints: [`online are ${formatCpuList(online)}`],
  });
}

/** A list of process or thread ids: `1,42`. Each once, in their order. */
export function parseTaskList(what: string, text: string): number[] {
  return [...new Set(parseList(what, text).map((item) => parseInteger(what, item, 1, PID_MAX)))];
}

/** A comma-separated list without empty items. */
export function parseList(what: string, text: string): string[] {
  const items = text.split(",").map((item) => item.trim());
  if (items.includes("")) {
    throw new UsageError(`${what}: '${text}' has an empty item`, { hints: ["items are separated by single commas"] });
  }
  return items;
}

/**
 * A ring size: pages, or bytes with one of the suffixes B K M G. Never rounded: a power of two, or an error.
 */
export function parseRingSize(what: string, text: string): RingSize {
  const [, digits, suffix] = /^(\d+)([BKMG]?)$/i.exec(text) ?? [];
  if (digits === undefined || suffix === undefined) {
    throw new UsageError(`${what}: '${text}' is not a size`, { hints: ["allowed are pages (1024) or bytes (512K, 4M)"] });
  }
  const value = Number(digits) * 1024 ** "BKMG".indexOf(suffix.toUpperCase() || "B");
  if (!Number.isInteger(Math.log2(value))) {
    throw new UsageError(`${what}: '${text}' is not a power of two`, { hints: ["allowed are 1, 2, 4, 8, ... pages"] });
  }
  if (value > (suffix === "" ? RING_PAGES_MAX : RING_BYTES_MAX)) {
    throw new UsageError(`${what}: '${text}' is out of range`, {
      hints: [`allowed are at most ${RING_PAGES_MAX} pages or 2G`],
    });
  }
  return suffix === "" ? { pages: value } : { bytes: value };
}

/**
 * The pages of a ring on a machine whose pages have `pageBytes` bytes.
 *
 * @throws {UsageError} Less than a page
 */
export function ringPages(size: RingSize, pageBytes: number): number {
  if ("pages" in size) return size.pages;
  if (size.bytes < pageBytes) {
    throw new UsageError(`option -m: ${size.bytes} bytes are less than a page`, {
      hints: [`a page has ${pageBytes} bytes here`],
    });
  }
  return size.bytes / pageBytes;
}

/** One of some names. */
export function parseName<T extends string>(what: string, text: string, names: readonly T[]): T {
  const name = names.find((known) => known === text);
  if (name === undefined) throw new UsageError(`${what}: '${text}' is unknown`, { hints: [`allowed are ${names.join(" ")}`] });
  return name;
}

/** Any text but none. */
export function parseText(what: string, text: string): string {
  if (text.trim() === "") throw new UsageError(`${what}: the value is empty`);
  return text;
}

/** The words of a command; through the shell when anything in it is for a shell to understand. */
export function parseCommandWords(what: string, text: string): string[] {
  const command = parseText(what, text).trim();
  return /[|&;<>()$`\\"'*?[\]#~=!{}\n]/.test(command) ? ["/bin/sh", "-c", command] : command.split(/\s+/);
}
