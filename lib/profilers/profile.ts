/**
 * `profile`: what the CPUs execute, looked at so many times a second. By the cycles of the CPUs, or by a timer where there is no
 * hardware to count them.
 *
 * @module
 */

import { PERF } from "../attr.ts";
import { corePmu, type Counter, findCounter } from "./counters.ts";
import type { Profiler } from "./profiler.ts";
import {
  directPlan,
  FREQUENCY_OPTION,
  frequencyOption,
  readsInherited,
  samplingParts,
  SIDE_OPTIONS,
  STACK_OPTIONS,
} from "./sampling.ts";

/** The profiler. */
export const profile: Profiler = {
  name: "profile",
  summary: "what the CPUs execute, sampled at a frequency",
  help:
    `Samples of what runs, 99 a second and CPU unless -F says otherwise; a CPU that is idle makes none. They come of the CPU's
cycles, or where there is no hardware PMU of a timer (cpu-clock): that one cannot look into code with interrupts off, and
shows the place where they are on again. period is the number of cycles, or of ns, that a sample stands for; read is the
counter since the start, of the CPU, or with -p, -t and -c of the thread (there only from Linux 6.12 on).`,
  options: [FREQUENCY_OPTION, ...STACK_OPTIONS, ...SIDE_OPTIONS],
  example: "'profile/-F 997 -g/'",

  plan(options, machine) {
    const hasPmu = corePmu(machine) !== undefined;
    const { name, attr }: Counter = findCounter(hasPmu ? "cpu-cycles" : "cpu-clock")!;
    const { sampleType, flags, preciseIp } = samplingParts(options);
    const read = readsInherited(machine) ? PERF.PERF_SAMPLE_READ : 0;
    return directPlan({
      opens: [{
        name,
        attr: {
          ...attr,
          samplePeriod: frequencyOption(options, machine),
          sampleType: PERF.PERF_SAMPLE_IP | PERF.PERF_SAMPLE_PERIOD | read | sampleType,
          // Cycles stand still where a CPU is idle; its timer does not.
          flags: ["freq", ...(hasPmu ? [] : ["exclude_idle"] as const), ...flags],
          ...(preciseIp !== undefined && { preciseIp }),
        },
      }],
      text: ({ period }) => `${period} ${name}`,
      notes: hasPmu ? [] : ["no hardware PMU here: profile takes cpu-clock instead of cycles"],
    });
  },
};
