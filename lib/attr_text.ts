/**
 * perf_event_attr as text that says why each field is what it is.
 *
 * @module
 */

import { type AttrFlag, CLOCK_IDS, type EventAttr, PERF } from "./attr.ts";

const TYPES = [
  "PERF_TYPE_HARDWARE",
  "PERF_TYPE_SOFTWARE",
  "PERF_TYPE_TRACEPOINT",
  "PERF_TYPE_HW_CACHE",
  "PERF_TYPE_RAW",
  "PERF_TYPE_BREAKPOINT",
] as const;
const FLAG_REASONS: Readonly<Record<AttrFlag, string>> = {
  mmap: "what tasks map to be executed",
  mmap2: "with device and inode of the file",
  build_id: "with the file's build id instead, where it has one",
  exclude_callchain_kernel: "--no-kernel-callchain",
  exclude_callchain_user: "only with --user-callchain; dwarf unwinds a copy",
  disabled: "nothing flows before every event is open",
  inherit: "also of children",
  exclude_user: "nothing that happens in user space",
  exclude_kernel: "nothing that happens in the kernel",
  exclude_hv: "nothing that happens in the hypervisor",
  exclude_idle: "an idle CPU makes no samples",
  freq: "sample_period is samples a second",
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
      ["PERF_SAMPLE_IP", "the instruction"],
      ["PERF_SAMPLE_TID", "whose"],
      ["PERF_SAMPLE_TIME", "when: rings are merged by it"],
      ["PERF_SAMPLE_ADDR", "the address that it accessed"],
      ["PERF_SAMPLE_READ", "the counters at the sample"],
      ["PERF_SAMPLE_CALLCHAIN", "the stack's addresses"],
      ["PERF_SAMPLE_ID", "which of the profiler's events"],
      ["PERF_SAMPLE_CPU", "where"],
      ["PERF_SAMPLE_PERIOD", "without it a tracepoint with a count overflows so often"],
      ["PERF_SAMPLE_RAW", "the tracepoint's own fields"],
      ["PERF_SAMPLE_REGS_USER", "where unwinding begins"],
      ["PERF_SAMPLE_STACK_USER", "what is unwound"],
      ["PERF_SAMPLE_WEIGHT", "what the access cost"],
      ["PERF_SAMPLE_DATA_SRC", "where the data came from"],
      ["PERF_SAMPLE_REGS_INTR", "registers at the sample"],
      ["PERF_SAMPLE_PHYS_ADDR", "the address without its translation"],
      ["PERF_FORMAT_GROUP", "all counters of the group"],
      ["PERF_FORMAT_LOST", "a LOST record names the wrong event when several share a ring"],
    ];

/**
 * The attr as text, a line for each field and bit that is not 0: `field value  # reason`.
 */
export function describeAttr(attr: EventAttr): string[] {
  const lines = [
    ...eventLines(attr),
    ...bitLines("sample_type", "PERF_SAMPLE_", attr.sampleType),
    ...bitLines("read_format", "PERF_FORMAT_", attr.readFormat),
    ...attr.flags.map((flag): Line => [flag, FLAG_REASONS[flag]]),
    ...valueLines(attr),
  ];
  return lines.map(([text, reason]) => `${text.padEnd(32)} # ${reason}`);
}

type Line = readonly [text: string, reason: string];

function eventLines({ type, config, config1, config2, bpType, samplePeriod, preciseIp, flags }: EventAttr): Line[] {
  const lines: Line[] = [
    [`type ${type}`, TYPES.find((name) => PERF[name] === type) ?? "the PMU's own"],
    [`size ${PERF.PERF_ATTR_SIZE_VER5}`, "PERF_ATTR_SIZE_VER5"],
    [`config ${config}`, configReason(type, config)],
  ];
  if (type === PERF.PERF_TYPE_BREAKPOINT) {
    lines.push([`bp_type ${bpType}`, "HW_BREAKPOINT_*: R 1, W 2, X 4"], [
      `bp_addr 0x${config1?.toString(16)}`,
      "what is watched",
    ]);
    lines.push([`bp_len ${config2}`, "bytes"]);
  } else {
    if (config1) lines.push([`config1 0x${config1.toString(16)}`, "more terms"]);
    if (config2) lines.push([`config2 0x${config2.toString(16)}`, "more terms"]);
  }
  if (preciseIp) lines.push([`precise_ip ${preciseIp}`, "how near ip is to the cause: :p"]);
  const period = samplePeriod === 0 ? "no samples" : samplePeriod === 1 ? "every event" : "as --period says";
  lines.push(
    flags.includes("freq") ? [`sample_freq ${samplePeriod}`, "as -F says"] : [`sample_period ${samplePeriod}`, period],
  );
  return lines;
}

function configReason(type: number, config: number | bigint): string {
  if (type === PERF.PERF_TYPE_TRACEPOINT) return "id of its format";
  if (type === PERF.PERF_TYPE_BREAKPOINT) return "always 0";
  const isDummy = type === PERF.PERF_TYPE_SOFTWARE && config === PERF.PERF_COUNT_SW_DUMMY;
  return isDummy ? "PERF_COUNT_SW_DUMMY: its lost records are nobody's samples" : "the event";
}

function valueLines({ flags, wakeup, regsUser, regsIntr, stackUser, maxStack, clockid }: EventAttr): Line[] {
  const bytes = flags.includes("watermark");
  const lines: Line[] = [[
    `${bytes ? "wakeup_watermark" : "wakeup_events"} ${wakeup}`,
    bytes ? "bytes in the ring" : "every event",
  ]];
  if (regsUser) lines.push([`sample_regs_user 0x${regsUser.toString(16)}`, "the registers that unwinding needs"]);
  if (regsIntr) lines.push([`sample_regs_intr 0x${regsIntr.toString(16)}`, "the same ones"]);
  if (stackUser) lines.push([`sample_stack_user ${stackUser}`, "bytes of the stack"]);
  if (maxStack) lines.push([`sample_max_stack ${maxStack}`, "frames: max-stack="]);
  const clock = Object.entries(CLOCK_IDS).find(([, id]) => id === clockid)?.[0] ?? "";
  if (flags.includes("use_clockid")) lines.push([`clockid ${clockid}`, clock]);
  return lines;
}

function bitLines(field: string, prefix: string, bits: number): Line[] {
  return BIT_REASONS.filter(([name]) => name.startsWith(prefix) && bits & PERF[name])
    .map(([name, reason]) => [`${field} ${name.slice(prefix.length)}`, reason]);
}
