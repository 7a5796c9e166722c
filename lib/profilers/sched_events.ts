/**
 * What the analyses of the scheduler read of its tracepoints (include/trace/events/sched.h, task.h). A sample is made by the task
 * that is current: of sched_switch that is the one that leaves, of a wakeup the one that wakes, of task_newtask the creator.
 *
 * @module
 */

import type { ThreadGroups } from "./thread_groups.ts";

/** Whose a sample is, when and where. */
export interface SampleHead {
  readonly _pid: number;
  readonly _tid: number;
  readonly _time: number;
  readonly _cpu: number;
}

/** sched:sched_switch. */
export interface SchedSwitch extends SampleHead {
  readonly prev_comm: string;
  readonly prev_pid: number;
  readonly prev_state: number | bigint;
  readonly next_comm: string;
  readonly next_pid: number;
}

/** sched:sched_waking (a wakeup begins), sched:sched_wakeup (the task can run), sched:sched_wakeup_new (a new one can). */
export interface SchedWakeup extends SampleHead {
  readonly comm: string;
  readonly pid: number;
}

/** sched:sched_migrate_task. */
export interface SchedMigrateTask extends SchedWakeup {
  readonly orig_cpu: number;
  readonly dest_cpu: number;
}

/** task:task_newtask. */
export interface TaskNewtask extends SampleHead {
  readonly pid: number;
  readonly clone_flags: number | bigint;
}

/** Of clone(2). */
const CLONE_THREAD = 0x10000n;

/** Takes in a birth. */
export function takeNewtask(groups: ThreadGroups, { pid, _pid, clone_flags }: TaskNewtask): void {
  groups.born(pid, BigInt(clone_flags) & CLONE_THREAD ? _pid : pid);
}
