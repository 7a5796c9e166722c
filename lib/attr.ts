/**
 * What is asked of the kernel for an event: struct perf_event_attr (include/uapi/linux/perf_event.h, perf_event_open(2)) as a
 * typed object and as bytes. Fields that belong to a target (inherit, enable_on_exec) are set by the library, which knows the
 * target.
 *
 * @module
 */

import type { Clock } from "./options.ts";
import type { PlannedAttr } from "./profilers/profiler.ts";
import { CLOCK_PERF } from "./source.ts";

/** The kernel's constants that are used here, by their names in perf_event.h. */
export const PERF = {
  PERF_ATTR_SIZE_VER5: 112,
  PERF_TYPE_HARDWARE: 0,
  PERF_TYPE_SOFTWARE: 1,
  PERF_TYPE_TRACEPOINT: 2,
  PERF_TYPE_HW_CACHE: 3,
  PERF_TYPE_RAW: 4,
  PERF_TYPE_BREAKPOINT: 5,
  PERF_COUNT_SW_DUMMY: 9,
  PERF_SAMPLE_IP: 1 << 0,
  PERF_SAMPLE_TID: 1 << 1,
  PERF_SAMPLE_TIME: 1 << 2,
  PERF_SAMPLE_ADDR: 1 << 3,
  PERF_SAMPLE_READ: 1 << 4,
  PERF_SAMPLE_CALLCHAIN: 1 << 5,
  PERF_SAMPLE_ID: 1 << 6,
  PERF_SAMPLE_CPU: 1 << 7,
  PERF_SAMPLE_PERIOD: 1 << 8,
  PERF_SAMPLE_RAW: 1 << 10,
  PERF_SAMPLE_REGS_USER: 1 << 12,
  PERF_SAMPLE_STACK_USER: 1 << 13,
  PERF_SAMPLE_WEIGHT: 1 << 14,
  PERF_SAMPLE_DATA_SRC: 1 << 15,
  PERF_SAMPLE_IDENTIFIER: 1 << 16,
  PERF_SAMPLE_REGS_INTR: 1 << 18,
  PERF_SAMPLE_PHYS_ADDR: 1 << 19,
  PERF_FORMAT_ID: 1 << 2,
  PERF_FORMAT_GROUP: 1 << 3,
  PERF_FORMAT_LOST: 1 << 4,
} as const;

/** CLOCK_* of time.h, by the names of --clock. */
export const CLOCK_IDS: Readonly<Record<Clock, number>> = { realtime: 0, monotonic: 1, boottime: 7, tai: 11, perf: CLOCK_PERF };

/** Bit numbers of the flags in the u64 behind read_format. */
export const ATTR_FLAGS = {
  disabled: 0,
  inherit: 1,
  exclude_user: 4,
  exclude_kernel: 5,
  exclude_hv: 6,
  exclude_idle: 7,
  mmap: 8,
  comm: 9,
  freq: 10,
  task: 13,
  watermark: 14,
  sample_id_all: 18,
  exclude_callchain_kernel: 21,
  exclude_callchain_user: 22,
  mmap2: 23,
  comm_exec: 24,
  use_clockid: 25,
  build_id: 34,
} as const;
export type AttrFlag = keyof typeof ATTR_FLAGS;
/** Two bits among the flags are a number. */
const PRECISE_IP = 15n;

/** A perf_event_attr; what is not here is 0. */
export interface EventAttr {
  readonly type: number;
  /** A PMU's own bits may need all 64. */
  readonly config: number | bigint;
  /** Of a breakpoint: its address. */
  readonly config1?: bigint;
  /** Of a breakpoint: the bytes that it watches. */
  readonly config2?: bigint;
  /** HW_BREAKPOINT_* bits (include/uapi/linux/hw_breakpoint.h). */
  readonly bpType?: number;
  /** 0: no samples; with the flag `freq`: samples a second. */
  readonly samplePeriod: number;
  /** 0 to 3: how near `ip` is to the instruction that caused the sample; `:p` to `:ppp`. */
  readonly preciseIp?: number;
  /** PERF_SAMPLE_* bits. */
  readonly sampleType: number;
  /** PERF_FORMAT_* bits. */
  readonly readFormat: number;
  readonly flags: readonly AttrFlag[];
  /** Events (or with the flag `watermark`: bytes) after which a waiting reader is woken. */
  readonly wakeup: number;
  /** CLOCK_* with the flag `use_clockid`, else 0. */
  readonly clockid: number;
  /** PERF_SAMPLE_REGS_USER: a bit for each register. */
  readonly regsUser?: bigint;
  /** PERF_SAMPLE_REGS_INTR: likewise. */
  readonly regsIntr?: bigint;
  /** PERF_SAMPLE_STACK_USER: bytes at the stack pointer. */
  readonly stackUser?: number;
  /** The most addresses of a call chain; 0: kernel.perf_event_max_stack. */
  readonly maxStack?: number;
}

/** What newer kernels have. */
export interface Features {
  /** PERF_FORMAT_LOST (6.0): lost samples are counted by event. */
  readonly formatLost: boolean;
  /** Build ids in MMAP2 records (5.12): a file is known by its contents. */
  readonly buildId: boolean;
}

