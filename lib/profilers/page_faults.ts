/**
 * `page-faults`: an event for each page fault, with the address that was touched and who touched it.
 *
 * @module
 */

import { PERF, USER_REGS } from "../attr.ts";
import { findCounter } from "./counters.ts";
import type { Profiler } from "./profiler.ts";
import { directPlan, ipText, samplingParts, SIDE_OPTIONS, STACK_OPTIONS } from "./sampling.ts";

const counter = findCounter("page-faults")!;

/** The profiler. */
export const pageFaults: Profiler = {
  name: "page-faults",
  summary: "each page fault: the address, and who touched it",
  help: `An event for each page fault that the kernel resolves, minor or major, by user code or by the kernel on behalf of it.
addr is the address that was touched, ip the instruction that did, regs_user the registers of user space.`,
  options: [...STACK_OPTIONS, ...SIDE_OPTIONS],
  example: "'page-faults/-g --exclude-kernel/'",

  plan(options) {
    const { sampleType, flags } = samplingParts(options);
    return directPlan({
      opens: [{
        name: counter.name,
        attr: {
          ...counter.attr,
          samplePeriod: 1,
          sampleType: PERF.PERF_SAMPLE_IP | PERF.PERF_SAMPLE_ADDR | PERF.PERF_SAMPLE_REGS_USER | sampleType,
          regsUser: USER_REGS[Deno.build.arch],
          flags,
        },
      }],
      text: ({ addr, ip }) => `addr 0x${(addr as bigint).toString(16)} ip ${ipText(ip)}`,
    });
  },
};
