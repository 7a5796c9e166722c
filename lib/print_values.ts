/**
 * Values as the text of a print format: what the code of print_code.ts calls. Each writer writes `to` from `at` on, where there is
 * room, and returns where its text ends. 64-bit integers come as two halves, so that most of them become text without a BigInt.
 *
 * @module
 */

import { type FixedText, fixedText } from "./text_bytes.ts";

const TWO_32 = 4294967296;
const BILLION = 1_000_000_000;

/** Room that any number needs, without padding. */
export const NUMBER_MOST = 24;

const TAB = 0x09, SPACE = 0x20, MINUS = 0x2d, ZERO = 0x30, SMALL_A = 0x61, SMALL_X = 0x78;

/** Pairs of characters, the first in the low byte: "00" to "99", and "00" to "ff". */
const TWO_DIGITS = Uint16Array.from({ length: 100 }, (_, i) => pairOf(String(i)));
const TWO_HEX = Uint16Array.from({ length: 256 }, (_, i) => pairOf(i.toString(16)));

function pairOf(digits: string): number {
  const two = digits.padStart(2, "0");
  return two.charCodeAt(0) | two.charCodeAt(1) << 8;
}

/** %u */
export function unsigned32(to: DataView, at: number, value: number): number {
  const end = at + (value < 10 ? 1 : decimals(value));
  for (at = end; value >= 10;) {
    const hundreds = value / 100 >>> 0;
    to.setUint16(at -= 2, TWO_DIGITS[value - 100 * hundreds]!, true);
    if (value < 100) return end;
    value = hundreds;
  }
  to.setUint8(at - 1, ZERO + value);
  return end;
}

function decimals(value: number): number {
  if (value < 100_000) return value < 100 ? 2 : value < 1000 ? 3 : value < 10_000 ? 4 : 5;
  return value < 1_000_000 ? 6 : value < 10_000_000 ? 7 : value < 100_000_000 ? 8 : value < BILLION ? 9 : 10;
}

/** %d */
export function signed32(to: DataView, at: number, value: number): number {
  if (value >= 0) return unsigned32(to, at, value);
  to.setUint8(at, MINUS);
  return unsigned32(to, at + 1, -value);
}

/** 0 to 999,999 in six digits. */
export function sixDigits(to: DataView, at: number, value: number): number {
  const hundreds = value / 100 >>> 0;
  const tens = hundreds / 100 >>> 0;
  to.setUint16(at, TWO_DIGITS[tens]!, true);
  to.setUint16(at + 2, TWO_DIGITS[hundreds - 100 * tens]!, true);
  to.setUint16(at + 4, TWO_DIGITS[value - 100 * hundreds]!, true);
  return at + 6;
}

/** 0 to 999,999,999 in nine digits. */
function nineDigits(to: DataView, at: number, value: number): number {
  const millions = value / 1_000_000 >>> 0;
  to.setUint8(at, ZERO + (millions / 100 >>> 0));
  to.setUint16(at + 1, TWO_DIGITS[millions % 100]!, true);
  return sixDigits(to, at + 3, value - 1_000_000 * millions);
}

/** %llu, without a BigInt. */
export function unsigned(to: DataView, at: number, high: number, low: number): number {
  if (high === 0) return unsigned32(to, at, low);
  // Long division of 32 + 16 + 16 bits by a billion: each step is exact in a double.
  const middle = high % BILLION * 65536 + (low >>> 16);
  const last = middle % BILLION * 65536 + (low & 0xffff);
  const billions = Math.floor(high / BILLION) * TWO_32 + Math.floor(middle / BILLION) * 65536 + Math.floor(last / BILLION);
  if (billions < BILLION) return nineDigits(to, unsigned32(to, at, billions), last % BILLION);
  at = unsigned32(to, at, Math.floor(billions / BILLION));
  return nineDigits(to, nineDigits(to, at, billions % BILLION), last % BILLION);
}

/** %lld */
export function signed(to: DataView, at: number, high: number, low: number): number {
  if (high < 0x80000000) return unsigned(to, at, high, low);
  to.setUint8(at++, MINUS);
  return low === 0 ? unsigned(to, at, -high >>> 0, 0) : unsigned(to, at, ~high >>> 0, -low >>> 0);
}

/** %x */
export function hex32(to: DataView, at: number, value: number): number {
  const end = at + (value === 0 ? 1 : 35 - Math.clz32(value) >> 2);
  let i = end;
  for (; i - at > 1; value >>>= 8) to.setUint16(i -= 2, TWO_HEX[value & 0xff]!, true);
  if (i > at) to.setUint8(at, TWO_HEX[value & 0xf]! >> 8);
  return end;
}

