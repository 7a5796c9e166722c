/**
 * What a process has mapped to be executed, at one time: mappings in the order of their addresses, none over another. The kernel
 * does not tell of munmap(2), so a mapping lasts until another takes its place; where only a part is taken, the rest stays.
 *
 * @module
 */

import type { MappedFile } from "./symbolizer.ts";

/** A mapping. Spaces share them: a child has its parent's. */
export interface Mapping extends MappedFile {
  /** The symbolizer's number of the file, -1 before it was asked. */
  dso: number;
}

/** Never changes. */
export interface AddressSpace {
  /** Ascending. */
  readonly mappings: readonly Mapping[];
  /** The same number: the same mappings. */
  readonly serial: number;
}

let serials = 0;

/** A space of mappings that ascend and do not overlap. */
export function addressSpace(mappings: readonly Mapping[]): AddressSpace {
  return { mappings, serial: ++serials };
}

/** The mapping that has `address`. */
export function mappingAt({ mappings }: AddressSpace, address: bigint): Mapping | undefined {
  const mapping = mappings[firstEndingAbove(mappings, address)];
  return mapping !== undefined && mapping.start <= address ? mapping : undefined;
}

/** Memory of no file that lasts, which is where JIT compilers put code: is_anon_memory() of tools/perf/util/map.c, and memfds. */
export function isAnonymous({ path }: MappedFile): boolean {
  return /^(?:\/\/anon|\/dev\/zero|\/anon_hugepage|\/memfd:|\/SYSV|\[stack|\[heap\])/.test(path);
}

/** Changes nothing: it is there already. JIT compilers protect the same pages again and again, and each time is told. */
export function covers(mappings: readonly Mapping[], added: MappedFile): boolean {
  const old = mappings[firstEndingAbove(mappings, added.start)];
  if (old === undefined || old.start > added.start || old.end < added.end || old.path !== added.path) return false;
  if (isAnonymous(old)) return true;
  return old.pgoff - old.start === added.pgoff - added.start && old.inode === added.inode && old.major === added.major &&
    old.minor === added.minor && old.buildId.toString() === added.buildId.toString();
}

/** Puts a mapping over what is there. */
export function overlay(mappings: Mapping[], added: Mapping): void {
  const first = firstEndingAbove(mappings, added.start);
  let last = first;
  while (last < mappings.length && mappings[last]!.start < added.end) last++;
  const rest: Mapping[] = [];
  const below = mappings[first];
  const above = mappings[last - 1];
  if (last > first && below!.start < added.start) rest.push({ ...below!, end: added.start });
  rest.push(added);
  if (last > first && above!.end > added.end) {
    rest.push({ ...above!, start: added.end, pgoff: above!.pgoff + (added.end - above!.start) });
  }
  mappings.splice(first, last - first, ...rest);
}

/** Index of the first mapping that ends above `address`: the one that has it, or the next. */
function firstEndingAbove(mappings: readonly Mapping[], address: bigint): number {
  let low = 0;
  for (let high = mappings.length; low < high;) {
    const middle = (low + high) >>> 1;
    if (mappings[middle]!.end > address) high = middle;
    else low = middle + 1;
  }
  return low;
}

const NO_BUILD_ID = new Uint8Array(0);

/**
 * The executable mappings of a /proc/PID/maps (proc_pid_maps(5)), which ascend.
 *
 * @param root Of the process, as /proc/PID/root says: the file has the paths that we would see, and the process sees what is below it
 */
export function parseMaps(text: string, pid: number, root = "/"): Mapping[] {
  const lines = text.matchAll(
    /^([0-9a-f]{1,16})-([0-9a-f]{1,16}) ..x. ([0-9a-f]{1,16}) ([0-9a-f]+):([0-9a-f]+) (\d+) *(.*)$/gm,
  );
  return Array.from(lines, ([, start, end, pgoff, major, minor, inode, name]) => ({
    start: BigInt(`0x${start}`),
    end: BigInt(`0x${end}`),
    pgoff: BigInt(`0x${pgoff}`),
    inode: BigInt(inode!),
    major: parseInt(major!, 16),
    minor: parseInt(minor!, 16),
    pid,
    parent: 0,
    buildId: NO_BUILD_ID,
    path: pathOf(name!, root),
    dso: -1,
  }));
}

/** Of a line of maps: the kernel escapes newlines only. Memory of no file has no name there; in records it has this one. */
function pathOf(name: string, root: string): string {
  const path = name.replaceAll("\\012", "\n");
  if (path === "") return "//anon";
  return root !== "/" && path.startsWith(`${root}/`) ? path.slice(root.length) : path;
}
