/**
 * Values in the form that their column's type has: 64-bit integers are bigints, other numbers numbers. Nothing is rounded: what a
 * column cannot hold exactly is refused. Pure.
 *
 * @module
 */

import type { IntegerType } from "../perf_event.ts";
import type { Cell, Column, Scalar } from "./columns.ts";
import { jsonText } from "./json_text.ts";

/**
 * A value in the form of its column.
 *
 * @throws RangeError when it would not be exact there
 */
export function cellOf(column: Column, value: unknown): Cell {
  const cell = converted(column, plainValue(value));
  if (cell === undefined) throw misfit(column, value);
  return cell;
}

/** Does cellOf() take it? */
export function fits(column: Column, value: unknown): boolean {
  return converted(column, plainValue(value)) !== undefined;
}

/**
 * Undefined is nothing; a typed array is a list, a stack the list of its functions (innermost first), any other object its JSON.
 */
function plainValue(value: unknown): Scalar | readonly unknown[] | null {
  if (value === undefined || value === null) return null;
  if (Array.isArray(value)) return value.map((item) => isFrame(item) ? item.symbol : plainValue(item));
  if (ArrayBuffer.isView(value)) return [...value as Uint8Array | BigUint64Array];
  if (typeof value === "object") return jsonText(value);
  return value as Scalar;
}

function isFrame(value: unknown): value is { readonly symbol: string } {
  return typeof value === "object" && value !== null && "symbol" in value && typeof value.symbol === "string";
}

/** Undefined: it does not fit. */
function converted(column: Column, value: Scalar | readonly unknown[] | null): Cell | undefined {
  if (value === null) return null;
  if (!column.isList) return scalarOf(column, value);
  if (!Array.isArray(value)) return undefined;
  const items = value.map((item) => item === null ? null : scalarOf(column, item));
  return items.every((item) => item !== undefined) ? items : undefined;
}

function scalarOf({ type }: Column, value: unknown): Scalar | undefined {
  if (type === "string") return typeof value === "string" ? value : jsonText(value);
  if (type === "boolean") return typeof value === "boolean" ? value : undefined;
  if (typeof value !== "number" && typeof value !== "bigint") return undefined;
  if (type !== "float64") return integerOf(type, value);
  const number = Number(value);
  return typeof value === "bigint" && BigInt(number) !== value ? undefined : number;
}

/** An integer as the type has it: the same, or it does not fit. */
const KEPT: Readonly<Record<IntegerType, (integer: bigint) => bigint>> = {
  int32: (integer) => BigInt.asIntN(32, integer),
  uint32: (integer) => BigInt.asUintN(32, integer),
  int64: (integer) => BigInt.asIntN(64, integer),
  uint64: (integer) => BigInt.asUintN(64, integer),
};

function integerOf(type: IntegerType, value: number | bigint): number | bigint | undefined {
  const isSmall = type === "int32" || type === "uint32";
  if (isSmall && typeof value === "number" && (type === "int32" ? value | 0 : value >>> 0) === value) return value;
  if (typeof value === "number" && !Number.isInteger(value)) return undefined;
  const integer = BigInt(value);
  if (KEPT[type](integer) !== integer) return undefined;
  return isSmall ? Number(integer) : integer;
}

function misfit({ name, type, isList }: Column, value: unknown): RangeError {
  const shown = String(typeof value === "object" ? jsonText(value) : value).slice(0, 60);
  return new RangeError(
    `column '${name}' is ${type}${isList ? "[]" : ""}, as its first values were, and cannot take ${shown}: ` +
      `say what it is, as in {columns: {${JSON.stringify(name)}: "string"}}`,
  );
}
