/**
 * Where each value of a sample sits, computed once per event: (sample_type, tracepoint format) -> offsets and kinds.
 * Owns the order of sample members, as perf_event_open(2) gives it under PERF_RECORD_SAMPLE, and the rule that turns a C type into
 * a TypeScript type. It reads no bytes: event_class.ts generates the code that does.
 *
 * @module
 */

import { pointerFields } from "./print_format.ts";
import type { FormatField, TracepointFormat } from "./format.ts";

/** Bits of perf_event_attr.sample_type (include/uapi/linux/perf_event.h). */
export const PERF_SAMPLE = {
  IP: 1 << 0,
  TID: 1 << 1,
  TIME: 1 << 2,
  ADDR: 1 << 3,
  READ: 1 << 4,
  CALLCHAIN: 1 << 5,
  ID: 1 << 6,
  CPU: 1 << 7,
  PERIOD: 1 << 8,
  STREAM_ID: 1 << 9,
  RAW: 1 << 10,
  BRANCH_STACK: 1 << 11,
  REGS_USER: 1 << 12,
  STACK_USER: 1 << 13,
  WEIGHT: 1 << 14,
  DATA_SRC: 1 << 15,
  IDENTIFIER: 1 << 16,
  TRANSACTION: 1 << 17,
  REGS_INTR: 1 << 18,
  PHYS_ADDR: 1 << 19,
  AUX: 1 << 20,
  CGROUP: 1 << 21,
  DATA_PAGE_SIZE: 1 << 22,
  CODE_PAGE_SIZE: 1 << 23,
  WEIGHT_STRUCT: 1 << 24,
} as const;

/** Size of struct perf_event_header: u32 type, u16 misc, u16 size. */
export const HEADER_SIZE = 8;

/** The members of one u64 (or two u32) each, in the order in which they follow the header. */
const FIXED_MEMBERS = ["IDENTIFIER", "IP", "TID", "TIME", "ADDR", "ID", "STREAM_ID", "CPU", "PERIOD"] as const;
type FixedMember = typeof FIXED_MEMBERS[number];

/** Where the members of a sample are. Offsets in bytes from the record's start. */
export interface SampleLayout {
  readonly fixed: Readonly<Partial<Record<FixedMember, number>>>;
  /** Of the u64 nr before the addresses; undefined without PERF_SAMPLE_CALLCHAIN. */
  readonly callchain: number | undefined;
  /** Of the u32 before the raw data, in a record whose call chain is empty: each address moves it by 8. */
  readonly rawSize: number | undefined;
  /** Behind the raw data: u64 abi, with an abi the registers, then u64 size, with a size its bytes and u64 dyn_size. */
  readonly userStack: boolean;
}

/**
 * Places the members of a sample.
 *
 * @param sampleType perf_event_attr.sample_type
 * @throws RangeError on a bit whose member is not known here
 */
export function sampleLayout(sampleType: bigint | number): SampleLayout {
  let rest = BigInt(sampleType);
  const take = (member: keyof typeof PERF_SAMPLE): boolean => {
    const bit = BigInt(PERF_SAMPLE[member]);
    const set = (rest & bit) !== 0n;
    rest &= ~bit;
    return set;
  };
  const fixed: Partial<Record<FixedMember, number>> = {};
  let at = HEADER_SIZE;
  for (const member of FIXED_MEMBERS) {
    if (!take(member)) continue;
    fixed[member] = at;
    at += 8;
  }
  const callchain = take("CALLCHAIN") ? at : undefined;
  if (callchain !== undefined) at += 8;
  const rawSize = take("RAW") ? at : undefined;
  const userStack = take("REGS_USER");
  if (userStack !== take("STACK_USER") || (userStack && rawSize === undefined)) {
    throw new RangeError(`sample_type 0x${BigInt(sampleType).toString(16)}: REGS_USER and STACK_USER come together, after RAW`);
  }
  if (rest !== 0n) {
    throw new RangeError(`sample_type 0x${BigInt(sampleType).toString(16)}: no layout for 0x${rest.toString(16)}`);
  }
  return { fixed, callchain, rawSize, userStack };
}

/**
 * What a field becomes:
 * `number`, `boolean`, `string` as they say; `address` a bigint always; `integer64` a number when exact, else a bigint;
 * `integers` a typed array; `bytes` a Uint8Array.
 */
export type FieldKind = "number" | "boolean" | "integer64" | "address" | "string" | "integers" | "bytes";

/** Where the time sits in a sample, from the record's start. */
export function timeOffset(sampleType: number): number {
  const before = (["IDENTIFIER", "IP", "TID"] as const).filter((member) => sampleType & PERF_SAMPLE[member]);
  return HEADER_SIZE + 8 * before.length;
}

/** How many bytes a value has: `fixed` is size; `data_loc` and `rel_loc` a locator tells; `rest` all up to the end of the raw data. */
export type Extent = "fixed" | "data_loc" | "rel_loc" | "rest";

