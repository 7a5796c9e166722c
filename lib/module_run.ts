/**
 * One handler module over the events of a machine, from its options to its exit status: opens, imports, runs, sums up. Owns what
 * perfprof says while it runs (all on stderr: stdout is the script's). Needs no C: the machine is handed in.
 *
 * @module
 */

import { loadCompiled } from "./compiled/load.ts";
import type { CompiledLoader, CompiledModule } from "./compiled/module.ts";
import { errorLines } from "./error_text.ts";
import { DecodeError, PerfprofError } from "./errors.ts";
import { leftOutLines, untakenLines } from "./event_pattern.ts";
import { parseEvents } from "./event_spec.ts";
import { explain } from "./failures.ts";
import { Exceptions } from "./exceptions.ts";
import { type Handlers, type LoadedHandlers, loadHandlers, takeHandlers } from "./handlers.ts";
import { profilersFor } from "./loaded_event.ts";
import { LossReport } from "./loss.ts";
import { setScriptArguments } from "./module_import.ts";
import { isCompiled, resolveModule } from "./module_path.ts";
import type { RunOptions } from "./options.ts";
import { Output } from "./output.ts";
import { makePerfProf } from "./perf_prof.ts";
import { routesOf } from "./routes.ts";
import { Run } from "./run.ts";
import type { SignalName, Signals } from "./signals.ts";
import type { Machine } from "./machine.ts";
import { SourceError } from "./source.ts";
import { endLines, statusLines } from "./status.ts";
import { Trace, type TracedEvent } from "./trace.ts";
import { readUsage, reportUsage } from "./usage.ts";
import { type Watch, WATCH_RUNNING, WATCH_YIELD } from "./watch.ts";

/** How often the same exception is printed without -i, ms. */
const EXCEPTION_MS = 1000;
/** Indent of what `__print_stat__` prints. */
const STAT_INDENT = 4;

/** What a module runs on. */
export interface Surroundings {
  readonly machine: Machine;
  readonly watch: Watch;
  readonly signals: Signals;
  /** Takes a line for the user. */
  readonly say: (line: string) => void;
  /** Opens the file of -o anew. */
  readonly reopenOutput: () => void;
  /** Undoes -o for what is said. */
  readonly restoreStderr: () => void;
  /** Loads modules that are shared objects. */
  readonly loadNative: CompiledLoader;
}

/**
 * Runs a module to its end.
 *
 * @returns The exit status
 * @throws {PerfprofError} It did not come to run
 */
export async function runModule(options: RunOptions, surroundings: Surroundings): Promise<number> {
  const path = resolveModule(options.module);
  const specs = parseEvents(options.events);
  const { machine, say } = surroundings;
  const output = new Output(options.output);
  let trace: Trace | undefined;
  try {
    const profilers = await profilersFor(specs, machine);
    trace = new Trace(machine, specs, options, { lines: output, say, profilers });
    return await runTrace(options, surroundings, trace, path, output);
  } catch (error) {
    throw error instanceof SourceError ? explain(error, machine) : error;
  } finally {
    trace?.source.close();
    const kept = specs.some(({ probe }) => probe !== undefined) ? machine.probes.remove() : 0;
    if (kept > 0) say(`perfprof: ${kept} of its probes were not removed: somebody else has them open (perfprof doctor)`);
  }
}

/**
 * Runs a module over an open trace to its end.
 *
 * @param path Of the module
 * @param output What the trace writes to
 * @returns The exit status
 */
export function runTrace(
  options: RunOptions,
  surroundings: Surroundings,
  trace: Trace,
  path: string,
  output: Output,
): Promise<number> {
  const run = new ModuleRun(options, surroundings, trace, path);
  output.onFailure = (error) => run.failOutput(error);
  return run.run();
}

class ModuleRun {
  readonly #options: RunOptions;
  readonly #around: Surroundings;
  readonly #trace: Trace;
  readonly #path: string;
  readonly #exceptions: Exceptions;
  readonly #losses: LossReport;
  readonly #say: (line: string) => void;
  /** The module, where it is none in JavaScript. */
  #compiled: CompiledModule | undefined;
  #run: Run | undefined;
  #startMs = 0;
  /** Settles when a signal ends the run before it has begun. */
  readonly #stopped = Promise.withResolvers<void>();
  #stopping = false;

