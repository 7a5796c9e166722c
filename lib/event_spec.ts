/**
 * Text of -e -> what is to be opened: names, filter, attributes, and the names that handlers and events get from them. Pure text:
 * whether an event exists is asked of a TracepointIndex, whether a filter is right of the kernel.
 *
 * @module
 */

import type { UsageError } from "./errors.ts";
import { attributesOf, type EventAttributes, isAttribute } from "./event_attributes.ts";
import { cutEvents, type EventText, MODIFIERS, profilerName, type Span, textError } from "./event_text.ts";
import { isProbeKind, parseProbe, probeArgument, type ProbeSpec, probeText, wrongArgument } from "./probe.ts";

/** A profiler as written: `name:modifiers/options/`. */
export interface ProfilerText {
  readonly modifiers: string;
  /** Between the first slashes. */
  readonly options: Span | undefined;
}

/** One event to open, or the pattern of several. */
export interface EventSpec {
  /** `""` of a profiler. */
  readonly system: string;
  readonly name: string;
  /** The `sys:name` with wildcards that it is, or that it comes from. */
  readonly pattern?: string;
  /** The kernel's trace filter. */
  readonly filter: string | undefined;
  readonly attributes: EventAttributes;
  /** Of a dynamic probe: then `system` is its kind, and the event is created when it is opened. */
  readonly probe?: ProbeSpec;
  /** Of a profiler: then `name` is its own, or a group of them as written. */
  readonly profiler?: ProfilerText;
  /** Export that handles it: `sched__sched_wakeup`, `sched__ALIAS`; of a profiler `task_state`, `ALIAS`. */
  readonly handlerName: string;
  /** Its `_event`: `sched:sched_wakeup`, `sched:ALIAS`; `task-state`, `ALIAS`. */
  readonly eventName: string;
  /** Where it was written: the text of -e, and the place in it. */
  readonly source: { readonly text: string } & Span;
}

/** The tracepoints of a machine. */
export interface TracepointIndex {
  systems(): string[];
  /** Of a system that is not there: none. */
  names(system: string): string[];
}

