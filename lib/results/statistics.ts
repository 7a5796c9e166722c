/**
 * `perf_prof.stats()`: count, mean, spread and percentiles of values, in bounded memory. The percentiles are those of a DDSketch
 * (@datadog/sketches-js), which is loaded, and on a machine's first use fetched, only for who asks for it.
 *
 * @module
 */

import type { LogCollapsingLowestDenseDDSketch } from "npm:@datadog/sketches-js@2.1.1";
import { requireOwnFiles } from "../own_files.ts";
import { checkCount, type LossTotal, Result } from "./result.ts";

/** In a variable: Deno fetches what an import() names literally at the start of every program. The same as above. */
const SKETCHES = "npm:@datadog/sketches-js@2.1.1";
/** How far a percentile may be off, as a part of it. */
const ACCURACY = 0.005;
/** 64 bits need 4,436 bins of this accuracy; a bin is a number. */
const MOST_BINS = 8192;
const SHOWN = [50, 90, 99];

type Sketch = LogCollapsingLowestDenseDDSketch;

/** What `perf_prof.stats()` takes. */
export interface StatisticsOptions {
  /** Of the values, printed behind them: `"µs"`. */
  readonly unit?: string;
}

/**
 * Makes statistics, and loads what they need.
 *
 * @throws Error when that is not at hand and cannot be fetched
 */
export async function makeStatistics(losses: LossTotal, { unit = "" }: StatisticsOptions = {}): Promise<Statistics> {
  requireOwnFiles("perf_prof.stats()");
  const { LogCollapsingLowestDenseDDSketch: Sketch }: typeof import("npm:@datadog/sketches-js@2.1.1") = await import(SKETCHES)
    .catch((cause) => {
      throw new Error(`Cannot load ${SKETCHES} for perf_prof.stats(); where there is a network: deno cache ${SKETCHES}`, {
        cause,
      });
    });
  return new Statistics(losses, unit, () => new Sketch({ relativeAccuracy: ACCURACY, binLimit: MOST_BINS }));
}

/**
 * Statistics of values: integers or fractions, negative ones too.
 *
 * @example
 * ```ts
 * const lengths = await perf_prof.stats({ unit: "bytes" });
 *
 * export function net__netif_receive_skb(event: { len: number }) {
 *   lengths.add(event.len);
 * }
 *
 * export function __interval__() {
 *   lengths.print();
 *   lengths.clear();
 * }
 * ```
 */
export class Statistics extends Result {
  readonly #unit: string;
  readonly #makeSketch: () => Sketch;
  #sketch: Sketch;
  #mean = 0;
  /** Sum of the squares of the distances from the mean. */
  #squares = 0;

  /** @param makeSketch Makes an empty one */
  constructor(losses: LossTotal, unit: string, makeSketch: () => Sketch) {
    super(losses);
    this.#unit = unit;
    this.#makeSketch = makeSketch;
    this.#sketch = makeSketch();
  }

  /**
   * Adds a value.
   *
   * @param count How often
   * @throws TypeError when it is not a finite number
   */
  add(given: number | bigint, count = 1): void {
    const value = typeof given === "number" ? given : Number(given);
    if (!Number.isFinite(value)) throw new TypeError(`Cannot add ${given}: a finite number or a bigint is expected`);
    if (count !== 1) checkCount(count);
    this.#sketch.accept(value, count);
    // Welford's way: the plain sum of squares loses the digits that matter.
    const distance = value - this.#mean;
    this.#mean += distance * count / this.#sketch.count;
    this.#squares += distance * count * (value - this.#mean);
  }

  /** How many values were added. */
  get count(): number {
    return this.#sketch.count;
  }

  /** The least value; NaN of none, as are all that follow. */
  get min(): number {
    return this.count === 0 ? NaN : this.#sketch.min;
  }

  get max(): number {
    return this.count === 0 ? NaN : this.#sketch.max;
  }

  get mean(): number {
    return this.count === 0 ? NaN : this.#mean;
  }

  /** The standard deviation of these very values (not an estimate for others that they are a sample of). */
  get stddev(): number {
    return Math.sqrt(this.#squares / this.count);
  }

  /**
   * The value that so many percent of all values are not above; at most 0.5 % off.
   *
   * @param percent 0 to 100
   * @throws RangeError when it is none
   */
  percentile(percent: number): number {
    if (!(percent >= 0 && percent <= 100)) throw new RangeError(`Cannot take percentile ${percent}: 0 to 100 is expected`);
    return Math.min(Math.max(this.#sketch.getValueAtQuantile(percent / 100), this.min), this.max);
  }

  protected override forget(): void {
    this.#sketch = this.#makeSketch();
    this.#mean = this.#squares = 0;
  }

  protected override lines(): string[] {
    const { count, min, mean, stddev, max } = this;
    if (count === 0) return ["(no values)"];
    const shown = SHOWN.map((percent) => [`p${percent}`, this.percentile(percent)] as const);
    const parts = [["min", min], ["mean", mean], ["stddev", stddev], ...shown, ["max", max]] as const;
    const text = parts.map(([name, value]) => `${name} ${shortNumber(value)}`).join("  ");
    return [`count ${count}  ${text} ${this.#unit}`.trimEnd()];
  }
}

/** Whole numbers as they are, others to four digits, but no digit before the point is dropped. */
function shortNumber(value: number): string {
  if (Number.isInteger(value)) return String(value);
  return String(Math.abs(value) >= 1000 ? Math.round(value) : Number(value.toPrecision(4)));
}
