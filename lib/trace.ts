/**
 * From events as text to an open source and the classes of its events: checks everything against the machine, builds the attrs,
 * opens the source. Owns what the events of one trace share: the names of tasks, the clocks, the print text.
 *
 * @module
 */

import { type AttrOptions, clockId, detectFeatures, encodeAttr, sidebandAttr, tracepointAttr } from "./attr.ts";
import { Realtime } from "./clock.ts";
import { type EventClass, makeEventClass } from "./event_class.ts";
import { expandEvents, NO_EVENTS, requireSome } from "./event_pattern.ts";
import { type EventSpec, unknownEventError } from "./event_spec.ts";
import { explain, type OpenedRequest } from "./failures.ts";
import { requireOnline, ringPages } from "./option_values.ts";
import type { RunOptions } from "./options.ts";
import { kernelVersion } from "./print.ts";
import { defaultBuffers, memoryBytes } from "./rings.ts";
import {
  type EventServices,
  type Machine,
  type Source,
  SourceError,
  type SourceEvent,
  type TracepointFormat,
} from "./source.ts";
import { Tasks } from "./tasks.ts";

/** Wall clock and event clock are compared again after this long, ms. */
const RESYNC_MS = 20_000;
/** errno(3). */
const EPERM = 1;
/** Events that are left out one after the other: so many refusals are a matter of the user's rights. */
const MOST_REFUSALS = 8;

/** What a trace takes of the options. */
export type TraceOptions = Pick<
  RunOptions,
  "cpus" | "target" | "ring" | "watermarkPercent" | "order" | "clock" | "excludeSelf"
>;

/** An event that is open. */
export interface TracedEvent {
  readonly spec: EventSpec;
  readonly eventClass: EventClass;
}

/** An open source and its events. Events of index `events.length` are the side-band's. */
export class Trace {
  readonly events: readonly TracedEvent[];
  /** What patterns matched and cannot be opened. */
  readonly leftOut: readonly EventSpec[];
  readonly source: Source;
  readonly #machine: Machine;
  readonly #realtime: Realtime;
  #tasks: Tasks;
  #resyncAtMs = performance.now() + RESYNC_MS;

  /**
   * Opens the events, disabled.
   *
   * @param write Takes what print() of an event writes
   * @throws {PerfprofError} In words for the user
   */
  constructor(machine: Machine, specs: readonly EventSpec[], options: TraceOptions, write: (text: string) => void) {
    this.#machine = machine;
    this.#tasks = new Tasks([], (tid) => this.#readComm(tid));
    const { source, events, leftOut, sampleTypes } = openEvents(machine, loadEvents(machine, specs), options);
    this.source = source;
    this.leftOut = leftOut;
    this.#realtime = new Realtime(this.source.clockPair());
    const services = this.#services();
    const kernel = kernelVersion(Deno.osRelease());
    this.events = events.map(({ spec, format }, i) => ({
      spec,
      eventClass: makeEventClass({
        event: spec.eventName,
        format,
        sampleType: sampleTypes[i]!,
        services,
        kernel,
        write,
      }),
    }));
  }

  /** To be called once the source is enabled: takes the names of the tasks that were there before. */
  enabled(): void {
    this.#tasks = new Tasks(this.#machine.tasks(), (tid) => this.#readComm(tid));
  }

  /** Takes in a side-band record. */
  sideband(view: DataView, at: number): void {
    this.#tasks.record(view, at);
  }

  /** To be called now and then. */
  idle(): void {
    if (performance.now() < this.#resyncAtMs) return;
    this.#resyncAtMs = performance.now() + RESYNC_MS;
    this.#realtime.add(this.source.clockPair());
  }

  /** What the events ask for, as long as the process lives: none of it needs the source. */
  #services(): EventServices {
    return {
      printText: (formatId, raw, cpu) => this.#machine.printText(formatId, raw, cpu),
      comm: (tid, timeNs) => this.#tasks.comm(tid, timeNs),
      realtimeNs: (timeNs) => this.#realtime.at(timeNs),
      realtimeNumber: (timeNs) => this.#realtime.atNumber(timeNs),
    };
  }

  #readComm(tid: number): string | undefined {
    return this.#machine.kernelFile(`/proc/${tid}/comm`)?.trimEnd();
  }
}

/** Events with their formats, and those of patterns that cannot be opened. */
interface LoadedEvents {
  readonly events: readonly { readonly spec: EventSpec; readonly format: TracepointFormat }[];
  readonly leftOut: readonly EventSpec[];
}

/**
 * Expands patterns and loads the formats.
 *
 * @throws {PerfprofError} There is no such event, or its format is not to be read; or nothing is left of a pattern
 */
