/**
 * `sched-migrate`: an event each time the kernel moves a task to another CPU.
 *
 * @module
 */

import type { AnyEvent } from "../generated_class.ts";
import type { Frame } from "../event_services.ts";
import type { Machine } from "../machine.ts";
import { type AnalysisClass, makeAnalysisClass } from "./analysis_class.ts";
import type { Analysis, Emit, Member, Profiler, ProfilerContext, ProfilerOptions, ProfilerPlan } from "./profiler.ts";
import { STACK_OPTIONS, stackPart } from "./sampling.ts";
import { type SchedMigrateTask, takeNewtask, type TaskNewtask } from "./sched_events.ts";
import { ThreadGroups } from "./thread_groups.ts";
import { copyRecord, type PlannedTracepoint, planTracepoint, type SampleClass, sampleClass } from "./tracepoints.ts";

const MIGRATE = 0, NEWTASK = 1;

const MEMBERS: readonly Member[] = [
  { name: "comm", type: "string", help: "name of the task" },
  { name: "orig_cpu", type: "number", help: "the CPU that it leaves" },
  { name: "dest_cpu", type: "number", help: "the CPU that it goes to" },
];
const CALLCHAIN: Member = { name: "callchain", type: "readonly Frame[]", help: "of the code that moves it" };

interface Values {
  readonly comm: string;
  readonly orig_cpu: number;
  readonly dest_cpu: number;
  readonly callchain: () => readonly Frame[];
}

/** The profiler. */
export const schedMigrate: Profiler = {
  name: "sched-migrate",
  summary: "tasks that the kernel moves from one CPU to another",
  help: `pid, tid and comm are those of the task that is moved; cpu is where the decision was made: by the task itself, by the
one that wakes it, or by a CPU that pulls it.`,
  options: STACK_OPTIONS,
  example: "'sched-migrate/-g/'",

  plan(options: ProfilerOptions, machine: Machine): ProfilerPlan {
    const stack = stackPart(options);
    const opens = [
      planTracepoint(machine, "sched", "sched_migrate_task", stack),
      planTracepoint(machine, "task", "task_newtask"),
    ];
    const members = stack.sampleType !== 0 ? [...MEMBERS, CALLCHAIN] : MEMBERS;
    const start = (context: ProfilerContext) => new Migrations(opens, members, context, new ThreadGroups(machine.tasks()));
    return { opens, members, start };
  },
};

function textOf({ comm, orig_cpu, dest_cpu }: AnyEvent): string {
  return `comm=${comm} orig_cpu=${orig_cpu} dest_cpu=${dest_cpu}`;
}

class Migrations implements Analysis {
  readonly kind = "analysis";
  /** Nothing is paired. */
  readonly doubtful = 0;
  readonly #context: ProfilerContext;
  readonly #groups: ThreadGroups;
  readonly #Migrate: SampleClass<SchedMigrateTask>;
  readonly #Newtask: SampleClass<TaskNewtask>;
  readonly #Event: AnalysisClass<Values>;
  readonly #hasStacks: boolean;

  constructor(
    opens: readonly PlannedTracepoint[],
    members: readonly Member[],
    context: ProfilerContext,
    groups: ThreadGroups,
  ) {
    this.#context = context;
    this.#groups = groups;
    this.#Migrate = sampleClass(opens, MIGRATE, context);
    this.#Newtask = sampleClass(opens, NEWTASK, context);
    this.#Event = makeAnalysisClass({ ...context, members, text: textOf });
    this.#hasStacks = members.includes(CALLCHAIN);
  }

  take(index: number, view: DataView, at: number, emit: Emit): void {
    if (index === NEWTASK) return takeNewtask(this.#groups, new this.#Newtask(view, at));
    const event = new this.#Migrate(view, at);
    const { pid: tid, comm, orig_cpu, dest_cpu } = event;
    this.#groups.saw(event._pid, event._tid);
    if (!this.#context.follows(tid)) return;
    const record = this.#hasStacks ? copyRecord(view, at) : undefined;
    const callchain = () => record === undefined ? [] : new this.#Migrate(record, 0)._callchain;
    const head = { pid: this.#groups.of(tid), tid, timeNs: event._time, cpu: event._cpu };
    emit(new this.#Event(head, { comm, orig_cpu, dest_cpu, callchain }));
  }

  lost(): void {}
}
