/**
 * What `perfprof show NAME` says of a profiler: what it measures, its options, the members of its events, how to take them.
 *
 * @module
 */

import { PerfprofError } from "./errors.ts";
import { type EventSpec, parseEvents } from "./event_spec.ts";
import { loadEvents } from "./loaded_event.ts";
import { allMembers } from "./profilers/analysis_class.ts";
import type { Member, Profiler } from "./profilers/profiler.ts";
import { profilersOf } from "./profilers/registry.ts";
import type { Machine } from "./machine.ts";
import { styled, type Terminal, wrapped } from "./terminal.ts";
import { unknownProfilerError } from "./unknown_event.ts";

/** A title, "" for none, and the lines below it. */
export type Section = readonly [title: string, lines: readonly string[]];

/** The sections about the profiler of an event. */
export function profilerSections(
  machine: Machine,
  spec: EventSpec,
  terminal: Terminal,
  width: number | undefined,
): Section[] {
  const profilers = profilersOf(machine);
  const profiler = profilers.find(spec.name);
  if (profiler === undefined) throw unknownProfilerError(spec, profilers.names(), machine);
  const { summary, help, options, words } = profiler;
  return [
    ["", wrapped(summary, width)],
    ["What it measures", help.split("\n").flatMap((line) => wrapped(line, width))],
    ...(words === undefined ? [] : [["Words", [`${profiler.name}/${words}/`]] as const]),
    ...(options.length === 0
      ? []
      : [["Options", columns(options.map(({ flags, help }) => [flags, help]), terminal, width)] as const]),
    ["Members", membersText(machine, spec, profiler, terminal, width)],
    ["Handler", [`export function ${spec.handlerName}(event) { ... }`]],
    ["Examples", [`perfprof -e ${profiler.example} help > h.ts`, `perfprof -e ${profiler.example} h.ts`]],
  ];
}

/** Of the event as written; where that is not to be opened here, of the profiler's example. */
function membersText(
  machine: Machine,
  spec: EventSpec,
  profiler: Profiler,
  terminal: Terminal,
  width: number | undefined,
): string[] {
  const members = plannedMembers(machine, spec);
  const shown = members instanceof PerfprofError ? plannedMembers(machine, exampleOf(profiler)) : members;
  if (shown instanceof PerfprofError) return wrapped(`not known on this machine: ${shown.message}`, width);
  return columns(shown.map(({ name, type, help }) => [name, type, help]), terminal, width);
}

function exampleOf({ example }: Profiler): EventSpec {
  return parseEvents([example.replace(/^'(.*)'$/, "$1")])[0]!;
}

function plannedMembers(machine: Machine, spec: EventSpec): readonly Member[] | PerfprofError {
  try {
    return allMembers(loadEvents(machine, [spec], profilersOf(machine)).events[0]!.plan);
  } catch (error) {
    if (error instanceof PerfprofError) return error;
    throw error;
  }
}

/** Rows in columns, of which the last is wrapped. */
function columns(rows: readonly (readonly string[])[], terminal: Terminal, width: number | undefined): string[] {
  const heads = rows.map((row) => row.slice(0, -1));
  const widths = heads[0]?.map((_, column) => Math.max(...heads.map((row) => row[column]!.length))) ?? [];
  const left = widths.reduce((sum, width) => sum + width + 2, 0);
  return rows.flatMap((row) => {
    const head = row.slice(0, -1).map((cell, i) => cell.padEnd(widths[i]!)).join("  ");
    const [first = "", ...rest] = wrapped(row.at(-1)!, width === undefined ? undefined : width - left);
    return [`${styled(terminal, "cyan", head)}  ${first}`, ...rest.map((line) => " ".repeat(left) + line)];
  });
}
