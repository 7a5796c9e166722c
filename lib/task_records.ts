/**
 * Records of what was there before a recording began, as perf synthesizes them (tools/perf/util/synthetic-events.c): where the kernel
 * and its modules lie, and of each task its parent, its name and what it has mapped to be executed. All have time 0.
 *
 * @module
 */

import { parseMaps } from "./address_space.ts";
import { ByteWriter } from "./byte_writer.ts";
import { writeRecord } from "./perf_data.ts";
import type { TaskName } from "./machine.ts";
import type { MappedFile, Symbolizer } from "./symbolizer.ts";

/** enum perf_event_type and PERF_RECORD_MISC_*, include/uapi/linux/perf_event.h. */
const PERF_RECORD_MMAP = 1, PERF_RECORD_COMM = 3, PERF_RECORD_FORK = 7, PERF_RECORD_MMAP2 = 10;
const MISC_KERNEL = 1, MISC_USER = 2;
/** The new task begins with an empty address space: its mappings follow. */
const MISC_FORK_EXEC = 1 << 13;
/** The file is told by its build id. */
const MISC_MMAP_BUILD_ID = 1 << 14;
const BUILD_ID_MOST = 20;
const PROT_READ_EXEC = 5, MAP_PRIVATE = 2;
/** The pid of what belongs to the kernel. */
const KERNEL = 0xffffffff;

/** What the records are made from. */
export interface TaskRecordParts {
  readonly tasks: readonly TaskName[];
  /** Processes whose mappings are wanted. */
  readonly mapped: ReadonlySet<number>;
  /** Of a file under /proc, undefined where it is gone. */
  readonly read: (path: string) => string | undefined;
  /** Where /proc/PID/root leads. */
  readonly root: (pid: number) => string;
  /** Of a file, undefined where it has none. */
  readonly buildId: (file: MappedFile) => Uint8Array | undefined;
  /** An id of the event whose records these could be. */
  readonly id: bigint;
}

/** The records of the kernel, its modules and the tasks. */
export function taskRecords({ tasks, mapped, read, root, buildId, id }: TaskRecordParts): Uint8Array<ArrayBuffer> {
  const records = new Records(id);
  for (const mapping of kernelMappings(read)) records.kernelMapping(mapping);
  const processes = Map.groupBy(tasks, ({ pid }) => pid);
  for (const [pid, threads] of processes) {
    const parent = Number(/^PPid:\s*(\d+)/m.exec(read(`/proc/${pid}/status`) ?? "")?.[1] ?? 0);
    for (const { tid, comm } of threads) {
      records.fork(pid, tid, tid === pid ? parent : pid);
      records.comm(pid, tid, comm);
    }
    if (!mapped.has(pid)) continue;
    for (const mapping of parseMaps(read(`/proc/${pid}/maps`) ?? "", pid, root(pid))) {
      records.mapping({ ...mapping, buildId: buildId(mapping) ?? mapping.buildId });
    }
  }
  return records.take();
}

/** Tells the build ids of files: each is opened once, however many have it mapped. Empty where it has none. */
export function fileBuildIds(symbolizer: Pick<Symbolizer, "openFile" | "buildId">): TaskRecordParts["buildId"] {
  const known = new Map<string, Uint8Array>();
  return (file) => {
    if (file.inode === 0n) return undefined;
    const key = `${file.major}:${file.minor}:${file.inode}`;
    let id = known.get(key);
    if (id === undefined) {
      id = Uint8Array.fromHex(symbolizer.buildId(symbolizer.openFile(file)) ?? "");
      known.set(key, id);
    }
    return id;
  };
}

/** Where something of the kernel's lies. */
interface KernelMapping {
  readonly start: bigint;
  readonly size: bigint;
  readonly pgoff: bigint;
  readonly name: string;
}

/** None where the kernel hides its addresses. */
function kernelMappings(read: TaskRecordParts["read"]): KernelMapping[] {
  const symbols = read("/proc/kallsyms") ?? "";
  const address = (name: string) => BigInt(`0x${new RegExp(`^([0-9a-f]+) \\w ${name}$`, "m").exec(symbols)?.[1] ?? "0"}`);
  const start = address("_text");
  if (start === 0n) return [];
  // The symbol by which a reader tells how far the kernel was moved.
  const kernel = { start, size: address("_etext") - start, pgoff: start, name: "[kernel.kallsyms]_text" };
  const modules = (read("/proc/modules") ?? "").matchAll(/^(\S+) (\d+) .* 0x([0-9a-f]+)(?: \(\w+\))?$/gm);
  return [
    kernel,
    ...Array.from(modules, ([, name, size, at]) => ({
      start: BigInt(`0x${at}`),
      size: BigInt(size!),
      pgoff: 0n,
      name: `[${name}]`,
    })),
  ];
}

/** Each ends with struct sample_id as the side-band event has it: u32 pid, tid; u64 time; u32 cpu, res; u64 id. */
class Records {
  readonly #out = new ByteWriter();
  readonly #id: bigint;

  constructor(id: bigint) {
    this.#id = id;
  }

  kernelMapping({ start, size, pgoff, name }: KernelMapping): void {
    const body = new ByteWriter().u32(KERNEL).u32(0).u64(start).u64(size).u64(pgoff).cString(name, 8);
    this.#add(PERF_RECORD_MMAP, MISC_KERNEL, body, KERNEL, 0);
  }

  fork(pid: number, tid: number, parent: number): void {
    const body = new ByteWriter().u32(pid).u32(parent).u32(tid).u32(parent).u64(0);
    this.#add(PERF_RECORD_FORK, MISC_FORK_EXEC, body, pid, tid);
  }

  comm(pid: number, tid: number, comm: string): void {
    this.#add(PERF_RECORD_COMM, 0, new ByteWriter().u32(pid).u32(tid).cString(comm, 8), pid, tid);
  }

  /** The file is u32 maj, min; u64 ino, ino_generation; or u8 build_id_size, 3 bytes of nothing, u8 build_id[20]. */
  mapping({ pid, start, end, pgoff, major, minor, inode, buildId, path }: MappedFile): void {
    const body = new ByteWriter().u32(pid).u32(pid).u64(start).u64(end - start).u64(pgoff);
    const known = buildId.length > 0;
    if (known) body.u8(buildId.length).zeros(3).bytes(buildId).zeros(BUILD_ID_MOST - buildId.length);
    else body.u32(major).u32(minor).u64(inode).u64(0);
    body.u32(PROT_READ_EXEC).u32(MAP_PRIVATE).cString(path, 8);
    this.#add(PERF_RECORD_MMAP2, MISC_USER | (known ? MISC_MMAP_BUILD_ID : 0), body, pid, pid);
  }

  take(): Uint8Array<ArrayBuffer> {
    return this.#out.take();
  }

  #add(type: number, misc: number, body: ByteWriter, pid: number, tid: number): void {
    body.u32(pid).u32(tid).u64(0).u32(0).u32(0).u64(this.#id);
    writeRecord(this.#out, type, body.take(), misc);
  }
}
