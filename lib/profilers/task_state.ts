/**
 * `task-state`: an event at the end of each state that is not running: at the wakeup of a task that slept (S, D) or was stopped
 * (T, t), at the switch to one that waited for a CPU (R).
 *
 * @module
 */

import type { AnyEvent } from "../generated_class.ts";
import type { Frame } from "../event_services.ts";
import type { Machine } from "../machine.ts";
import { type AnalysisClass, makeAnalysisClass } from "./analysis_class.ts";
import type { Analysis, Emit, Member, Profiler, ProfilerContext, ProfilerOptions, ProfilerPlan } from "./profiler.ts";
import { STACK_OPTIONS, stackPart } from "./sampling.ts";
import { type SampleHead, type SchedSwitch, type SchedWakeup, takeNewtask, type TaskNewtask } from "./sched_events.ts";
import { type EndedState, type State, stateOf, TaskTimes } from "./task_times.ts";
import { ThreadGroups } from "./thread_groups.ts";
import { timeOption } from "./time_option.ts";
import { copyRecord, type PlannedTracepoint, planTracepoint, type SampleClass, sampleClass } from "./tracepoints.ts";

const SWITCH = 0, WAKEUP = 1, WAKEUP_NEW = 2, NEWTASK = 3;

const MEMBERS: readonly Member[] = [
  { name: "comm", type: "string", help: "name of the task at the end of the state" },
  {
    name: "state",
    type: '"S" | "D" | "T" | "t" | "P" | "I" | "R" | "R+"',
    help: "the state that it leaves",
  },
  { name: "duration", type: "number", help: "ns in the state" },
];
const CALLCHAIN: Member = { name: "callchain", type: "readonly Frame[]", help: "where it left its CPU the last time" };

interface Values {
  readonly comm: string;
  readonly state: State;
  readonly duration: number;
  readonly callchain: () => readonly Frame[];
}

/** What the options ask for. */
interface Wanted {
  /** Undefined: all. */
  readonly states: readonly State[] | undefined;
  readonly thanNs: number;
  readonly stacks: boolean;
}

/** The profiler. */
export const taskState: Profiler = {
  name: "task-state",
  summary: "how long tasks sleep, wait for a CPU or are stopped: an event at the end of each state",
  help: `States are those of ps: S sleeps and D sleeps uninterruptibly (both end with the wakeup), R can run and waits for a
CPU (ends with the switch to it; R since it was woken, R+ since it was preempted or yielded), T is stopped, t is stopped by a
debugger, I is an idle kernel thread, P is parked. Running is none: that is oncpu. time is the end of the state; cpu is where
the end was seen. pid, tid and comm are those of the task itself, whoever woke it. A state that began before the trace is not
told. callchain is that of the last switch from its CPU: for S and D where it went to sleep. A new task has none.`,
  options: [
    { flags: "-S, --interruptible", help: "only S" },
    { flags: "-D, --uninterruptible", help: "only D; both with -S" },
    { flags: "--than TIME", help: "only states of TIME and longer: 500us, 1ms, 2s" },
    ...STACK_OPTIONS,
  ],
  example: "'task-state/-S -D --than 1ms/'",

  plan(options: ProfilerOptions, machine: Machine): ProfilerPlan {
    const stack = stackPart(options);
    const wanted = wantedOf(options, stack.sampleType !== 0);
    const opens = [
      planTracepoint(machine, "sched", "sched_switch", stack),
      planTracepoint(machine, "sched", "sched_wakeup"),
      planTracepoint(machine, "sched", "sched_wakeup_new"),
      planTracepoint(machine, "task", "task_newtask"),
    ];
    const members = wanted.stacks ? [...MEMBERS, CALLCHAIN] : MEMBERS;
    const start = (context: ProfilerContext) =>
      new TaskStates(opens, members, wanted, context, new ThreadGroups(machine.tasks()));
    return { opens, members, start };
  },
};

