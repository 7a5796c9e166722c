/**
 * The call stacks of one trace: checks what was asked of them against the machine, and owns what their frames come from (the
 * address spaces of processes, the symbols) as long as an event may ask.
 *
 * @module
 */

import { PERF, type StackAttr, USER_REGS } from "./attr.ts";
import { Callchains } from "./callchain.ts";
import { PerfprofError, UsageError } from "./errors.ts";
import type { EventSpec } from "./event_spec.ts";
import { Frames } from "./frames.ts";
import { Mappings } from "./mappings.ts";
import type { PlannedAttr } from "./profilers/profiler.ts";
import type { EventServices } from "./event_services.ts";
import type { Machine, TaskName } from "./machine.ts";
import { SourceError, type Target } from "./source.ts";
import type { Symbolizer } from "./symbolizer.ts";
import { stackedEvents, type StackOptions } from "./stack_options.ts";
import { UnknownFrames } from "./unknown_frames.ts";

/** What makes frames of addresses. */
export class Stacks {
  readonly #mappings: Mappings | undefined;
  readonly #callchains: Callchains;
  readonly #unknown: UnknownFrames;

  /**
   * @param say Takes a line for the user
   * @throws {PerfprofError} This machine cannot do what was asked
   */
  constructor(machine: Machine, options: StackOptions, say: (line: string) => void) {
    this.#unknown = new UnknownFrames(() => say(HIDDEN_SYMBOLS));
    if (options.mode === "lbr") rejectBranchStacks(machine);
    const symbolizer = machine.symbolizer(options.mangled);
    if (options.mode === "dwarf") requireLibdw(symbolizer, "--call-graph dwarf");
    if (options.lines) requireLibdw(symbolizer, "--srcline");
    const mappings = new Mappings({ maps: (pid) => machine.kernelFile(`/proc/${pid}/maps`), root: rootOf });
    const frames = new Frames(symbolizer, mappings, options.lines, this.#unknown);
    this.#mappings = options.user ? mappings : undefined;
    this.#callchains = new Callchains({ symbolizer, frames, mappings, user: options.user, userRegs: userRegs() });
  }

  /** For events: their frames. */
  readonly callchain: EventServices["callchain"] = (...sample) => this.#callchains.frames(...sample);

  /** To be called once the events flow: reads what the processes have mapped that may appear in them. */
  scan(target: Target, running: readonly TaskName[]): void {
    if (this.#mappings === undefined || target.kind === "command") return;
    const wanted = running.filter(({ pid, tid }) =>
      target.kind === "pids" ? target.pids.includes(pid) : target.kind !== "tids" || target.tids.includes(tid)
    );
    this.#mappings.scan(new Set(wanted.map(({ pid }) => pid)));
  }

  /** Takes in a side-band record. */
  sideband(view: DataView, at: number): void {
    this.#mappings?.record(view, at);
  }

  /** The last lines of a run: which files' symbols are missing, when too many are. */
  endLines(): string[] {
    return this.#unknown.lines();
  }
}

const HIDDEN_SYMBOLS =
  "perfprof: kernel symbols are hidden from this user (kptr_restrict): addresses are shown; hint: sudo sysctl kernel.kptr_restrict=0";

/** The stacks of each event, as the options and its attributes ask for them; undefined for those without. */
export function stackAttrs(specs: readonly EventSpec[], options: StackOptions): (StackAttr | undefined)[] {
  const stacked = stackedEvents(options, specs.map(({ attributes }) => attributes));
  const { kernel, user, dumpBytes } = options;
  return specs.map(({ attributes: { maxStack } }, i) => stacked[i] ? { kernel, user, dumpBytes, most: maxStack } : undefined);
}

/** The stacks that a profiler plans: with the sides of its choice, unless the command line names them. */
export function plannedStack(
  { sampleType, flags = [], maxStack }: PlannedAttr,
  most: number | undefined,
  { implied, dumpBytes, kernel, user }: StackOptions,
): StackAttr | undefined {
  if ((sampleType & PERF.PERF_SAMPLE_CALLCHAIN) === 0) return undefined;
  return {
    kernel: implied ? kernel : !flags.includes("exclude_callchain_kernel"),
    user: implied || dumpBytes > 0 ? user : !flags.includes("exclude_callchain_user"),
    dumpBytes,
    most: most ?? maxStack,
  };
}

/** @throws {UsageError} Something was said of stacks, and no event has any */
export function requireStacks(stacks: readonly (StackAttr | undefined)[], { lines, mangled }: StackOptions): void {
  const useless = lines ? "--srcline" : mangled ? "--no-demangle" : undefined;
  if (useless === undefined || stacks.some((stack) => stack !== undefined)) return;
  throw new UsageError(`option ${useless}: no event has call stacks`, { hints: ["-g", "-e 'sys:name//stack/'"] });
}

function userRegs(): bigint {
  return USER_REGS[Deno.build.arch];
}

/**
 * Tracepoints never carry the CPU's branch stack (perf_tp_event_init() of kernel/events/core.c), and without a PMU nothing does.
 *
 * @throws {PerfprofError} Always; it says which
 */
function rejectBranchStacks(machine: Pick<Machine, "kernelFile">): never {
  const branches = ["cpu", "cpu_core"].map((pmu) =>
    machine.kernelFile(`/sys/bus/event_source/devices/${pmu}/caps/branches`)?.trim()
  );
  const has = branches.some((count) => count !== undefined && count !== "0");
  const why = has ? "tracepoints carry no branch stack, only hardware events do" : "this CPU has no branch stack (LBR)";
  throw new PerfprofError(`option --call-graph lbr: ${why}`, { hints: ["--call-graph dwarf", "-g --user-callchain"] });
}

function requireLibdw(symbolizer: Symbolizer, option: string): void {
  const regs = new BigUint64Array(userRegs().toString(2).replaceAll("0", "").length);
  try {
    symbolizer.unwind([], regs, userRegs(), new Uint8Array(8), 1);
  } catch (error) {
    if (!(error instanceof SourceError)) throw error;
    throw new PerfprofError(`option ${option}: ${error.message}`, { hints: ["apt install libdw1"], cause: error });
  }
}

/** Where /proc/PID/root leads; "/" for a process that has ended, or that is not to be looked at. It asks nobody for a permission. */
export function rootOf(pid: number): string {
  if (Deno.permissions.querySync({ name: "read", path: "/proc" }).state !== "granted") return "/";
  try {
    return Deno.readLinkSync(`/proc/${pid}/root`);
  } catch {
    return "/";
  }
}