/** Eight digits. */
function hexWord(to: DataView, at: number, value: number): number {
  to.setUint16(at, TWO_HEX[value >>> 24]!, true);
  to.setUint16(at + 2, TWO_HEX[value >>> 16 & 0xff]!, true);
  to.setUint16(at + 4, TWO_HEX[value >>> 8 & 0xff]!, true);
  to.setUint16(at + 6, TWO_HEX[value & 0xff]!, true);
  return at + 8;
}

/** %llx */
export function hex(to: DataView, at: number, high: number, low: number): number {
  return high === 0 ? hex32(to, at, low) : hexWord(to, hex32(to, at, high), low);
}

/** %#llx */
export function hexPrefixed(to: DataView, at: number, high: number, low: number): number {
  if (high !== 0 || low !== 0) {
    to.setUint8(at++, ZERO);
    to.setUint8(at++, SMALL_X);
  }
  return hex(to, at, high, low);
}

/** %p */
export function pointer(to: DataView, at: number, high: number, low: number): number {
  return high === 0 && low === 0 ? ascii(to, at, "(nil)") : hexPrefixed(to, at, high, low);
}

/** Plain ASCII. */
export function ascii(to: DataView, at: number, text: string): number {
  for (let i = 0; i < text.length; i++) to.setUint8(at++, text.charCodeAt(i));
  return at;
}

/** Spaces before what lies from `begin` to `at`, up to a width. */
export function onTheRight(to: DataView, begin: number, at: number, width: number): number {
  return filled(to, begin, at, begin + width, SPACE);
}

/** Spaces behind it. */
export function onTheLeft(to: DataView, begin: number, at: number, width: number): number {
  while (at - begin < width) to.setUint8(at++, SPACE);
  return at;
}

/** Zeros behind its sign or its 0x. */
export function zeroPadded(to: DataView, begin: number, at: number, width: number): number {
  const prefix = to.getUint8(begin) === MINUS ? 1 : at - begin > 2 && (to.getUint8(begin + 1) | 0x20) === SMALL_X ? 2 : 0;
  return filled(to, begin + prefix, at, begin + width, ZERO);
}

/** Moves what lies from `begin` to `at` so that it ends at `end`, and fills the place before it. */
function filled(to: DataView, begin: number, at: number, end: number, fill: number): number {
  if (at >= end) return at;
  let i = end;
  while (at > begin) to.setUint8(--i, to.getUint8(--at));
  while (i > begin) to.setUint8(--i, fill);
  return end;
}

/** Turns its letters into capitals. */
export function capitals(to: DataView, begin: number, at: number): number {
  for (let i = begin; i < at; i++) {
    const char = to.getUint8(i);
    if (char >= SMALL_A) to.setUint8(i, char - 0x20);
  }
  return at;
}

/** Where it ends without the white space at its end. */
export function trimmed(to: DataView, begin: number, at: number): number {
  while (at > begin && (to.getUint8(at - 1) === SPACE || to.getUint8(at - 1) === TAB)) at--;
  return at;
}

/** Is this text plain ASCII without control characters, but for tabs? Then its bytes are its characters, and a terminal may have it. */
export function isPlain(text: string): boolean {
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if ((code < 0x20 && code !== TAB) || code > 0x7e) return false;
  }
  return true;
}

/** A value and its name, both as they are printed. */
export interface NameOfValue {
  readonly value: bigint;
  readonly name: string;
}

/** __print_symbolic: the first of the value's names. */
export function symbolText(value: bigint, names: readonly NameOfValue[]): string {
  const found = names.find((entry) => entry.value === value);
  return found?.name ?? `0x${value.toString(16)}`;
}

/** __print_flags, as libtraceevent does it: it takes bits away as it names them, and what has no name follows as a number. */
export function flagsText(value: bigint, names: readonly NameOfValue[], delimiter: string): string {
  let text = "";
  let separator = "";
  for (const { value: flag, name } of names) {
    const isNegative = flag >> 63n === 1n;
    if (value === 0n && isNegative) return text + name;
    if (flag === 0n || isNegative || (value & flag) !== flag) continue;
    text += separator + name;
    separator = delimiter;
    value &= ~flag;
  }
  return value === 0n ? text : `${text}${separator}0x${value.toString(16)}`;
}

/** Texts that are remembered of one argument: few values come again and again. */
const REMEMBERED = 1024;

/** Remembers what `textOf` gave. */
export function remembered(textOf: (value: bigint) => string): (high: number, low: number) => FixedText {
  const texts = new Map<number | bigint, FixedText>();
  return (high, low) => {
    const key = high === 0 ? low : BigInt(high) << 32n | BigInt(low);
    let text = texts.get(key);
    if (text === undefined) {
      if (texts.size >= REMEMBERED) texts.clear();
      texts.set(key, text = fixedText(textOf(BigInt(key))));
    }
    return text;
  };
}
