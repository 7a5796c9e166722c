/**
 * Records of what processes map: PERF_RECORD_MMAP2, and PERF_RECORD_MMAP of kernels before 3.16, which recordings may have.
 *
 * @module
 */

import type { Mapping } from "./address_space.ts";
import { text } from "./decode.ts";
import { HEADER_SIZE } from "./layout.ts";

/** enum perf_event_type and PERF_RECORD_MISC_*, include/uapi/linux/perf_event.h. */
export const PERF_RECORD_MMAP = 1, PERF_RECORD_MMAP2 = 10;
const PERF_RECORD_MISC_MMAP_DATA = 1 << 13, PERF_RECORD_MISC_MMAP_BUILD_ID = 1 << 14;
/** struct sample_id after a side-band record with TID, TIME, CPU and IDENTIFIER: u32 pid, tid; u64 time; u32 cpu, res; u64 id. */
export const TRAILER_SIZE = 32;
/** Up to the file name: u32 pid, tid; u64 addr, len, pgoff; in MMAP2 then the file, and u32 prot, flags. */
const MMAP_SIZE = HEADER_SIZE + 32;
const MMAP2_SIZE = HEADER_SIZE + 64;
const BUILD_ID_MOST = 20;

/** What a record says of the file. */
type MappedId = Pick<Mapping, "inode" | "major" | "minor" | "buildId">;

const UNTOLD: MappedId = { inode: 0n, major: 0, minor: 0, buildId: new Uint8Array() };

/**
 * What one of them has mapped; undefined where it is nothing of a process, no code, or too short. In recordings those of pid -1 are
 * the kernel and its modules.
 *
 * @param offset Of its perf_event_header, whose size is within the view
 */
export function mappingOf(view: DataView, offset: number): Mapping | undefined {
  const isNew = view.getUint32(offset, true) === PERF_RECORD_MMAP2;
  const misc = view.getUint16(offset + 4, true);
  const nameAt = isNew ? MMAP2_SIZE : MMAP_SIZE;
  const nameSize = view.getUint16(offset + 6, true) - nameAt - TRAILER_SIZE;
  const body = offset + HEADER_SIZE;
  const pid = view.getInt32(body, true);
  if (nameSize < 0 || pid < 0 || (!isNew && misc & PERF_RECORD_MISC_MMAP_DATA)) return undefined;
  const start = view.getBigUint64(body + 8, true);
  return {
    start,
    end: start + view.getBigUint64(body + 16, true),
    pgoff: view.getBigUint64(body + 24, true),
    ...(isNew ? idOf(view, body + 32, misc) : UNTOLD),
    pid,
    parent: 0,
    path: text(view, offset + nameAt, nameSize),
    dso: -1,
  };
}

/** u32 maj, min; u64 ino, ino_generation; or u8 build_id_size, 3 bytes of nothing, u8 build_id[20]. */
function idOf(view: DataView, at: number, misc: number): MappedId {
  if ((misc & PERF_RECORD_MISC_MMAP_BUILD_ID) === 0) {
    const [major, minor] = [view.getUint32(at, true), view.getUint32(at + 4, true)];
    return { ...UNTOLD, inode: view.getBigUint64(at + 8, true), major, minor };
  }
  const id = view.byteOffset + at + 4;
  const size = Math.min(view.getUint8(at), BUILD_ID_MOST);
  return { ...UNTOLD, buildId: new Uint8Array(view.buffer.slice(id, id + size) as ArrayBuffer) };
}
