/**
 * `split-lock`: locked accesses that cross a cache line and so stop every CPU's memory traffic.
 *
 * @module
 */

import { PERF } from "../attr.ts";
import { PerfprofError } from "../errors.ts";
import { corePmu, noPmu } from "./counters.ts";
import type { Profiler } from "./profiler.ts";
import { countOption, directPlan, ipText, readsInherited, samplingParts, SIDE_OPTIONS, STACK_OPTIONS } from "./sampling.ts";

/** SQ_MISC.SPLIT_LOCK of Intel's cores: umask 0x10, event 0xf4. */
const SPLIT_LOCK = 0x10f4;

/** The profiler. */
export const splitLock: Profiler = {
  name: "split-lock",
  summary: "locked accesses across two cache lines (Intel PMU)",
  help:
    `An event for each Nth locked access that crosses a cache line: such a one takes the bus from all CPUs. Only the PMU of Intel's
CPUs counts them. read is the number since the start.`,
  options: [
    { flags: "-T, --trigger N", help: "an event for each Nth access; 1 if not given" },
    ...STACK_OPTIONS,
    ...SIDE_OPTIONS,
  ],
  example: "'split-lock/-T 100 -g/'",

  plan(options, machine) {
    if (corePmu(machine) === undefined) throw noPmu("split-lock");
    if (!/GenuineIntel/.test(machine.kernelFile("/proc/cpuinfo") ?? "")) {
      throw new PerfprofError("opening split-lock failed: only the PMU of Intel's CPUs counts split locks");
    }
    const { sampleType, flags } = samplingParts(options);
    const read = readsInherited(machine) ? PERF.PERF_SAMPLE_READ : 0;
    return directPlan({
      opens: [{
        name: "split-lock",
        attr: {
          type: PERF.PERF_TYPE_RAW,
          config: SPLIT_LOCK,
          samplePeriod: countOption(options, "trigger") ?? 1,
          sampleType: PERF.PERF_SAMPLE_IP | read | sampleType,
          flags,
        },
      }],
      text: ({ ip }) => `ip ${ipText(ip)}`,
    });
  },
};
