/**
 * Text of -e -> what is to be opened: names, filter, attributes, and the names that handlers and events get from them. Pure text:
 * whether an event exists is asked of a TracepointIndex, whether a filter is right of the kernel.
 *
 * @module
 */

import { nearest, PerfprofError, UsageError } from "./errors.ts";
import { cutEvents, type EventText, type Span, textError } from "./event_text.ts";
import { parseCpuList, parseInteger } from "./option_values.ts";

/** What is written after the filter. */
export interface EventAttributes {
  readonly stack?: boolean;
  /** Frames. */
  readonly maxStack?: number;
  readonly alias?: string;
  /** Ascending. */
  readonly cpus?: readonly number[];
  /** The field by which a source correlates. */
  readonly key?: string;
}

/** One event to open, or the pattern of several. */
export interface EventSpec {
  readonly system: string;
  readonly name: string;
  /** The `sys:name` with wildcards that it is, or that it comes from. */
  readonly pattern?: string;
  /** The kernel's trace filter. */
  readonly filter: string | undefined;
  readonly attributes: EventAttributes;
  /** Export that handles it: `sched__sched_wakeup`, `sched__ALIAS`. */
  readonly handlerName: string;
  /** Its `_event`: `sched:sched_wakeup`, `sched:ALIAS`. */
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

/** sample_max_stack is a u16; kernel.perf_event_max_stack says how many the kernel really gives. */
const MAX_STACK = 65535;
const IDENTIFIER = /^[\p{ID_Start}$_][\p{ID_Continue}$]*$/u;
const WILDCARD = /[*?[]/;
const PROBES = ["kprobe", "kretprobe", "uprobe", "uretprobe"];

/** What is made from the name. */
type EventNames = "handlerName" | "eventName";
type Reader = (what: string, value: string | undefined) => EventAttributes;

/** The attributes, and how each reads its value. */
const ATTRIBUTES: Readonly<Record<string, Reader>> = {
  stack: (what, value) => {
    if (value !== undefined) throw new UsageError(`${what} takes no value`);
    return { stack: true };
  },
  "max-stack": valued((what, value) => ({ maxStack: parseInteger(what, value, 1, MAX_STACK) })),
  alias: valued((what, value) => ({ alias: parseIdentifier(what, value) })),
  cpus: valued((what, value) => ({ cpus: parseCpuList(what, value) })),
  key: valued((what, value) => ({ key: parseIdentifier(what, value) })),
};
/** Known, but for stacks and sources that are not here yet. */
const LATER = ["stack", "max-stack", "key"];

/** Reads a value that must be there. Quotes around it protect its commas and are not part of it. */
function valued(read: (what: string, value: string) => EventAttributes): Reader {
  return (what, value) => {
    if (value === undefined || value === "") throw new UsageError(`${what} needs a value`);
    return read(what, /^(["'])(.*)\1$/s.exec(value)?.[2] ?? value);
  };
}

function parseIdentifier(what: string, value: string): string {
  if (IDENTIFIER.test(value)) return value;
  throw new UsageError(`${what}: '${value}' is not a legal identifier`, {
    hints: ["allowed are letters, digits and _, no digit first"],
  });
}

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
  const { system, name } = nameOf(text, event.name);
  const attributes = attributesOf(text, event.attributes);
  const isPattern = WILDCARD.test(system + name);
  if (isPattern && attributes.alias !== undefined) throw aliasOfPattern(text, event);
  const spec = {
    filter: event.filter && text.slice(event.filter.start, event.filter.end),
    attributes,
    source: { text, start: event.start, end: event.end },
    ...(isPattern && { pattern: `${system}:${name}` }),
  };
  return namedSpec(spec, system, name);
}

/** An event of that name with everything else of `spec`. */
export function namedSpec(spec: Omit<EventSpec, "system" | "name" | EventNames>, system: string, name: string): EventSpec {
  const own = spec.attributes.alias ?? name;
  const handlerName = `${system}__${own}`.replace(/[-.:]/g, "_");
  return { ...spec, system, name, handlerName, eventName: `${system}:${own}` };
}

/** One name for many events. */
function aliasOfPattern(text: string, event: EventText): UsageError {
  const alias = event.attributes.find(({ start, end }) => /^alias\b/.test(text.slice(start, end)));
  return textError("a name with wildcards cannot have an alias", text, alias ?? event, [
    "name one event, or leave the alias out",
  ]);
}

function nameOf(text: string, span: Span): { system: string; name: string } {
  const written = text.slice(span.start, span.end);
  const [, system, name] = /^([^:]*):(.*)$/s.exec(written) ?? [];
  if (system === undefined || name === undefined) {
    throw textError(`'${written}': only tracepoints are supported yet`, text, span, ["a tracepoint is written sys:name"]);
  }
  if (PROBES.includes(system)) throw textError(`'${system}:' probes are not supported yet`, text, span);
  const wrong = (WILDCARD.test(written) ? /[^\w.:*?[\]!^-]/ : /[^\w.:-]/).exec(written) ?? /:.*?(:)/d.exec(written);
  if (wrong !== null) {
    const at = span.start + (wrong.indices?.[1]?.[0] ?? wrong.index);
    throw textError(`'${text[at]}' cannot be in a tracepoint's name`, text, { start: at, end: at + 1 });
  }
  if (system === "" || name === "") {
    throw textError(`'${written}' lacks the ${system === "" ? "subsystem" : "name"}`, text, span, [
      "a tracepoint is written sys:name",
    ]);
  }
  return { system, name };
}

function attributesOf(text: string, spans: readonly Span[]): EventAttributes {
  const seen = new Set<string>();
  let attributes: EventAttributes = {};
  for (const span of spans) {
    const [, name = "", value] = /^([^=]*?)\s*(?:=\s*(.*))?$/s.exec(text.slice(span.start, span.end)) ?? [];
    if (seen.has(name)) throw textError(`attribute '${name}' is given twice`, text, span);
    seen.add(name);
    attributes = { ...attributes, ...attributeOf(text, span, name, value) };
  }
  return attributes;
}

function attributeOf(text: string, span: Span, name: string, value: string | undefined): EventAttributes {
  const read = Object.hasOwn(ATTRIBUTES, name) ? ATTRIBUTES[name] : undefined;
  if (read === undefined) throw unknownAttribute(text, span, name);
  try {
    const attributes = read(`attribute '${name}'`, value);
    if (LATER.includes(name)) throw new UsageError(`attribute '${name}' is not supported yet`);
    return attributes;
  } catch (error) {
    throw error instanceof UsageError ? textError(error.message, text, span, error.hints) : error;
  }
}

function unknownAttribute(text: string, span: Span, name: string): UsageError {
  const known = Object.keys(ATTRIBUTES);
  const near = nearest(name, known, 1).map((right) => `did you mean ${right}?`);
  return textError(`attribute '${name}' is unknown`, text, span, [...near, `attributes are ${known.join(" ")}`]);
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
      throw textError(why, text, spec.source, [`tell them apart: ${spec.system}:${spec.name}//alias=NAME/`]);
    }
    handlers.set(spec.handlerName, spec);
  }
}

/**
 * The error for a tracepoint that this machine does not have.
 *
 * @param spec The event
 * @param index What there is
 * @returns An error that says whether the subsystem exists, with the nearest names
 */
export function unknownEventError(spec: EventSpec, index: TracepointIndex): PerfprofError {
  const { system, name } = spec;
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
