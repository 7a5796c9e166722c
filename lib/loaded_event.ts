/**
 * Events as text -> what each is on this machine: a tracepoint or probe with its format, or a profiler with its plan. Expands
 * patterns, creates probes; opens nothing.
 *
 * @module
 */

import { plannedTracepoint } from "./attr.ts";
import { makeEventClass } from "./event_class.ts";
import { expandEvents, NO_EVENTS, requireSome } from "./event_pattern.ts";
import type { EventSpec } from "./event_spec.ts";
import { textError } from "./event_text.ts";
import { explain } from "./failures.ts";
import { createProbe } from "./probe_event.ts";
import { hasStackOption, parseProfilerOptions } from "./profilers/options.ts";
import type { Profiler, ProfilerPlan } from "./profilers/profiler.ts";
import type { TracepointFormat } from "./format.ts";
import type { Machine } from "./machine.ts";
import { SourceError } from "./source.ts";
import { stackedEvents, type StackOptions } from "./stack_options.ts";
import { unknownEventError, unknownProfilerError, wrongModifierError } from "./unknown_event.ts";

/** The profilers of a machine. */
export interface Profilers {
  find(name: string): Profiler | undefined;
  /** For guesses and lists. */
  names(): string[];
}

/** Most runs have none of them: they are loaded when an event asks for one, or could be one that is written wrong. */
export async function profilersFor(specs: readonly EventSpec[], machine: Machine): Promise<Profilers | undefined> {
  const isTracepoint = ({ system, pattern, probe, profiler }: EventSpec) =>
    profiler === undefined && (pattern !== undefined || probe !== undefined || machine.names(system).length > 0);
  if (specs.every(isTracepoint)) return undefined;
  return (await import("./profilers/registry.ts")).profilersOf(machine);
}

/** An event, and what is to be opened for it. */
export type LoadedEvent =
  & { readonly spec: EventSpec; readonly plan: ProfilerPlan }
  & (
    | { readonly kind: "tracepoint"; readonly format: TracepointFormat }
    | { readonly kind: "profiler"; readonly profiler: Profiler }
  );

/** Events, and those of patterns that cannot be opened. */
export interface LoadedEvents {
  readonly events: readonly LoadedEvent[];
  readonly leftOut: readonly EventSpec[];
}

/**
 * Expands patterns, loads formats, asks profilers for their plans.
 *
 * @param profilers Undefined where no event is one
 * @param stacks What the command line says of call stacks
 * @throws {PerfprofError} There is no such event, or its format is not to be read; nothing is left of a pattern; a profiler refuses
 * its options
 */
export function loadEvents(
  machine: Machine,
  specs: readonly EventSpec[],
  profilers: Profilers | undefined,
  stacks?: StackOptions,
): LoadedEvents {
  const expanded = attempt(machine, () => expandEvents(specs, machine));
  const stacked = stacks && stackedEvents(stacks, expanded.map(({ attributes }) => attributes));
  const loaded = expanded.map((spec, i) => ({
    spec,
    event: spec.profiler === undefined
      ? tracepoint(machine, spec, profilers)
      : profiler(machine, spec, profilers, stacked?.[i] ?? false),
  }));
  const events = loaded.flatMap(({ event }) => event === undefined ? [] : [event]);
  const leftOut = loaded.filter(({ event }) => event === undefined).map(({ spec }) => spec);
  requireSome(events.map(({ spec }) => spec), leftOut);
  return { events, leftOut };
}

/** Undefined when a pattern matched what has no format or is no event. */
function tracepoint(machine: Machine, spec: EventSpec, profilers: Profilers | undefined): LoadedEvent | undefined {
  const { key } = spec.attributes;
  if (key !== undefined) {
    throw textError(`attribute 'key': ${spec.eventName} pairs no events`, spec.source.text, spec.source);
  }
  const format = formatOf(machine, spec, profilers);
  return format && { kind: "tracepoint", spec, format, plan: tracepointPlan(spec, format) };
}

/** Creates what is a probe. */
function formatOf(machine: Machine, spec: EventSpec, profilers: Profilers | undefined): TracepointFormat | undefined {
  const { system, name, pattern, probe } = spec;
  if (probe !== undefined) {
    return attempt(machine, () => {
      const created = createProbe(machine, name, probe);
      return machine.format(created.system, created.name);
    });
  }
  if (pattern !== undefined) return system === NO_EVENTS ? undefined : matchedFormat(machine, spec);
  return attempt(machine, () => {
    const names = machine.names(system);
    if (names.includes(name)) return machine.format(system, name);
    const profiler = names.length === 0 ? profilers?.find(system) : undefined;
    throw profiler === undefined ? unknownEventError(spec, machine) : wrongModifierError(spec, profiler);
  });
}

function matchedFormat(machine: Machine, { system, name }: EventSpec): TracepointFormat | undefined {
  try {
    return machine.format(system, name);
  } catch (error) {
    if (error instanceof SourceError) return undefined;
    throw error;
  }
}

/** A tracepoint is a profiler of one event, whose class comes from its format. */
export function tracepointPlan({ filter }: Pick<EventSpec, "filter">, format: TracepointFormat): ProfilerPlan {
  return {
    // Its own name: what the kernel is asked for, whatever the alias.
    opens: [{
      name: `${format.system}:${format.name}`,
      attr: plannedTracepoint(format.id),
      ...(filter !== undefined && { filter }),
    }],
    members: [],
    start({ event, attrs: [attr], services, kernel, lines }) {
      const { sampleType, regsUser = 0n, maxStack } = attr!;
      const userRegs = regsUser.toString(2).replaceAll("0", "").length;
      return {
        kind: "direct",
        eventClass: makeEventClass({ event, format, sampleType, userRegs, maxStack, services, kernel, lines }),
      };
    },
  };
}

function profiler(machine: Machine, spec: EventSpec, profilers: Profilers | undefined, stacked: boolean): LoadedEvent {
  const { name, source, attributes: { stack, maxStack, key }, profiler: written } = spec;
  return attempt(machine, () => {
    const found = profilers?.find(name);
    if (found === undefined) throw unknownProfilerError(spec, profilers?.names() ?? [], machine);
    if ((stack || maxStack !== undefined) && !hasStackOption(found)) {
      throw textError(`attribute '${stack ? "stack" : "max-stack"}': ${name} has no call stacks`, source.text, source);
    }
    const options = parseProfilerOptions(found, {
      text: source.text,
      event: source,
      options: written!.options,
      modifiers: written!.modifiers,
      key,
      stack: stacked,
    });
    return { kind: "profiler", spec, profiler: found, plan: found.plan(options, machine) };
  });
}

/** Runs what may fail in the kernel, and says it in words. */
function attempt<T>(machine: Machine, step: () => T): T {
  try {
    return step();
  } catch (error) {
    if (error instanceof SourceError) throw explain(error, machine);
    throw error;
  }
}
