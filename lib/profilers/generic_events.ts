/**
 * Any event of the kernel or of a PMU as a profiler, by its name as perf has it: `context-switches`, `cycles`,
 * `L1-dcache-load-misses`, `r1c2`, `msr/tsc/`, and groups of them, `{cycles,instructions}`.
 *
 * @module
 */

import { type AttrFlag, PERF } from "../attr.ts";
import type { AnyEvent } from "../generated_class.ts";
import type { Machine } from "../machine.ts";
import { countedEvents, parseCounters } from "./counter_list.ts";
import { corePmu, type Counter, findCounter, namedCounters, noPmu, requirePmu } from "./counters.ts";
import { isPmu, pmuCounter, pmuEventNames, termsText } from "./pmu_events.ts";
import type { PlannedEvent, Profiler, ProfilerOption, ProfilerOptions, ProfilerPlan } from "./profiler.ts";
import type { GroupRead } from "./read_format.ts";
import {
  countOption,
  directPlan,
  FREQUENCY_OPTION,
  frequencyOption,
  ipText,
  isAccepted,
  LEAST_CLOCK_PERIOD_NS,
  samplingParts,
  STACK_OPTIONS,
} from "./sampling.ts";

const OPTIONS: readonly ProfilerOption[] = [
  FREQUENCY_OPTION,
  { flags: "--period N", help: "a sample of each Nth event; of a clock, of N ns" },
  ...STACK_OPTIONS,
];
const MODIFIERS_HELP =
  `NAME:u counts in user space alone, NAME:k in the kernel alone; :p, :pp, :ppp ask the CPU for an ip that is nearer
to the instruction. period is the number of events that a sample stands for.`;

/** The PMU of the CPUs, as x86 has it, and those of CPUs of two kinds. */
const CORE_PMUS = ["cpu", "cpu_core", "cpu_atom"];

/** One line of `perfprof list`. */
export interface GenericEvent {
  readonly name: string;
  readonly kind: string;
  readonly summary: string;
}

/** What this machine has, by the names that perf has for it. */
export function genericEvents(machine: Machine): GenericEvent[] {
  const hasPmu = corePmu(machine) !== undefined;
  const raw = { name: "rNNN", kind: "raw", summary: "the CPU's own event of this config, in hexadecimal" };
  return [
    ...namedCounters().filter(({ kind }) => kind === "software" || hasPmu),
    ...(hasPmu ? [raw] : []),
    ...pmuEventNames(machine).map((name) => ({ name, kind: "pmu", summary: `event of the device ${name.split("/")[0]}` })),
  ].map(({ name, kind, summary }) => ({ name, kind, summary }));
}

/**
 * The profiler of that name, if it is an event of the kernel, of a PMU, or a group.
 *
 * @param name Without modifiers and slashes: `cs`, `r1c2`, `msr`, `{cycles,instructions}`
 * @throws {PerfprofError} It is the PMU of the CPUs, and there is none
 */
export function findGenericEvent(name: string, machine: Machine): Profiler | undefined {
  if (name.startsWith("{")) return groupProfiler(name);
  const counter = findCounter(name);
  if (counter !== undefined) return counterProfiler(name, counter);
  if (isPmu(name, machine)) return pmuProfiler(name, machine);
  if (CORE_PMUS.includes(name)) throw noPmu(`${name}/`);
  return undefined;
}

function counterProfiler(name: string, counter: Counter): Profiler {
  return {
    name,
    summary: counter.summary,
    help: `${capital(counter.summary)}: a sample ${samplesHelp(counter)}.\n${MODIFIERS_HELP}`,
    options: OPTIONS,
    example: counter.clock ? `'${name}/--period 1000000 -g/'` : `'${name}/-g/'`,
    plan(options, machine) {
      requirePmu(counter, machine);
      return samplePlan(counter, options, machine);
    },
  };
}

function capital(text: string): string {
  return text[0]!.toUpperCase() + text.slice(1);
}

function samplesHelp({ kind, clock }: Counter): string {
  return kind === "software" && !clock
    ? "of each, unless -F or --period says otherwise"
    : "99 times a second, unless -F or --period says otherwise";
}

function pmuProfiler(device: string, machine: Machine): Profiler {
  return {
    name: device,
    summary: `events of the device ${device}`,
    help: [
      `Its events are written ${device}/TERM=VALUE,.../ or ${device}/EVENT/.`,
      ...termsText(device, machine),
      MODIFIERS_HELP,
    ]
      .join("\n"),
    options: OPTIONS,
    words: "TERM[=VALUE],...",
    example: `'${pmuEventNames(machine).find((name) => name.startsWith(`${device}/`)) ?? `${device}/config=1/`}'`,
    plan(options, machine) {
      const [terms, second] = options.words;
      if (terms === undefined) throw options.fail(undefined, "which event?", termsText(device, machine));
      if (second !== undefined) throw options.fail(second, "terms are parted by commas", [`${device}/${terms},${second}/`]);
      const counter = pmuCounter(device, terms, machine, (why, hints) => options.fail(terms, why, hints));
      return samplePlan(counter, options, machine);
    },
  };
}

