/**
 * Values as the text of a print format: what the code of print_code.ts calls. 64-bit integers come as two halves, so that most of
 * them become text without a BigInt.
 *
 * @module
 */

const TWO_32 = 4294967296;

/** 0 to 4095 in hexadecimal, and the same as "000" to "fff" and "00" to "ff": toString(16) takes several times as long. */
const HEX = Array.from({ length: 4096 }, (_, i) => i.toString(16));
const THREE_HEX = HEX.map((text) => text.padStart(3, "0"));
const TWO_HEX = HEX.slice(0, 256).map((text) => text.padStart(2, "0"));

/** "000" to "999". */
export const THREE_DIGITS = Array.from({ length: 1000 }, (_, i) => String(i).padStart(3, "0"));
const BILLION = 1_000_000_000;

/** %llu. V8 is slow at numbers above 2^31 in base 10 as well, and slower at BigInts: they are divided by hand. */
export function unsigned(high: number, low: number): string {
  if (high === 0 && low < BILLION) return String(low);
  // Long division of 32 + 16 + 16 bits by a billion: each step is exact in a double.
  const middle = high % BILLION * 65536 + (low >>> 16);
  const last = middle % BILLION * 65536 + (low & 0xffff);
  const billions = Math.floor(high / BILLION) * TWO_32 + Math.floor(middle / BILLION) * 65536 + Math.floor(last / BILLION);
  const rest = last % BILLION;
  return String(billions) + THREE_DIGITS[Math.floor(rest / 1_000_000)]! + THREE_DIGITS[Math.floor(rest / 1000) % 1000]! +
    THREE_DIGITS[rest % 1000]!;
}

/** %lld */
export function signed(high: number, low: number): string {
  if (high < 0x80000000) return unsigned(high, low);
  return low === 0 ? `-${unsigned(-high >>> 0, 0)}` : `-${unsigned(~high >>> 0, -low >>> 0)}`;
}

/** %llx */
export function hex(high: number, low: number): string {
  if (high === 0) return hex32(low);
  return hex32(high) + (TWO_HEX[low >>> 24]! + THREE_HEX[low >>> 12 & 0xfff]! + THREE_HEX[low & 0xfff]!);
}

/** %x */
export function hex32(value: number): string {
  if (value < 0x1000) return HEX[value]!;
  if (value < 0x1000000) return HEX[value >>> 12]! + THREE_HEX[value & 0xfff]!;
  return HEX[value >>> 24]! + THREE_HEX[value >>> 12 & 0xfff]! + THREE_HEX[value & 0xfff]!;
}

/** %#llx */
export function hexPrefixed(high: number, low: number): string {
  return high === 0 && low === 0 ? "0" : `0x${hex(high, low)}`;
}

/** %p */
export function pointer(high: number, low: number): string {
  return high === 0 && low === 0 ? "(nil)" : `0x${hex(high, low)}`;
}

/** Zeros after the sign or the 0x, up to a width. */
export function zeroPadded(text: string, width: number): string {
  if (text.length >= width) return text;
  const prefix = text.startsWith("-") ? 1 : text.startsWith("0x") || text.startsWith("0X") ? 2 : 0;
  return text.slice(0, prefix) + text.slice(prefix).padStart(width - prefix, "0");
}

/** Is this text plain ASCII without control characters, but for tabs? Then its bytes are its characters, and a terminal may have it. */
export function isPlain(text: string): boolean {
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if ((code < 0x20 && code !== 0x09) || code > 0x7e) return false;
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
export function remembered(textOf: (value: bigint) => string): (high: number, low: number) => string {
  const texts = new Map<number | bigint, string>();
  return (high, low) => {
    const key = high === 0 ? low : BigInt(high) << 32n | BigInt(low);
    let text = texts.get(key);
    if (text === undefined) {
      if (texts.size >= REMEMBERED) texts.clear();
      texts.set(key, text = textOf(BigInt(key)));
    }
    return text;
  };
}
