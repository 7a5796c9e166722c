/**
 * Compiles the print format of an event into a function that writes its text, several times faster than a call of libtraceevent.
 * It covers what most formats are made of, and refuses the rest: whole formats (%pU, dynamic arrays, %*d, ...) when they are compiled, and
 * single records (text that is not plain ASCII, dynamic data out of place, ...) when they are printed. libtraceevent prints those, so
 * that the text is its text in every case.
 *
 * What goes into the code: numbers.
 *
 * @module
 */

import { text as textAt, text16 } from "./decode.ts";
import { type Conversion, integer, padded, paddedCode, pieces } from "./print_conversion.ts";
import { NotCompiled, type Value } from "./print_arithmetic.ts";
import { expression, fieldNamed, leadingNumber, type PrintContext } from "./print_expression.ts";
import * as values from "./print_values.ts";
import { copied, type FixedText, fixedText, type TextBytes } from "./text_bytes.ts";
import type { FormatField, PrintArgument, PrintName, PrintSymbol, PrintTree, TracepointFormat } from "./format.ts";

/**
 * Adds the text of a record, without white space at its end: plain ASCII with no control characters but tabs.
 *
 * @param view Holds the fixed part of the raw data, as the event's constructor has checked
 * @param raw Where the raw data starts in it; its u32 size is before it
 * @returns False for a record that is left to libtraceevent: nothing was added
 */
export type PrintFunction = (view: DataView, raw: number, text: TextBytes) => boolean;

/** Texts of the format up to this length are written by a statement for each character. */
const UNROLLED = 4;

/** The kernel symbol of an address. */
type SymbolAt = (address: bigint) => PrintSymbol | undefined;

/**
 * Compiles a print format.
 *
 * @param symbolAt For %pS
 * @returns Undefined when libtraceevent is to print it
 */
export function compilePrint(format: TracepointFormat, tree: PrintTree, symbolAt: SymbolAt): PrintFunction | undefined {
  try {
    return new Compiler(format, symbolAt).compile(tree);
  } catch (error) {
    if (error instanceof NotCompiled) return undefined;
    throw error;
  }
}

class Compiler implements PrintContext {
  readonly fields: readonly FormatField[];
  readonly refusals = new Set<string>();
  readonly #format: TracepointFormat;
  /** Statements before the text is put together. */
  readonly #statements: string[] = [];
  /** What the code calls by `texts[i]`. */
  readonly #texts: ((high: number, low: number) => FixedText)[] = [];
  /** What the code adds by `literals[i]`. */
  readonly #literals: FixedText[] = [];
  /** Bytes that the text takes at most, and the code of further ones. */
  #most = 0;
  readonly #lengths: string[] = [];
  readonly #symbolAt: SymbolAt;

  constructor(format: TracepointFormat, symbolAt: SymbolAt) {
    this.#format = format;
    this.#symbolAt = symbolAt;
    this.fields = format.fields;
  }

  compile(tree: PrintTree): PrintFunction {
    const parts = this.#parts(tree);
    const refusals = [`v.getUint16(r, true) !== ${this.#format.id}`, ...this.#dynamicRefusals(), ...this.refusals];
    const source = `"use strict";
return (v, r, text) => {
  if (${refusals.join(" || ")}) return false;
  ${this.#statements.join("\n  ")}
  const to = text.room(${[this.#most, ...this.#lengths].join(" + ")});
  const begin = text.used;
  let at = begin;
  ${parts.join("\n  ")}
  text.used = at;
  return true;
};
//# sourceURL=perfprof-print:${this.#format.id}`;
    const used = { ...values, copied, textAt, text16, texts: this.#texts, literals: this.#literals };
    return new Function(...Object.keys(used), source)(...Object.values(used));
  }

  /** The code that writes the text. */
  #parts({ format, arguments: all }: PrintTree): string[] {
    const given = pieces(format);
    const rest = [...all];
    const parts = given.map((piece) => typeof piece === "string" ? this.#literal(piece) : this.#converted(piece, rest.shift()));
    // Every argument counts when the library asks whether a record can be printed.
    if (rest.length > 0) throw new NotCompiled("arguments");
    const last = given.at(-1);
    const mayEndInSpace = typeof last === "object" && (last.letter === "s" || last.width > 0);
    return mayEndInSpace ? [...parts, "at = trimmed(to, begin, at);"] : parts;
  }

  #converted(conversion: Conversion, argument: PrintArgument | undefined): string {
    if (argument === undefined) throw new NotCompiled("arguments");
    if (conversion.letter === "s") return this.#string(argument, conversion);
    const value = expression(argument, this);
    if (/^p./.test(conversion.letter)) return this.#symbol(value, conversion);
    this.#most += Math.max(conversion.width, values.NUMBER_MOST);
    return integer(value, conversion);
  }

  /** The code that writes a text of the format. */
  #literal(text: string): string {
    if (!values.isPlain(text)) throw new NotCompiled(text);
    this.#most += text.length;
    if (text.length > UNROLLED) return `at = copied(to, at, literals[${this.#literals.push(fixedText(text)) - 1}]);`;
    return [...text].map((char) => `to.setUint8(at++, ${char.charCodeAt(0)});`).join(" ");
  }

