/**
 * Names of -e with `*`, `?` and `[...]` -> the tracepoints that they match, and what is said of those that cannot be opened. Pure:
 * asks a TracepointIndex, opens nothing.
 *
 * @module
 */

import { nearest, PerfprofError } from "./errors.ts";
import { type EventSpec, namedSpec, type TracepointIndex } from "./event_spec.ts";

/** The function tracer's own records: they have formats, but cannot be opened as events. */
export const NO_EVENTS = "ftrace";

/**
 * A glob as a regular expression for whole texts.
 *
 * @param glob With `*`, `?`, `[a-z]` and `[!a-z]`. A range that is reversed matches nothing, as in fnmatch(3)
 * @returns The expression
 */
export function globPattern(glob: string): RegExp {
  const source = glob.replace(/\[!?[^\]]+\]|[^]/g, (part) => {
    if (part.length > 1) return part.replace("[!", "[^").replaceAll("\\", "\\\\");
    return part === "*" ? ".*" : part === "?" ? "." : RegExp.escape(part);
  });
  try {
    return new RegExp(`^(?:${source})$`);
  } catch (error) {
    if (error instanceof SyntaxError) return /(?!)/;
    throw error;
  }
}

/**
 * Replaces each pattern by the events that it matches, by name, with the pattern's filter and attributes. An event that is asked for
 * by its name is not taken a second time, nor is one of an earlier pattern.
 *
 * @param specs What -e says
 * @param index What there is
 * @returns The events without patterns, in the order of `specs`
 * @throws {PerfprofError} A pattern matches nothing
 */
export function expandEvents(specs: readonly EventSpec[], index: TracepointIndex): EventSpec[] {
  const taken = new Set(specs.filter(({ pattern }) => pattern === undefined).map(({ eventName }) => eventName));
  return specs.flatMap((spec) => {
    if (spec.pattern === undefined) return [spec];
    const fresh = matches(spec, spec.pattern, index).filter(({ eventName }) => !taken.has(eventName));
    for (const { eventName } of fresh) taken.add(eventName);
    return fresh;
  });
}

function matches(spec: EventSpec, pattern: string, index: TracepointIndex): EventSpec[] {
  const system = globPattern(spec.system), name = globPattern(spec.name);
  const systems = index.systems().filter((text) => system.test(text)).sort();
  const found = systems.flatMap((own) =>
    index.names(own).filter((text) => name.test(text)).sort().map((text) => namedSpec(spec, own, text))
  );
  if (found.length === 0) throw noMatch(spec, pattern, index);
  return found;
}

function noMatch({ system, name }: EventSpec, pattern: string, index: TracepointIndex): PerfprofError {
  const systems = index.systems();
  const plain = (glob: string) => glob.replace(/\[[^\]]*\]|[*?]/g, "");
  const known = systems.some((text) => globPattern(system).test(text));
  const near = known
    ? nearest(plain(pattern), systems.flatMap((own) => index.names(own).map((text) => `${own}:${text}`)))
    : nearest(plain(system), systems).map((right) => `${right}:${name}`);
  return new PerfprofError(`event '${pattern}' is unknown: no tracepoint matches`, {
    hints: [near.length > 0 ? `did you mean ${near.join(" or ")}?` : "perfprof list"],
  });
}

/**
 * Refuses patterns of which nothing is left.
 *
 * @param specs The events that stay
 * @param leftOut Events of patterns that cannot be opened
 * @throws {PerfprofError} With the pattern and what it matched
 */
export function requireSome(specs: readonly EventSpec[], leftOut: readonly EventSpec[]): void {
  for (const [pattern, events] of byPattern(leftOut)) {
    if (specs.some((spec) => spec.pattern === pattern)) continue;
    const records = events.every(({ system }) => system === NO_EVENTS);
    throw new PerfprofError(`opening '${pattern}' failed: none of the ${events.length} events that match can be opened`, {
      hints: records ? [`events of ${NO_EVENTS}: are no tracepoints but records of ftrace itself: trace another event`] : [],
    });
  }
}

/** A line for each pattern with events that were left out. @param named With their names */
export function leftOutLines(leftOut: readonly EventSpec[], named: boolean): string[] {
  return byPattern(leftOut).map(([pattern, events]) => {
    const line = events.length === 1
      ? `1 event of '${pattern}' cannot be opened and was left out`
      : `${events.length} events of '${pattern}' cannot be opened and were left out`;
    return named ? `${line}: ${events.map(({ eventName }) => eventName).join(" ")}` : line;
  });
}

/** The warnings of events that no handler takes: one for each pattern, whatever it matched. */
export function untakenLines(untaken: readonly EventSpec[]): string[] {
  const single = untaken.filter(({ pattern }) => pattern === undefined);
  return [
    ...single.map(({ eventName, handlerName }) => `no handler takes ${eventName}: export ${handlerName} or __sample__`),
    ...byPattern(untaken).map(([pattern, { length }]) =>
      `no handler takes ${length} ${length === 1 ? "event" : "events"} of '${pattern}': export __sample__`
    ),
  ];
}

function byPattern(specs: readonly EventSpec[]): [pattern: string, specs: EventSpec[]][] {
  const groups = Map.groupBy(specs, ({ pattern }) => pattern);
  return [...groups].flatMap(([pattern, members]) => pattern === undefined ? [] : [[pattern, members]]);
}
