/**
 * `perfprof record`: events to a perf.data file. Opens them as a run does, writes what is around the records, has C write the
 * records, and says how it goes, on stderr. Needs no C: the machine is handed in.
 *
 * @module
 */

import { PerfprofError } from "./errors.ts";
import { parseEvents } from "./event_spec.ts";
import { leftOutLines } from "./event_pattern.ts";
import { explain, reason } from "./failures.ts";
import { loadEvents, profilersFor } from "./loaded_event.ts";
import { LossReport } from "./loss.ts";
import { type OpenEvents, openEvents } from "./open_events.ts";
import { fileHead, streamHead } from "./perf_data.ts";
import { compressed } from "./perf_data_features.ts";
import { ByteWriter } from "./byte_writer.ts";
import type { Recorder, RecordingMachine } from "./recorder.ts";
import { recordHead } from "./record_head.ts";
import type { RecordOptions } from "./record_options.ts";
import { RecordProgress } from "./record_progress.ts";
import type { SignalName, Signals } from "./signals.ts";
import type { Machine } from "./machine.ts";
import { type Source, SourceError, type SourceRequest, WAIT_ENDED, WAIT_STDOUT } from "./source.ts";
import { rootOf } from "./stacks.ts";
import { commandEnd } from "./status.ts";
import { fileBuildIds, taskRecords } from "./task_records.ts";

/** What happened is in the file after this long, ms. */
const PASS_MS = 100;
/** The file that is stdout. Its reader may go away, as that of any pipe. */
const STREAM = "-";
const EPIPE = 32;
/** A second SIGINT within so long is the same Ctrl-C, delivered twice. */
const SAME_SIGNAL_MS = 300;

/** What a recording runs on. */
export interface RecordSurroundings {
  readonly machine: Machine;
  readonly recording: RecordingMachine;
  readonly signals: Signals;
  /** Of perfprof. */
  readonly version: string;
  /** Takes a line for the user. */
  readonly say: (line: string) => void;
  /** Takes the line that shows how far it is, again and again; undefined where stderr is no terminal. */
  readonly show: ((line: string) => void) | undefined;
  /** Ends the process at once. */
  readonly abort: () => void;
}

/**
 * Records until a signal, a limit or the end of the targets.
 *
 * @returns The exit status
 * @throws {PerfprofError} Nothing was recorded, or not all
 */
export async function record(options: RecordOptions, around: RecordSurroundings): Promise<number> {
  const { machine, say } = around;
  const specs = parseEvents(options.events);
  let opened: OpenEvents | undefined;
  try {
    const loaded = loadEvents(machine, specs, await profilersFor(specs, machine), options.stacks);
    opened = openEvents(machine, loaded, {
      ...options,
      order: false,
      recorded: options.output === STREAM ? "stdout" : "file",
    });
    if (options.verbosity >= 0) {
      for (const { spec, plan } of opened.events) {
        for (const note of plan.notes ?? []) say(`perfprof: ${spec.eventName}: ${note}`);
      }
      for (const line of leftOutLines(opened.leftOut, options.verbosity > 0)) say(`perfprof: ${line}`);
    }
    const recorder = around.recording.recorder(opened.source, options.output, options.level);
    try {
      return await new Recording(options, around, opened, recorder).run();
    } finally {
      recorder.close();
    }
  } catch (error) {
    throw error instanceof SourceError ? explain(error, machine, opened?.request) : error;
  } finally {
    opened?.source.close();
    if (specs.some(({ probe }) => probe !== undefined)) machine.probes.remove();
  }
}

class Recording {
  readonly #options: RecordOptions;
  readonly #around: RecordSurroundings;
  readonly #request: SourceRequest;
  readonly #names: readonly string[];
  readonly #source: Source;
  readonly #recorder: Recorder;
  readonly #progress: RecordProgress;
  /** Of the file's head: where the features are. */
  #offsets: ReturnType<typeof fileHead>["offsets"] = new Map();
  /** An id of the side-band. */
  #sidebandId = 0n;
  #stopping = false;
  #stoppedAtMs = 0;

  constructor(
    options: RecordOptions,
    around: RecordSurroundings,
    { request, kernelEvents, source }: OpenEvents,
    recorder: Recorder,
  ) {
    this.#options = options;
    this.#around = around;
    this.#request = request;
    this.#names = kernelEvents.map(({ name }) => name);
    this.#source = source;
    this.#recorder = recorder;
    this.#progress = new RecordProgress(source.state(), () => recorder.state(), around.show);
  }

