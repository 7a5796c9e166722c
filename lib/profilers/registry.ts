/**
 * All profilers by name: those of this folder, and beside them the kernel's plain events, of which the machine says what there is.
 * Loaded only when an event of -e is no tracepoint.
 *
 * @module
 */

import type { Profilers } from "../loaded_event.ts";
import type { Machine } from "../machine.ts";
import { blktrace } from "./blktrace.ts";
import { breakpoint } from "./breakpoint.ts";
import { findGenericEvent, genericEvents } from "./generic_events.ts";
import { hrcount, hrtimer } from "./hrtimer.ts";
import { irqOff } from "./irq_off.ts";
import { kmemleak } from "./kmemleak.ts";
import { kvmExit } from "./kvm_exit.ts";
import { ldlatLoads, ldlatStores } from "./load_latency.ts";
import { oncpu } from "./oncpu.ts";
import { pageFaults } from "./page_faults.ts";
import { profile } from "./profile.ts";
import type { Profiler } from "./profiler.ts";
import { rundelay } from "./rundelay.ts";
import { schedMigrate } from "./sched_migrate.ts";
import { splitLock } from "./split_lock.ts";
import { syscalls } from "./syscalls.ts";
import { taskState } from "./task_state.ts";
import { trace } from "./trace_source.ts";

/** The profilers of this folder, in the order in which lists show them. */
export const PROFILERS: readonly Profiler[] = [
  profile,
  pageFaults,
  breakpoint,
  taskState,
  rundelay,
  oncpu,
  schedMigrate,
  syscalls,
  irqOff,
  kvmExit,
  blktrace,
  kmemleak,
  hrtimer,
  hrcount,
  splitLock,
  ldlatLoads,
  ldlatStores,
  trace,
];

/** A line of `perfprof list`. */
export interface ListedSource {
  readonly name: string;
  /** What it is listed under. */
  readonly kind: string;
  readonly summary: string;
}

/** What -e can name on this machine beside tracepoints. */
export function profilersOf(machine: Machine): Profilers & { list(): ListedSource[] } {
  const list = () => [
    ...PROFILERS.map(({ name, summary }) => ({ name, kind: "profilers", summary })),
    ...genericEvents(machine).filter(({ name }) => byName(name) === undefined)
      .map((event) => ({ ...event, kind: `${event.kind} events` })),
  ];
  return {
    find: (name) => byName(name) ?? findGenericEvent(name, machine),
    names: () => list().map(({ name }) => name),
    list,
  };
}

function byName(name: string): Profiler | undefined {
  return PROFILERS.find((profiler) => profiler.name === name);
}
