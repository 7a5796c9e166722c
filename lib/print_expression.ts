/**
 * Arguments of print formats -> JavaScript that computes them from (v, r): a DataView, and where the raw data starts in it.
 *
 * The arithmetic is libtraceevent's, not C's, since the text must be its text: fields are read as unsigned, everything is computed
 * with 64 unsigned bits, and a cast masks (eval_num_arg and eval_type of its event-parse.c). BigInts appear only where a value may
 * not fit a number. Into the code go numbers only, never text of a format.
 *
 * @module
 */

import { and, choice, constant, NotCompiled, number, operate, type Value } from "./print_arithmetic.ts";
import type { FormatField, PrintArgument } from "./format.ts";

/** Where arguments find their fields, and where they put the conditions under which a record is left to libtraceevent. */
export interface PrintContext {
  readonly fields: readonly FormatField[];
  readonly refusals: Set<string>;
}

/** The code of an argument's value. @throws {NotCompiled} */
export function expression(argument: PrintArgument, context: PrintContext): Value {
  switch (argument.kind) {
    case "null":
      return constant(0n);
    case "atom":
      return constant(leadingNumber(argument.text));
    case "field":
      return fieldValue(fieldNamed(argument.name, context), context);
    case "cast":
      return cast(argument.type, expression(argument.item, context));
    case "op":
      return operation(argument, context);
    default:
      throw new NotCompiled(argument.kind);
  }
}

/** The field that libtraceevent takes: the first of the name, common ones before the others. @throws {NotCompiled} */
export function fieldNamed(name: string, { fields }: PrintContext): FormatField {
  const field = fields.find((field) => field.name === name);
  if (field === undefined) throw new NotCompiled(`field ${name}`);
  return field;
}

/** What strtoull(3) with base 0 reads: the number that the text starts with, 0 without one. */
export function leadingNumber(text: string): bigint {
  const [, sign, hex, octal, decimal] = /^\s*([-+]?)(?:0[xX]([\da-fA-F]+)|(0[0-7]*)|([1-9]\d*))/.exec(text) ?? [];
  const digits = hex !== undefined ? `0x${hex}` : octal !== undefined ? `0o0${octal}` : decimal ?? "0";
  const value = BigInt(digits);
  return BigInt.asUintN(64, sign === "-" ? -value : value);
}

/** An element of an array of fixed length. */
function element(argument: PrintArgument, { constant: index }: Value, context: PrintContext): Value {
  if (argument.kind !== "field" || index === undefined) throw new NotCompiled("[");
  const { array, dynamic, offset, size, elementSize, name } = fieldNamed(argument.name, context);
  const end = (index + 1n) * BigInt(elementSize);
  if (!array || dynamic || end > BigInt(size)) throw new NotCompiled(`array ${name}`);
  return integerAt(offset + Number(index) * elementSize, elementSize);
}

function fieldValue({ name, offset, size, signed, array, dynamic }: FormatField, { refusals }: PrintContext): Value {
  if (array || dynamic) throw new NotCompiled(`array ${name}`);
  // A negative number of 8 or 16 bits would come out as a great one: the library prints such a record as pairs (format_check.c).
  if (signed && size <= 2) refusals.add(`v.getInt${size * 8}(r + ${offset}${size > 1 ? ", true" : ""}) < 0`);
  return integerAt(offset, size);
}

function integerAt(offset: number, size: number): Value {
  const at = `r + ${offset}`;
  switch (size) {
    case 1:
      return number(`v.getUint8(${at})`, 0xffn);
    case 2:
    case 4:
      return number(`v.getUint${size * 8}(${at}, true)`, (1n << BigInt(size * 8)) - 1n);
    case 8:
      return {
        code: `v.getBigUint64(${at}, true)`,
        big: true,
        max: (1n << 64n) - 1n,
        low: `v.getUint32(${at}, true)`,
        high: `v.getUint32(${at} + 4, true)`,
      };
    default:
      throw new NotCompiled(`${size} bytes`);
  }
}

const CASTS: Readonly<Record<string, bigint>> = {
  "u8": 0xffn,
  "s8": 0xffn,
  "char": 0xffn,
  "unsigned char": 0xffn,
  "u16": 0xffffn,
  "s16": 0xffffn,
  "short": 0xffffn,
  "unsigned short": 0xffffn,
  "u32": 0xffffffffn,
  "s32": 0xffffffffn,
  "int": 0xffffffffn,
  "unsigned int": 0xffffffffn,
};

/** Every other type leaves the value as it is. */
function cast(type: string, item: Value): Value {
  const mask = Object.hasOwn(CASTS, type) ? CASTS[type] : undefined;
  return mask === undefined ? item : and(item, constant(mask));
}

function operation({ op, left, right }: PrintArgument & { kind: "op" }, context: PrintContext): Value {
  if (op === "[") return element(left, expression(right, context), context);
  const a = expression(left, context);
  if (op === "?") {
    if (right.kind !== "op" || right.op !== ":") throw new NotCompiled("?");
    return choice(a, expression(right.left, context), expression(right.right, context));
  }
  const b = expression(right, context);
  return operate(op, a, b, right.kind === "atom" && /^(0x[\da-f]+|\d+)[ul]*$/i.test(right.text));
}