  async run(): Promise<number> {
    const { signals } = this.#around;
    signals.receive((signal) => this.#receive(signal));
    await this.#write(() => this.#begin());
    this.#source.enable();
    await this.#write(() => this.#recorder.add(this.#tasks()));
    await this.#passes();
    this.#source.disable();
    await this.#write(() => this.#recorder.finish());
    this.#end();
    return this.#sumUp();
  }

  /** Writes what comes before the data. */
  #begin(): void {
    const { events, features, sidebandId } = recordHead(this.#options, {
      ...this.#around,
      request: this.#request,
      ids: this.#recorder.ids(),
      clock: this.#source.clockPair(),
    });
    this.#sidebandId = sidebandId;
    if (this.#options.output === STREAM) return this.#recorder.begin(streamHead(events, features), new Uint8Array());
    const { head, table, offsets } = fileHead(events, features);
    this.#offsets = offsets;
    this.#recorder.begin(head, table);
  }

  /** What was there before: scanned once the side-band flows, so that no task falls between the two. */
  #tasks(): Uint8Array<ArrayBuffer> {
    const { machine } = this.#around;
    const { target, events } = this.#request;
    const tasks = machine.tasks();
    const everyTask = ["all", "cgroups"].includes(target.kind) || events.some(({ everyTask }) => everyTask);
    const wanted = new Set(target.kind === "pids" ? target.pids : target.kind === "tids" ? target.tids : []);
    const mapped = tasks.filter(({ pid, tid }) => everyTask || wanted.has(pid) || wanted.has(tid));
    return taskRecords({
      tasks,
      mapped: new Set(mapped.map(({ pid }) => pid)),
      read: (path) => machine.kernelFile(path),
      root: rootOf,
      buildId: fileBuildIds(machine.symbolizer(true)),
      id: this.#sidebandId,
    });
  }

  /** Until it is stopped. */
  async #passes(): Promise<void> {
    const { size = Infinity, seconds = Infinity } = this.#options;
    const untilMs = performance.now() + seconds * 1000;
    while (!this.#stopping) {
      await this.#write(() => this.#recorder.pass());
      this.#progress.show();
      const leftMs = untilMs - performance.now();
      if (leftMs <= 0 || this.#recorder.state().bytes >= size || this.#source.state().ended) return;
      const why = await this.#source.wait(Math.min(PASS_MS, Math.ceil(leftMs)), false);
      if (why & WAIT_ENDED || (why & WAIT_STDOUT && this.#options.output === STREAM)) return;
    }
  }

  /** @throws {PerfprofError} What could not be written, and what was */
  async #write(step: () => void | Promise<void>): Promise<void> {
    const before = this.#source.state().delivered;
    try {
      await step();
    } catch (error) {
      if (!(error instanceof SourceError) || error.operation !== "output") throw error;
      if (error.errno === EPIPE) return this.#stop();
      this.#progress.end();
      throw new PerfprofError(
        `writing ${this.#options.output} failed: ${reason(error.errno)}; it has the ${before} events before that`,
        { cause: error },
      );
    }
  }

  /** Fills in what only the end knows. */
  #end(): void {
    const { firstTimeNs, lastTimeNs, bytes, dataBytes } = this.#recorder.state();
    const times = this.#offsets.get("sampleTime");
    if (times !== undefined) this.#recorder.patch(times, new ByteWriter().u64(firstTimeNs).u64(lastTimeNs).take());
    const packed = this.#offsets.get("compressed");
    const ratio = Math.max(1, Math.round(dataBytes / bytes));
    if (packed !== undefined) this.#recorder.patch(packed, compressed(this.#options.level, ratio));
  }

  #receive(signal: SignalName): void {
    if (signal === "SIGUSR1") return;
    if (signal === "SIGUSR2") return this.#around.say(`perfprof: ${this.#progress.line()}`);
    // A disk or a pipe may take what was given to it for ever.
    const again = this.#stopping && performance.now() - this.#stoppedAtMs > SAME_SIGNAL_MS;
    if (again && signal === "SIGINT") return this.#around.abort();
    if (!this.#stopping) this.#stoppedAtMs = performance.now();
    this.#stop();
  }

  #stop(): void {
    this.#stopping = true;
    this.#source.wake();
  }

  /** The last lines, and the exit status. */
  #sumUp(): number {
    const { output, verbosity, strict } = this.#options;
    this.#progress.end();
    const { lost, commandStatus } = this.#source.state();
    const counts = this.#source.counts().filter(({ event }) => event < this.#names.length);
    const losses = new LossReport(this.#names, this.#around.say).summary(counts);
    if (verbosity >= 0) {
      this.#around.say(`perfprof: recorded ${this.#progress.summary()} to ${output === STREAM ? "stdout" : output}`);
    }
    for (const line of losses) this.#around.say(line);
    if (verbosity >= 0 && commandStatus >= 0) this.#around.say(`perfprof: the command ${commandEnd(commandStatus)}`);
    return strict && lost > 0 ? 1 : 0;
  }
}