/** One of an event's own fields or of its common_* fields. Offsets from the start of the raw data. */
export interface FieldLayout {
  readonly name: string;
  readonly kind: FieldKind;
  readonly extent: Extent;
  readonly offset: number;
  readonly size: number;
  readonly signed: boolean;
  /** Bytes of an element: of `integers`, 1 of `bytes`, else 0. */
  readonly elementSize: number;
}

/** The raw data of a tracepoint: its fields in format order, and the bytes that are there in every record. */
export interface RawLayout {
  readonly fields: readonly FieldLayout[];
  readonly fixedSize: number;
}

/** Places a tracepoint's fields. */
export function rawLayout(format: TracepointFormat): RawLayout {
  const shownAsPointer = pointerFields(format.printFormat);
  const fields = format.fields.map((field) => fieldLayout(field, shownAsPointer.has(field.name)));
  return { fields, fixedSize: Math.max(0, ...fields.map(({ offset, size }) => offset + size)) };
}

/** Sizes of C's integer types on the 64-bit machines that we run on: a dynamic array's format does not tell its element's. */
const INTEGER_SIZES: ReadonlyMap<string, number> = new Map(
  [
    ["char", "signed char", "unsigned char", "u8", "s8", "__u8", "__s8", "uint8_t", "int8_t"],
    ["short", "unsigned short", "u16", "s16", "__u16", "__s16", "uint16_t", "int16_t"],
    [
      "int",
      "unsigned int",
      "unsigned",
      "uint",
      "u32",
      "s32",
      "__u32",
      "__s32",
      "uint32_t",
      "int32_t",
      "pid_t",
      "dev_t",
      "gfp_t",
    ],
    [
      ...["long", "unsigned long", "long long", "unsigned long long", "u64", "s64", "__u64", "__s64", "uint64_t", "int64_t"],
      ...["size_t", "ssize_t", "loff_t", "ino_t", "sector_t"],
    ],
  ].flatMap((names, power) => names.map((name) => [name, 1 << power] as const)),
);

/** Bitmaps and addresses that are copied as they are, whatever element size a parser makes of them. */
const OPAQUE = /^(struct|union)\b|^(cpumask_t|sockaddr_t|bool|_Bool)$/;

function fieldLayout(field: FormatField, shownAsPointer: boolean): FieldLayout {
  const { name, offset, size, signed } = field;
  const extent = extentOf(field);
  const type = field.type.replace(/__data_loc|__rel_loc|\[[^\]]*\]|\b(const|volatile)\b/g, " ").replace(/\s+/g, " ").trim();
  const isArray = field.array || extent !== "fixed";
  const kind = isArray ? undefined : scalarKind(type, size, shownAsPointer);
  if (kind !== undefined) return { name, kind, extent, offset, size, signed, elementSize: 0 };
  if (isArray && type === "char") return { name, kind: "string", extent, offset, size, signed, elementSize: 0 };
  const elementSize = isArray ? elementSizeOf(field, type) : 0;
  if (elementSize > 0) return { name, kind: "integers", extent, offset, size, signed, elementSize };
  return { name, kind: "bytes", extent, offset, size, signed: false, elementSize: 1 };
}

function extentOf(field: FormatField): Extent {
  if (field.dynamic) return field.relative ? "rel_loc" : "data_loc";
  return field.array && field.size === 0 ? "rest" : "fixed";
}

/** Undefined for a struct, and for sizes that no integer has. */
function scalarKind(type: string, size: number, shownAsPointer: boolean): FieldKind | undefined {
  if (type.includes("*")) return size === 8 ? "address" : undefined;
  if (size === 1 && /^(bool|_Bool)$/.test(type)) return "boolean";
  if (/^(struct|union)\b/.test(type)) return undefined;
  if (size === 8) return shownAsPointer ? "address" : "integer64";
  return size === 1 || size === 2 || size === 4 ? "number" : undefined;
}

/** Bytes of an array's element when it is an integer, else 0. */
function elementSizeOf(field: FormatField, type: string): number {
  if (OPAQUE.test(type) && !type.includes("*")) return 0;
  const told = field.count > 0 ? field.size / field.count : field.elementSize;
  const elementSize = type.includes("*") ? 8 : INTEGER_SIZES.get(type) ?? told;
  const fits = field.dynamic || field.size % elementSize === 0;
  return fits && [1, 2, 4, 8].includes(elementSize) ? elementSize : 0;
}

/** The typed array that `integers` of one size become. */
export function arrayTypeName(elementSize: number, signed: boolean): string {
  return `${elementSize === 8 ? "Big" : ""}${signed ? "Int" : "Uint"}${elementSize * 8}Array`;
}

/** The TypeScript type of a field, as templates and declarations write it. */
export function typeName({ kind, elementSize, signed }: FieldLayout): string {
  switch (kind) {
    case "address":
      return "bigint";
    case "integer64":
      return "number | bigint";
    case "integers":
      return arrayTypeName(elementSize, signed);
    case "bytes":
      return "Uint8Array";
    default:
      return kind;
  }
}
