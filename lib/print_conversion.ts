/**
 * The format string of a print format: texts and conversions, and the code of what a conversion makes of a value. Only what
 * libtraceevent and printf(3) agree about; print_values.ts has what the code calls.
 *
 * @module
 */

import { NotCompiled, type Value } from "./print_arithmetic.ts";

/** One conversion: `%-8s`. */
export interface Conversion {
  readonly left: boolean;
  readonly zeros: boolean;
  readonly prefixed: boolean;
  readonly width: number;
  readonly precision: number | undefined;
  /** Bits that are taken of a number. */
  readonly bits: number;
  readonly letter: string;
}

/** Widths of more than three digits are nobody's. */
const CONVERSION =
  /%(?<flags>[-#0]*)(?<width>\d{0,3})(?:\.(?<precision>\d+))?(?:(?<length>hh|h|ll|l|L|z|)(?<letter>[diuxXos])|(?<pointer>p[SsFf]?)(?!\w))/y;
const BITS: Readonly<Record<string, number>> = { hh: 8, h: 16, "": 32, l: 64, ll: 64, L: 64, z: 64 };

/** The format string as texts without escapes, and conversions. White space at its end is left out. */
export function pieces(format: string): (string | Conversion)[] {
  const pieces: (string | Conversion)[] = [];
  let text = "";
  for (let i = 0; i < format.length;) {
    const char = format[i]!;
    if (char === "%" && format[i + 1] !== "%") {
      const { conversion, end } = conversionAt(format, i);
      if (text !== "") pieces.push(text);
      pieces.push(conversion);
      text = "";
      i = end;
    } else if (char === "\\" || char === "%") {
      text += char === "%" ? char : unescaped(format[i + 1]);
      i += 2;
    } else {
      text += char;
      i++;
    }
  }
  text = text.trimEnd();
  return text === "" ? pieces : [...pieces, text];
}

/** As libtraceevent reads the escapes of a format string. */
function unescaped(char: string | undefined): string {
  if (char === undefined) throw new NotCompiled("\\");
  return { n: "\n", t: "\t", r: "\r" }[char] ?? char;
}

function conversionAt(format: string, start: number): { conversion: Conversion; end: number } {
  CONVERSION.lastIndex = start;
  const { flags = "", width = "", precision, length = "", letter, pointer } = CONVERSION.exec(format)?.groups ?? {};
  const converted = letter ?? pointer;
  if (converted === undefined) throw new NotCompiled(format.slice(start, start + 8));
  const conversion: Conversion = {
    left: flags.includes("-"),
    zeros: flags.includes("0") && !flags.includes("-"),
    prefixed: flags.includes("#"),
    width: Number(width),
    precision: precision === undefined ? undefined : Number(precision),
    bits: BITS[length]!,
    letter: converted,
  };
  return { conversion, end: CONVERSION.lastIndex };
}

/** The code that writes an integer's text. */
export function integer(value: Value, conversion: Conversion): string {
  const { letter, bits, prefixed, precision } = conversion;
  if (precision !== undefined || (prefixed && !"xp".includes(letter))) throw new NotCompiled(letter);
  switch (letter) {
    case "p": // whatever width stands there
      return `at = pointer(to, at, ${value.high}, ${value.low});`;
    case "d":
    case "i":
      if (bits === 64) return inWidth(`signed(to, at, ${value.high}, ${value.low})`, conversion);
      return inWidth(`signed32(to, at, (${value.low}) << ${32 - bits} >> ${32 - bits})`, conversion);
    case "u":
      if (bits === 64) return inWidth(`unsigned(to, at, ${value.high}, ${value.low})`, conversion);
      return inWidth(`unsigned32(to, at, ${lowBits(value, bits)})`, conversion);
    case "x":
    case "X": {
      const [high, low] = bits === 64 ? [value.high, value.low] : ["0", lowBits(value, bits)];
      const text = high === "0" && !prefixed
        ? `hex32(to, at, ${low})`
        : `${prefixed ? "hexPrefixed" : "hex"}(to, at, ${high}, ${low})`;
      return inWidth(letter === "X" ? `capitals(to, at, ${text})` : text, conversion);
    }
    default: // octal
      if (bits === 64) throw new NotCompiled("%lo");
      return inWidth(`ascii(to, at, ${lowBits(value, bits)}.toString(8))`, conversion);
  }
}

function lowBits({ low }: Value, bits: number): string {
  return bits === 32 ? `(${low})` : `(${low} & ${2 ** bits - 1})`;
}

function inWidth(text: string, { left, zeros, width }: Conversion): string {
  if (width === 0) return `at = ${text};`;
  return `at = ${zeros ? "zeroPadded" : left ? "onTheLeft" : "onTheRight"}(to, at, ${text}, ${width});`;
}

/** The code of a text in its width. */
export function paddedCode(code: string, { left, zeros, prefixed, width, precision }: Conversion): string {
  if (zeros || prefixed) throw new NotCompiled("%0s");
  const cut = precision === undefined ? code : `${code}.slice(0, ${precision})`;
  return width === 0 ? cut : `${cut}.${left ? "padEnd" : "padStart"}(${width})`;
}

/** The text in its width. */
export function padded(text: string, { left, zeros, prefixed, width, precision }: Conversion): string {
  if (zeros || prefixed) throw new NotCompiled("%0s");
  const cut = text.slice(0, precision);
  return left ? cut.padEnd(width) : cut.padStart(width);
}
