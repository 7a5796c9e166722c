/**
 * Where each member of a sample sits. Members up to the first of variable length have fixed offsets; those behind it are found
 * from the end of the last variable one before them. Owns the lengths of the variable members, and the checks of them: whoever
 * asks `behind` for each end in turn reads nothing outside of the record.
 *
 * @module
 */

import { DecodeError } from "../errors.ts";
import { HEADER_SIZE, PERF_SAMPLE } from "../layout.ts";
import { type MemberKind, type MemberRow, MEMBERS } from "./members.ts";
import { parseReadFormat, type ReadFormat } from "./read_format.ts";
import { type Arch, type RegisterSet, registerSet } from "./registers.ts";

/** What of perf_event_attr shapes its samples. */
export interface SampleAttr {
  /** With the bits that the trace adds: what the kernel was asked for. */
  readonly sampleType: number | bigint;
  readonly readFormat: number;
  readonly branchSampleType?: number | bigint;
  readonly regsUser?: bigint;
  readonly regsIntr?: bigint;
  readonly maxStack?: number;
}

/** What changes a branch stack's size (enum perf_branch_sample_type). */
export const PERF_SAMPLE_BRANCH = { HW_INDEX: 1 << 17, COUNTERS: 1 << 19 } as const;
/** struct perf_branch_entry. */
const BRANCH_ENTRY_SIZE = 24;

/** The length of a variable member: `head + count * unit`, and where count is not 0, `tail`. */
export interface Extent {
  /** For errors. */
  readonly label: string;
  /** Bytes that are always there. They begin with the count: a u64, or a u32 where there are but 4. */
  readonly head: number;
  readonly unit: number;
  /** Any count but 0 stands for one: an abi. */
  readonly flag: boolean;
  readonly tail: number;
  /** Bytes that must follow: those of the fixed members behind it, and the head of the next variable one. */
  readonly then: number;
}

/** A member, `offset` bytes from anchor `anchor`: 0 is the record's start, n the end of the nth variable member. */
export interface PlacedMember {
  readonly row: MemberRow;
  readonly anchor: number;
  readonly offset: number;
  /** It ends at the next anchor. */
  readonly variable: boolean;
}

/** The members of a sample. */
export interface MemberLayout {
  readonly members: readonly PlacedMember[];
  /** Bytes from the record's start that every sample has: up to the first variable member, and its head. */
  readonly fixedSize: number;
  /** Of the variable members in order. */
  readonly extents: readonly Extent[];
  readonly read: ReadFormat;
  readonly regsUser: RegisterSet;
  readonly regsIntr: RegisterSet;
}

/**
 * Places the members.
 *
 * @param event For errors
 * @throws RangeError on a bit that is not known: it would move what follows
 */
export function memberLayout(event: string, attr: SampleAttr, arch: Arch): MemberLayout {
  const sampleType = knownBits(attr.sampleType);
  const sets = {
    read: parseReadFormat(attr.readFormat),
    regsUser: registerSet(attr.regsUser ?? 0n, arch),
    regsIntr: registerSet(attr.regsIntr ?? 0n, arch),
  };
  const extents: Omit<Extent, "then">[] = [];
  /** Fixed bytes behind each anchor. */
  const fixed = [HEADER_SIZE];
  const members = MEMBERS.filter(({ bit }) => (sampleType & PERF_SAMPLE[bit]) !== 0).map((row): PlacedMember => {
    const anchor = extents.length;
    const offset = fixed[anchor]!;
    const extent = variableExtent(row.kind, attr, sets);
    fixed[anchor]! += extent?.head ?? fixedSize(row.kind, sets.read);
    if (extent !== undefined) {
      extents.push({ flag: false, tail: 0, ...extent, label: `${event}: member '${row.name}'` });
      fixed.push(0);
    }
    return { row, anchor, offset, variable: extent !== undefined };
  });
  return { members, fixedSize: fixed[0]!, extents: extents.map((extent, i) => ({ ...extent, then: fixed[i + 1]! })), ...sets };
}

function knownBits(sampleType: number | bigint): number {
  const known = Object.values(PERF_SAMPLE).reduce((all, bit) => all | BigInt(bit), 0n);
  const unknown = BigInt(sampleType) & ~known;
  const name = `sample_type 0x${sampleType.toString(16)}`;
  if (unknown !== 0n) throw new RangeError(`${name}: no layout for 0x${unknown.toString(16)}`);
  const bits = Number(sampleType);
  if (bits & PERF_SAMPLE.WEIGHT && bits & PERF_SAMPLE.WEIGHT_STRUCT) {
    throw new RangeError(`${name}: WEIGHT and WEIGHT_STRUCT exclude each other`);
  }
  return bits;
}

function fixedSize(kind: MemberKind, read: ReadFormat): number {
  if (kind === "task") return 4;
  return kind === "read" ? read.size : 8;
}

/** Undefined for a member of fixed length. */
function variableExtent(
  kind: MemberKind,
  { branchSampleType = 0 }: SampleAttr,
  { read, regsUser, regsIntr }: Pick<MemberLayout, "read" | "regsUser" | "regsIntr">,
): Pick<Extent, "head" | "unit"> & Partial<Extent> | undefined {
  const hasBranch = (bit: number) => (BigInt(branchSampleType) & BigInt(bit)) !== 0n;
  switch (kind) {
    case "read":
      return read.group ? { head: read.size, unit: read.counterSize } : undefined;
    case "callchain":
      return { head: 8, unit: 8 };
    case "raw":
      return { head: 4, unit: 1 };
    case "branch_stack":
      // As perf does, hw_idx is taken to be there also where nr is 0.
      return {
        head: hasBranch(PERF_SAMPLE_BRANCH.HW_INDEX) ? 16 : 8,
        unit: BRANCH_ENTRY_SIZE + (hasBranch(PERF_SAMPLE_BRANCH.COUNTERS) ? 8 : 0),
      };
    case "regs_user":
      return { head: 8, unit: 8 * regsUser.count, flag: true };
    case "regs_intr":
      return { head: 8, unit: 8 * regsIntr.count, flag: true };
    case "stack_user":
      return { head: 8, unit: 1, tail: 8 };
    case "aux":
      return { head: 8, unit: 1 };
    default:
      return undefined;
  }
}

/**
 * The end of a variable member.
 *
 * @param at Of the member in the view; its head is in the record
 * @param end Of the record
 * @throws DecodeError when it, or the fixed bytes that must follow it, would leave the record
 */
export function behind(view: DataView, at: number, extent: Extent, end: number): number {
  const { head, unit, flag, tail, then } = extent;
  const high = head === 4 ? 0 : view.getUint32(at + 4, true);
  // As a double, a count of up to 2^64 may be rounded, but neither wraps nor comes near to what fits.
  const count = high * 4294967296 + view.getUint32(at, true);
  const next = at + head + (flag && count > 0 ? 1 : count) * unit + (count > 0 ? tail : 0);
  if (next + then > end) {
    throw new DecodeError(
      `${extent.label}: with a count of ${count} the sample leaves the ${end - at} bytes that its record has`,
    );
  }
  return next;
}
