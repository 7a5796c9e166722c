/**
 * From events as text to an open source and what takes the samples of its events: opens what is loaded and requested. Owns what the
 * events of one trace share: the names of tasks, who is followed, the clocks, the print text.
 *
 * @module
 */

import type { EventAttr } from "./attr.ts";
import { Realtime } from "./clock.ts";
import type { EventSpec } from "./event_spec.ts";
import { Followed } from "./followed.ts";
import { timeOffset } from "./layout.ts";
import { type LoadedEvent, type LoadedEvents, loadEvents, type Profilers } from "./loaded_event.ts";
import { type OpenEvents, openEvents } from "./open_events.ts";
import { onCpus } from "./profilers/on_cpus.ts";
import type { ProfilerContext, ProfilerRun } from "./profilers/profiler.ts";
import { kernelVersion } from "./print.ts";
import type { EventServices } from "./event_services.ts";
import type { Machine } from "./machine.ts";
import type { Source, Target } from "./source.ts";
import { Stacks } from "./stacks.ts";
import { Tasks } from "./tasks.ts";
import { type KernelEvent, type TraceOptions, wantedCpus } from "./trace_request.ts";
import type { Lines } from "./text_bytes.ts";

/** Wall clock and event clock are compared again after this long, ms. */
const RESYNC_MS = 20_000;

/** An event of -e that is open. */
export interface TracedEvent {
  readonly spec: EventSpec;
  readonly loaded: LoadedEvent;
  readonly run: ProfilerRun;
  /** Of its kernel events. */
  readonly attrs: readonly EventAttr[];
  /** The source's indices of its kernel events, in the order of its plan. */
  readonly indices: readonly number[];
  /** Where the time sits in the samples of each, from the record's header. */
  readonly timeOffsets: readonly number[];
}

/** What a trace needs beside its events and options. */
export interface TraceParts {
  /** Takes what print() of an event writes. */
  readonly lines: Lines;
  /** Takes a line for the user. */
  readonly say?: (line: string) => void;
  /** Undefined where no event is one. */
  readonly profilers?: Profilers | undefined;
  /** Opens what is loaded where that is not the machine's to do. `prepare` is called before, with what is to be opened. */
  readonly open?: EventOpener | undefined;
  /** Of the kernel whose events they are; undefined: of the one that runs here. */
  readonly osRelease?: string | undefined;
}

/** Opens loaded events. */
export type EventOpener = (
  loaded: LoadedEvents,
  prepare: (kernelEvents: readonly KernelEvent[]) => void,
) => Pick<OpenEvents, "source" | "events" | "leftOut" | "kernelEvents">;

/** An open source and its events. */
export class Trace {
  readonly events: readonly TracedEvent[];
  /** Names of the source's events by their indices, as losses and counts show them. Those behind the last are side-band. */
  readonly names: readonly string[];
  /** What profilers have to say at the start. */
  readonly notes: readonly string[];
  /** What patterns matched and cannot be opened. */
  readonly leftOut: readonly EventSpec[];
  readonly source: Source;
  /** What the events ask for, as long as the process lives: none of it needs the source. */
  readonly services: EventServices;
  readonly #machine: Machine;
  readonly #realtime: Realtime;
  readonly #target: Target;
  readonly #followed: Followed;
  /** Undefined where no event has any. */
  readonly #stacks: Stacks | undefined;
  #tasks: Tasks;
  #resyncAtMs = performance.now() + RESYNC_MS;

