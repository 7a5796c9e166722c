/**
 * The ticks of `-i`, in event time: which is due, and which comes next. Ticks lie at start + n * interval; missed ones coalesce.
 *
 * @module
 */

/** When `__interval__` is to be called. */
export class Ticks {
  /** Time of the next tick, ns; Infinity without an interval. */
  nextNs = Infinity;
  #startNs = 0;
  readonly #intervalNs: number;

  constructor(intervalMs: number | undefined) {
    this.#intervalNs = intervalMs === undefined ? Infinity : intervalMs * 1e6;
  }

  /** Counts from here. */
  start(timeNs: number): void {
    this.#startNs = timeNs;
    this.nextNs = timeNs + this.#intervalNs;
  }

  /** Goes on to the first tick that is not before `timeNs`. @returns The time of the last one before it, ns */
  pass(timeNs: number): number {
    const before = Math.round((this.nextNs - this.#startNs) / this.#intervalNs);
    const next = Math.max(before + 1, Math.ceil((timeNs - this.#startNs) / this.#intervalNs));
    this.nextNs = this.#startNs + next * this.#intervalNs;
    return this.nextNs - this.#intervalNs;
  }
}
