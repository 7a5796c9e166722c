/**
 * The events of a recording as events of -e: what they are called, what takes their samples, and which of them a run wants. Where
 * nothing is asked for, all there are.
 *
 * @module
 */

import { PerfprofError, UsageError } from "./errors.ts";
import { type EventSpec, eventText, namedSpec } from "./event_spec.ts";
import type { AnyEvent } from "./generated_class.ts";
import { PERF_SAMPLE, sampleLayout } from "./layout.ts";
import type { LoadedEvent, Profilers } from "./loaded_event.ts";
import { makeMemberClass } from "./profilers/member_class.ts";
import { describeMembers } from "./profilers/members.ts";
import type { Profiler, ProfilerPlan } from "./profilers/profiler.ts";
import { ipText } from "./profilers/sampling.ts";
import { isDummy, type RecordedAttr, recordedAttr } from "./recorded_attr.ts";
import type { RecordedEvent, Recording } from "./recording.ts";

/** Members that say whose a sample is: no event shows them. What is copied to be unwound shows as the call chain. */
const HIDDEN = PERF_SAMPLE.IDENTIFIER | PERF_SAMPLE.ID | PERF_SAMPLE.STREAM_ID | PERF_SAMPLE.REGS_USER | PERF_SAMPLE.STACK_USER;

/** An event of a recording with samples. */
export interface Sampled {
  readonly event: RecordedEvent;
  readonly attr: RecordedAttr;
}

/** Those that have samples. */
export function sampledEvents({ events }: Recording): Sampled[] {
  return events.map((event) => ({ event, attr: recordedAttr(event) })).filter(({ attr }) => !isDummy(attr));
}

/** All of a recording, where -e names none. Two of one name are one. */
export function allSpecs(sampled: readonly Sampled[]): EventSpec[] {
  const specs = new Map<string, EventSpec>();
  for (const { event: { name, format } } of sampled) {
    const base = { filter: undefined, attributes: {}, source: { text: name, start: 0, end: name.length } };
    const short = shortName(name);
    const eventName = specs.has(short) ? name : short;
    const spec = format !== undefined ? namedSpec(base, format.system, format.name) : {
      ...base,
      system: "",
      name,
      profiler: { modifiers: "", options: undefined },
      handlerName: eventName.replace(/[^\p{ID_Continue}$]/gu, "_"),
      eventName,
    };
    if (!specs.has(spec.eventName)) specs.set(spec.eventName, spec);
  }
  return [...specs.values()];
}

/** `cycles` of `cycles:u`, which is what handlers are named by. */
function shortName(name: string): string {
  return name.replace(/:[a-zA-Z]+$/, "");
}

/** Profilers over a recording: its own events first, then those that analyse tracepoints. */
export function recordedProfilers(sampled: readonly Sampled[], profilers: () => Profilers): Profilers {
  const own = sampled.filter(({ event }) => event.format === undefined);
  return {
    find: (name) => {
      const found = own.find(({ event }) => event.name === name) ?? own.find(({ event }) => shortName(event.name) === name);
      return found === undefined ? profilers().find(name) : profilerOf(found);
    },
    names: () => [...own.map(({ event }) => event.name), ...profilers().names()],
  };
}

/** What hands out the samples of a recorded event as they are. */
function profilerOf({ event: { name }, attr }: Sampled): Profiler {
  const shown = attr.sampleType & ~HIDDEN;
  const plan: ProfilerPlan = {
    opens: [{ name, attr }],
    members: describeMembers(shown, attr.readFormat),
    start: ({ event, services, lines }) => ({
      kind: "direct",
      eventClass: makeMemberClass({ event, attr, shown, arch: Deno.build.arch, services, lines, text: textOf(name) }),
    }),
  };
  const summary = "an event of the recording";
  return { name, summary, help: summary, options: [], example: name, plan: () => plan };
}

function textOf(name: string): (event: AnyEvent) => string {
  return (event) => {
    const addr = event.get("addr");
    const ip = event.get("ip");
    const at = typeof addr === "bigint" ? ` addr 0x${addr.toString(16)}` : "";
    return `${event.period} ${shortName(name)}${at}${typeof ip === "bigint" ? ` ip ${ipText(ip)}` : ""}`;
  };
}

/**
 * The recorded events behind one of the kernel's that a loaded event plans: several where the recording has one name twice.
 *
 * @throws {PerfprofError} The recording has none, or not in a way that can be used
 */
export function recordedOf(sampled: readonly Sampled[], { spec, plan, kind }: LoadedEvent, part: number): Sampled[] {
  const { name, filter } = plan.opens[part]!;
  if (filter !== undefined) {
    throw new UsageError(
      `filter of ${eventText(spec)}: filters are the kernel's, which is not asked when a recording is read`,
      {
        hints: [`if (...) in the handler, or record with it: perfprof record -e '${eventText(spec)}/${filter}/'`],
      },
    );
  }
  const found = sampled.filter(({ event }) => event.name === name);
  const [first] = found;
  if (first === undefined) {
    throw new PerfprofError(`event '${eventText(spec)}': the recording has no ${name}`, {
      hints: [`it has ${sampled.map(({ event }) => event.name).join(" ")}`],
    });
  }
  const same = found.filter(({ attr }) => attr.sampleType === first.attr.sampleType);
  if (kind === "tracepoint") requireLayout(first);
  return same;
}

/** @throws {PerfprofError} Samples of a tracepoint that have more than tracepoints of perfprof have */
function requireLayout({ event: { name }, attr: { sampleType } }: Sampled): void {
  try {
    sampleLayout(sampleType);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new PerfprofError(
      `read ${name} failed: its samples have members that no tracepoint's can have here: ${error.message}`,
      {
        hints: ["record it without -b, --user-regs and groups with :S"],
        cause: error,
      },
    );
  }
}