/** The call stacks of an event. */
export interface StackAttr {
  readonly kernel: boolean;
  readonly user: boolean;
  /** Bytes of the user stack that are copied, with its registers, to be unwound; 0: the kernel follows frame pointers. */
  readonly dumpBytes: number;
  /** Frames; undefined: as many as the kernel gives. */
  readonly most: number | undefined;
}

/**
 * The registers that unwinding needs, by machine, as perf takes them: enum perf_event_x86_regs without segments but CS and SS, enum
 * perf_event_arm_regs (arch/x86/include/uapi/asm/perf_regs.h, arch/arm64/include/uapi/asm/perf_regs.h).
 */
export const USER_REGS: Readonly<Record<typeof Deno.build.arch, bigint>> = { x86_64: 0xff0fffn, aarch64: 0x1ffffffffn };

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

/** A tracepoint's attr as far as it is its own. */
export function plannedTracepoint(formatId: number): PlannedAttr {
  return {
    type: PERF.PERF_TYPE_TRACEPOINT,
    config: formatId,
    sampleType: PERF.PERF_SAMPLE_PERIOD | PERF.PERF_SAMPLE_RAW,
  };
}

/**
 * The whole attr of an event.
 *
 * @param planned What the event itself asks for
 * @param stack Its call stacks; undefined: as planned
 */
export function completeAttr(planned: PlannedAttr, options: AttrOptions, stack?: StackAttr): EventAttr {
  const { readFormat, flags, wakeup, clockid } = shared(options, planned.flags ?? []);
  return withStack(stack, {
    samplePeriod: 1,
    ...planned,
    sampleType: SAMPLE_ID | planned.sampleType,
    readFormat: readFormat | (planned.readFormat ?? 0),
    flags,
    wakeup,
    clockid,
  });
}

/** Adds call stacks to an event's attr. */
function withStack(stack: StackAttr | undefined, attr: EventAttr): EventAttr {
  if (stack === undefined) return attr;
  const { kernel, user, dumpBytes, most = 0 } = stack;
  const dump = user && dumpBytes > 0;
  const members = PERF.PERF_SAMPLE_CALLCHAIN | (dump ? PERF.PERF_SAMPLE_REGS_USER | PERF.PERF_SAMPLE_STACK_USER : 0);
  const flags = attr.flags.filter((flag) => !flag.startsWith("exclude_callchain"));
  if (!kernel) flags.push("exclude_callchain_kernel");
  if (!user || dump) flags.push("exclude_callchain_user");
  return {
    ...attr,
    sampleType: attr.sampleType | members,
    flags,
    maxStack: most,
    ...(dump && { regsUser: USER_REGS[Deno.build.arch], stackUser: dumpBytes }),
  };
}

/**
 * The attr of the event that brings the names, births and ends of tasks, and no samples.
 *
 * @param mappings Also what they map to be executed
 */
export function sidebandAttr(options: AttrOptions, mappings = false): EventAttr {
  // It counts nothing, of the kernel neither: so whoever may trace his own programs only may have it.
  const flags: AttrFlag[] = ["comm", "task", "comm_exec", "exclude_kernel"];
  if (mappings) flags.push("mmap", "mmap2");
  if (mappings && options.features.buildId) flags.push("build_id");
  return {
    type: PERF.PERF_TYPE_SOFTWARE,
    config: PERF.PERF_COUNT_SW_DUMMY,
    samplePeriod: 0,
    sampleType: SAMPLE_ID,
    ...shared(options, flags),
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
  const flags = attr.flags.reduce((bits, flag) => bits | 1n << BigInt(ATTR_FLAGS[flag]), 0n);
  view.setBigUint64(40, flags | BigInt(attr.preciseIp ?? 0) << PRECISE_IP, true);
  view.setUint32(48, attr.wakeup, true);
  view.setUint32(52, attr.bpType ?? 0, true);
  view.setBigUint64(56, attr.config1 ?? 0n, true);
  view.setBigUint64(64, attr.config2 ?? 0n, true);
  view.setBigUint64(80, attr.regsUser ?? 0n, true);
  view.setUint32(88, attr.stackUser ?? 0, true);
  view.setInt32(92, attr.clockid, true);
  view.setBigUint64(96, attr.regsIntr ?? 0n, true);
  view.setUint16(108, attr.maxStack ?? 0, true);
  return bytes;
}

/**
 * What this kernel has: the newest set of features that it accepts.
 *
 * @param accepts Can the kernel open this attr?
 */
export function detectFeatures(accepts: (attr: Uint8Array<ArrayBuffer>) => boolean): Features {
  const oldest: Features = { formatLost: false, buildId: false };
  const ladder: Features[] = [{ formatLost: true, buildId: true }, { formatLost: false, buildId: true }];
  const options = { clock: "monotonic", watermarkPercent: 0, ringBytes: 0 } as const;
  return ladder.find((features) => accepts(encodeAttr(sidebandAttr({ ...options, features }, true)))) ?? oldest;
}
