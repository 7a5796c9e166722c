/**
 * The ranges of a histogram: powers of two, as of bpftrace's hist(), or ranges of the same size, as of its lhist(). Pure.
 *
 * @module
 */

/** Ranges of the same size. */
export interface LinearRange {
  /** Where the first range begins; what is less is counted by itself. */
  readonly min: number;
  /** Where the last range ends; this and what is greater is counted by itself. */
  readonly max: number;
  /** The size of a range. */
  readonly step: number;
}

/** Ranges with numbers. */
export interface Scale {
  /** How many ranges there are. */
  readonly size: number;
  /**
   * The range that a value falls into.
   *
   * @throws TypeError when it is not a number
   */
  rangeOf(value: number | bigint): number;
  /** Its bounds: `[` belongs to it, `)` does not. */
  label(range: number): string;
}

const MOST_LINEAR = 1000;
const UNITS = ["", "K", "M", "G", "T", "P", "E"];
/** Below 0, [0], [1], then [2^(n-2), 2^(n-1)) up to 64 bits, and what is beyond them. */
const LOG2_SIZE = 67;

/** Powers of two; every 64-bit value has its range. */
export const LOG2_SCALE: Scale = { size: LOG2_SIZE, rangeOf: log2Range, label: log2Label };

function log2Range(value: number | bigint): number {
  // Most values by far, and no division. clz32 drops what is behind the point.
  if (typeof value === "number" && value >= 0 && value < 2 ** 32) return 33 - Math.clz32(value);
  return wideLog2Range(value);
}

function wideLog2Range(value: number | bigint): number {
  if (value < 0) return 0;
  if (typeof value === "bigint") return bigLog2Range(value);
  if (!(value >= 0)) throw notANumber(value);
  return highRange(value / 2 ** 32);
}

function bigLog2Range(value: bigint): number {
  const range = log2Range(Number(value));
  // Above 53 bits Number() rounds, and up to a power of two it is the next range's.
  return range > 2 && value < 2 ** (range - 2) ? range - 1 : range;
}

/** The range of a value from its upper part, which is 1 at least. */
function highRange(high: number): number {
  return high < 2 ** 32 ? 65 - Math.clz32(high) : LOG2_SIZE - 1;
}

function log2Label(range: number): string {
  if (range === 0) return "(..., 0)";
  if (range <= 2) return `[${range - 1}]`;
  return `[${powerOfTwo(range - 2)}, ${range === LOG2_SIZE - 1 ? "..." : powerOfTwo(range - 1)})`;
}

function powerOfTwo(exponent: number): string {
  const unit = Math.min(Math.floor(exponent / 10), UNITS.length - 1);
  return `${2 ** (exponent - unit * 10)}${UNITS[unit]}`;
}

/**
 * Ranges of the same size, with one below and one above them. The last one ends at `max` even where it is smaller.
 *
 * @throws RangeError when they make no sense, or are more than 1000
 */
export function linearScale({ min, max, step }: LinearRange): Scale {
  const ranges = Math.ceil((max - min) / step);
  if (!(Number.isFinite(min) && Number.isFinite(max) && step > 0 && ranges >= 1 && ranges <= MOST_LINEAR)) {
    throw new RangeError(
      `Cannot make linear ranges of min ${min}, max ${max}, step ${step}: 1 to ${MOST_LINEAR} steps from min to max are expected`,
    );
  }
  // 3 * 0.1 is 0.3 to a reader.
  const bound = (index: number) => Number(Math.min(max, min + index * step).toPrecision(12));
  return {
    size: ranges + 2,
    rangeOf: (given) => {
      const value = typeof given === "number" ? given : Number(given);
      // From 0 to less than 1000: a cast to 32 bits is the fastest way to drop what is behind the point.
      if (value >= min && value < max) return Math.min((value - min) / step | 0, ranges - 1) + 1;
      if (Number.isNaN(value)) throw notANumber(given);
      return value < min ? 0 : ranges + 1;
    },
    label: (range) => {
      if (range === 0) return `(..., ${bound(0)})`;
      return range > ranges ? `[${bound(ranges)}, ...)` : `[${bound(range - 1)}, ${bound(range)})`;
    },
  };
}

function notANumber(value: unknown): TypeError {
  return new TypeError(`Cannot add ${value}: a number or a bigint is expected`);
}