/** As the kernel prints its sched_stat_* events. */
function textOf({ comm, state, duration }: AnyEvent): string {
  return `comm=${comm} state=${state} duration=${duration} [ns]`;
}

function wantedOf(options: ProfilerOptions, stacks: boolean): Wanted {
  const { given } = options;
  const states: State[] = [];
  if (given["interruptible"]) states.push("S");
  if (given["uninterruptible"]) states.push("D");
  return {
    states: states.length > 0 ? states : undefined,
    thanNs: timeOption(options, "than") ?? 0,
    stacks,
  };
}

class TaskStates implements Analysis {
  readonly kind = "analysis";
  readonly #wanted: Wanted;
  readonly #follows: (tid: number) => boolean;
  readonly #groups: ThreadGroups;
  readonly #Switch: SampleClass<SchedSwitch>;
  readonly #Wakeup: SampleClass<SchedWakeup>;
  readonly #WakeupNew: SampleClass<SchedWakeup>;
  readonly #Newtask: SampleClass<TaskNewtask>;
  readonly #Event: AnalysisClass<Values>;
  /** With each task the record of its last switch from a CPU, where stacks are wanted. */
  readonly #times: TaskTimes<DataView>;

  constructor(
    opens: readonly PlannedTracepoint[],
    members: readonly Member[],
    wanted: Wanted,
    context: ProfilerContext,
    groups: ThreadGroups,
  ) {
    this.#wanted = wanted;
    this.#follows = (tid) => context.follows(tid);
    this.#groups = groups;
    this.#Switch = sampleClass(opens, SWITCH, context);
    this.#Wakeup = sampleClass(opens, WAKEUP, context);
    this.#WakeupNew = sampleClass(opens, WAKEUP_NEW, context);
    this.#Newtask = sampleClass(opens, NEWTASK, context);
    this.#Event = makeAnalysisClass({ ...context, members, text: textOf });
    const { states } = wanted;
    this.#times = new TaskTimes((tid, state) => (states === undefined || states.includes(state)) && context.follows(tid));
  }

  get doubtful(): number {
    return this.#times.doubtful;
  }

  take(index: number, view: DataView, at: number, emit: Emit): void {
    if (index === SWITCH) return this.#switched(new this.#Switch(view, at), view, at, emit);
    if (index === NEWTASK) return takeNewtask(this.#groups, new this.#Newtask(view, at));
    const wakeup = index === WAKEUP ? new this.#Wakeup(view, at) : new this.#WakeupNew(view, at);
    this.#tell(wakeup, wakeup.pid, wakeup.comm, this.#times.woken(wakeup.pid, wakeup._time), emit);
  }

  lost(index: number, _cpu: number, _startNs: number, endNs: number): void {
    if (index !== NEWTASK) this.#times.lost(endNs);
  }

  #switched(event: SchedSwitch, view: DataView, at: number, emit: Emit): void {
    const { prev_pid, next_pid, _time } = event;
    this.#groups.saw(event._pid, prev_pid);
    const isKept = this.#wanted.stacks && prev_pid !== 0 && this.#follows(prev_pid);
    this.#times.switchedOut(prev_pid, stateOf(event.prev_state), _time, isKept ? copyRecord(view, at) : undefined);
    this.#tell(event, next_pid, event.next_comm, this.#times.switchedIn(next_pid, _time), emit);
  }

  #tell(head: SampleHead, tid: number, comm: string, ended: EndedState<DataView> | undefined, emit: Emit): void {
    if (ended === undefined || ended.ns < this.#wanted.thanNs) return;
    const { state, ns: duration, note: record } = ended;
    const callchain = () => record === undefined ? [] : new this.#Switch(record, 0)._callchain;
    const values = { comm, state, duration, callchain };
    emit(new this.#Event({ pid: this.#groups.of(tid), tid, timeNs: head._time, cpu: head._cpu }, values));
  }
}
