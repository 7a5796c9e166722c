/**
 * A second opinion on formats and bytes: reads the format text of tracefs itself, without libtraceevent and without lib/, and says
 * what TypeScript value each field of a record must have. Written from the table of types in the handbook, in the slowest and
 * plainest way: by BigInt, a byte at a time.
 *
 * @module
 */

/** A `field:` line. */
export interface ReferenceField {
  readonly name: string;
  /** The C declaration without the name: `char[16]`, `__data_loc char[]`, `unsigned long`. */
  readonly type: string;
  readonly offset: number;
  readonly size: number;
  readonly signed: boolean;
  readonly common: boolean;
}

export interface ReferenceFormat {
  readonly id: number;
  readonly fields: readonly ReferenceField[];
  readonly printFormat: string;
}

/** Reads the text of a `format` file. */
export function parseFormat(text: string): ReferenceFormat {
  const line = /^\tfield:(.*?)(\w+)((?:\[[^;]*\])?);\toffset:(\d+);\tsize:(\d+);(?:\tsigned:(\d);)?$/gm;
  const fields = [...text.matchAll(line)].map(([, before, name, brackets, offset, size, signed]) => ({
    name: name!,
    type: before!.trim() + brackets!,
    offset: Number(offset),
    size: Number(size),
    signed: signed === "1",
    common: name!.startsWith("common_") && Number(offset) < 8,
  }));
  return { id: Number(/^ID: (\d+)$/m.exec(text)?.[1]), fields, printFormat: /^print fmt: (.*)$/m.exec(text)?.[1] ?? "" };
}

/** A field whose locator leads out of the record, or whose bytes are no whole number of elements. */
export const NO_VALUE = Symbol("no value");

/** The value of a field of `raw`, or NO_VALUE. */
export function fieldValue(format: ReferenceFormat, field: ReferenceField, raw: Uint8Array): unknown {
  const { type, signed } = field;
  const bytes = fieldBytes(field, raw);
  if (bytes === undefined) return NO_VALUE;
  const base = type.replace(/\b(?:__data_loc|__rel_loc|const|volatile)\b|\[.*\]/g, "").trim();
  if (!isArray(type)) return scalar(base, bytes, signed, isShownAsPointer(format, field.name));
  if (base === "char") return firstText(bytes);
  const element = elementSize(base, field);
  if (element === 0) return bytes;
  const whole = field.size === 0 ? bytes.subarray(0, bytes.length - bytes.length % element) : bytes;
  if (whole.length % element !== 0) return NO_VALUE;
  const values = Array.from(
    { length: whole.length / element },
    (_, i) => integer(whole.subarray(i * element), element, signed),
  );
  return typedArray(values, element, signed);
}

/** `name=value` of all but the common fields: what is printed for a print format that libtraceevent cannot evaluate. */
export function pairs({ fields }: ReferenceFormat, raw: Uint8Array): string {
  return fields.filter(({ common }) => !common).map((field) => `${field.name}=${pairValue(field, raw)}`).join(" ");
}

function pairValue(field: ReferenceField, raw: Uint8Array): string {
  const bytes = fieldBytes(field, raw);
  if (bytes === undefined) throw new RangeError(`${field.name} leads out of the record`);
  if (isArray(field.type) && /\bchar ?\[/.test(field.type) && !/signed char/.test(field.type)) return firstText(bytes);
  if (isArray(field.type) || ![1, 2, 4, 8].includes(bytes.length)) {
    return `ARRAY[${[...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join(", ")}]`;
  }
  if (field.type.includes("*")) return `0x${integer(bytes, bytes.length, false).toString(16)}`;
  return String(integer(bytes, bytes.length, field.signed));
}

function isArray(type: string): boolean {
  return /__data_loc|__rel_loc|\]$/.test(type);
}

/** The bytes of a value: at its place, where its locator says, or (an array of no size) up to the end. */
function fieldBytes({ type, offset, size }: ReferenceField, raw: Uint8Array): Uint8Array | undefined {
  if (!/__data_loc|__rel_loc/.test(type)) {
    if (isArray(type) && size === 0) return raw.slice(offset);
    return raw.slice(offset, offset + size);
  }
  const locator = Number(integer(raw.subarray(offset), 4, false));
  const start = locator % 65536 + (type.includes("__rel_loc") ? offset + 4 : 0);
  const end = start + Math.floor(locator / 65536);
  return end > raw.length ? undefined : raw.slice(start, end);
}

