/**
 * TypeScript declarations of events: an interface for each, and of what all share. For editors and `deno check`; in the shape that
 * `deno fmt` gives them at 80 columns, so that generated files need no formatting.
 *
 * @module
 */

import { MEMBER_TYPES, PERF_EVENT_TYPES, PERF_PROF_TYPES, PROFILER_EVENT_TYPES } from "./declaration_text.ts";
import { type DescribedEvent, type DescribedValue, formatName } from "./described_event.ts";
import { isReservedName } from "./perf_event.ts";
import { wrapped } from "./terminal.ts";

/** What `deno fmt` fits code into by default. */
const COLUMNS = 80;

const SHARED = [
  ...`${PERF_EVENT_TYPES}${PROFILER_EVENT_TYPES}${MEMBER_TYPES}${PERF_PROF_TYPES}`.matchAll(/^(?:interface|type) (\w+)/gm),
].map(([, name]) => name!);

/**
 * Names of the events' interfaces: `SchedWakeup` for sched:sched_wakeup. Events of one tracepoint share theirs.
 *
 * @returns By formatName()
 */
export function interfaceNames(events: readonly DescribedEvent[]): Map<string, string> {
  const names = new Map<string, string>();
  const used = new Set(SHARED);
  for (const { spec } of events) {
    const { system, name } = spec;
    const key = formatName(spec);
    if (names.has(key)) continue;
    const own = spec.profiler === undefined ? name : spec.eventName;
    const words = own.startsWith(`${system}_`) ? own : `${system}_${own}`;
    const pascal = words.split(/[^A-Za-z0-9]+/).map((word) => word.charAt(0).toUpperCase() + word.slice(1)).join("");
    const base = /^\d/.test(pascal) ? `Event${pascal}` : pascal;
    let unique = base;
    for (let i = 2; used.has(unique); i++) unique = `${base}${i}`;
    used.add(unique);
    names.set(key, unique);
  }
  return names;
}

/** The interfaces of all events, each once. */
export function eventInterfaces(events: readonly DescribedEvent[]): string {
  const names = interfaceNames(events);
  const described = new Map(events.map((event) => [formatName(event.spec), event]));
  return [...described].map(([tracepoint, event]) => eventInterface(tracepoint, names.get(tracepoint)!, event)).join("\n");
}

/** What the interfaces of these events refer to: of profilers' events more than of tracepoints'. */
export function eventTypes(events: readonly DescribedEvent[]): string[] {
  const profilers = events.filter(({ kind }) => kind === "profiler");
  if (profilers.length === 0) return [PERF_EVENT_TYPES];
  const types = profilers.flatMap(({ fields }) => fields.map(({ type }) => type)).join(" ");
  const needsMembers = /\b(?:CounterRead|GroupRead|Registers)\b/.test(types);
  return [PERF_EVENT_TYPES, PROFILER_EVENT_TYPES, ...(needsMembers ? [MEMBER_TYPES] : [])];
}

function eventInterface(tracepoint: string, name: string, event: DescribedEvent): string {
  const fields = ownFields(event);
  const base = event.kind === "profiler" ? "ProfilerEvent" : "PerfEvent";
  if (fields.length === 0) return `/** ${tracepoint}: it has no fields of its own. */\ntype ${name} = ${base};\n`;
  const line = `interface ${name} extends ${base} {`;
  const head = line.length <= COLUMNS ? line : line.replace(" extends", "\n  extends");
  return `/** ${tracepoint} */\n${head}\n${fields.map(property).join("")}}\n`;
}

/** The fields that an interface has beyond those of all events, each once. A name that a method has is left to get(). */
export function ownFields(event: DescribedEvent): readonly DescribedValue[] {
  const fields = event.kind === "profiler" ? event.fields : event.fields.filter(({ common }) => !common);
  const names = fields.map(({ name }) => name);
  return fields.filter(({ name }, i) => {
    const shared = new RegExp(`^  readonly ${name}:`, "m").test(PERF_EVENT_TYPES);
    return !shared && !isReservedName(name) && names.indexOf(name) === i;
  });
}

function property({ name, type, about }: DescribedValue): string {
  return `${comment("  ", about)}  readonly ${name}: ${type};\n`;
}

/** A documentation comment: on one line where it fits, else a paragraph each. */
function comment(indent: string, paragraphs: readonly string[]): string {
  const safe = paragraphs.map((text) => text.replaceAll("*/", "* /").replace(/\s+/g, " "));
  if (safe.length === 1 && safe[0]!.length <= COLUMNS - indent.length - 7) return `${indent}/** ${safe[0]} */\n`;
  const lines = safe.flatMap((text) => wrapped(text, COLUMNS - indent.length - 3));
  return [`${indent}/**`, ...lines.map((line) => `${indent} * ${line}`.trimEnd()), `${indent} */`, ""].join("\n");
}
