/**
 * Which fields a tracepoint's print format shows as pointers (%p, %pS, ...): an `unsigned long ip` is an address as well.
 * Reads C text of the kernel as far as that needs, and never throws: what it does not understand shows no pointer.
 *
 * @module
 */

/** A conversion: flags, width, precision (`*` takes an argument of its own), length, letter. `%%` takes none. */
const CONVERSION = /%(?:%|[-+ #0']*(\*|\d+)?(?:\.(\*|\d+))?(?:hh|h|ll|l|L|q|j|z|t)?([a-zA-Z]))/g;
/** A field in an argument (first or second group): `REC->ip`, `__get_str(name)`, `__get_dynamic_array(addrs)`. */
export const FIELD = /REC\s*->\s*(\w+)|__get_\w+\s*\(\s*(\w+)/g;

/**
 * Names of the fields that some `%p...` conversion shows.
 *
 * @param printFormat The text after `print fmt: ` of a tracepoint's format: a C string, then its arguments
 */
export function pointerFields(printFormat: string): Set<string> {
  const [format = "", ...args] = splitArguments(printFormat);
  const pointers = new Set<string>();
  let next = 0;
  for (const [, width, precision, letter] of literalText(format).matchAll(CONVERSION)) {
    if (letter === undefined) continue;
    next += Number(width === "*") + Number(precision === "*");
    const argument = args[next++];
    // `vmemmap_base + REC->pfn` shows a pointer, but the field is only a part of it.
    if (letter !== "p" || argument === undefined || argument.includes("+")) continue;
    for (const [, member, macro] of argument.matchAll(FIELD)) pointers.add((member ?? macro)!);
  }
  return pointers;
}

/** Splits at the commas that stand in no bracket, string or character. */
export function splitArguments(text: string): string[] {
  const parts: string[] = [];
  let depth = 0;
  let start = 0;
  for (let i = 0; i < text.length; i++) {
    const char = text[i]!;
    if (char === '"' || char === "'") i = skipQuoted(text, i);
    else if ("([{".includes(char)) depth++;
    else if (")]}".includes(char)) depth--;
    else if (char === "," && depth === 0) {
      parts.push(text.slice(start, i));
      start = i + 1;
    }
  }
  parts.push(text.slice(start));
  return parts;
}

/** Index of the quote that closes the one at `start`; the text's end when none does. */
export function skipQuoted(text: string, start: number): number {
  let i = start + 1;
  while (i < text.length && text[i] !== text[start]) i += text[i] === "\\" ? 2 : 1;
  return i;
}

/** What the C string literals of `text` contain, joined; their escapes stay, since none of them makes a `%`. */
export function literalText(text: string): string {
  return Array.from(text.matchAll(/"((?:[^"\\]|\\.)*)"/gs), ([, content]) => content).join("");
}
