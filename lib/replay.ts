/**
 * One handler module over a recording instead of the machine: opens it, finds its events, and runs the module as a live run does.
 * Needs no privileges. What comes from the machine in a live run comes from the recording (recorded_machine.ts).
 *
 * @module
 */

import { PerfprofError, UsageError } from "./errors.ts";
import { parseEvents } from "./event_spec.ts";
import { explain } from "./failures.ts";
import { PERF_SAMPLE } from "./layout.ts";
import type { LoadedEvent, LoadedEvents } from "./loaded_event.ts";
import { runTrace, type Surroundings } from "./module_run.ts";
import { resolveModule } from "./module_path.ts";
import type { RunOptions } from "./options.ts";
import { Output } from "./output.ts";
import { allSpecs, recordedOf, recordedProfilers, type Sampled, sampledEvents } from "./recorded_events.ts";
import { RecordedMachine } from "./recorded_machine.ts";
import { recordedTarget } from "./recorded_target.ts";
import { Recording, type RecordingHost, type ReplaySource } from "./recording.ts";
import type { ReplayInput } from "./replay_options.ts";
import { ReplayProgress } from "./replay_progress.ts";
import { SourceError } from "./source.ts";
import { Trace } from "./trace.ts";
import { type KernelEvent, type TraceOptions, wantedCpus } from "./trace_request.ts";
import type { Lines } from "./text_bytes.ts";

/** The options of a run over a recording. */
export type ReplayRunOptions = RunOptions & { readonly input: ReplayInput };

/** A file that is read with an end in sight has a progress line here. */
export interface ReplaySurroundings extends Surroundings {
  readonly host: RecordingHost;
  /** Writes to stderr where that is a terminal; undefined: no progress is wanted. */
  readonly progress: ((text: string) => void) | undefined;
}

/**
 * Runs a module over a recording to its end.
 *
 * @returns The exit status
 * @throws {PerfprofError} It did not come to run, or the recording is damaged
 */
export async function runReplay(options: ReplayRunOptions, around: ReplaySurroundings): Promise<number> {
  const path = options.ownModule === undefined ? resolveModule(options.module) : options.module;
  const { input: { path: file, force } } = options;
  const output = new Output(options.output);
  let replay: Replay | undefined;
  try {
    const recording = new Recording(around.host.open(file, force));
    const { profilersOf } = await import("./profilers/registry.ts");
    replay = new Replay(recording, options, around, output, profilersOf);
    await replay.source.ready();
    return await runTrace(options, { ...around, say: replay.say }, replay.trace, path, output);
  } catch (error) {
    throw error instanceof SourceError ? explainDamage(error, around) : error;
  } finally {
    replay?.close();
  }
}

function explainDamage(error: SourceError, { machine }: Surroundings): PerfprofError {
  const explained = explain(error, machine);
  if (error.operation !== "recording" || !/ at byte /.test(error.message)) return explained;
  return new PerfprofError(explained.message, { hints: ["--force reads what can be read"], cause: error });
}

/** A recording that is being run over. */
class Replay {
  readonly trace: Trace;
  readonly say: (line: string) => void;
  readonly #recording: Recording;
  readonly #options: ReplayRunOptions;
  readonly #sampled: readonly Sampled[];
  readonly #progress: ReplayProgress | undefined;
  #source: ReplaySource | undefined;

