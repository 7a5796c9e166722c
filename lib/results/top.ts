/**
 * `perf_prof.top()`: the greatest of any number of keys, in bounded memory. Exact while there are few keys; then the smallest
 * counts are given up, and by how much all others may be too low from then on is known and printed.
 *
 * @module
 */

import { type Key, type LossTotal, Result } from "./result.ts";
import { alignRows } from "./table.ts";

/** Keys that are kept when there are too many. */
const KEPT = 4096;
/** Keys that are counted at once. */
const MOST_KEYS = 2 * KEPT;
const MOST_SHOWN = 1000;

/** One of the greatest. */
export interface TopEntry {
  readonly key: Key;
  /** At most Top.error too low, never too high. */
  readonly count: number;
  /** Of all that was added, 0 to 1. */
  readonly share: number;
}

/**
 * Counts by key, and shows the greatest.
 *
 * Exact for up to 8192 keys. With more it is the batched form of Misra and Gries' frequent items: `error` is at most 1/4097 of all
 * that was added, so that a key with a greater share is never missed.
 *
 * @example
 * ```ts
 * const woken = perf_prof.top(10);
 *
 * export function sched__sched_wakeup(event: { comm: string }) {
 *   woken.add(event.comm);
 * }
 *
 * export function __exit__() {
 *   woken.print();
 * }
 * ```
 */
export class Top extends Result {
  readonly #shown: number;
  readonly #counts = new Map<Key, number>();
  #total = 0;
  #error = 0;

  /**
   * @param shown How many it shows, 1 to 1000
   * @throws RangeError when that is no such number
   */
  constructor(losses: LossTotal, shown: number) {
    super(losses);
    if (!(Number.isInteger(shown) && shown >= 1 && shown <= MOST_SHOWN)) {
      throw new RangeError(`Cannot show the ${shown} greatest: a whole number from 1 to ${MOST_SHOWN} is expected`);
    }
    this.#shown = shown;
  }

  /** All that was added. */
  get total(): number {
    return this.#total;
  }

  /** By how much a count may be too low. */
  get error(): number {
    return this.#error;
  }

  /**
   * Adds to a key's count.
   *
   * @param by How much: a time, a size
   * @throws RangeError when it is negative, or no number
   */
  add(key: Key, by: number | bigint = 1): void {
    const amount = typeof by === "number" ? by : Number(by);
    if (!(amount >= 0)) throw new RangeError(`Cannot add ${by} to ${key}: a number that is not negative is expected`);
    this.#total += amount;
    this.#counts.set(key, (this.#counts.get(key) ?? 0) + amount);
    if (this.#counts.size > MOST_KEYS) this.#shrink();
  }

  /** The greatest, greatest first; equal ones in the order they came. */
  greatest(): TopEntry[] {
    const sorted = [...this.#counts].sort((a, b) => b[1] - a[1]).slice(0, this.#shown);
    return sorted.map(([key, count]) => ({ key, count, share: this.#total === 0 ? 0 : count / this.#total }));
  }

  /**
   * Takes the greatest count that is given up from every count. Each time that is taken from more than KEPT of them, so the sum
   * of what was taken from one (the error) is at most total / (KEPT + 1).
   */
  #shrink(): void {
    const sorted = Float64Array.from(this.#counts.values()).sort();
    const taken = sorted[sorted.length - 1 - KEPT]!;
    for (const [key, count] of this.#counts) {
      if (count <= taken) this.#counts.delete(key);
      else this.#counts.set(key, count - taken);
    }
    this.#error += taken;
  }

  protected override forget(): void {
    this.#counts.clear();
    this.#total = this.#error = 0;
  }

  protected override lines(): string[] {
    const greatest = this.greatest();
    if (greatest.length === 0) return ["(no keys)"];
    const rest = this.#total - greatest.reduce((sum, { count }) => sum + count, 0);
    const rows = greatest.map(({ key, count, share }) => [key, count, percent(share)]);
    if (rest > 0) rows.push(["(others)", rest, percent(rest / this.#total)]);
    const bound = `(more than ${MOST_KEYS} keys: each count may be up to ${this.#error} too low)`;
    return [...alignRows(rows), ...(this.#error > 0 ? [bound] : [])];
  }
}

function percent(share: number): string {
  return `${(share * 100).toFixed(1)}%`;
}
