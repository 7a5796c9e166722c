/**
 * What is asked of the kernel for an event: struct perf_event_attr (include/uapi/linux/perf_event.h, perf_event_open(2)) as a
 * typed object, as bytes, and as text that says why each field is what it is. Fields that belong to a target (inherit,
 * enable_on_exec) are set by the library, which knows the target.
 *
 * @module
 */

import type { Clock } from "./options.ts";
import { CLOCK_PERF } from "./source.ts";

/** The kernel's constants that are used here, by their names in perf_event.h. */
export const PERF = {
  PERF_ATTR_SIZE_VER5: 112,
  PERF_TYPE_SOFTWARE: 1,
  PERF_TYPE_TRACEPOINT: 2,
  PERF_COUNT_SW_DUMMY: 9,
  PERF_SAMPLE_TID: 1 << 1,
  PERF_SAMPLE_TIME: 1 << 2,
  PERF_SAMPLE_CPU: 1 << 7,
  PERF_SAMPLE_PERIOD: 1 << 8,
  PERF_SAMPLE_RAW: 1 << 10,
  PERF_SAMPLE_IDENTIFIER: 1 << 16,
  PERF_FORMAT_LOST: 1 << 4,
} as const;

/** CLOCK_* of time.h, by the names of --clock. */
export const CLOCK_IDS: Readonly<Record<Clock, number>> = { realtime: 0, monotonic: 1, boottime: 7, tai: 11, perf: CLOCK_PERF };

/** Bit numbers of the flags in the u64 behind read_format. */
export const ATTR_FLAGS = {
  disabled: 0,
  comm: 9,
  task: 13,
  watermark: 14,
  sample_id_all: 18,
  comm_exec: 24,
  use_clockid: 25,
} as const;
export type AttrFlag = keyof typeof ATTR_FLAGS;

/** A perf_event_attr; what is not here is 0. */
export interface EventAttr {
  readonly type: number;
  readonly config: number;
  /** 0: no samples. */
  readonly samplePeriod: number;
  /** PERF_SAMPLE_* bits. */
  readonly sampleType: number;
  /** PERF_FORMAT_* bits. */
  readonly readFormat: number;
  readonly flags: readonly AttrFlag[];
  /** Events (or with the flag `watermark`: bytes) after which a waiting reader is woken. */
  readonly wakeup: number;
  /** CLOCK_* with the flag `use_clockid`, else 0. */
  readonly clockid: number;
}

/** What newer kernels have. */
export interface Features {
  /** PERF_FORMAT_LOST (6.0): lost samples are counted by event. */
  readonly formatLost: boolean;
}

/** What all attrs of one trace share. */
export interface AttrOptions {
  readonly clock: Clock;
  /** 0 wakes at every event. */
  readonly watermarkPercent: number;
  /** Data bytes of a ring. */
  readonly ringBytes: number;
  readonly features: Features;
}

/** The id of a clock: a CLOCK_* number, or CLOCK_PERF. */
export function clockId(clock: Clock): number {
  return CLOCK_IDS[clock];
}

/** Where every sample, and with sample_id_all every record, says whose it is and when it was. */
const SAMPLE_ID = PERF.PERF_SAMPLE_IDENTIFIER | PERF.PERF_SAMPLE_TID | PERF.PERF_SAMPLE_TIME | PERF.PERF_SAMPLE_CPU;

/**
 * The attr of a tracepoint.
 *
 * @param formatId `ID` of its format
 */
export function tracepointAttr(formatId: number, options: AttrOptions): EventAttr {
  return {
    type: PERF.PERF_TYPE_TRACEPOINT,
    config: formatId,
    samplePeriod: 1,
    sampleType: SAMPLE_ID | PERF.PERF_SAMPLE_PERIOD | PERF.PERF_SAMPLE_RAW,
    ...shared(options, []),
  };
}

/** The attr of the event that brings the names, births and ends of tasks, and no samples. */
export function sidebandAttr(options: AttrOptions): EventAttr {
  return {
    type: PERF.PERF_TYPE_SOFTWARE,
    config: PERF.PERF_COUNT_SW_DUMMY,
    samplePeriod: 0,
    sampleType: SAMPLE_ID,
    ...shared(options, ["comm", "task", "comm_exec"]),
  };
}

function shared({ clock, watermarkPercent, ringBytes, features }: AttrOptions, flags: readonly AttrFlag[]) {
  const common: AttrFlag[] = ["disabled", "sample_id_all"];
  if (watermarkPercent > 0) common.push("watermark");
  if (clock !== "perf") common.push("use_clockid");
  return {
    readFormat: features.formatLost ? PERF.PERF_FORMAT_LOST : 0,
    flags: [...flags, ...common],
    wakeup: watermarkPercent > 0 ? Math.max(1, Math.floor(ringBytes * watermarkPercent / 100)) : 1,
    clockid: clock === "perf" ? 0 : clockId(clock),
  };
}

