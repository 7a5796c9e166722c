/**
 * The members of a sample: one line each, in the order in which the kernel writes them (perf_event_open(2) under
 * PERF_RECORD_SAMPLE; perf_output_sample of kernel/events/core.c). Owns their names, sample_type bits, kinds and help. It reads no
 * bytes: member_layout.ts places them, member_class.ts generates the code that does.
 *
 * @module
 */

import { PERF_SAMPLE } from "../layout.ts";
import type { Member } from "./profiler.ts";
import { PERF_FORMAT } from "./read_format.ts";

/** How the bytes of a member become its value. */
export type MemberKind =
  /** s32 -> number: a task. */
  | "task"
  /** u32, and a u32 that is reserved -> number. */
  | "cpu"
  /** u64 -> bigint: an address or an id. */
  | "bigint"
  /** u64 -> number when that is exact, else bigint. */
  | "integer"
  /** See read_format.ts. */
  | "read"
  /** `{ u64 nr; u64 ips[nr] }` -> frames. */
  | "callchain"
  /** `{ u32 size; u8 data[size] }` -> data. */
  | "raw"
  /** `{ u64 nr; [u64 hw_idx;] lbr[nr]; [u64 counters[nr];] }` -> these bytes. */
  | "branch_stack"
  /** `{ u64 abi; [u64 regs[];] }`, see registers.ts. */
  | "regs_user"
  | "regs_intr"
  /** `{ u64 size; u8 data[size]; [u64 dyn_size;] }` -> all but the last. */
  | "stack_user"
  /** `{ u64 size; u8 data[size] }` -> these bytes. */
  | "aux";

export type SampleBit = keyof typeof PERF_SAMPLE;

/** A member. TID has two, `weight` two bits that exclude each other. */
export interface MemberRow {
  readonly name: string;
  readonly bit: SampleBit;
  readonly kind: MemberKind;
  readonly help: string;
}

const TABLE: readonly (readonly [name: string, bit: SampleBit, kind: MemberKind, help: string])[] = [
  ["identifier", "IDENTIFIER", "bigint", "id of the event, as in id"],
  ["ip", "IP", "bigint", "address of the instruction"],
  ["pid", "TID", "task", "process"],
  ["tid", "TID", "task", "thread"],
  ["time", "TIME", "integer", "ns of the events' clock"],
  ["addr", "ADDR", "bigint", "address that the instruction accessed"],
  ["id", "ID", "bigint", "id of the event, or of its group's leader"],
  ["stream_id", "STREAM_ID", "bigint", "id of the event, also in a group"],
  ["cpu", "CPU", "cpu", "CPU"],
  ["period", "PERIOD", "integer", "events that this sample stands for"],
  ["read", "READ", "read", "the counter, or those of the group"],
  ["callchain", "CALLCHAIN", "callchain", "stack, innermost frame first"],
  ["raw", "RAW", "raw", "data of the event's own"],
  ["branch_stack", "BRANCH_STACK", "branch_stack", "{ u64 nr; lbr[nr] }: last branches, as the kernel writes them"],
  ["regs_user", "REGS_USER", "regs_user", "registers in user space; { abi: 0 } where there is none"],
  ["stack_user", "STACK_USER", "stack_user", "{ u64 size; data[size] }: the user stack from its pointer on"],
  ["weight", "WEIGHT", "integer", "cost of the access, in units of the CPU model"],
  ["weight", "WEIGHT_STRUCT", "integer", "three costs, of the CPU model's choice: bits 0 to 31, 32 to 47, 48 to 63"],
  ["data_src", "DATA_SRC", "integer", "where the data came from: union perf_mem_data_src"],
  ["transaction", "TRANSACTION", "integer", "why a transaction aborted: PERF_TXN_* bits"],
  ["regs_intr", "REGS_INTR", "regs_intr", "registers at the sample, in kernel or user space"],
  ["phys_addr", "PHYS_ADDR", "bigint", "physical address of addr"],
  ["cgroup", "CGROUP", "bigint", "id of the task's cgroup"],
  ["data_page_size", "DATA_PAGE_SIZE", "integer", "bytes of the page of addr"],
  ["code_page_size", "CODE_PAGE_SIZE", "integer", "bytes of the page of ip"],
  ["aux", "AUX", "aux", "{ u64 size; data[size] }: hardware trace up to the sample"],
];

/** All members. The header of the kernel lists aux before cgroup; what it writes is this. */
export const MEMBERS: readonly MemberRow[] = TABLE.map(([name, bit, kind, help]) => ({ name, bit, kind, help }));

/** What every sample has, whether or not it was asked for; of these, IDENTIFIER is not shown. */
const ALWAYS_SHOWN = PERF_SAMPLE.TID | PERF_SAMPLE.TIME | PERF_SAMPLE.CPU;

/** Is the member one of those that `shown` has bits for? pid, tid, time and cpu are always. */
export function isShown({ bit }: MemberRow, shown: number): boolean {
  return ((shown | ALWAYS_SHOWN) & PERF_SAMPLE[bit]) !== 0;
}

/**
 * The members of a profiler's events, for templates and help.
 *
 * @param shown PERF_SAMPLE_* bits that the profiler asks for
 * @param readFormat PERF_FORMAT_* bits
 */
export function describeMembers(shown: number, readFormat = 0): Member[] {
  return MEMBERS.filter((row) => isShown(row, shown)).map(({ name, kind, help }) => ({
    name,
    type: typeOf(kind, readFormat),
    help,
  }));
}

function typeOf(kind: MemberKind, readFormat: number): string {
  switch (kind) {
    case "task":
    case "cpu":
      return "number";
    case "bigint":
      return "bigint";
    case "integer":
      return "number | bigint";
    case "read":
      return readFormat & PERF_FORMAT.GROUP ? "GroupRead" : "CounterRead";
    case "callchain":
      return "readonly Frame[]";
    case "regs_user":
    case "regs_intr":
      return "Registers";
    default:
      return "Uint8Array";
  }
}