  /**
   * Opens the events, disabled.
   *
   * @throws {PerfprofError} In words for the user
   */
  constructor(
    machine: Machine,
    specs: readonly EventSpec[],
    options: TraceOptions,
    { lines, say = () => {}, profilers, open, osRelease = Deno.osRelease() }: TraceParts,
  ) {
    this.#machine = machine;
    this.#target = options.target;
    this.#followed = new Followed(options.target, options.excludeSelf ? Deno.pid : undefined);
    this.#tasks = new Tasks([], (tid) => this.#readComm(tid));
    const loaded = loadEvents(machine, specs, profilers, options.stacks);
    let stacks: Stacks | undefined;
    const prepare = (kernelEvents: readonly KernelEvent[]) => {
      stacks = stacksOf(machine, kernelEvents, options, say);
    };
    const { source, events, leftOut, kernelEvents } = open?.(loaded, prepare) ?? openEvents(machine, loaded, options, prepare);
    this.#stacks = stacks;
    this.source = source;
    this.leftOut = leftOut;
    this.names = kernelEvents.map(({ name }) => name);
    this.notes = events.flatMap(({ spec, plan }) => plan.notes?.map((note) => `${spec.eventName}: ${note}`) ?? []);
    this.#realtime = new Realtime(this.source.clockPair());
    this.services = this.#makeServices();
    const shared = {
      services: this.services,
      kernel: kernelVersion(osRelease),
      lines,
      ofTasks: ["pids", "tids", "command"].includes(options.target.kind),
      follows: this.#followed.has,
    };
    let first = 0;
    this.events = events.map((event) => {
      const own = kernelEvents.slice(first, first + event.plan.opens.length);
      const traced = startEvent(event, own, first, shared, wantedCpus(event.spec, options));
      first += own.length;
      return traced;
    });
  }

  /** To be called once the source is enabled: takes the names of the tasks that were there before. */
  enabled(): void {
    const running = this.#machine.tasks();
    this.#tasks = new Tasks(running, (tid) => this.#readComm(tid));
    this.#followed.start(running);
    this.#stacks?.scan(this.#target, running);
  }

  /** Takes in a side-band record. */
  sideband(view: DataView, at: number): void {
    this.#tasks.record(view, at);
    this.#followed.sideband(view, at);
    this.#stacks?.sideband(view, at);
  }

  /** What is to be said at the end of a run. */
  endLines(): string[] {
    return this.#stacks?.endLines() ?? [];
  }

  /** To be called now and then. */
  idle(): void {
    if (performance.now() < this.#resyncAtMs) return;
    this.#resyncAtMs = performance.now() + RESYNC_MS;
    this.#realtime.add(this.source.clockPair());
  }

  #makeServices(): EventServices {
    return {
      printText: (formatId, raw, cpu) => this.#machine.printText(formatId, raw, cpu),
      printTree: (formatId) => this.#machine.printTree(formatId),
      printSymbol: (address) => this.#machine.printSymbol(address),
      callchain: this.#stacks?.callchain ?? (() => []),
      comm: (tid, timeNs) => this.#tasks.comm(tid, timeNs),
      realtimeNs: (timeNs) => this.#realtime.at(timeNs),
      realtimeNumber: (timeNs) => this.#realtime.atNumber(timeNs),
      realtimeOffset: (timeNs) => this.#realtime.offsetAt(timeNs),
    };
  }

  #readComm(tid: number): string | undefined {
    return this.#machine.kernelFile(`/proc/${tid}/comm`)?.trimEnd();
  }
}

/**
 * @param first Index of the first of its kernel events
 * @param cpus Whose events are wanted; undefined: all
 */
function startEvent(
  loaded: LoadedEvent,
  kernelEvents: readonly KernelEvent[],
  first: number,
  shared: Omit<ProfilerContext, "event" | "attrs">,
  cpus: readonly number[] | undefined,
): TracedEvent {
  const { spec, plan } = loaded;
  const attrs = kernelEvents.map(({ attr }) => attr);
  const run = plan.start({ ...shared, event: spec.eventName, attrs });
  return {
    spec,
    loaded,
    attrs,
    run: run.kind === "analysis" && cpus !== undefined ? onCpus(run, cpus) : run,
    indices: kernelEvents.map((_, part) => first + part),
    timeOffsets: kernelEvents.map(({ attr: { sampleType } }) => timeOffset(sampleType)),
  };
}

function stacksOf(
  machine: Machine,
  kernelEvents: readonly KernelEvent[],
  { stacks: options }: TraceOptions,
  say: (line: string) => void,
): Stacks | undefined {
  const stacks = kernelEvents.flatMap(({ stack }) => stack === undefined ? [] : [stack]);
  return stacks.length === 0 ? undefined : new Stacks(machine, { ...options, user: stacks.some(({ user }) => user) }, say);
}
