/**
 * Cuts the text of -e into events and their parts, and points at a place in it. Knows separators, quotes and parentheses, and
 * nothing of what the parts mean.
 *
 * @module
 */

import { UsageError } from "./errors.ts";

/** A part of a text: [start, end), without the white space around it. */
export interface Span {
  readonly start: number;
  readonly end: number;
}

/** One event as written: `name/filter/attribute/.../`. */
export interface EventText extends Span {
  readonly name: Span;
  /** Of a profiler, its options. Undefined when there is none, or an empty one. */
  readonly filter: Span | undefined;
  readonly attributes: readonly Span[];
}

const QUOTES = ["'", '"'];
const CLOSING: Readonly<Record<string, string>> = { "(": ")", "{": "}", "[": "]" };
/** A name without a subsystem, or a group of such, and the letters behind its colon that say when it counts, as perf has them. */
const PROFILER = /^\s*(\{[^]*\}|[^:{}]*)(?::([ukhpPGHSDIWe]+))?\s*$/;
export const MODIFIERS = /^[ukhpPGHSDIWe]+$/;
/** What of them perfprof has. */
export const MODIFIERS_HINT = "modifiers are u k h (whose), p pp ppp (how precise)";
/** The length and kind of a watched address, `0x404030/8:w`: its slash is none between parts. */
const ACCESS = /^\/[1248](?::[rwx]+)?(?=[\s/,]|$)/;

/** The name of an event that is no tracepoint: a profiler's. Undefined for `sys:name`. */
export function profilerName(written: string): { readonly name: string; readonly modifiers: string } | undefined {
  const [matched, name = "", modifiers = ""] = PROFILER.exec(written) ?? [];
  return matched === undefined ? undefined : { name, modifiers };
}

/** The events of a text. @throws {UsageError} With a caret under the place where it goes wrong */
export function cutEvents(text: string): EventText[] {
  const events: EventText[] = [];
  for (let at = 0; at <= text.length;) {
    const parts = cutParts(text, at);
    events.push(eventOf(text, parts));
    at = parts.at(-1)!.end + 1;
  }
  return events;
}

/**
 * The parts of the event that starts at `start`, between its slashes. The end of the last one is the comma, or the end of the text.
 * The options of a profiler may have commas.
 */
function cutParts(text: string, start: number): Span[] {
  const parts: Span[] = [];
  let partStart = start;
  let at = start;
  let inOptions = false;
  while (at < text.length && (text[at] !== "," || inOptions || goesOn(text, partStart, at))) {
    if (text[at] === "/" && !(inOptions && ACCESS.test(text.slice(at, at + 8)))) {
      parts.push({ start: partStart, end: at });
      inOptions = parts.length === 1 && profilerName(text.slice(start, at)) !== undefined;
      partStart = ++at;
    } else {
      at = skip(text, at);
    }
  }
  parts.push({ start: partStart, end: at });
  return parts;
}

/** A comma within the list of `cpus=0-3,7`: a CPU or a range follows it. */
function goesOn(text: string, partStart: number, comma: number): boolean {
  return /^\s*cpus\s*=[^,/]*(?:,[^,/]*)*$/.test(text.slice(partStart, comma)) &&
    /^,\s*\d+(?:-\d+)?\s*(?:[,/]|$)/.test(text.slice(comma));
}

/** The place after the character at `start`, or after the quotes or parentheses that it opens. */
function skip(text: string, start: number): number {
  const open: number[] = [];
  let at = start;
  do {
    const character = text[at]!;
    if (QUOTES.includes(character)) at = closingQuote(text, at);
    else if (character in CLOSING) open.push(at);
    else if (open.length > 0 && character === CLOSING[text[open.at(-1)!]!]) open.pop();
    at++;
  } while (open.length > 0 && at < text.length);
  if (open.length > 0) throw unclosed(text, open[0]!);
  return at;
}

/** Where the quote at `at` is closed, before `end`. @throws {UsageError} It is not */
export function closingQuote(text: string, at: number, end = text.length): number {
  const close = text.indexOf(text[at]!, at + 1);
  if (close < 0 || close >= end) throw unclosed(text, at);
  return close;
}

function unclosed(text: string, at: number): UsageError {
  return textError(`this ${text[at]} is not closed`, text, { start: at, end: at + 1 });
}

function eventOf(text: string, parts: readonly Span[]): EventText {
  const [name, filter, ...rest] = parts.map((part) => trimmed(text, part)) as [Span, ...Span[]];
  const end = parts.at(-1)!.end;
  if (isEmpty(name)) throw textError("an event is missing", text, { start: name.start, end: name.start + 1 });
  if (filter !== undefined && rest.length === 0) {
    const slash = parts[0]!.end;
    const what = profilerName(text.slice(name.start, name.end)) === undefined ? "filter" : "text";
    throw textError(`the ${what} after this / is not closed by another /`, text, { start: slash, end: slash + 1 });
  }
  // What follows the last slash is nothing, or the last attribute.
  const last = rest.at(-1);
  const attributes = last !== undefined && isEmpty(last) ? rest.slice(0, -1) : rest;
  const hole = attributes.find(isEmpty);
  if (hole !== undefined) throw textError("an attribute is missing", text, { start: hole.start, end: hole.start + 1 });
  return {
    ...trimmed(text, { start: name.start, end }),
    name,
    filter: filter && isEmpty(filter) ? undefined : filter,
    attributes,
  };
}

function isEmpty({ start, end }: Span): boolean {
  return start === end;
}

function trimmed(text: string, { start, end }: Span): Span {
  while (start < end && /\s/.test(text[start]!)) start++;
  while (end > start && /\s/.test(text[end - 1]!)) end--;
  return { start, end };
}

/**
 * An error of the text of -e: the text, and a caret line under `span`.
 */
export function textError(why: string, text: string, span: Span, hints: readonly string[] = []): UsageError {
  const shown = text.replace(/\s/g, " ");
  const mark = "^".repeat(Math.max(1, columns(shown.slice(span.start, span.end))));
  return new UsageError(`option -e: ${why}`, {
    detail: [`    ${shown}`, `    ${" ".repeat(columns(shown.slice(0, span.start)))}${mark}`],
    hints,
  });
}

/** Columns of a terminal: one a character, as far as that is known. */
function columns(text: string): number {
  return [...text].length;
}