function integer(bytes: Uint8Array, size: number, signed: boolean): bigint {
  let value = 0n;
  for (let i = size - 1; i >= 0; i--) value = value * 256n + BigInt(bytes[i]!);
  return signed && value >= 1n << BigInt(size * 8 - 1) ? value - (1n << BigInt(size * 8)) : value;
}

function scalar(base: string, bytes: Uint8Array, signed: boolean, shownAsPointer: boolean): unknown {
  if (/^(?:struct|union) [^*]*$/.test(base) || ![1, 2, 4, 8].includes(bytes.length)) return bytes;
  if (base.endsWith("*") || (shownAsPointer && bytes.length === 8)) return integer(bytes, bytes.length, false);
  if (/^(?:bool|_Bool)$/.test(base) && bytes.length === 1) return bytes[0] !== 0;
  const value = integer(bytes, bytes.length, signed);
  return value > Number.MAX_SAFE_INTEGER || value < Number.MIN_SAFE_INTEGER ? value : Number(value);
}

function firstText(bytes: Uint8Array): string {
  const end = bytes.indexOf(0);
  return new TextDecoder("utf-8", { ignoreBOM: true }).decode(end < 0 ? bytes : bytes.subarray(0, end));
}

/** Bytes of an integer element, 0 for what is no array of integers. */
function elementSize(base: string, { type, size }: ReferenceField): number {
  if (base.endsWith("*")) return 8;
  if (/^(?:struct|union)\b|^(?:cpumask_t|sockaddr_t|bool|_Bool)$/.test(base)) return 0;
  const bits = /^_*[us](?:int)?(8|16|32|64)(?:_t)?$/.exec(base)?.[1];
  if (bits !== undefined) return Number(bits) / 8;
  if (/\bchar$/.test(base)) return 1;
  if (/\bshort$/.test(base)) return 2;
  if (/\blong$/.test(base)) return 8;
  if (/\bint$/.test(base)) return 4;
  const count = Number(/\[(\d+)\]$/.exec(type)?.[1]);
  return [1, 2, 4, 8].includes(size / count) ? size / count : 0;
}

function typedArray(values: bigint[], size: number, signed: boolean): unknown {
  const numbers = values.map(Number);
  switch (size) {
    case 1:
      return signed ? Int8Array.from(numbers) : Uint8Array.from(numbers);
    case 2:
      return signed ? Int16Array.from(numbers) : Uint16Array.from(numbers);
    case 4:
      return signed ? Int32Array.from(numbers) : Uint32Array.from(numbers);
    default:
      return signed ? BigInt64Array.from(values) : BigUint64Array.from(values);
  }
}

const pointers = new WeakMap<ReferenceFormat, ReadonlySet<string>>();

/** Does a `%p...` of the print format show it? */
function isShownAsPointer(format: ReferenceFormat, name: string): boolean {
  const known = pointers.get(format) ?? pointersOf(format.printFormat);
  pointers.set(format, known);
  return known.has(name);
}

/** Takes string literals and then bracketed parts out, from the innermost outwards, until the commas left are the arguments'. */
function pointersOf(printFormat: string): Set<string> {
  const taken: string[] = [];
  const take = (part: string) => `@${taken.push(part) - 1}@`;
  const bare = (text: string): string => text.replace(/@(\d+)@/g, (_, index) => bare(taken[Number(index)]!));
  let flat = printFormat.replace(/"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'/g, take);
  for (let before = ""; before !== flat;) [before, flat] = [flat, flat.replace(/[([{][^()[\]{}]*[)\]}]/g, take)];
  const [format = "", ...args] = flat.split(",").map(bare);
  const conversions = [...format.replaceAll("%%", "").matchAll(/%[-+ #0]*([\d.*]*)[hlLqjzt]*([a-zA-Z])/g)];
  const names = new Set<string>();
  for (const [, width, letter] of conversions) {
    args.splice(0, width!.split("*").length - 1);
    const shown = args.shift() ?? "";
    // Of a sum, as of mm_page_alloc's vmemmap_base + pfn, no part is an address for sure.
    if (letter !== "p" || shown.includes("+")) continue;
    for (const [, name] of shown.matchAll(/(?:REC->|__get_\w+\()(\w+)/g)) names.add(name!);
  }
  return names;
}
