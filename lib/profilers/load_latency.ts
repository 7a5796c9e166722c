/**
 * `ldlat-loads`, `ldlat-stores`: loads and stores with the data's address, where it came from and what that cost, by the PMU of
 * Intel's CPUs.
 *
 * @module
 */

import { PERF } from "../attr.ts";
import type { Machine } from "../machine.ts";
import { corePmu, type Counter, noPmu, pmuFolder } from "./counters.ts";
import { PerfprofError } from "../errors.ts";
import { pmuCounter } from "./pmu_events.ts";
import type { PlannedEvent, Profiler, ProfilerOption, ProfilerOptions, ProfilerPlan } from "./profiler.ts";
import { countOption, directPlan, ipText, samplingParts, SIDE_OPTIONS, STACK_OPTIONS } from "./sampling.ts";

/** Samples after so many loads or stores. */
const DEFAULT_PERIOD = 1000;
/** perf mem's own threshold, in cycles. */
const DEFAULT_LATENCY = 30;
/** On some CPUs loads are sampled only in the group of this event (tools/perf/arch/x86/util/mem-events.c). */
const AUX = "mem-loads-aux";

const TRIGGER: ProfilerOption = {
  flags: "-T, --trigger N",
  help: `an event for each Nth access; ${DEFAULT_PERIOD} if not given`,
};
const MEMBERS_HELP =
  `addr is the address of the data, phys_addr its physical one, weight the cost, data_src where the data was found: the bits
of union perf_mem_data_src of linux/perf_event.h.`;

/** The profiler of loads. */
export const ldlatLoads: Profiler = {
  name: "ldlat-loads",
  summary: "loads that took long: address, latency, where the data was (Intel PMU)",
  help: `An event for each Nth load that took CYCLES or longer. ${MEMBERS_HELP}`,
  options: [
    { flags: "--ldlat CYCLES", help: `loads of this latency and longer; ${DEFAULT_LATENCY} if not given` },
    TRIGGER,
    ...STACK_OPTIONS,
    ...SIDE_OPTIONS,
  ],
  example: "'ldlat-loads/--ldlat 100 -g/'",
  plan: (options, machine) =>
    plan("ldlat-loads", `mem-loads,ldlat=${countOption(options, "ldlat") ?? DEFAULT_LATENCY}`, options, machine),
};

/** The profiler of stores. */
export const ldlatStores: Profiler = {
  name: "ldlat-stores",
  summary: "stores: address, where the data was (Intel PMU)",
  help: `An event for each Nth store. ${MEMBERS_HELP}`,
  options: [TRIGGER, ...STACK_OPTIONS, ...SIDE_OPTIONS],
  example: "'ldlat-stores/-g/'",
  plan: (options, machine) => plan("ldlat-stores", "mem-stores", options, machine),
};

function plan(name: string, terms: string, options: ProfilerOptions, machine: Machine): ProfilerPlan {
  const device = corePmu(machine);
  if (device === undefined) throw noPmu(name);
  const events = pmuFolder(machine, device, "events");
  const [event = ""] = terms.split(",");
  if (!events.includes(event)) {
    throw new PerfprofError(`opening ${name} failed: this CPU's PMU has no event '${event}'`, {
      hints: [`its events: ls /sys/bus/event_source/devices/${device}/events`],
    });
  }
  const counterOf = (text: string) => pmuCounter(device, text, machine, (why, hints) => options.fail(undefined, why, hints));
  const sampled = memoryEvent(name, counterOf(terms), options);
  const isInGroup = event === "mem-loads" && events.includes(AUX);
  const aux = isInGroup ? counterOf(AUX) : undefined;
  return directPlan({
    opens: aux === undefined ? [sampled] : [auxEvent(aux), { ...sampled, leader: 0 }],
    text: ({ addr, ip, weight }) => `addr 0x${(addr as bigint).toString(16)} weight ${weight} ip ${ipText(ip)}`,
  });
}

function memoryEvent(name: string, counter: Counter, options: ProfilerOptions): PlannedEvent {
  const { sampleType, flags, preciseIp = 2 } = samplingParts(options);
  return {
    name,
    attr: {
      ...counter.attr,
      samplePeriod: countOption(options, "trigger") ?? DEFAULT_PERIOD,
      sampleType: PERF.PERF_SAMPLE_IP | PERF.PERF_SAMPLE_ADDR | PERF.PERF_SAMPLE_WEIGHT | PERF.PERF_SAMPLE_DATA_SRC |
        PERF.PERF_SAMPLE_PHYS_ADDR | sampleType,
      flags,
      preciseIp,
    },
  };
}

function auxEvent({ attr }: Counter): PlannedEvent {
  return { name: AUX, attr: { ...attr, sampleType: 0, samplePeriod: 0 } };
}
