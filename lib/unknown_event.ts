/**
 * What is said of an event that this machine does not have: the nearest names that it has. Asks an index; opens nothing.
 *
 * @module
 */

import { nearest, PerfprofError, type UsageError } from "./errors.ts";
import type { EventSpec, TracepointIndex } from "./event_spec.ts";
import { MODIFIERS_HINT, textError } from "./event_text.ts";
import type { Profiler } from "./profilers/profiler.ts";

/**
 * The error for a tracepoint that this machine does not have.
 *
 * @param spec The event
 * @param index What there is
 * @returns An error that says whether the subsystem exists, with the nearest names
 */
export function unknownEventError(
  { system, name }: Pick<EventSpec, "system" | "name">,
  index: TracepointIndex,
): PerfprofError {
  const known = index.names(system).length > 0;
  const guesses = [...nearEvents(system, name, index), ...sameNames(name, index)];
  const list = known ? `perfprof list '${system}:*'` : "perfprof list";
  const right = [...new Set(guesses)].slice(0, 3);
  return new PerfprofError(
    `event '${system}:${name}' is unknown: ` +
      (known ? `subsystem '${system}' has no event '${name}'` : `there is no subsystem '${system}'`),
    { hints: [right.length > 0 ? `did you mean ${right.join(" or ")}?` : list] },
  );
}

/**
 * The error for what is written as a tracepoint, and has the name of a profiler where the subsystem is: `cpu-clock:z`, `profile:99`.
 *
 * @param profiler Of that name
 */
export function wrongModifierError(
  { name, source }: EventSpec,
  profiler: Pick<Profiler, "name" | "options" | "example">,
): UsageError {
  const isSampled = profiler.options.some(({ flags }) => flags.startsWith("-F,"));
  const example = isSampled && /^\d+$/.test(name) ? `'${profiler.name}/-F ${name}/'` : profiler.example;
  return textError(`${profiler.name}: there is no modifier ':${name}'`, source.text, source, [
    ...(isSampled ? [MODIFIERS_HINT] : []),
    `options are written between slashes: -e ${example}`,
  ]);
}

/** In the system of that name, or in those with a name like it. */
function nearEvents(system: string, name: string, index: TracepointIndex): string[] {
  const names = index.names(system);
  if (names.length > 0) return nearest(name, names).map((right) => `${system}:${right}`);
  return nearest(system, index.systems()).flatMap((right) =>
    nearest(name, index.names(right), 1).map((near) => `${right}:${near}`)
  );
}

/** The very name in other systems. */
function sameNames(name: string, index: TracepointIndex): string[] {
  return index.systems().filter((system) => index.names(system).includes(name)).map((system) => `${system}:${name}`);
}

/**
 * The error for a name without a subsystem that is no profiler's.
 *
 * @param profilers Names of those that there are
 */
export function unknownProfilerError(
  { name, source }: EventSpec,
  profilers: readonly string[],
  index: TracepointIndex,
): UsageError {
  const isSystem = index.names(name).length > 0;
  const guesses = [...(isSystem ? [`${name}:*`] : []), ...sameNames(name, index), ...nearest(name, profilers)];
  const all = () => nearest(name, new Set(index.systems().flatMap((system) => index.names(system))));
  const right = guesses.length > 0 ? guesses : all().flatMap((near) => sameNames(near, index));
  return textError(`'${name}' is no profiler, and a tracepoint is written sys:name`, source.text, source, [
    right.length > 0 ? `did you mean ${right.slice(0, 3).join(" or ")}?` : "perfprof list",
  ]);
}