function groupProfiler(name: string): Profiler {
  return {
    name,
    summary: "a group of events that count together",
    help:
      `Samples are of the first event. read has all counters of the group, in the order in which they are written, as they are at
the sample: read.cntr[0].value is the first one's. They count since the start, of a CPU, or with -p, -t and -c of a thread.\n${MODIFIERS_HELP}`,
    options: OPTIONS,
    example: `'{cpu-clock,page-faults,context-switches}/-F 99/'`,
    plan(options, machine) {
      const counted = parseCounters(name.replace(/^\{|\}$/g, ""), undefined, options, machine);
      const leader = sampledEvent(counted[0]!.counter, { ...options, modifiers: counted[0]!.modifiers }, machine);
      const attr = {
        ...leader.event.attr,
        sampleType: leader.event.attr.sampleType | PERF.PERF_SAMPLE_READ,
        readFormat: PERF.PERF_FORMAT_GROUP,
      };
      const names = counted.map((each) => each.name);
      return directPlan({
        opens: [{ ...leader.event, attr }, ...countedEvents(counted.slice(1), options)],
        fixedPeriod: leader.fixedPeriod,
        text: ({ read }: AnyEvent) => (read as GroupRead).cntr.map(({ value }, i) => `${names[i]}=${value}`).join(" "),
      });
    },
  };
}

function samplePlan(counter: Counter, options: ProfilerOptions, machine: Machine): ProfilerPlan {
  const { event, fixedPeriod } = sampledEvent(counter, options, machine);
  const hasAddr = (event.attr.sampleType & PERF.PERF_SAMPLE_ADDR) !== 0;
  return directPlan({
    opens: [event],
    fixedPeriod,
    text: ({ ip, period, ...rest }: AnyEvent) =>
      `${period} ${counter.name}${hasAddr ? ` addr 0x${(rest.addr as bigint).toString(16)}` : ""} ip ${ipText(ip)}`,
  });
}

/** How often it is sampled. */
interface Rate {
  /** Or with the flag `freq` a frequency. */
  readonly samplePeriod: number;
  readonly flags: readonly AttrFlag[];
  /** Of each sample, where it is not to be asked for. */
  readonly fixedPeriod?: number | undefined;
}

/** The event with what the options say of its samples. */
function sampledEvent(
  counter: Counter,
  options: ProfilerOptions,
  machine: Machine,
): { event: PlannedEvent; fixedPeriod: number | undefined } {
  const { sampleType, flags, preciseIp } = samplingParts(options);
  const { fixedPeriod, samplePeriod, flags: rateFlags } = rateOf(counter, options, machine);
  const attr = {
    ...counter.attr,
    samplePeriod,
    sampleType: PERF.PERF_SAMPLE_IP | sampleType | counter.extra | (fixedPeriod === undefined ? PERF.PERF_SAMPLE_PERIOD : 0) |
      (preciseIp === undefined ? 0 : PERF.PERF_SAMPLE_ADDR),
    flags: [...flags, ...rateFlags],
    ...(preciseIp !== undefined && { preciseIp }),
  };
  if (counter.kind === "pmu" && !isAccepted(attr, machine) && isAccepted({ ...counter.attr, sampleType: 0 }, machine)) {
    throw options.fail(undefined, `${counter.name} can be counted, but the device makes no samples`, [
      `-e 'hrcount/-e "${counter.name}" --period 1s/'`,
    ]);
  }
  return { event: { name: counter.name, attr }, fixedPeriod };
}

function rateOf({ kind, clock }: Counter, options: ProfilerOptions, machine: Machine): Rate {
  const period = countOption(options, "period");
  if (period !== undefined && options.given.frequency !== undefined) {
    throw options.fail("period", "a sample comes after a number of events or so often a second: not both");
  }
  if (clock && period !== undefined && period < LEAST_CLOCK_PERIOD_NS) {
    throw options.fail("period", `a clock's period is at least ${LEAST_CLOCK_PERIOD_NS} ns`);
  }
  const isCounted = kind === "software" && !clock;
  if (period === undefined && !(isCounted && options.given.frequency === undefined)) {
    return { samplePeriod: frequencyOption(options, machine), flags: ["freq"] };
  }
  const samplePeriod = period ?? 1;
  // With PERF_SAMPLE_PERIOD the kernel samples each of these, whatever the period (perf_swevent_event of kernel/events/core.c).
  return { samplePeriod, flags: [], fixedPeriod: isCounted && samplePeriod > 1 ? samplePeriod : undefined };
}
