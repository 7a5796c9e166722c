/**
 * Bytes of a record -> values: 64-bit integers, texts, arrays. The generated event classes call these.
 * Every function trusts that the fixed part of the record is inside the view (the event's constructor checked it), and checks by
 * itself what a locator says. Values never share memory with the record.
 *
 * @module
 */

import { DecodeError } from "./errors.ts";

const TWO_32 = 4294967296;
const UTF8 = new TextDecoder("utf-8", { ignoreBOM: true });

/** An unsigned 64-bit integer: a number when that is exact, else a bigint. Two 32-bit reads cost half of a BigInt one. */
export function unsigned64(view: DataView, at: number): number | bigint {
  const high = view.getUint32(at + 4, true);
  return high < 0x200000 ? high * TWO_32 + view.getUint32(at, true) : view.getBigUint64(at, true);
}

/** A signed 64-bit integer: a number when that is exact, else a bigint. */
export function signed64(view: DataView, at: number): number | bigint {
  const value = view.getInt32(at + 4, true) * TWO_32 + view.getUint32(at, true);
  return value >= Number.MIN_SAFE_INTEGER && value <= Number.MAX_SAFE_INTEGER ? value : view.getBigInt64(at, true);
}

/** A time in ns: a number always, exact up to 2^53 ns (104 days). */
export function time(view: DataView, at: number): number {
  return view.getUint32(at + 4, true) * TWO_32 + view.getUint32(at, true);
}

/** Up to the first NUL of `length` bytes; what is no UTF-8 becomes U+FFFD. */
export function text(view: DataView, at: number, length: number): string {
  let end = at;
  let bits = 0;
  for (; end < at + length; end++) {
    const byte = view.getUint8(end);
    if (byte === 0) break;
    bits |= byte;
  }
  // Short ASCII, which names are, is built faster than TextDecoder is called.
  if (bits > 0x7f || end - at > 24) return UTF8.decode(new Uint8Array(view.buffer, view.byteOffset + at, end - at));
  let ascii = "";
  for (let i = at; i < end; i++) ascii += String.fromCharCode(view.getUint8(i));
  return ascii;
}

/** Slots of the cache of char[16] texts: names of tasks, few of them and read again and again. A new text takes the slot. */
const SLOTS = 1024;
const slotBytes = new Int32Array(SLOTS * 4);
const slotTexts: string[] = new Array(SLOTS).fill("");

/** `text` of 16 bytes, remembered by those bytes. A slot starts as the empty text, which is what 16 zeros say. */
export function text16(view: DataView, at: number): string {
  const a = view.getInt32(at, true);
  const b = view.getInt32(at + 4, true);
  const c = view.getInt32(at + 8, true);
  const d = view.getInt32(at + 12, true);
  const mixed = Math.imul(a ^ Math.imul(b, 0x9e3779b1) ^ Math.imul(c, 0x85ebca6b) ^ Math.imul(d, 0xc2b2ae35), 0x27d4eb2f);
  const slot = mixed >>> 22;
  const key = slot * 4;
  if (slotBytes[key] === a && slotBytes[key + 1] === b && slotBytes[key + 2] === c && slotBytes[key + 3] === d) {
    return slotTexts[slot]!;
  }
  slotBytes[key] = a;
  slotBytes[key + 1] = b;
  slotBytes[key + 2] = c;
  slotBytes[key + 3] = d;
  return slotTexts[slot] = text(view, at, 16);
}

/** The typed arrays of integers. */
export type IntegerArray =
  | Int8Array
  | Uint8Array
  | Int16Array
  | Uint16Array
  | Int32Array
  | Uint32Array
  | BigInt64Array
  | BigUint64Array;
interface IntegerArrayType {
  readonly BYTES_PER_ELEMENT: number;
  new (buffer: ArrayBuffer, byteOffset?: number, length?: number): IntegerArray;
}

/** A copy of `length` bytes as integers. `label` names the field when they do not divide. */
export function integers(view: DataView, at: number, length: number, type: IntegerArrayType, label: string): IntegerArray {
  const elementSize = type.BYTES_PER_ELEMENT;
  if (length % elementSize !== 0) {
    throw new DecodeError(`${label}: ${length} bytes are no array of ${elementSize}-byte integers`);
  }
  if (length <= POOLED_MOST) {
    const start = pooledCopy(view, at, length);
    return new type(pool.buffer, start, length / elementSize);
  }
  const start = view.byteOffset + at;
  return new type(view.buffer.slice(start, start + length) as ArrayBuffer);
}

/**
 * Small copies are parts of one buffer, as those of Node's Buffer are: a typed array with a buffer of its own takes ten times as
 * long to make. No byte is written twice, and a copy that is kept pins POOL_SIZE bytes at most.
 */
const POOL_SIZE = 8192;
const POOLED_MOST = 256;
let pool: DataView<ArrayBuffer> = new DataView(new ArrayBuffer(POOL_SIZE));
let poolUsed = 0;

/** Copies into the pool; returns where, a multiple of 8. */
function pooledCopy(view: DataView, at: number, length: number): number {
  // A script may transfer an array's buffer to a worker: then it has no bytes any more, and a new pool begins.
  if (poolUsed + length > pool.buffer.byteLength) {
    pool = new DataView(new ArrayBuffer(POOL_SIZE));
    poolUsed = 0;
  }
  const start = poolUsed;
  poolUsed += (length + 7) & ~7;
  let i = 0;
  for (; i + 8 <= length; i += 8) pool.setBigUint64(start + i, view.getBigUint64(at + i, true), true);
  for (; i < length; i++) pool.setUint8(start + i, view.getUint8(at + i));
  return start;
}

/**
 * Where a dynamic value lies: its locator is a u32 of (length << 16 | offset), counted from the raw data's start, or with
 * `__rel_loc` from the locator's end (include/trace/stages/stage1_struct_define.h).
 *
 * @param raw Of the raw data in the view; its u32 size is before it
 * @param base What the locator's offset counts from, relative to `raw`
 * @returns Offset in the view; the length is `dynamicLength`'s
 * @throws DecodeError when the value would leave the raw data
 */
export function dynamicStart(view: DataView, raw: number, locator: number, base: number, label: string): number {
  const word = view.getUint32(raw + locator, true);
  const start = base + (word & 0xffff);
  const end = start + (word >>> 16);
  const size = view.getUint32(raw - 4, true);
  if (end > size) throw new DecodeError(`${label}: bytes ${start} to ${end} are outside of the ${size} bytes of raw data`);
  return raw + start;
}

/** Bytes of a dynamic value. */
export function dynamicLength(view: DataView, raw: number, locator: number): number {
  return view.getUint16(raw + locator + 2, true);
}
