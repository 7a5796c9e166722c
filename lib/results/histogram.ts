/**
 * `perf_prof.hist()`: how often values fell into which range, printed as bars like those of bpftrace. Owns the counts and the
 * picture; where a value falls is the scale's affair.
 *
 * @module
 */

import { checkCount, type LossTotal, Result } from "./result.ts";
import { type LinearRange, linearScale, LOG2_SCALE, type Scale } from "./scale.ts";

/** Columns of a line. */
const LINE = 80;
const LABEL = 16;
const COUNT = 8;
/** The spaces and bars between label, count and picture. */
const BETWEEN = 4;

/** What `perf_prof.hist()` takes. */
export interface HistogramOptions {
  /** Of the values, for the heading: `"ns"`. Without one there is no heading. */
  readonly unit?: string;
  /** Ranges of the same size; without it they are powers of two. */
  readonly linear?: LinearRange;
}

/**
 * Counts values by range.
 *
 * @example
 * ```ts
 * const sizes = perf_prof.hist({ unit: "bytes" });
 *
 * export function kmem__kmalloc(event: { bytes_alloc: number | bigint }) {
 *   sizes.add(event.bytes_alloc);
 * }
 *
 * export function __interval__() {
 *   sizes.print();
 *   sizes.clear();
 * }
 * ```
 */
export class Histogram extends Result {
  readonly #unit: string | undefined;
  readonly #scale: Scale;
  readonly #counts: Float64Array;

  /** @throws RangeError when the linear ranges make no sense */
  constructor(losses: LossTotal, { unit, linear }: HistogramOptions = {}) {
    super(losses);
    this.#unit = unit;
    this.#scale = linear === undefined ? LOG2_SCALE : linearScale(linear);
    this.#counts = new Float64Array(this.#scale.size);
  }

  /**
   * Adds a value. With powers of two what is behind its point does not count.
   *
   * @param count How often
   * @throws TypeError when it is not a number
   */
  add(value: number | bigint, count = 1): void {
    if (count !== 1) checkCount(count);
    this.#counts[this.#scale.rangeOf(value)]! += count;
  }

  protected override forget(): void {
    this.#counts.fill(0);
  }

  /** From the first range that has values to the last. */
  protected override lines(): string[] {
    const first = this.#counts.findIndex((count) => count > 0);
    if (first < 0) return ["(no values)"];
    const last = this.#counts.findLastIndex((count) => count > 0);
    const counts = [...this.#counts.subarray(first, last + 1)];
    const labels = counts.map((_, index) => this.#scale.label(first + index));
    const labelWidth = Math.max(LABEL, ...labels.map(({ length }) => length));
    const countWidth = Math.max(COUNT, ...counts.map((count) => String(count).length));
    const line = (label: string, count: string | number) => `${label.padEnd(labelWidth)} ${String(count).padStart(countWidth)}`;
    const most = Math.max(...counts);
    const barWidth = LINE - BETWEEN - labelWidth - countWidth;
    const bars = counts.map((count) => "@".repeat(Math.floor(count / most * barWidth)).padEnd(barWidth));
    const rows = counts.map((count, index) => `${line(labels[index]!, count)} |${bars[index]}|`);
    return this.#unit === undefined ? rows : [line(this.#unit, "count"), ...rows];
  }
}
