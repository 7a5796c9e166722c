/**
 * Beginnings that wait for their ends: an entry for its exit, by thread, CPU or sector. Owns the rule of what a loss makes doubtful:
 * a pair that began before the end of the loss may be the beginning of one and the end of another.
 *
 * Bound: MAX_OPEN beginnings. Beyond that the oldest is given up.
 *
 * @module
 */

const MAX_OPEN = 65536;

/** Whatever else is kept of it: when it was, in ns. */
export interface Beginning {
  readonly timeNs: number;
}

/** Beginnings by their key. */
export class Pairs<Key, Begun extends Beginning> {
  /** Pairs that were given up. */
  doubtful = 0;
  readonly #open = new Map<Key, Begun>();
  #doubtUntilNs = -Infinity;

  /** A second beginning without an end takes the place of the first. */
  begin(key: Key, begun: Begun): void {
    const open = this.#open;
    if (open.size >= MAX_OPEN && !open.has(key)) {
      open.delete(open.keys().next().value!);
      this.doubtful++;
    }
    open.set(key, begun);
  }

  /** @returns What began it; undefined where nobody saw that, or a loss makes it doubtful */
  end(key: Key): Begun | undefined {
    const begun = this.#open.get(key);
    if (begun === undefined) return undefined;
    this.#open.delete(key);
    if (begun.timeNs >= this.#doubtUntilNs) return begun;
    this.doubtful++;
    return undefined;
  }

  /** Beginnings or ends up to `endNs` were lost. */
  lost(endNs: number): void {
    this.#doubtUntilNs = Math.max(this.#doubtUntilNs, endNs);
  }

  /** All that have no end yet, the oldest key first. */
  open(): Iterable<[Key, Begun]> {
    return this.#open;
  }
}
