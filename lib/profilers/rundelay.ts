/**
 * `rundelay`: an event each time a task gets a CPU that it had to wait for, since it was woken or preempted, and who woke it.
 *
 * @module
 */

import type { AnyEvent } from "../generated_class.ts";
import type { Frame } from "../event_services.ts";
import type { Machine } from "../machine.ts";
import { type AnalysisClass, makeAnalysisClass } from "./analysis_class.ts";
import type { Analysis, Emit, Member, Profiler, ProfilerContext, ProfilerOptions, ProfilerPlan } from "./profiler.ts";
import { STACK_OPTIONS, stackPart } from "./sampling.ts";
import { type SchedSwitch, type SchedWakeup, takeNewtask, type TaskNewtask } from "./sched_events.ts";
import { stateOf, TaskTimes } from "./task_times.ts";
import { ThreadGroups } from "./thread_groups.ts";
import { timeOption } from "./time_option.ts";
import { copyRecord, type PlannedTracepoint, planTracepoint, type SampleClass, sampleClass } from "./tracepoints.ts";

const SWITCH = 0, WAKING = 1, WAKEUP = 2, WAKEUP_NEW = 3, NEWTASK = 4;

const MEMBERS: readonly Member[] = [
  { name: "comm", type: "string", help: "name of the task that waited" },
  { name: "delay", type: "number", help: "ns from the wakeup or the preemption to the switch" },
  { name: "waker_pid", type: "number", help: "process of the thread that woke it; 0 after a preemption" },
  { name: "waker_tid", type: "number", help: "that thread; 0 is an interrupt on an idle CPU, or a preemption" },
  { name: "waker_comm", type: "string", help: 'its name at that time; "" after a preemption' },
];
const CALLCHAIN: Member = { name: "callchain", type: "readonly Frame[]", help: "of the wakeup; empty after a preemption" };

interface Values {
  readonly comm: string;
  readonly delay: number;
  readonly waker_pid: number;
  readonly waker_tid: number;
  readonly waker_comm: () => string;
  readonly callchain: () => readonly Frame[];
}

/** What woke a task. */
interface Waker {
  readonly pid: number;
  readonly tid: number;
  readonly comm: () => string;
  readonly callchain: () => readonly Frame[];
}

/** After a preemption, and where the sample of the waker was lost. */
const NOBODY: Waker = { pid: 0, tid: 0, comm: () => "", callchain: () => [] };

/** The profiler. */
export const rundelay: Profiler = {
  name: "rundelay",
  summary: "how long tasks that can run wait for a CPU, and who woke them",
  help: `From the moment a task can run (sched_wakeup), or is preempted, to the switch to it. time is the switch, cpu its CPU.
pid, tid and comm are those of the task that waited. The waker is the thread that was current when the wakeup began
(sched_waking): where an interrupt wakes, as a timer does, the thread that it interrupted.`,
  options: [
    { flags: "--than TIME", help: "only delays of TIME and longer: 500us, 1ms, 2s" },
    ...STACK_OPTIONS,
  ],
  example: "'rundelay/--than 1ms/'",

  plan(options: ProfilerOptions, machine: Machine): ProfilerPlan {
    const thanNs = timeOption(options, "than") ?? 0;
    const stack = stackPart(options);
    const opens = [
      planTracepoint(machine, "sched", "sched_switch"),
      planTracepoint(machine, "sched", "sched_waking", stack),
      planTracepoint(machine, "sched", "sched_wakeup"),
      planTracepoint(machine, "sched", "sched_wakeup_new", stack),
      planTracepoint(machine, "task", "task_newtask"),
    ];
    const members = stack.sampleType !== 0 ? [...MEMBERS, CALLCHAIN] : MEMBERS;
    const start = (context: ProfilerContext) => new Delays(opens, members, thanNs, context, new ThreadGroups(machine.tasks()));
    return { opens, members, start };
  },
};

function textOf({ comm, delay, waker_comm, waker_tid }: AnyEvent): string {
  return `comm=${comm} delay=${delay} [ns] waker_comm=${waker_comm} waker_tid=${waker_tid}`;
}

