/**
 * Arithmetic of print formats as JavaScript: values of 64 unsigned bits as code, in numbers where they fit and BigInts where they
 * may not. The rules are libtraceevent's (see print_expression.ts).
 *
 * @module
 */

const TWO_32 = 1n << 32n;
const TWO_53 = 1n << 53n;
const TWO_64 = 1n << 64n;

/** Thrown at what is not compiled: libtraceevent prints such a format. */
export class NotCompiled extends Error {
  override readonly name = "NotCompiled";
}

/** Code of an unsigned 64-bit value. It has no side effects, so that parts of it may appear twice. */
export interface Value {
  /** A number, or with `big` a bigint. */
  readonly code: string;
  readonly big: boolean;
  /** It is never greater. */
  readonly max: bigint;
  /** Its halves, as unsigned numbers. */
  readonly low: string;
  readonly high: string;
  /** Of a constant. */
  readonly constant?: bigint;
}

/** A written number. */
export function constant(value: bigint): Value {
  const big = value >= TWO_53;
  return {
    code: big ? `${value}n` : `${value}`,
    big,
    max: value,
    low: `${value & 0xffffffffn}`,
    high: `${value >> 32n}`,
    constant: value,
  };
}

/** A value that a number holds. */
export function number(code: string, max: bigint): Value {
  const fits = max < TWO_32;
  return { code, big: false, max, low: fits ? code : `(${code} >>> 0)`, high: fits ? "0" : `Math.floor(${code} / ${TWO_32})` };
}

/** @param low Its low half, where that is cheaper to compute than by way of the whole */
function bigValue(code: string, max = TWO_64 - 1n, low = `Number(BigInt.asUintN(32, ${code}))`): Value {
  return { code, big: true, max, low, high: `Number(${code} >> 32n)` };
}

/** 0 or 1. */
function truth(code: string): Value {
  return number(`(${code} ? 1 : 0)`, 1n);
}

function asBig({ code, big, constant }: Value): string {
  return constant !== undefined ? `${constant}n` : big ? code : `BigInt(${code})`;
}

/** Both operands are constant: most of what stands in a format. Undefined for an operator that need not be folded. */
function fold(op: string, a: bigint, b: bigint): bigint | undefined {
  switch (op) {
    case "+":
      return a + b;
    case "-":
      return a - b;
    case "*":
      return a * b;
    case "&":
      return a & b;
    case "|":
      return a | b;
    case "^":
      return a ^ b;
    case "~":
      return ~b;
    case "<<":
      return b < 64n ? a << b : undefined;
    case ">>":
      return b < 64n ? a >> b : undefined;
    default:
      return undefined;
  }
}

/**
 * An operator, which libtraceevent knows by these names; the left operand of a unary one is 0.
 *
 * @param written Is the right operand a number of the format's text?
 * @throws {NotCompiled}
 */
export function operate(op: string, a: Value, b: Value, written: boolean): Value {
  const folded = a.constant === undefined || b.constant === undefined ? undefined : fold(op, a.constant, b.constant);
  return folded === undefined ? binary(op, a, b, written) : constant(BigInt.asUintN(64, folded));
}

function binary(op: string, a: Value, b: Value, written: boolean): Value {
  switch (op) {
    case "!":
      return truth(`!${b.code}`);
    case "==":
    case "!=":
    case "<":
    case "<=":
    case ">":
    case ">=": // also between a number and a bigint
      return truth(`${a.code} ${op} ${b.code}`);
    case "&&":
    case "||":
      return truth(`(${a.code} ${op} ${b.code})`);
    case "&":
      return and(a, b);
    case "|":
    case "^":
      return or(op, a, b);
    case "~":
      return bigValue(`BigInt.asUintN(64, ~${asBig(b)})`, undefined, `(~${b.low} >>> 0)`);
    case "<<":
    case ">>":
      return shift(op, a, b);
    case "+":
    case "-":
    case "*":
      return arithmetic(op, a, b);
    case "/":
    case "%":
      return division(op, a, b, written);
    default:
      throw new NotCompiled(op);
  }
}

/** `condition ? a : b` */
export function choice(condition: Value, a: Value, b: Value): Value {
  const max = a.max > b.max ? a.max : b.max;
  const pick = (yes: string, no: string) => `(${condition.code} ? ${yes} : ${no})`;
  if (!a.big && !b.big) return number(pick(a.code, b.code), max);
  return {
    code: pick(asBig(a), asBig(b)),
    big: true,
    max,
    low: pick(a.low, b.low),
    high: pick(a.high, b.high),
  };
}

/** `a & b` */
export function and(a: Value, b: Value): Value {
  const max = a.max < b.max ? a.max : b.max;
  if (max < TWO_32) return number(`((${a.low} & ${b.low}) >>> 0)`, max);
  const code = `(${asBig(a)} & ${asBig(b)})`;
  return { code, big: true, max, low: `((${a.low} & ${b.low}) >>> 0)`, high: `((${a.high} & ${b.high}) >>> 0)` };
}

function or(op: string, a: Value, b: Value): Value {
  const low = `((${a.low} ${op} ${b.low}) >>> 0)`;
  if (a.max < TWO_32 && b.max < TWO_32) return number(low, TWO_32 - 1n);
  return { ...bigValue(`(${asBig(a)} ${op} ${asBig(b)})`, undefined, low), high: `((${a.high} ${op} ${b.high}) >>> 0)` };
}

/** By a constant only: what a shift by 64 or more gives is the processor's affair. */
function shift(op: string, a: Value, { constant: by }: Value): Value {
  if (by === undefined || by > 63n) throw new NotCompiled(op);
  if (op === "<<") {
    const max = a.max << by;
    if (!a.big && max < TWO_53) return number(`(${a.code} * ${1n << by})`, max);
    return bigValue(`BigInt.asUintN(64, ${asBig(a)} << ${by}n)`);
  }
  const max = a.max >> by;
  if (a.max < TWO_32) return by < 32n ? number(`(${a.code} >>> ${by})`, max) : constant(0n);
  if (by >= 32n) return number(`(${a.high} >>> ${by - 32n})`, max);
  return bigValue(`(${asBig(a)} >> ${by}n)`, max);
}

function arithmetic(op: "+" | "-" | "*", a: Value, b: Value): Value {
  if (!a.big && !b.big && op !== "-") {
    const max = op === "+" ? a.max + b.max : a.max * b.max;
    if (max < TWO_53) return number(`(${a.code} ${op} ${b.code})`, max);
  }
  const code = `BigInt.asUintN(64, ${asBig(a)} ${op} ${asBig(b)})`;
  return op === "*" ? bigValue(code) : bigValue(code, undefined, `((${a.low} ${op} ${b.low}) >>> 0)`);
}

/** By a written number only: the library looks at every other divisor before it prints (format_check.c). */
function division(op: string, a: Value, b: Value, written: boolean): Value {
  if (!written || b.constant === 0n) throw new NotCompiled(op);
  if (a.max >= TWO_32 || b.big) return bigValue(`(${asBig(a)} ${op} ${asBig(b)})`);
  return number(op === "/" ? `Math.floor(${a.code} / ${b.code})` : `(${a.code} % ${b.code})`, a.max);
}
