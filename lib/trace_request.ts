/**
 * Loaded events -> what a source is asked to open: their kernel events with whole attrs, each on its CPUs, and after them the
 * side-band. Checks CPUs and targets; opens nothing.
 *
 * @module
 */

import {
  type AttrOptions,
  clockId,
  completeAttr,
  detectFeatures,
  encodeAttr,
  type EventAttr,
  PERF,
  sidebandAttr,
  type StackAttr,
} from "./attr.ts";
import { PerfprofError } from "./errors.ts";
import { type EventSpec, eventText } from "./event_spec.ts";
import type { OpenedRequest } from "./failures.ts";
import type { LoadedEvent } from "./loaded_event.ts";
import { requireOnline, ringPages } from "./option_values.ts";
import type { RunOptions } from "./options.ts";
import type { PlannedEvent } from "./profilers/profiler.ts";
import { defaultBuffers, memoryBytes } from "./rings.ts";
import type { Machine } from "./machine.ts";
import type { SourceEvent } from "./source.ts";
import { plannedStack, requireStacks, stackAttrs } from "./stacks.ts";

/** What a trace takes of the options. */
export interface TraceOptions extends
  Pick<
    RunOptions,
    "cpus" | "target" | "ring" | "watermarkPercent" | "order" | "clock" | "excludeSelf" | "stacks"
  > {
  /** Where the rings go, which then need no queue: a file tells what tasks map in any case, and on stdout stands nothing else. */
  readonly recorded?: "file" | "stdout";
  /** False: it is not perfprof's own, and somebody else's to watch. */
  readonly watchStdout?: boolean;
}

/** One of the kernel's events that an event of -e stands for. */
export interface KernelEvent {
  readonly loaded: LoadedEvent;
  /** Index in the loaded event's plan. */
  readonly part: number;
  /** As losses and counts name it: `sched:sched_wakeup`, `task-state (sched:sched_switch)`. */
  readonly name: string;
  readonly attr: EventAttr;
  readonly stack: StackAttr | undefined;
}

/** What is to be opened. The side-band has the index behind the last kernel event. */
export interface TraceRequest {
  readonly request: OpenedRequest;
  readonly kernelEvents: readonly KernelEvent[];
}

/**
 * Puts the request together.
 *
 * @throws {UsageError} A CPU is offline, something was said of stacks that no event has
 * @throws {PerfprofError} The target is none for an event
 */
export function traceRequest(machine: Machine, events: readonly LoadedEvent[], options: TraceOptions): TraceRequest {
  const online = machine.onlineCpus();
  requireOnline("option -C", options.cpus ?? [], online);
  for (const { spec: { eventName, attributes } } of events) {
    requireOnline(`cpus= of ${eventName}`, attributes.cpus ?? [], online);
  }
  if (options.target.kind === "cgroups") rejectEveryTask(events);
  const cpusOf = ({ spec, plan }: LoadedEvent, part: number) =>
    plan.opens[part]!.everyTask ? online : wantedCpus(spec, options) ?? online;
  const traced = new Set(events.flatMap((event) => event.plan.opens.flatMap((_, part) => cpusOf(event, part)))).size;
  const buffers = options.ring === undefined
    ? defaultBuffers({
      pageSize: machine.pageSize,
      memoryBytes: memoryBytes(machine.kernelFile("/proc/meminfo")),
      cpus: traced,
    })
    : { ringPages: ringPages(options.ring, machine.pageSize), queueBytes: 0 };
  const attrOptions: AttrOptions = {
    clock: options.clock,
    watermarkPercent: options.watermarkPercent,
    ringBytes: buffers.ringPages * machine.pageSize,
    features: detectFeatures((attr) => machine.accepts(attr)),
  };
  const kernelEvents = kernelEventsOf(events, options, attrOptions);
  const mappings = options.recorded !== undefined || kernelEvents.some(({ stack }) => stack?.user);
  const request: OpenedRequest = {
    events: [
      ...kernelEvents.map((event, index) => sourceEvent(event, index - event.part, cpusOf(event.loaded, event.part))),
      // Tasks are born and named on any CPU, whichever are traced.
      { name: "task records", attr: encodeAttr(sidebandAttr(attrOptions, mappings)), cpus: online, sideband: true },
    ],
    target: options.target,
    order: options.order,
    excludeSelf: options.excludeSelf,
    watchStdout: options.watchStdout ?? true,
    clockid: clockId(options.clock),
    ...buffers,
    ...(options.recorded && { queueBytes: 0, commandToStderr: options.recorded === "stdout" }),
    ringShrink: options.ring === undefined,
    fieldNames: kernelEvents.map(({ loaded }) =>
      loaded.kind === "tracepoint" ? loaded.format.fields.map(({ name }) => name) : []
    ),
  };
  return { request, kernelEvents };
}

function kernelEventsOf(
  events: readonly LoadedEvent[],
  { stacks, recorded }: TraceOptions,
  options: AttrOptions,
): KernelEvent[] {
  const asked = stackAttrs(events.map(({ spec }) => spec), stacks);
  const all = events.flatMap((loaded, i) => {
    const { spec: { eventName, attributes }, plan: { opens } } = loaded;
    return opens.map(({ name, attr }, part) => {
      const stack = loaded.kind === "tracepoint" ? asked[i] : plannedStack(attr, attributes.maxStack, stacks);
      return {
        loaded,
        part,
        name: opens.length === 1 ? eventName : `${eventName} (${name})`,
        attr: recorded === undefined ? completeAttr(attr, options, stack) : ofFile(completeAttr(attr, options, stack)),
        stack,
      };
    });
  });
  requireStacks(all.map(({ stack }) => stack), stacks);
  return all;
}

/** The CPUs whose events are wanted, undefined: all. An analysis sees all of them in any case, as tasks move. */
export function wantedCpus({ attributes }: EventSpec, { cpus }: Pick<TraceOptions, "cpus">): readonly number[] | undefined {
  return attributes.cpus ?? cpus;
}

/**
 * What perf's readers want of every event: an address, by which perf report sorts also tracepoints; and of counts
 * (PERF_SAMPLE_READ) which event each is of, without which perf reads no file.
 */
function ofFile(attr: EventAttr): EventAttr {
  const counts = attr.sampleType & PERF.PERF_SAMPLE_READ ? PERF.PERF_FORMAT_ID : 0;
  return { ...attr, sampleType: attr.sampleType | PERF.PERF_SAMPLE_IP, readFormat: attr.readFormat | counts };
}

/** @param first Index of the first event of its plan */
function sourceEvent({ loaded, part, attr }: KernelEvent, first: number, cpus: readonly number[]): SourceEvent {
  const { spec, plan } = loaded;
  const { name, filter, everyTask, leader }: PlannedEvent = plan.opens[part]!;
  return {
    name,
    attr: encodeAttr(attr),
    cpus,
    filter,
    sideband: false,
    probe: spec.probe && spec.eventName,
    everyTask,
    leader: leader === undefined ? undefined : first + leader,
  };
}

/** An event of a cgroup has only the cgroup's tasks, and which tasks are in it no record tells. */
function rejectEveryTask(events: readonly LoadedEvent[]): void {
  const everyTask = events.find(({ plan: { opens } }) => opens.some((planned) => planned.everyTask));
  if (everyTask === undefined) return;
  throw new PerfprofError(`option --cgroups: ${eventText(everyTask.spec)} pairs events of all tasks, which no cgroup has`, {
    hints: ["-p PID, or -c CMD", "leave out --cgroups"],
  });
}
