/**
 * Lists of events that are only counted, in the group of one that makes samples: `cycles,instructions:u,msr/tsc/,sched:sched_switch`.
 *
 * @module
 */

import { PERF } from "../attr.ts";
import type { Machine } from "../machine.ts";
import { type Counter, findCounter, requirePmu } from "./counters.ts";
import { isPmu, pmuCounter } from "./pmu_events.ts";
import type { PlannedEvent, ProfilerOptions } from "./profiler.ts";
import { sidePart } from "./sampling.ts";

/** An event of a list. */
export interface Counted {
  /** As written. */
  readonly name: string;
  readonly counter: Counter;
  readonly modifiers: string;
}

/** Items between commas; those between slashes part none. */
const ITEM = /(?:[^,/]|\/[^/]*\/)+/g;
const PMU_EVENT = /^([^/:]+)\/([^/]*)\/([a-zA-Z]*)$/;
const NAMED_EVENT = /^([^/:]+)(?::([a-zA-Z]*))?$/;
const TRACEPOINT = /^([\w-]+):([\w-]+)$/;

/**
 * Reads a list.
 *
 * @param what The option that it is the value of; undefined: it is all of the text
 * @throws What `options.fail` makes: there is no such event, or the same twice
 * @throws {PerfprofError} There is no hardware for one
 */
export function parseCounters(text: string, what: string | undefined, options: ProfilerOptions, machine: Machine): Counted[] {
  const items = (text.match(ITEM) ?? []).map((item) => item.trim()).filter((item) => item !== "");
  if (items.length === 0) throw options.fail(what, "a list of events is empty");
  const twice = items.find((item, i) => items.indexOf(item) !== i);
  if (twice !== undefined) throw options.fail(what, `'${twice}' is there twice`);
  return items.map((item) => counted(item, what, options, machine));
}

function counted(item: string, what: string | undefined, options: ProfilerOptions, machine: Machine): Counted {
  const [, device, terms = "", ending = ""] = PMU_EVENT.exec(item) ?? [];
  if (device !== undefined && isPmu(device, machine)) {
    const counter = pmuCounter(device, terms, machine, (why, hints) => options.fail(what, why, hints));
    return { name: item, counter, modifiers: ending || options.modifiers };
  }
  const [, name = "", modifiers = ""] = NAMED_EVENT.exec(item) ?? [];
  const counter = findCounter(name) ?? tracepointCounter(item, machine);
  if (counter === undefined) {
    throw options.fail(what, `there is no event '${item}' to be counted`, ["perfprof list"]);
  }
  requirePmu(counter, machine);
  return { name: item, counter, modifiers: counter.name === item ? options.modifiers : modifiers || options.modifiers };
}

function tracepointCounter(item: string, machine: Machine): Counter | undefined {
  const [, system, name] = TRACEPOINT.exec(item) ?? [];
  if (system === undefined || name === undefined || !machine.names(system).includes(name)) return undefined;
  return {
    ...{ name: item, kind: "software", summary: "a tracepoint", clock: false, extra: 0 } as const,
    attr: { type: PERF.PERF_TYPE_TRACEPOINT, config: machine.format(system, name).id },
  };
}

/** Plans them as counters of the group of event 0. */
export function countedEvents(counted: readonly Counted[], options: ProfilerOptions): PlannedEvent[] {
  return counted.map(({ name, counter, modifiers }) => ({
    name,
    attr: { ...counter.attr, ...sidePart({ ...options, modifiers, given: {} }), samplePeriod: 0 },
    leader: 0,
  }));
}
