/**
 * What a profiler is: a named event source of -e beside tracepoints (`profile`, `task-state`, `cycles`). It says what is to be
 * opened for its options, and makes its events of the samples: of each sample one, decoded when it is read (a direct profiler),
 * or by an analysis of several tracepoints, whose events have values of their own (an analysing one).
 *
 * Profilers know no rings, no modules and no command line: they plan, and take samples. Each is one file of this folder.
 *
 * @module
 */

import type { EventAttr } from "../attr.ts";
import type { EventClass } from "../event_class.ts";
import type { KernelVersion } from "../print.ts";
import type { EventServices } from "../event_services.ts";
import type { Machine } from "../machine.ts";
import type { Lines } from "../text_bytes.ts";

/** An option of a profiler, as it stands between the slashes: `-F HZ`, `-g`, `--than TIME`. */
export interface ProfilerOption {
  /** `-F, --frequency HZ`: short and long name, and what its value is called; a flag has none. */
  readonly flags: string;
  readonly help: string;
}

/** The options of one event, checked against the profiler's table: by their long names without dashes; flags are `true`. */
export interface ProfilerOptions {
  readonly given: Readonly<Record<string, string | true>>;
  /** Words that are no options: names of system calls, an address. Commas do not part words. */
  readonly words: readonly string[];
  /** What follows the name's colon: `u` of `cycles:u`; `""` without. */
  readonly modifiers: string;
  /** The attribute `key=`. */
  readonly key?: string;
  /**
   * An error of these options, with a caret under the option (or word) it is about.
   *
   * @param what `than`, or a word as it was given; undefined for all of the text
   */
  fail(what: string | undefined, why: string, hints?: readonly string[]): Error;
}

/** A member of a profiler's events, as templates and help tell of it. */
export interface Member {
  readonly name: string;
  /** Its TypeScript type. */
  readonly type: string;
  /** What it is, with its unit: `ns from the wakeup to the switch`. */
  readonly help: string;
}

/** A kernel event that a profiler needs. What all events of a trace share (clock, watermark) is not its business. */
export interface PlannedEvent {
  /** For messages and losses: `sched:sched_switch`, `cpu-clock`. */
  readonly name: string;
  readonly attr: PlannedAttr;
  readonly filter?: string;
  /** Of all tasks, whatever is traced: for analyses that pair records of several tasks. `follows` says then whose events are wanted. */
  readonly everyTask?: boolean;
  /** Index in the plan of the event in whose group it counts. */
  readonly leader?: number;
}

/** perf_event_attr as far as a profiler decides it; `sampleType` are the bits beyond IDENTIFIER, TID, TIME and CPU. */
export type PlannedAttr =
  & Pick<EventAttr, "type" | "config" | "sampleType">
  & Partial<Omit<EventAttr, "type" | "config" | "sampleType" | "clockid" | "wakeup">>;

/** What a profiler does with its options on a machine. */
export interface ProfilerPlan {
  readonly opens: readonly PlannedEvent[];
  /** Beyond `_pid _tid _time _cpu _realtime _event`, in their order; of an analysis, its own, which stand behind pid, tid, time, cpu. */
  readonly members: readonly Member[];
  /** Said once at the start: `no PMU here: cpu-clock instead of cycles`. */
  readonly notes?: readonly string[];
  /** Makes what takes the samples. */
  start(context: ProfilerContext): ProfilerRun;
}

/** What a profiler finds around it once its events are open. */
export interface ProfilerContext {
  /** Its `_event`: the name, or the alias. */
  readonly event: string;
  /** The attr of each event it opens, with what the trace added: bits of sample_type, PERF_FORMAT_LOST. */
  readonly attrs: readonly EventAttr[];
  readonly services: EventServices;
  readonly kernel: KernelVersion;
  /** Takes what print() writes. */
  readonly lines: Lines;
  /** Counters count for a task each (-p, -t, -c): a sample's `read` is that of its thread. Else they are those of a CPU. */
  readonly ofTasks: boolean;
  /** Is this a task whose events are wanted? Always true where everything is traced. */
  follows(tid: number): boolean;
}

/** Hands an event to the handler. */
export type Emit = (event: object) => void;

/** What takes the samples: of a direct profiler the class of its events, of an analysing one its analysis. */
export type ProfilerRun = { readonly kind: "direct"; readonly eventClass: EventClass } | Analysis;

/** Makes events of several samples. All times are ns of the events' clock, as numbers. */
export interface Analysis {
  readonly kind: "analysis";
  /** A sample of event `index` of the plan. Its bytes (`view` from `at` on) never change, but to keep them pins the buffer of a batch: copy what is kept. */
  take(index: number, view: DataView, at: number, emit: Emit): void;
  /** Samples of event `index` of the plan were lost on `cpu` between two times: what they would have ended or begun is in doubt. */
  lost(index: number, cpu: number, startNs: number, endNs: number): void;
  /** At each tick of -i, and at the end of the run (`last`): for what is told of what is still open. */
  tick?(nowNs: number, last: boolean, emit: Emit): void;
  /** Pairs that were given up because a loss made them doubtful. */
  readonly doubtful: number;
}

/** A named source. */
export interface Profiler {
  /** As in -e: `task-state`. */
  readonly name: string;
  /** One line for `perfprof list`. */
  readonly summary: string;
  /** Some lines for `perfprof show`: what it measures, and how its words are written where it takes some. */
  readonly help: string;
  readonly options: readonly ProfilerOption[];
  /** What its words are called (`ADDRESS[/LEN][:rwx]`), undefined where it takes none. */
  readonly words?: string;
  /** An example of its text in -e for help: `'task-state/-S -D --than 1ms/'`. */
  readonly example: string;
  /** @throws {Error} made by `options.fail`, or a PerfprofError of what the machine lacks */
  plan(options: ProfilerOptions, machine: Machine): ProfilerPlan;
}
