/**
 * struct perf_event_attr of a recording -> the typed object that lib/attr.ts has for those that perfprof opens. Says no to what
 * would need another machine to be understood.
 *
 * @module
 */

import { ATTR_FLAGS, type AttrFlag, type EventAttr, PERF, USER_REGS } from "./attr.ts";
import { PerfprofError } from "./errors.ts";
import { PERF_SAMPLE } from "./layout.ts";
import type { SampleAttr } from "./profilers/member_layout.ts";
import type { RecordedEvent } from "./recording.ts";

/** What the library puts in where a recording lacks it (native/replay_record.c). */
const ADDED = PERF_SAMPLE.TID | PERF_SAMPLE.TIME | PERF_SAMPLE.CPU | PERF_SAMPLE.PERIOD;
/** What follows the raw data and the user stack, which tracepoints of perf may have and no event of a tracepoint shows. */
const BEHIND = PERF_SAMPLE.WEIGHT | PERF_SAMPLE.DATA_SRC | PERF_SAMPLE.TRANSACTION | PERF_SAMPLE.REGS_INTR |
  PERF_SAMPLE.PHYS_ADDR | PERF_SAMPLE.AUX | PERF_SAMPLE.CGROUP | PERF_SAMPLE.DATA_PAGE_SIZE | PERF_SAMPLE.CODE_PAGE_SIZE |
  PERF_SAMPLE.WEIGHT_STRUCT;

/** The oldest attr has 64 bytes; what is behind its end is 0. */
const ATTR_MOST = 136;

/** An attr, and how its samples are laid out once the library has seen to them. */
export type RecordedAttr = EventAttr & SampleAttr & {
  readonly branchSampleType: bigint;
  /** PERF_SAMPLE_* bits that the recording itself has. */
  readonly recordedType: number;
};

/** @throws {PerfprofError} Its samples are of a kind that no layout is known for */
export function recordedAttr({ attr, name, format }: RecordedEvent): RecordedAttr {
  const bytes = new Uint8Array(ATTR_MOST);
  bytes.set(attr.subarray(0, ATTR_MOST));
  const view = new DataView(bytes.buffer);
  const flags = view.getBigUint64(40, true);
  const recordedType = Number(view.getBigUint64(24, true));
  if (recordedType >= 2 ** 31) {
    throw new PerfprofError(`read ${name} failed: its samples are of a newer kernel than is known here`);
  }
  const decoded: RecordedAttr = {
    type: view.getUint32(0, true),
    config: view.getBigUint64(8, true),
    samplePeriod: Number(view.getBigUint64(16, true)),
    recordedType,
    sampleType: (format === undefined ? recordedType : recordedType & ~BEHIND) | ADDED,
    readFormat: Number(view.getBigUint64(32, true)),
    flags: (Object.keys(ATTR_FLAGS) as AttrFlag[]).filter((flag) => flags >> BigInt(ATTR_FLAGS[flag]) & 1n),
    wakeup: 0,
    clockid: view.getInt32(92, true),
    branchSampleType: view.getBigUint64(72, true),
    regsUser: view.getBigUint64(80, true),
    stackUser: view.getUint32(88, true),
    regsIntr: view.getBigUint64(96, true),
    maxStack: view.getUint16(108, true),
  };
  if ((recordedType & PERF_SAMPLE.STACK_USER) !== 0 && decoded.regsUser !== USER_REGS[Deno.build.arch]) {
    throw new PerfprofError(`read ${name} failed: its user stacks were copied on a machine of another kind`);
  }
  return decoded;
}

/** Has no samples: task records only. */
export function isDummy({ type, config }: Pick<EventAttr, "type" | "config">): boolean {
  return type === PERF.PERF_TYPE_SOFTWARE && BigInt(config) === BigInt(PERF.PERF_COUNT_SW_DUMMY);
}
