/**
 * Numbers that look random and are the same in every run: a test that fails, fails again.
 *
 * @module
 */

/** A generator, xorshift32. */
export class Random {
  #state: number;

  /** @param seed Not 0 */
  constructor(seed: number) {
    this.#state = seed;
  }

  /** An integer of 0 to `below` - 1. */
  below(below: number): number {
    this.#state ^= this.#state << 13;
    this.#state ^= this.#state >>> 17;
    this.#state ^= this.#state << 5;
    return (this.#state >>> 0) % below;
  }

  bytes(length: number): Uint8Array<ArrayBuffer> {
    return Uint8Array.from({ length }, () => this.below(256));
  }
}