class Delays implements Analysis {
  readonly kind = "analysis";
  readonly #thanNs: number;
  readonly #context: ProfilerContext;
  readonly #groups: ThreadGroups;
  readonly #Switch: SampleClass<SchedSwitch>;
  readonly #Waking: SampleClass<SchedWakeup>;
  readonly #Wakeup: SampleClass<SchedWakeup>;
  readonly #WakeupNew: SampleClass<SchedWakeup>;
  readonly #Newtask: SampleClass<TaskNewtask>;
  readonly #Event: AnalysisClass<Values>;
  readonly #hasStacks: boolean;
  readonly #times: TaskTimes<Waker>;

  constructor(
    opens: readonly PlannedTracepoint[],
    members: readonly Member[],
    thanNs: number,
    context: ProfilerContext,
    groups: ThreadGroups,
  ) {
    this.#thanNs = thanNs;
    this.#context = context;
    this.#groups = groups;
    this.#Switch = sampleClass(opens, SWITCH, context);
    this.#Waking = sampleClass(opens, WAKING, context);
    this.#Wakeup = sampleClass(opens, WAKEUP, context);
    this.#WakeupNew = sampleClass(opens, WAKEUP_NEW, context);
    this.#Newtask = sampleClass(opens, NEWTASK, context);
    this.#Event = makeAnalysisClass({ ...context, members, text: textOf });
    this.#hasStacks = members.includes(CALLCHAIN);
    this.#times = new TaskTimes((tid, state) => state.startsWith("R") && context.follows(tid));
  }

  get doubtful(): number {
    return this.#times.doubtful;
  }

  take(index: number, view: DataView, at: number, emit: Emit): void {
    switch (index) {
      case SWITCH:
        return this.#switched(new this.#Switch(view, at), emit);
      case WAKING:
        return this.#waking(this.#Waking, view, at);
      case WAKEUP: {
        const { pid, _time } = new this.#Wakeup(view, at);
        this.#times.woken(pid, _time);
        return;
      }
      case WAKEUP_NEW: { // has no sched_waking before it
        this.#waking(this.#WakeupNew, view, at);
        const { pid, _time } = new this.#WakeupNew(view, at);
        this.#times.woken(pid, _time);
        return;
      }
      default:
        takeNewtask(this.#groups, new this.#Newtask(view, at));
    }
  }

  lost(index: number, _cpu: number, _startNs: number, endNs: number): void {
    if (index !== NEWTASK) this.#times.lost(endNs);
  }

  #switched(event: SchedSwitch, emit: Emit): void {
    const { prev_pid, next_pid, _time } = event;
    this.#groups.saw(event._pid, prev_pid);
    const state = stateOf(event.prev_state);
    this.#times.switchedOut(prev_pid, state, _time, state === "R+" ? NOBODY : undefined);
    const ended = this.#times.switchedIn(next_pid, _time);
    if (ended === undefined || ended.ns < this.#thanNs) return;
    const { pid: waker_pid, tid: waker_tid, comm: waker_comm, callchain } = ended.note ?? NOBODY;
    const values = { comm: event.next_comm, delay: ended.ns, waker_pid, waker_tid, waker_comm, callchain };
    emit(new this.#Event({ pid: this.#groups.of(next_pid), tid: next_pid, timeNs: _time, cpu: event._cpu }, values));
  }

  /** The waker is known now; the task may even be on its way to sleep still, and able to run only later. */
  #waking(Waking: SampleClass<SchedWakeup>, view: DataView, at: number): void {
    const { pid, _pid, _tid, _time } = new Waking(view, at);
    if (!this.#context.follows(pid)) return;
    const record = this.#hasStacks ? copyRecord(view, at) : undefined;
    this.#times.note(pid, {
      pid: _pid,
      tid: _tid,
      comm: () => this.#context.services.comm(_tid, _time),
      callchain: () => record === undefined ? [] : new Waking(record, 0)._callchain,
    });
  }
}