  constructor(
    recording: Recording,
    options: ReplayRunOptions,
    { machine, host, say, progress }: ReplaySurroundings,
    lines: Lines,
    profilersOf: typeof import("./profilers/registry.ts").profilersOf,
  ) {
    this.#recording = recording;
    this.#options = options;
    const { file } = recording;
    const hasEnd = !file.isPipe && options.verbosity >= 0;
    this.#progress = progress && hasEnd ? new ReplayProgress(() => file.position, progress) : undefined;
    this.say = (line) => {
      this.#progress?.clear();
      say(line);
    };
    const recorded = new RecordedMachine(recording, host, machine, this.say);
    this.#sampled = sampledEvents(recording);
    const specs = options.events.length === 0 ? allSpecs(this.#sampled) : parseEvents(options.events);
    if (specs.length === 0) throw new PerfprofError(`read ${file.path} failed: it has no event with samples`);
    for (const note of this.#notes()) this.say(`perfprof: ${note}`);
    this.trace = new Trace(recorded, specs, traceOptions(options, recording, this.#sampled), {
      lines,
      say: this.say,
      profilers: recordedProfilers(this.#sampled, () => profilersOf(recorded)),
      open: (loaded, prepare) => this.#open(loaded, prepare),
      osRelease: recording.osRelease || undefined,
    });
  }

  get source(): ReplaySource {
    return this.#source!;
  }

  close(): void {
    this.#progress?.clear();
    this.#recording.file.close();
  }

  /** What a reader should know before he believes the output. */
  #notes(): string[] {
    const { file, offsetNs } = this.#recording;
    if (this.#options.verbosity < 0) return [];
    const notes: string[] = [];
    if (file.unfinished) notes.push(`${file.path} was not finished: perf record was killed`);
    const noCpu = this.#sampled.filter(({ attr }) => (attr.recordedType & PERF_SAMPLE.CPU) === 0);
    if (noCpu.length > 0) notes.push(`${noCpu[0]!.event.name} was recorded without CPU: it is 0 (perf record --sample-cpu)`);
    if (offsetNs === undefined && this.#options.verbosity > 0) {
      notes.push("the recording has no wall clock: _realtime is the events' own clock (perf record -k mono)");
    }
    return notes;
  }

  #open(loaded: LoadedEvents, prepare: (kernelEvents: readonly KernelEvent[]) => void) {
    const { fromNs, toNs } = this.#options.input;
    const opened = loaded.events.flatMap((event) =>
      event.plan.opens.map((planned, part) => ({ event, planned, part, found: recordedOf(this.#sampled, event, part) }))
    );
    this.#requireOnce(opened.flatMap(({ found }) => found));
    const kernelEvents = opened.map(({ event, planned, part, found: [first] }): KernelEvent => ({
      loaded: event,
      part,
      name: event.plan.opens.length === 1 ? event.spec.eventName : `${event.spec.eventName} (${planned.name})`,
      attr: first!.attr,
      stack: stackOf(first!),
    }));
    prepare(kernelEvents);
    this.#source = this.#recording.file.open({
      events: opened.map(({ event, planned, found }) => ({
        numbers: found.map(({ event: { index } }) => index),
        // What an analysis ends on one CPU may have begun on any: trace.ts then leaves out the others' events.
        cpus: planned.everyTask ? [] : this.#cpusOf(event, found),
      })),
      fromNs,
      toNs,
      offsetNs: this.#recording.offsetNs ?? 0n,
    });
    return { ...loaded, kernelEvents, source: this.#watched(this.#source) };
  }

  /** The source, with the progress shown while it rests. */
  #watched(source: ReplaySource): ReplaySource {
    const progress = this.#progress;
    if (progress === undefined) return source;
    const wait = source.wait.bind(source);
    source.wait = (timeoutMs, pause) => {
      progress.tick();
      return wait(timeoutMs, pause);
    };
    return source;
  }

  /** @throws {UsageError} Two events of -e are the same one of the recording */
  #requireOnce(found: readonly Sampled[]): void {
    const twin = found.find((one, i) => found.indexOf(one) !== i);
    if (twin === undefined) return;
    throw new UsageError(`two events of -e need the recording's ${twin.event.name}: each sample goes to one only`, {
      hints: ["one run for each of them"],
    });
  }

  /** @throws {UsageError} The recording does not tell CPUs */
  #cpusOf({ spec }: LoadedEvent, found: readonly Sampled[]): readonly number[] {
    const cpus = wantedCpus(spec, this.#options) ?? [];
    const without = found.find(({ attr }) => (attr.recordedType & PERF_SAMPLE.CPU) === 0);
    if (cpus.length === 0 || without === undefined) return cpus;
    throw new UsageError(`option -C: ${without.event.name} was recorded without CPU`, { hints: ["perf record --sample-cpu"] });
  }
}

/** The sides that the recorded stacks have. */
function stackOf({ attr: { sampleType, flags, stackUser = 0 } }: Sampled): KernelEvent["stack"] {
  if ((sampleType & PERF_SAMPLE.CALLCHAIN) === 0) return undefined;
  const user = (sampleType & PERF_SAMPLE.STACK_USER) !== 0 || !flags.includes("exclude_callchain_user");
  return { kernel: !flags.includes("exclude_callchain_kernel"), user, dumpBytes: stackUser, most: undefined };
}

/** Whose events are wanted and what stacks there are is as it was recorded, whatever a live run would do. */
function traceOptions(options: RunOptions, { commandLine }: Recording, sampled: readonly Sampled[]): TraceOptions {
  const copied = sampled.some(({ attr }) => (attr.sampleType & PERF_SAMPLE.STACK_USER) !== 0);
  return {
    ...options,
    target: recordedTarget(commandLine),
    stacks: { ...options.stacks, mode: copied ? "dwarf" : "fp", everywhere: false },
  };
}