/** The attr as the kernel reads it: PERF_ATTR_SIZE_VER5 bytes, which every kernel since 4.1 knows, little endian. */
export function encodeAttr(attr: EventAttr): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(PERF.PERF_ATTR_SIZE_VER5);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, attr.type, true);
  view.setUint32(4, bytes.length, true);
  view.setBigUint64(8, BigInt(attr.config), true);
  view.setBigUint64(16, BigInt(attr.samplePeriod), true);
  view.setBigUint64(24, BigInt(attr.sampleType), true);
  view.setBigUint64(32, BigInt(attr.readFormat), true);
  view.setBigUint64(40, attr.flags.reduce((bits, flag) => bits | 1n << BigInt(ATTR_FLAGS[flag]), 0n), true);
  view.setUint32(48, attr.wakeup, true);
  view.setInt32(92, attr.clockid, true);
  return bytes;
}

/**
 * What this kernel has: the newest set of features that it accepts.
 *
 * @param accepts Can the kernel open this attr?
 */
export function detectFeatures(accepts: (attr: Uint8Array<ArrayBuffer>) => boolean): Features {
  const ladder: Features[] = [{ formatLost: true }];
  const options = { clock: "monotonic", watermarkPercent: 0, ringBytes: 0 } as const;
  return ladder.find((features) => accepts(encodeAttr(sidebandAttr({ ...options, features })))) ?? { formatLost: false };
}

const FLAG_REASONS: Readonly<Record<AttrFlag, string>> = {
  disabled: "nothing flows before every event is open",
  comm: "names of tasks, as they change",
  task: "births and ends of tasks",
  watermark: "the wakeup counts bytes, not events",
  sample_id_all: "records that are no samples carry id, task, time and CPU too",
  comm_exec: "a name that came with an exec says so",
  use_clockid: "the kernel's own clock cannot be read in user space",
};
const BIT_REASONS:
  readonly (readonly [name: Extract<keyof typeof PERF, `PERF_SAMPLE_${string}` | `PERF_FORMAT_${string}`>, reason: string])[] =
    [
      ["PERF_SAMPLE_IDENTIFIER", "which event, at a place that is the same in all"],
      ["PERF_SAMPLE_TID", "whose"],
      ["PERF_SAMPLE_TIME", "when: rings are merged by it"],
      ["PERF_SAMPLE_CPU", "where"],
      ["PERF_SAMPLE_PERIOD", "without it a tracepoint with a count overflows so often"],
      ["PERF_SAMPLE_RAW", "the tracepoint's own fields"],
      ["PERF_FORMAT_LOST", "a LOST record names the wrong event when several share a ring"],
    ];

/**
 * The attr as text, a line for each field and bit that is not 0: `field value  # reason`.
 */
export function describeAttr(attr: EventAttr): string[] {
  const tracepoint = attr.type === PERF.PERF_TYPE_TRACEPOINT;
  const bytes = attr.flags.includes("watermark");
  const clock = Object.entries(CLOCK_IDS).find(([, id]) => id === attr.clockid)?.[0] ?? "";
  const lines: (readonly [text: string, reason: string])[] = [
    [`type ${attr.type}`, tracepoint ? "PERF_TYPE_TRACEPOINT" : "PERF_TYPE_SOFTWARE"],
    [`size ${PERF.PERF_ATTR_SIZE_VER5}`, "PERF_ATTR_SIZE_VER5"],
    [`config ${attr.config}`, tracepoint ? "id of its format" : "PERF_COUNT_SW_DUMMY: its lost records are nobody's samples"],
    [`sample_period ${attr.samplePeriod}`, attr.samplePeriod > 0 ? "every event" : "no samples"],
    ...bitLines("sample_type", "PERF_SAMPLE_", attr.sampleType),
    ...bitLines("read_format", "PERF_FORMAT_", attr.readFormat),
    ...attr.flags.map((flag) => [flag, FLAG_REASONS[flag]] as const),
    [`${bytes ? "wakeup_watermark" : "wakeup_events"} ${attr.wakeup}`, bytes ? "bytes in the ring" : "every event"],
  ];
  if (attr.flags.includes("use_clockid")) lines.push([`clockid ${attr.clockid}`, clock]);
  return lines.map(([text, reason]) => `${text.padEnd(32)} # ${reason}`);
}

function bitLines(field: string, prefix: string, bits: number): (readonly [string, string])[] {
  return BIT_REASONS.filter(([name]) => name.startsWith(prefix) && bits & PERF[name])
    .map(([name, reason]) => [`${field} ${name.slice(prefix.length)}`, reason]);
}
