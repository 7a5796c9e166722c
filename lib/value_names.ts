/**
 * The names that a tracepoint's print format gives to the values of its fields (__print_symbolic, __print_flags), for people. Reads C
 * text of the kernel as far as that needs, and never throws: what it does not understand names no value.
 *
 * @module
 */

import { constantValue } from "./c_constant.ts";
import { FIELD, literalText, skipQuoted, splitArguments } from "./print_format.ts";

/** One value and its name. */
export interface NamedValue {
  /** Undefined where the kernel wrote a name of its own that has no value here. */
  readonly value: bigint | undefined;
  /** As people write it: bits and what was written so in hex. */
  readonly text: string | undefined;
  readonly name: string;
}

/** The names of one `__print_symbolic` or `__print_flags`. */
export interface ValueNames {
  /** The field they belong to. */
  readonly field: string;
  /** What has these values: the field itself, or `exit_reason & 0xffff`. */
  readonly expression: string;
  /** Bits that are set together, rather than one value of many. */
  readonly flags: boolean;
  readonly values: readonly NamedValue[];
}

const NAMING = /__print_(symbolic|flags)(?:_u64)?\s*\(/g;

/**
 * The names that a print format gives to values.
 *
 * @param printFormat As of pointerFields of print_format.ts
 */
export function valueNames(printFormat: string): ValueNames[] {
  const found: ValueNames[] = [];
  for (const match of printFormat.matchAll(NAMING)) {
    const start = match.index + match[0].length;
    const [shown = "", ...entries] = splitArguments(printFormat.slice(start, closingBracket(printFormat, start)));
    const [, member, macro] = [...shown.matchAll(FIELD)][0] ?? [];
    const field = member ?? macro;
    const flags = match[1] === "flags";
    const values = entries.flatMap((entry) => namedValue(entry, flags));
    if (field !== undefined && values.length > 0) found.push({ field, expression: readable(shown, field), flags, values });
  }
  return found;
}

/** `{ 1, "D" }`; the separator of flags and the end mark `{ 0, NULL }` are none. */
function namedValue(entry: string, flags: boolean): NamedValue[] {
  const [, inside] = /^\s*\{(.*)\}\s*$/s.exec(entry) ?? [];
  const [written = "", naming = ""] = splitArguments(inside ?? "");
  const name = literalText(naming);
  if (name === "") return [];
  const value = constantValue(written);
  const hex = value !== undefined && value >= 0n && (flags || /0x/i.test(written));
  return [{ value, text: hex ? `0x${value.toString(16)}` : value?.toString(), name }];
}

/** The longest expression that says more to a person than the field's name alone. */
const READABLE = 40;

/** `(REC->dm >> 8 & 0x7)` as `dm >> 8 & 0x7`, a constant mask by its value; the field alone where the rest is long. */
function readable(shown: string, field: string): string {
  const named = shown.replace(/\(\s*REC\s*->\s*(\w+)\s*\)|REC\s*->\s*(\w+)|__get_\w+\s*\(\s*(\w+)\s*\)/g, "$1$2$3");
  const text = unwrapped(named.replace(/\s+/g, " "));
  const [, mask] = new RegExp(`^${field} ?&(.*)$`, "s").exec(text) ?? [];
  const value = mask === undefined ? undefined : constantValue(mask);
  if (value !== undefined) return `${field} & ${value < 0n ? `~0x${(~value).toString(16)}` : `0x${value.toString(16)}`}`;
  return text.length <= READABLE ? text : field;
}

/** Without the brackets around the whole. */
function unwrapped(text: string): string {
  const inner = text.trim();
  return inner.startsWith("(") && closingBracket(inner, 1) === inner.length - 1 ? unwrapped(inner.slice(1, -1)) : inner;
}

/** Index of the bracket that closes the one before `start`; the text's end when none does. */
function closingBracket(text: string, start: number): number {
  let depth = 1;
  for (let i = start; i < text.length; i++) {
    const char = text[i]!;
    if (char === '"' || char === "'") i = skipQuoted(text, i);
    else if ("([{".includes(char)) depth++;
    else if (")]}".includes(char) && --depth === 0) return i;
  }
  return text.length;
}