export function loadEvents(machine: Machine, specs: readonly EventSpec[]): LoadedEvents {
  const expanded = attempt(machine, () => expandEvents(specs, machine));
  const loaded = expanded.map((spec) => ({ spec, format: formatOf(machine, spec) }));
  const events = loaded.flatMap(({ spec, format }) => format === undefined ? [] : [{ spec, format }]);
  const leftOut = loaded.filter(({ format }) => format === undefined).map(({ spec }) => spec);
  requireSome(events.map(({ spec }) => spec), leftOut);
  return { events, leftOut };
}

/** Undefined when a pattern matched what has no format or is no event. */
function formatOf(machine: Machine, spec: EventSpec): TracepointFormat | undefined {
  const { system, name, pattern } = spec;
  if (pattern !== undefined) return system === NO_EVENTS ? undefined : matchedFormat(machine, spec);
  return attempt(machine, () => {
    if (!machine.names(system).includes(name)) throw unknownEventError(spec, machine);
    return machine.format(system, name);
  });
}

function matchedFormat(machine: Machine, { system, name }: EventSpec): TracepointFormat | undefined {
  try {
    return machine.format(system, name);
  } catch (error) {
    if (error instanceof SourceError) return undefined;
    throw error;
  }
}

/**
 * Opens the events. Some tracepoints refuse to be sampled (irq_vectors:irq_work_exit, as its sample would make the next one), which
 * only the attempt tells: of a pattern's events such a one is left out, and the others are opened anew.
 */
function openEvents(
  machine: Machine,
  { events, leftOut }: LoadedEvents,
  options: TraceOptions,
): LoadedEvents & { source: Source; sampleTypes: number[] } {
  for (let refusals = 0;; refusals++) {
    const { request, sampleTypes } = buildRequest(machine, events, options);
    try {
      return { events, leftOut, sampleTypes, source: machine.open(request) };
    } catch (error) {
      if (!(error instanceof SourceError)) throw error;
      const refused = refusals < MOST_REFUSALS ? refusedMatch(error, events.map(({ spec }) => spec)) : undefined;
      if (refused === undefined) throw explain(error, machine, request);
      events = events.filter(({ spec }) => spec !== refused);
      leftOut = [...leftOut, refused];
    }
  }
}

/** The event of a pattern that the kernel does not let us sample, if it is not the pattern's last. */
function refusedMatch({ operation, errno, event }: SourceError, specs: readonly EventSpec[]): EventSpec | undefined {
  const refused = operation === "open" && errno === EPERM ? specs[event] : undefined;
  if (refused?.pattern === undefined) return undefined;
  return specs.some((spec) => spec !== refused && spec.pattern === refused.pattern) ? refused : undefined;
}

/** Runs what may fail in the kernel, and says it in words. */
function attempt<T>(machine: Machine, step: () => T): T {
  try {
    return step();
  } catch (error) {
    if (error instanceof SourceError) throw explain(error, machine);
    throw error;
  }
}

/** What is to be opened: the events, and after them the side-band, on every CPU that anything is traced on. */
function buildRequest(
  machine: Machine,
  loaded: LoadedEvents["events"],
  options: TraceOptions,
): { request: OpenedRequest; sampleTypes: number[] } {
  const specs = loaded.map(({ spec }) => spec);
  const online = machine.onlineCpus();
  requireOnline("option -C", options.cpus ?? [], online);
  for (const { eventName, attributes } of specs) requireOnline(`cpus= of ${eventName}`, attributes.cpus ?? [], online);
  const cpus = specs.map(({ attributes }) => attributes.cpus ?? options.cpus ?? online);
  const traced = new Set(cpus.flat()).size;
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
  const attrs = loaded.map(({ format: { id } }) => tracepointAttr(id, attrOptions));
  const events: SourceEvent[] = specs.map((spec, i) => ({
    // The tracepoint's own name: what the kernel is asked for, whatever the alias.
    name: `${spec.system}:${spec.name}`,
    attr: encodeAttr(attrs[i]!),
    cpus: cpus[i]!,
    filter: spec.filter,
    sideband: false,
  }));
  // Tasks are born and named on any CPU, whichever are traced.
  events.push({ name: "task records", attr: encodeAttr(sidebandAttr(attrOptions)), cpus: online, sideband: true });
  const request: OpenedRequest = {
    events,
    target: options.target,
    order: options.order,
    excludeSelf: options.excludeSelf,
    watchStdout: true,
    clockid: clockId(options.clock),
    ...buffers,
    ringShrink: options.ring === undefined,
    fieldNames: loaded.map(({ format: { fields } }) => fields.map(({ name }) => name)),
  };
  return { request, sampleTypes: attrs.map(({ sampleType }) => sampleType) };
}
