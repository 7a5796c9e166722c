/**
 * The text between a profiler's slashes -> its options: words as a shell parts them, checked against the profiler's own table. Errors
 * point at the option or word they are about. What a value means is the profiler's business.
 *
 * @module
 */

import { nearest, type UsageError } from "../errors.ts";
import { closingQuote, type Span, textError } from "../event_text.ts";
import type { Profiler, ProfilerOption, ProfilerOptions } from "./profiler.ts";

/** What is written of a profiler's event. */
export interface WrittenOptions {
  /** All of -e's text, and the event's place in it. */
  readonly text: string;
  readonly event: Span;
  /** Between the slashes; undefined where nothing is. */
  readonly options: Span | undefined;
  readonly modifiers: string;
  readonly key: string | undefined;
  /** Call stacks are asked for in another way: as if -g were there, where the profiler has it. */
  readonly stack: boolean;
}

/** A word of the text, without its quotes. */
interface Word {
  readonly value: string;
  readonly span: Span;
}

/** An option as its flags declare it. */
interface Flags {
  /** `-F`, `--frequency`. */
  readonly names: readonly string[];
  /** `HZ`; undefined: it is a flag. */
  readonly valueName: string | undefined;
  /** What it is called in ProfilerOptions. */
  readonly key: string;
}

/**
 * Reads the options.
 *
 * @throws {UsageError} With a caret: an option is unknown, given twice or lacks its value; a word is given where none is taken
 */
export function parseProfilerOptions(profiler: Profiler, written: WrittenOptions): ProfilerOptions {
  const { text, options } = written;
  const table = profiler.options.map(flagsOf);
  const spans = new Map<string, Span>();
  const given: Record<string, string | true> = {};
  const words: Word[] = [];
  const queue = options === undefined ? [] : cutWords(text, options);
  while (queue.length > 0) {
    const word = queue.shift()!;
    if (!/^-./.test(word.value)) {
      words.push(word);
      continue;
    }
    for (const { flags, value, span } of optionsOf(profiler, table, word, queue, text)) {
      if (spans.has(flags.key)) throw textError(`${profiler.name}: option ${flags.names[0]} is given twice`, text, span);
      spans.set(flags.key, span);
      given[flags.key] = value;
    }
  }
  const [first] = words;
  if (first !== undefined && profiler.words === undefined) {
    throw textError(`${profiler.name} takes no word '${first.value}'`, text, first.span, [optionsHint(profiler)]);
  }
  const stack = written.stack ? table.find(({ names }) => names.includes("-g")) : undefined;
  if (stack !== undefined) given[stack.key] ??= true;
  return {
    given,
    words: words.map(({ value }) => value),
    modifiers: written.modifiers,
    ...(written.key !== undefined && { key: written.key }),
    fail(what, why, hints = []) {
      const word = words.find(({ value }) => value === what)?.span;
      const span = what === undefined ? options : spans.get(what) ?? word ?? options;
      return textError(`${profiler.name}: ${why}`, text, span ?? written.event, hints);
    },
  };
}

/** Has it call stacks that can be asked for? */
export function hasStackOption({ options }: Pick<Profiler, "options">): boolean {
  return options.some((option) => flagsOf(option).names.includes("-g"));
}

function flagsOf({ flags }: ProfilerOption): Flags {
  const [, list = "", valueName] = /^(-[^\s,]+(?:,\s*-[^\s,]+)*)(?:\s+(.+))?$/.exec(flags) ?? [];
  const names = list.split(/,\s*/);
  const long = names.find((name) => name.startsWith("--")) ?? names[0]!;
  return { names, valueName, key: long.replace(/^-+/, "") };
}

/** What one word says: `--than=1ms`, `-F997`, `-SD`; its value may be the next word. */
function optionsOf(
  profiler: Profiler,
  table: readonly Flags[],
  { value: word, span }: Word,
  rest: Word[],
  text: string,
): { flags: Flags; value: string | true; span: Span }[] {
  const [, long, attached] = /^(--[^=]+)(?:=(.*))?$/s.exec(word) ?? [];
  const name = long ?? word.slice(0, 2);
  const flags = table.find(({ names }) => names.includes(name));
  if (flags === undefined) throw unknownOption(profiler, table, name, text, span);
  const own = long === undefined && word.length > 2 ? word.slice(2) : attached;
  if (flags.valueName !== undefined) {
    const value = own === undefined ? rest.shift() : { value: own, span };
    if (value === undefined || value.value === "") {
      throw textError(`${profiler.name}: option ${name} needs a value: ${flags.valueName}`, text, span);
    }
    return [{ flags, value: value.value, span: { start: span.start, end: value.span.end } }];
  }
  if (long !== undefined && own !== undefined) {
    throw textError(`${profiler.name}: option ${name} takes no value`, text, span);
  }
  const more = own === undefined ? [] : optionsOf(profiler, table, { value: `-${own}`, span }, rest, text);
  return [{ flags, value: true, span }, ...more];
}

function unknownOption(profiler: Profiler, table: readonly Flags[], name: string, text: string, span: Span): UsageError {
  // Single letters are all alike: only a long name has a near one.
  const [near] = name.startsWith("--") ? nearest(name, table.flatMap(({ names }) => names), 1) : [];
  return textError(`${profiler.name} has no option ${name}`, text, span, [
    ...(near === undefined ? [] : [`did you mean ${near}?`]),
    optionsHint(profiler),
  ]);
}

function optionsHint({ name, options }: Profiler): string {
  return options.length === 0 ? `${name} has no options` : `options are ${options.map(({ flags }) => flags).join("; ")}`;
}

/** Words between white space; quotes protect it. Quotes around all of the text protect it from -e, and not from this. */
function cutWords(text: string, { start, end }: Span): Word[] {
  const isQuoted = /["']/.test(text[start]!) && closingQuote(text, start, end) === end - 1;
  return isQuoted ? cutWords(text, { start: start + 1, end: end - 1 }) : [...words(text, start, end)];
}

function* words(text: string, start: number, end: number): Generator<Word> {
  let value = "";
  let from = -1;
  for (let at = start; at <= end; at++) {
    const character = text[at]!;
    if (at === end || /\s/.test(character)) {
      if (from >= 0) yield { value, span: { start: from, end: at } };
      value = "";
      from = -1;
      continue;
    }
    if (from < 0) from = at;
    if (!/["']/.test(character)) value += character;
    else {
      const close = closingQuote(text, at, end);
      value += text.slice(at + 1, close);
      at = close;
    }
  }
}
