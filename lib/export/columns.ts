/**
 * The columns of a table: their names and types, taken from the first rows or said by who makes the table. What a column makes of a
 * value is cells.ts's affair. Pure.
 *
 * @module
 */

import { INFO, type IntegerType, PerfEvent } from "../perf_event.ts";
import { fits } from "./cells.ts";

/** Types of single values. */
export const SCALAR_TYPES = ["boolean", "int32", "uint32", "int64", "uint64", "float64", "string"] as const;
export type ScalarType = typeof SCALAR_TYPES[number];

/** What a column holds, `[]` lists of it. Every column may also hold nothing. */
export type ColumnType = ScalarType | `${ScalarType}[]`;

/** A column. */
export interface Column {
  readonly name: string;
  readonly type: ScalarType;
  readonly isList: boolean;
}

/** A value as its column's type has it: 64-bit integers are bigints, other numbers numbers. */
export type Scalar = boolean | number | bigint | string;
export type Cell = Scalar | readonly (Scalar | null)[] | null;

/** What rows are. */
export type Row = Readonly<Record<string, unknown>>;

/** A row, and what its event says of its integers. */
export interface TypedRow {
  readonly row: Row;
  readonly integers: ReadonlyMap<string, IntegerType>;
}

/** Of every event: bigints, where a number would be rounded. */
const TIMES: ReadonlyMap<string, IntegerType> = new Map([["_time", "int64"], ["_realtime", "int64"]]);

/** The row that an event is, its times to the last digit. Events without stacks have no column for them. */
export function rowOf(given: object): Row {
  if (!(given instanceof PerfEvent)) return given as Row;
  const row: Record<string, unknown> = given.to_dict();
  if (given[INFO].stack === undefined) delete row._callchain;
  for (const name of TIMES.keys()) row[name] = given.get_bigint(name);
  return row;
}

/** The same, with what its columns take their types from. */
export function typedRowOf(given: object): TypedRow {
  const integers = given instanceof PerfEvent ? new Map([...TIMES, ...given[INFO].integers ?? []]) : new Map();
  return { row: rowOf(given), integers };
}

/** The column of a type. @throws TypeError when it is none */
export function makeColumn(name: string, type: ColumnType): Column {
  const isList = type.endsWith("[]");
  const scalar = SCALAR_TYPES.find((scalar) => scalar === (isList ? type.slice(0, -2) : type));
  if (scalar === undefined) {
    throw new TypeError(`column '${name}' cannot be '${type}': ${SCALAR_TYPES.join(", ")}, or with [] lists of them`);
  }
  return { name, type: scalar, isList };
}

/**
 * The columns that rows need, in the order in which they come.
 *
 * @param given Those that need not be found out
 */
export function columnsOf(rows: readonly TypedRow[], given: ReadonlyMap<string, Column>): Column[] {
  const names = new Set([...rows.flatMap(({ row }) => Object.keys(row)), ...given.keys()]);
  return [...names].map((name) => given.get(name) ?? inferred(name, rows));
}

/** A column that takes all that these rows have there; of nothing at all, strings. */
function inferred(name: string, rows: readonly TypedRow[]): Column {
  const types = new Set<ScalarType>();
  const values: unknown[] = [];
  for (const { row, integers } of rows) {
    const value = Object.hasOwn(row, name) ? row[name] : undefined;
    if (value === undefined || value === null) continue;
    values.push(value);
    for (const type of typesOf(value, integers.get(name))) types.add(type);
  }
  const column: Column = {
    name,
    type: types.size === 0 ? "string" : [...types].reduce(wider),
    isList: values.length > 0 && values.every(isListValue),
  };
  // What no type takes exactly (a negative number beside 2^63, a list beside a number) is text.
  return values.every((value) => fits(column, value)) ? column : { ...column, type: "string", isList: false };
}

function isListValue(value: unknown): value is readonly unknown[] | ArrayBufferView {
  return Array.isArray(value) || ArrayBuffer.isView(value);
}

/** Of a value, or of what is in it. */
function typesOf(value: unknown, integer: IntegerType | undefined): ScalarType[] {
  if (integer !== undefined) return [integer];
  if (ArrayBuffer.isView(value)) return [elementType(value)];
  return Array.isArray(value)
    ? value.flatMap((item) => item === null || item === undefined ? [] : [typeOf(item)])
    : [typeOf(value)];
}

function elementType(array: ArrayBufferView): ScalarType {
  if (array instanceof Float32Array || array instanceof Float64Array) return "float64";
  if (array instanceof BigUint64Array) return "uint64";
  if (array instanceof BigInt64Array) return "int64";
  return array instanceof Uint32Array ? "uint32" : "int32";
}

function typeOf(value: unknown): ScalarType {
  if (typeof value === "boolean") return "boolean";
  if (typeof value === "bigint") return BigInt.asIntN(64, value) === value ? "int64" : "uint64";
  if (typeof value === "number") return Number.isSafeInteger(value) ? "int64" : "float64";
  return "string";
}

/** The type that takes what both take: numbers the widest of them. What does not go together is text. */
function wider(one: ScalarType, other: ScalarType): ScalarType {
  if (one === other) return one;
  const both = [one, other];
  if (both.includes("string") || both.includes("boolean")) return "string";
  if (both.includes("float64")) return "float64";
  return both.includes("uint64") ? "uint64" : "int64";
}