const WILDCARD = /[*?[]/;

/** What is made from the name. */
type EventNames = "handlerName" | "eventName";

/**
 * The events of all texts of -e, in their order; patterns are not expanded yet.
 *
 * @throws {UsageError} With the text and a caret under the place
 */
export function parseEvents(texts: readonly string[]): EventSpec[] {
  const specs = texts.flatMap((text) => cutEvents(text).map((event) => specOf(text, event)));
  rejectTwins(specs.filter(({ pattern }) => pattern === undefined));
  return specs;
}

function specOf(text: string, event: EventText): EventSpec {
  const written = text.slice(event.name.start, event.name.end);
  const profiler = isProbeKind(written.split(":", 1)[0]!) ? undefined : profilerName(written);
  if (profiler !== undefined) return profilerSpec(text, event, profiler);
  const { system, name, probe } = nameOf(text, event.name);
  const isArgument = (span: Span) => probe !== undefined && argumentOf(text, span) !== undefined;
  const attributes = attributesOf(text, event.attributes.filter((span) => !isArgument(span)));
  const args = event.attributes.filter(isArgument).map((span) => checkedArgument(text, span));
  const isPattern = probe === undefined && WILDCARD.test(system + name);
  if (isPattern && attributes.alias !== undefined) throw aliasOfPattern(text, event);
  const spec = {
    filter: event.filter && text.slice(event.filter.start, event.filter.end),
    attributes,
    source: { text, start: event.start, end: event.end },
    ...(isPattern && { pattern: `${system}:${name}` }),
    ...(probe && { probe: { ...probe, args } }),
  };
  return namedSpec(spec, system, name);
}

function profilerSpec(
  text: string,
  event: EventText,
  { name, modifiers }: { readonly name: string; readonly modifiers: string },
): EventSpec {
  const group = name.startsWith("{");
  const wrong = group ? null : (WILDCARD.test(name) ? WILDCARD : /[^\w.-]/).exec(name);
  if (wrong !== null) {
    const at = event.name.start + wrong.index;
    throw textError(`'${text[at]}' cannot be in the name of a profiler`, text, { start: at, end: at + 1 }, [
      "a tracepoint is written sys:name",
    ]);
  }
  // perf's way with a PMU's event: what follows the last slash are modifiers.
  const last = event.attributes.at(-1);
  const trailing = last && text.slice(last.start, last.end);
  const isModifiers = trailing !== undefined && MODIFIERS.test(trailing);
  const attributes = attributesOf(text, isModifiers ? event.attributes.slice(0, -1) : event.attributes);
  if (/^__.*__$/.test(attributes.alias ?? "")) {
    throw textError(`alias '${attributes.alias}' is a callback's name`, text, event);
  }
  // A group's samples are its first event's.
  const eventName = attributes.alias ?? (group ? /[^{},:/\s]+/.exec(name)?.[0] ?? "" : name);
  return {
    system: "",
    name,
    filter: undefined,
    attributes,
    profiler: { modifiers: isModifiers ? trailing : modifiers, options: event.filter },
    handlerName: handlerNameOf(eventName),
    eventName,
    source: { text, start: event.start, end: event.end },
  };
}

/** @throws {UsageError} Its name is taken */
function checkedArgument(text: string, span: Span): string {
  const argument = argumentOf(text, span)!;
  const why = wrongArgument(argument);
  if (why !== undefined) throw textError(why, text, span);
  return argument;
}

/** A part of an event's text as an argument of a probe; a known attribute is none. */
function argumentOf(text: string, { start, end }: Span): string | undefined {
  const argument = probeArgument(text.slice(start, end));
  return argument === undefined || isAttribute(argument.slice(0, argument.indexOf("="))) ? undefined : argument;
}

/** The event as -e takes it, without filter and attributes. */
export function eventText({ system, name, probe, profiler }: EventSpec): string {
  if (profiler !== undefined) return name;
  return probe === undefined ? `${system}:${name}` : probeText(name, probe);
}

/** An event of that name with everything else of `spec`. */
export function namedSpec(spec: Omit<EventSpec, "system" | "name" | EventNames>, system: string, name: string): EventSpec {
  const own = spec.attributes.alias ?? name;
  return { ...spec, system, name, handlerName: handlerNameOf(`${system}__${own}`), eventName: `${system}:${own}` };
}

function handlerNameOf(text: string): string {
  return text.replace(/[-.:+$]/g, "_");
}

/** One name for many events. */
function aliasOfPattern(text: string, event: EventText): UsageError {
  const alias = event.attributes.find(({ start, end }) => /^alias\b/.test(text.slice(start, end)));
  return textError("a name with wildcards cannot have an alias", text, alias ?? event, [
    "name one event, or leave the alias out",
  ]);
}

function nameOf(text: string, span: Span): { system: string; name: string; probe?: ProbeSpec } {
  const written = text.slice(span.start, span.end);
  const [, system, name] = /^([^:]*):(.*)$/s.exec(written) ?? [];
  if (system === undefined || name === undefined) {
    throw textError(`'${written}' is no name of an event`, text, span, ["a tracepoint is written sys:name"]);
  }
  if (isProbeKind(system)) return { system, ...parseProbe(text, span) };
  const wrong = (WILDCARD.test(written) ? /[^\w.:*?[\]!^-]/ : /[^\w.:-]/).exec(written) ?? /:.*?(:)/d.exec(written);
  if (wrong !== null) {
    const at = span.start + (wrong.indices?.[1]?.[0] ?? wrong.index);
    throw textError(`'${text[at]}' cannot be in a tracepoint's name`, text, { start: at, end: at + 1 }, [
      "a tracepoint is written sys:name",
    ]);
  }
  if (system === "" || name === "") {
    throw textError(`'${written}' lacks the ${system === "" ? "subsystem" : "name"}`, text, span, [
      "a tracepoint is written sys:name",
    ]);
  }
  return { system, name };
}

/** Two events of one name cannot be told apart, by handlers or by `_event`. */
function rejectTwins(specs: readonly EventSpec[]): void {
  const handlers = new Map<string, EventSpec>();
  const aliases = new Set<string>();
  for (const spec of specs) {
    const { text } = spec.source;
    const { alias } = spec.attributes;
    if (alias !== undefined && aliases.has(alias)) {
      throw textError(`alias '${alias}' is given twice`, text, spec.source, ["give each event an alias of its own"]);
    }
    if (alias !== undefined) aliases.add(alias);
    const twin = handlers.get(spec.handlerName);
    if (twin !== undefined) {
      const why = twin.eventName === spec.eventName
        ? `event '${spec.eventName}' is given twice`
        : `events '${twin.eventName}' and '${spec.eventName}' have one handler name, ${spec.handlerName}`;
      throw textError(why, text, spec.source, [`tell them apart: ${eventText(spec)}//alias=NAME/`]);
    }
    handlers.set(spec.handlerName, spec);
  }
}