  constructor(options: RunOptions, around: Surroundings, trace: Trace, path: string) {
    this.#options = options;
    this.#around = around;
    this.#trace = trace;
    this.#path = path;
    this.#say = around.say;
    this.#exceptions = new Exceptions({
      write: this.#say,
      now: () => performance.now(),
      everyMs: options.intervalMs ?? EXCEPTION_MS,
    });
    this.#losses = new LossReport(trace.names, this.#say);
  }

  async run(): Promise<number> {
    this.#around.signals.receive((signal) => this.#receive(signal));
    const handlers = await this.#unlessStopped(this.#load());
    if (handlers === undefined) return 0;
    const run = this.#run = this.#makeRun(handlers);
    this.#catchStrayErrors();
    await this.#unlessStopped(run.init().catch(failInit));
    const { usageSelfMs } = this.#options;
    const kernelFile = (path: string) => this.#around.machine.kernelFile(path);
    const endUsage = usageSelfMs === undefined ? undefined : reportUsage(usageSelfMs, kernelFile, this.#say);
    if (!this.#stopping) await run.deliver().catch((error) => this.#failDelivery(error));
    await run.exit();
    // Promises that were rejected by now come to light in the next turn of the event loop.
    await new Promise((turn) => setTimeout(turn, 0));
    endUsage?.();
    return this.#sumUp();
  }

  /** Nobody would see what is printed from now on. It is said at once, and is the exit status also where a handler exits. */
  failOutput({ message }: PerfprofError): void {
    this.#around.restoreStderr();
    this.#say(`perfprof: ${message}`);
    Deno.exitCode = 1;
    this.#run?.stop(true);
  }

  async #load(): Promise<Handlers> {
    const { module, scriptArgs, verbosity } = this.#options;
    setScriptArguments(this.#path, scriptArgs);
    const perfProf = makePerfProf([module, ...scriptArgs], this.#losses);
    Object.defineProperty(globalThis, "perf_prof", { value: perfProf, configurable: true });
    const names = this.#trace.events.map(({ spec }) => spec.handlerName);
    const { watch } = this.#around;
    watch.cells[WATCH_RUNNING] = watch.name(`the top level of ${this.#path}`);
    const { handlers, warnings } = await this.#loadHandlers(names);
    watch.cells[WATCH_RUNNING] = 0;
    if (verbosity >= 0) {
      if (this.#options.ownModule === undefined) this.#say(`Loaded module: ${this.#path}`);
      for (const note of this.#trace.notes) this.#say(`perfprof: ${note}`);
      for (const line of leftOutLines(this.#trace.leftOut, verbosity > 0)) this.#say(`perfprof: ${line}`);
      for (const warning of [...warnings, ...this.#unused(handlers)]) this.#say(`perfprof: warning: ${warning}`);
    }
    return handlers;
  }

  async #loadHandlers(names: readonly string[]): Promise<LoadedHandlers> {
    const { ownModule } = this.#options;
    if (ownModule !== undefined) return takeHandlers(this.#path, await ownModule(), names);
    if (!isCompiled(this.#path)) return await loadHandlers(this.#path, names);
    const { module, scriptArgs } = this.#options;
    const { loadNative, watch } = this.#around;
    const context = { path: this.#path, argv: [module, ...scriptArgs], trace: this.#trace, cells: watch.cells };
    const { compiled, ...loaded } = await loadCompiled(context, loadNative);
    this.#compiled = compiled;
    return loaded;
  }

  /** What was asked for and will not be used. */
  #unused({ byEvent, sample, interval }: Handlers): string[] {
    const specs = sample === undefined ? this.#trace.events.map(({ spec }) => spec) : [];
    const warnings = untakenLines(specs.filter(({ handlerName }) => !byEvent.has(handlerName)));
    const { intervalMs } = this.#options;
    if (intervalMs !== undefined && interval === undefined) warnings.push("option -i: the module exports no __interval__");
    if (intervalMs === undefined && interval !== undefined) warnings.push("__interval__ is never called without option -i");
    return warnings;
  }

  #makeRun(handlers: Handlers): Run {
    const { events, source, names } = this.#trace;
    const { watch } = this.#around;
    return new Run({
      source,
      ...routesOf(events, handlers, watch, this.#compiled),
      memory: this.#compiled?.memory,
      sink: this.#compiled?.sink,
      eventNames: names,
      handlers,
      exceptions: this.#exceptions,
      watch,
      intervalMs: this.#options.intervalMs,
      exitN: this.#options.exitN,
      prompt: this.#options.watermarkPercent === 0,
      enabled: () => {
        this.#startMs = performance.now();
        this.#trace.enabled();
      },
      sideband: (view, at) => this.#trace.sideband(view, at),
      lost: (loss) => this.#losses.add(loss),
      idle: () => this.#idle(),
    });
  }

  #idle(): void {
    this.#trace.idle();
    this.#losses.sayDue();
    this.#exceptions.flush();
  }

  /** What a signal cuts short: undefined when it did. */
  async #unlessStopped<T>(work: Promise<T>): Promise<T | undefined> {
    if (this.#stopping) return undefined;
    return await Promise.race([work, this.#stopped.promise.then(() => undefined)]);
  }

  #receive(signal: SignalName): void {
    // The event loop turns: nothing is stuck.
    this.#around.watch.cells[WATCH_YIELD] = 0;
    if (signal === "SIGUSR1") return this.#reopenOutput();
    if (signal === "SIGUSR2") return this.#printStatus();
    this.#stopping = true;
    this.#stopped.resolve();
    this.#run?.interrupt();
  }

  /** A log rotation that goes wrong ends no run: the old file stays open. */
  #reopenOutput(): void {
    try {
      this.#around.reopenOutput();
    } catch (error) {
      if (!(error instanceof PerfprofError)) throw error;
      this.#say(`perfprof: ${error.message}`);
    }
  }

  #printStatus(): void {
    const { machine } = this.#around;
    const { source, names } = this.#trace;
    const lines = statusLines({
      seconds: (performance.now() - this.#startMs) / 1000,
      upSeconds: performance.now() / 1000,
      state: source.state(),
      counts: source.counts(),
      names,
      usage: readUsage((path) => machine.kernelFile(path)),
      lagNs: this.#run?.lagNs(Number(source.clockPair().clockNs)) ?? 0,
    });
    for (const line of lines) this.#say(line);
    this.#run?.printStat(STAT_INDENT);
  }

  /** What goes wrong in what handlers started (timers, promises) does not end the run either. */
  #catchStrayErrors(): void {
    const report = (event: Event, where: string, error: unknown) => {
      event.preventDefault();
      this.#exceptions.report(where, error);
    };
    addEventListener("unhandledrejection", (event) => report(event, "a promise", event.reason));
    addEventListener("error", (event) => report(event, "a timer or event listener", event.error));
  }

  /** Batches in a module's own memory are as good as the module. */
  #failDelivery(error: unknown): never {
    if (this.#compiled?.memory === undefined || !(error instanceof DecodeError)) throw error;
    throw new PerfprofError(`module ${this.#path} has overwritten the events in its memory: ${error.message}`, {
      cause: error,
    });
  }

  /** The last lines, and the exit status. */
  #sumUp(): number {
    const { verbosity, strict } = this.#options;
    const { source, events, names } = this.#trace;
    const counts = source.counts().filter(({ event }) => event < names.length);
    this.#losses.say();
    this.#exceptions.flush();
    const exceptions = this.#exceptions.summary();
    const { handed, skipped } = this.#run ?? { handed: 0, skipped: 0 };
    const state = source.state();
    const losses = [...this.#losses.summary(counts), ...events.flatMap(doubtLine)];
    for (const line of endLines({ state, losses, exceptions, skipped, handed, verbosity })) this.#say(line);
    if (verbosity >= 0) { for (const line of this.#trace.endLines()) this.#say(line); }
    return strict && (state.lost + skipped > 0 || exceptions !== undefined) ? 1 : 0;
  }
}

function failInit(error: unknown): never {
  if (error instanceof PerfprofError) throw error;
  const [first, ...detail] = errorLines(error);
  throw new PerfprofError(`__init__ threw ${first}`, { detail, cause: error });
}

/** A line for a profiler that gave up pairs because of losses. */
function doubtLine({ spec, run }: TracedEvent): string[] {
  if (run.kind === "direct" || run.doubtful === 0) return [];
  const pairs = `${run.doubtful} pair${run.doubtful === 1 ? "" : "s"}`;
  return [`perfprof: ${spec.eventName}: ${pairs} given up because events were lost`];
}
