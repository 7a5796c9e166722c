/**
 * What the direct profilers share: options of how often and of whom samples are taken, as fields of perf_event_attr, and the plan
 * whose events are the samples themselves.
 *
 * @module
 */

import { type AttrFlag, encodeAttr, PERF } from "../attr.ts";
import { MODIFIERS_HINT } from "../event_text.ts";
import type { AnyEvent } from "../generated_class.ts";
import type { EventServices } from "../event_services.ts";
import type { Machine } from "../machine.ts";
import { makeMemberClass } from "./member_class.ts";
import { describeMembers } from "./members.ts";
import type { PlannedAttr, PlannedEvent, ProfilerOption, ProfilerOptions, ProfilerPlan } from "./profiler.ts";

/** Samples a second where nothing is said: not in step with what happens each 10 ms. */
export const DEFAULT_FREQUENCY = 99;
/** The kernel's timers fire no more often, ns (perf_swevent_start_hrtimer of kernel/events/core.c). */
export const LEAST_CLOCK_PERIOD_NS = 10_000;

export const STACK_OPTIONS: readonly ProfilerOption[] = [
  { flags: "-g, --call-graph", help: "with call stacks, of the kernel and of user space" },
  { flags: "--no-user-callchain", help: "-g with the kernel's side alone" },
  { flags: "--no-kernel-callchain", help: "-g with user space's side alone" },
];

export const SIDE_OPTIONS: readonly ProfilerOption[] = [
  { flags: "--exclude-user", help: "nothing that happens in user space, as :k" },
  { flags: "--exclude-kernel", help: "nothing that happens in the kernel, as :u" },
];

export const FREQUENCY_OPTION: ProfilerOption = { flags: "-F, --frequency HZ", help: "samples a second" };

/** Parts of an attr that options decide. */
export type AttrPart = Required<Pick<PlannedAttr, "sampleType" | "flags">> & Pick<PlannedAttr, "preciseIp">;

/** Call stacks, where -g asks for them: here with both sides, unless one is left out. */
export function stackPart(options: ProfilerOptions): AttrPart {
  const { given } = options;
  const noUser = given["no-user-callchain"] === true;
  const noKernel = given["no-kernel-callchain"] === true;
  if (noUser && noKernel) throw options.fail("no-kernel-callchain", "a call stack needs one of its sides");
  if (given["call-graph"] === undefined && !noUser && !noKernel) return { sampleType: 0, flags: [] };
  const flags: AttrFlag[] = [];
  if (noUser) flags.push("exclude_callchain_user");
  if (noKernel) flags.push("exclude_callchain_kernel");
  return { sampleType: PERF.PERF_SAMPLE_CALLCHAIN, flags };
}

/** Of which side: `:u :k :h`, each with the others left out; `--exclude-*`; and how precisely, `:p :pp :ppp`. */
export function sidePart(options: ProfilerOptions): AttrPart {
  const { given, modifiers } = options;
  const [wrong] = /[^ukhp]/.exec(modifiers) ?? [];
  if (wrong !== undefined) {
    throw options.fail(undefined, `there is no modifier ':${wrong}'`, [MODIFIERS_HINT]);
  }
  const preciseIp = modifiers.replace(/[^p]/g, "").length;
  if (preciseIp > 3) throw options.fail(undefined, "there is nothing more precise than :ppp");
  const named = /[ukh]/.test(modifiers);
  const user = named ? !modifiers.includes("u") : given["exclude-user"] === true;
  const kernel = named ? !modifiers.includes("k") : given["exclude-kernel"] === true;
  if (!named && user && kernel) throw options.fail("exclude-kernel", "with both sides excluded nothing is left");
  const flags: AttrFlag[] = [];
  if (user) flags.push("exclude_user");
  if (kernel) flags.push("exclude_kernel");
  if (named && !modifiers.includes("h")) flags.push("exclude_hv");
  return { sampleType: 0, flags, ...(preciseIp > 0 && { preciseIp }) };
}

/** Both of these. */
export function samplingParts(options: ProfilerOptions): AttrPart {
  const stack = stackPart(options);
  const side = sidePart(options);
  return { ...side, sampleType: stack.sampleType, flags: [...side.flags, ...stack.flags] };
}

/** `-F`, in samples a second. */
export function frequencyOption(options: ProfilerOptions, machine: Machine): number {
  const text = options.given.frequency;
  if (typeof text !== "string") return DEFAULT_FREQUENCY;
  const hertz = countOption(options, "frequency")!;
  const most = Number(machine.kernelFile("/proc/sys/kernel/perf_event_max_sample_rate") ?? Infinity);
  if (hertz <= most) return hertz;
  throw options.fail("frequency", `${hertz} Hz is above kernel.perf_event_max_sample_rate (${most})`, [
    `-F ${most}`,
    `sysctl kernel.perf_event_max_sample_rate=${hertz}`,
  ]);
}

/** An option whose value is a whole number from 1 on; undefined where it is not given. */
export function countOption(options: ProfilerOptions, name: string): number | undefined {
  const text = options.given[name];
  if (typeof text !== "string") return undefined;
  const value = /^\d{1,15}$/.test(text) ? Number(text) : 0;
  if (value === 0) throw options.fail(name, `'${text}' is not a whole number from 1 on`);
  return value;
}

/** Can the kernel open this, for this user? */
export function isAccepted(attr: PlannedAttr, machine: Machine): boolean {
  return machine.accepts(encodeAttr({ samplePeriod: 0, readFormat: 0, flags: [], wakeup: 0, clockid: 0, ...attr }));
}

/** Does this kernel sample the counters of events that children inherit, as -p, -t and -c have them? It does since 6.12. */
export function readsInherited(machine: Machine): boolean {
  return isAccepted({
    type: PERF.PERF_TYPE_SOFTWARE,
    config: PERF.PERF_COUNT_SW_DUMMY,
    samplePeriod: 1,
    sampleType: PERF.PERF_SAMPLE_TID | PERF.PERF_SAMPLE_READ,
    flags: ["inherit", "exclude_kernel"],
  }, machine);
}

/** What makes a plan of samples. */
export interface DirectPlan {
  /** Their samples have the same members. Those that count in a group of another make none. */
  readonly opens: readonly PlannedEvent[];
  /** What print() shows behind the event's name. */
  readonly text: (event: AnyEvent, services: EventServices) => string;
  /** Of events whose samples cannot carry it (see generic_events.ts): events each of them stands for. */
  readonly fixedPeriod?: number | undefined;
  readonly notes?: readonly string[];
}

/** The plan of events that are samples, with the members that were asked for. */
export function directPlan({ opens, text, fixedPeriod, notes = [] }: DirectPlan): ProfilerPlan {
  const sampled = opens.findIndex(({ attr }) => attr.samplePeriod !== 0);
  const { sampleType, readFormat } = opens[sampled]!.attr;
  const shown = sampleType | (fixedPeriod === undefined ? 0 : PERF.PERF_SAMPLE_PERIOD);
  return {
    opens,
    members: describeMembers(shown, readFormat),
    notes,
    start: ({ event, attrs, services, lines }) => ({
      kind: "direct",
      eventClass: makeMemberClass({
        ...{ event, shown, fixedPeriod, services, lines },
        text: (sample) => text(sample, services),
        attr: attrs[sampled]!,
        arch: Deno.build.arch,
      }),
    }),
  };
}

/** An address as perf script shows an ip. */
export function ipText(address: unknown): string {
  return (address as bigint).toString(16).padStart(16, "0");
}
