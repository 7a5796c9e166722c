/**
 * What stands behind the filter or the options of an event of -e, `alias=x/cpus=0-3/`: the table of attributes and the reading of
 * their values. What each means is the business of who opens the event.
 *
 * @module
 */

import { nearest, UsageError } from "./errors.ts";
import { type Span, textError } from "./event_text.ts";
import { parseCpuList, parseInteger } from "./option_values.ts";

/** What is written after the filter. */
export interface EventAttributes {
  /** Its samples have call stacks; the options say which sides. */
  readonly stack?: boolean;
  /** Their most frames; they are there without `stack` as well. */
  readonly maxStack?: number;
  readonly alias?: string;
  /** Ascending. */
  readonly cpus?: readonly number[];
  /** The field by which a source correlates. */
  readonly key?: string;
}

/** sample_max_stack is a u16; kernel.perf_event_max_stack says how many the kernel really gives. */
const MAX_STACK = 65535;
const IDENTIFIER = /^[\p{ID_Start}$_][\p{ID_Continue}$]*$/u;

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

/** Is there an attribute of that name? */
export function isAttribute(name: string): boolean {
  return Object.hasOwn(ATTRIBUTES, name);
}

/**
 * Reads the attributes of an event.
 *
 * @param text That of -e
 * @param spans Of each attribute in it
 * @throws {UsageError} With a caret under the attribute
 */
export function attributesOf(text: string, spans: readonly Span[]): EventAttributes {
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
  const read = isAttribute(name) ? ATTRIBUTES[name] : undefined;
  if (read === undefined) throw unknownAttribute(text, span, name);
  try {
    return read(`attribute '${name}'`, value);
  } catch (error) {
    throw error instanceof UsageError ? textError(error.message, text, span, error.hints) : error;
  }
}

function unknownAttribute(text: string, span: Span, name: string): UsageError {
  const known = Object.keys(ATTRIBUTES);
  const near = nearest(name, known, 1).map((right) => `did you mean ${right}?`);
  return textError(`attribute '${name}' is unknown`, text, span, [...near, `attributes are ${known.join(" ")}`]);
}