  /** %pS and the like: the symbol of an address, with the offset from its start where the letter is a capital. */
  #symbol({ high, low }: Value, { letter }: Conversion): string {
    const withOffset = /[SF]/.test(letter);
    return this.#remembered(
      (address) => {
        const symbol = this.#symbolAt(address);
        if (symbol === undefined) return `0x${address.toString(16)}`;
        return withOffset ? `${symbol.name}+0x${symbol.offset.toString(16)}` : symbol.name;
      },
      high,
      low,
    );
  }

  /** The code that writes the text of a value, which is made once. */
  #remembered(textOf: (value: bigint) => string, high: string, low: string): string {
    const text = this.#local(`texts[${this.#texts.push(values.remembered(textOf)) - 1}](${high}, ${low})`);
    this.#lengths.push(`${text}.length`);
    return `at = copied(to, at, ${text});`;
  }

  /** The code that writes a text of plain ASCII, `code`, in its width. */
  #ascii(code: string, conversion: Conversion): string {
    const text = this.#local(paddedCode(code, conversion));
    this.#lengths.push(`${text}.length`);
    return `at = ascii(to, at, ${text});`;
  }

  /** A local variable with a value. */
  #local(code: string): string {
    const local = `t${this.#statements.length}`;
    this.#statements.push(`const ${local} = ${code};`);
    return local;
  }

  #string(argument: PrintArgument, conversion: Conversion): string {
    switch (argument.kind) {
      case "atom":
        return this.#literal(padded(plain(argument.text), conversion));
      case "field":
        return this.#fixedString(fieldNamed(argument.name, this), conversion);
      case "string":
        return this.#dynamicString(fieldNamed(argument.name, this), conversion);
      case "symbol":
      case "flags":
        return this.#named(argument, conversion);
      case "op": {
        const { op, left, right } = argument;
        if (op !== "?" || right.kind !== "op" || right.op !== ":") throw new NotCompiled(op);
        const condition = expression(left, this).code;
        return `if (${condition}) { ${this.#string(right.left, conversion)} } else { ${
          this.#string(right.right, conversion)
        } }`;
      }
      default:
        throw new NotCompiled(argument.kind);
    }
  }

  #fixedString({ name, array, dynamic, size, offset }: FormatField, conversion: Conversion): string {
    // What is no array may be the address of a printk string; one without a size has all the rest.
    if (!array || dynamic || size === 0) throw new NotCompiled(`string ${name}`);
    const code = size === 16 ? `text16(v, r + ${offset})` : `textAt(v, r + ${offset}, ${size})`;
    return this.#ascii(this.#plain(code), conversion);
  }

  #dynamicString({ name, dynamic, relative, offset, size }: FormatField, conversion: Conversion): string {
    if (!dynamic) throw new NotCompiled(`string ${name}`);
    const length = `v.getUint16(r + ${offset + 2}, true)`;
    const local = this.#plain(`textAt(v, r + ${relative ? offset + size : 0} + v.getUint16(r + ${offset}, true), ${length})`);
    // libtraceevent reads up to the next NUL, wherever that is.
    this.#statements.push(`if (${local}.length === ${length}) return false;`);
    return this.#ascii(local, conversion);
  }

  /** A local variable that holds the text, which must be plain. */
  #plain(code: string): string {
    const local = this.#local(code);
    this.#statements.push(`if (!isPlain(${local})) return false;`);
    return local;
  }

  #named(argument: PrintArgument & { kind: "symbol" | "flags" }, conversion: Conversion): string {
    const { high, low } = expression(argument.item, this);
    const names = argument.values.map(({ value, name }) => ({
      value: flagValue({ value, name }),
      name: padded(plain(name), conversion),
    }));
    const { kind } = argument;
    const delimiter = kind === "flags" ? plain(argument.delimiter) : "";
    const textOf = kind === "flags"
      ? (value: bigint) => values.flagsText(value, names, delimiter)
      : (value: bigint) => values.symbolText(value, names);
    return this.#remembered(textOf, high, low);
  }

  /** Dynamic data that leaves the raw data makes the record one that cannot be printed, whether it is shown or not. */
  #dynamicRefusals(): string[] {
    return this.#format.fields.filter(({ dynamic }) => dynamic).map(({ offset, size, relative }) =>
      `${
        relative ? offset + size : 0
      } + v.getUint16(r + ${offset}, true) + v.getUint16(r + ${offset} + 2, true) > v.getUint32(r - 4, true)`
    );
  }
}

function plain(text: string): string {
  if (!values.isPlain(text) || text.includes("\\")) throw new NotCompiled(text);
  return text;
}

/** Names of enums that libtraceevent knows (flags[] of its event-parse.c); every other is -1 to it. */
const KNOWN_WORD = /_SOFTIRQ$|^HRTIMER_(NO)?RESTART$/;

/** What libtraceevent takes the value of a name for (eval_flag). */
function flagValue({ value }: PrintName): bigint {
  if (/^\d/.test(value)) return leadingNumber(value);
  if (KNOWN_WORD.test(value)) throw new NotCompiled(value);
  return BigInt.asUintN(64, -1n);
}
