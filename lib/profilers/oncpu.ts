/**
 * `oncpu`: an event at the end of each slice of time that a task had on a CPU.
 *
 * A slice begins and ends on one CPU, so each CPU has its own: what is lost on one puts nothing in doubt on another.
 *
 * @module
 */

import type { AnyEvent } from "../generated_class.ts";
import type { Machine } from "../machine.ts";
import { type AnalysisClass, makeAnalysisClass } from "./analysis_class.ts";
import type { Analysis, Emit, Member, Profiler, ProfilerContext, ProfilerOptions, ProfilerPlan } from "./profiler.ts";
import { type SchedSwitch, takeNewtask, type TaskNewtask } from "./sched_events.ts";
import { ThreadGroups } from "./thread_groups.ts";
import { timeOption } from "./time_option.ts";
import { type PlannedTracepoint, planTracepoint, type SampleClass, sampleClass } from "./tracepoints.ts";

const SWITCH = 0, NEWTASK = 1;

const MEMBERS: readonly Member[] = [
  { name: "comm", type: "string", help: "name of the task" },
  { name: "runtime", type: "number", help: "ns from the switch to it to the switch away" },
];

interface Values {
  readonly comm: string;
  readonly runtime: number;
}

/** The profiler. */
export const oncpu: Profiler = {
  name: "oncpu",
  summary: "how long tasks run: an event at the end of each slice of time on a CPU",
  help: `From the switch to a task to the switch away from it, on one CPU. time is the end of the slice. Idle time is none.
Interrupts that came meanwhile are in it.`,
  options: [{ flags: "--than TIME", help: "only slices of TIME and longer: 500us, 1ms, 2s" }],
  example: "'oncpu/--than 10ms/'",

  plan(options: ProfilerOptions, machine: Machine): ProfilerPlan {
    const thanNs = timeOption(options, "than") ?? 0;
    const opens = [planTracepoint(machine, "sched", "sched_switch"), planTracepoint(machine, "task", "task_newtask")];
    const start = (context: ProfilerContext) => new Slices(opens, thanNs, context, new ThreadGroups(machine.tasks()));
    return { opens, members: MEMBERS, start };
  },
};

function textOf({ comm, runtime }: AnyEvent): string {
  return `comm=${comm} runtime=${runtime} [ns]`;
}

/** Who runs on a CPU, and since when. */
interface Slice {
  readonly tid: number;
  readonly sinceNs: number;
}

class Slices implements Analysis {
  readonly kind = "analysis";
  doubtful = 0;
  readonly #thanNs: number;
  readonly #context: ProfilerContext;
  readonly #groups: ThreadGroups;
  readonly #Switch: SampleClass<SchedSwitch>;
  readonly #Newtask: SampleClass<TaskNewtask>;
  readonly #Event: AnalysisClass<Values>;
  readonly #slices = new Map<number, Slice>();

  constructor(opens: readonly PlannedTracepoint[], thanNs: number, context: ProfilerContext, groups: ThreadGroups) {
    this.#thanNs = thanNs;
    this.#context = context;
    this.#groups = groups;
    this.#Switch = sampleClass(opens, SWITCH, context);
    this.#Newtask = sampleClass(opens, NEWTASK, context);
    this.#Event = makeAnalysisClass({ ...context, members: MEMBERS, text: textOf });
  }

  take(index: number, view: DataView, at: number, emit: Emit): void {
    if (index === NEWTASK) return takeNewtask(this.#groups, new this.#Newtask(view, at));
    const event = new this.#Switch(view, at);
    const { _time, _cpu, prev_pid } = event;
    this.#groups.saw(event._pid, prev_pid);
    const slice = this.#slices.get(_cpu);
    this.#slices.set(_cpu, { tid: event.next_pid, sinceNs: _time });
    if (slice?.tid !== prev_pid || !this.#isWanted(prev_pid)) return;
    const runtime = _time - slice.sinceNs;
    if (runtime < 0) this.doubtful++;
    else if (runtime >= this.#thanNs) {
      const head = { pid: this.#groups.of(prev_pid), tid: prev_pid, timeNs: _time, cpu: _cpu };
      emit(new this.#Event(head, { comm: event.prev_comm, runtime }));
    }
  }

  lost(index: number, cpu: number, _startNs: number, endNs: number): void {
    const slice = this.#slices.get(cpu);
    if (index !== SWITCH || slice === undefined || slice.sinceNs >= endNs) return;
    this.#slices.delete(cpu);
    if (this.#isWanted(slice.tid)) this.doubtful++;
  }

  #isWanted(tid: number): boolean {
    return tid !== 0 && this.#context.follows(tid);
  }
}
