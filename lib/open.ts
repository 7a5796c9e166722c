/**
 * A session for programs that import the library: options as values instead of a command line, checked, and the trace that they ask
 * for. What happens in an open session is in session.ts. Needs no C: the machine is handed in.
 *
 * @module
 */

import { UsageError } from "./errors.ts";
import { parseEvents } from "./event_spec.ts";
import { explain } from "./failures.ts";
import { profilersFor } from "./loaded_event.ts";
import { parseCommandWords, parseInteger, parseName, parseRingSize, parseTaskList } from "./option_values.ts";
import { TraceSession } from "./session.ts";
import type { LostEvents } from "./session_stats.ts";
import type { Machine } from "./machine.ts";
import { SourceError, type Target } from "./source.ts";
import { parseCallGraph, type StackOptions, stackOptions } from "./stack_options.ts";
import { Trace } from "./trace.ts";
import type { TraceOptions } from "./trace_request.ts";
import { linesTo } from "./text_bytes.ts";

/** Clocks that events can be stamped with. */
const CLOCKS = ["monotonic", "boottime", "realtime", "tai", "perf"] as const;
/** How full a ring is when it wakes. */
const WATERMARK_PERCENT = 25;
const CPU_MAX = 65535;

/** Call stacks of every event. */
export interface OpenStacks {
  /** Frames of the kernel; on unless it is false. */
  readonly kernel?: boolean | undefined;
  /** Frames of the program. */
  readonly user?: boolean | undefined;
  /** How those are found, as --call-graph takes it: `fp`, `dwarf`, `dwarf,BYTES`. */
  readonly callGraph?: string | undefined;
  /** Source lines and inlined functions of user frames. */
  readonly lines?: boolean | undefined;
  /** Names of C++ and Rust as they are in the files. */
  readonly mangled?: boolean | undefined;
}

/** What a session is opened with. Of `pids`, `tids`, `cgroups` and `command` there is one, or none: all tasks. */
export interface OpenOptions<Texts extends readonly string[] = readonly string[]> {
  /** As -e takes them: `sched:sched_switch`, `sched:sched_wakeup/prio<100/alias=urgent/`, `profile/-F 99/`. */
  readonly events: Texts;
  /** Undefined: all that are online. */
  readonly cpus?: readonly number[] | undefined;
  /** Processes with their threads, and the children that they have from then on. */
  readonly pids?: readonly number[] | undefined;
  readonly tids?: readonly number[] | undefined;
  /** Paths below a cgroup mount. */
  readonly cgroups?: readonly string[] | undefined;
  /** Is started, and traced with its children until it ends: a line of shell, or words. */
  readonly command?: string | readonly string[] | undefined;
  /** Undefined or false: only of events whose attributes ask for them. */
  readonly stacks?: boolean | OpenStacks | undefined;
  readonly clock?: typeof CLOCKS[number] | undefined;
  /** In time order over all CPUs; on unless it is false. */
  readonly order?: boolean | undefined;
  /** Leave out the events that this process itself causes. */
  readonly excludeSelf?: boolean | undefined;
  /** Bytes of the ring of each CPU, a power of two. Undefined: chosen for the machine. */
  readonly ringBytes?: number | undefined;
  /** How full a ring is when it wakes this program; 0 at every event. */
  readonly watermarkPercent?: number | undefined;
  /** Stops the session, as its stop() does. */
  readonly signal?: AbortSignal | undefined;
  /** Is told what was lost, between the events before and behind the gap. */
  readonly onLost?: ((lost: LostEvents) => void) | undefined;
}

/**
 * Opens a session. Events flow from then on.
 *
 * @throws {PerfprofError} An option is wrong, or the kernel refuses
 * @throws {unknown} The signal's reason, when it is aborted
 */
export async function openSession(machine: Machine, options: OpenOptions): Promise<TraceSession> {
  const { signal, events, onLost } = options;
  signal?.throwIfAborted();
  if (events.length === 0) throw new UsageError("no event: events is empty", { hints: ['events: ["sched:sched_switch"]'] });
  const specs = parseEvents(events);
  const traceOptions = traceOptionsOf(options);
  const profilers = await profilersFor(specs, machine);
  signal?.throwIfAborted();
  const notes: string[] = [];
  const hasProbes = specs.some(({ probe }) => probe !== undefined);
  try {
    const trace = new Trace(machine, specs, traceOptions, {
      lines: linesTo((line) => console.log(line)),
      say: (line) => notes.push(line),
      profilers,
      osRelease: machine.kernelFile("/proc/sys/kernel/osrelease")?.trim(),
    });
    notes.push(...trace.notes);
    return new TraceSession({ machine, trace, notes, signal, onLost, hasProbes });
  } catch (error) {
    throw error instanceof SourceError ? explain(error, machine) : error;
  }
}

function traceOptionsOf(options: OpenOptions): TraceOptions {
  const { cpus, clock = "monotonic", ringBytes, watermarkPercent = WATERMARK_PERCENT, order = true, excludeSelf = false } =
    options;
  return {
    cpus: cpus && [...new Set(cpus.map((cpu) => parseInteger("cpus", String(cpu), 0, CPU_MAX)))].sort((a, b) => a - b),
    target: targetOf(options),
    ring: ringBytes === undefined ? undefined : parseRingSize("ringBytes", `${ringBytes}B`),
    watermarkPercent: parseInteger("watermarkPercent", String(watermarkPercent), 0, 100),
    order,
    clock: parseName("clock", clock, CLOCKS),
    excludeSelf,
    stacks: stacksOf(options.stacks),
    watchStdout: false,
  };
}

function targetOf({ pids, tids, cgroups, command }: OpenOptions): Target {
  const targets: [string, Target][] = [];
  if (pids !== undefined) targets.push(["pids", { kind: "pids", pids: parseTaskList("pids", pids.join()) }]);
  if (tids !== undefined) targets.push(["tids", { kind: "tids", tids: parseTaskList("tids", tids.join()) }]);
  if (cgroups !== undefined) targets.push(["cgroups", { kind: "cgroups", paths: [...new Set(cgroups)] }]);
  if (command !== undefined) {
    const words = typeof command === "string" ? parseCommandWords("command", command) : command;
    targets.push(["command", { kind: "command", words }]);
  }
  const [first, second] = targets;
  if (second !== undefined) {
    throw new UsageError(`${first![0]} and ${second[0]} exclude each other`, { hints: ["give one of them"] });
  }
  return first?.[1] ?? { kind: "all" };
}

function stacksOf(stacks: OpenOptions["stacks"]): StackOptions {
  const { kernel, user, callGraph, lines, mangled } = typeof stacks === "object" ? stacks : {} as OpenStacks;
  return stackOptions({
    g: stacks === undefined || stacks === false ? undefined : true,
    callGraph: callGraph === undefined ? undefined : parseCallGraph("callGraph", callGraph),
    userCallchain: user,
    kernelCallchain: kernel,
    srcline: lines ? true : undefined,
    demangle: !mangled,
  });
}
