/**
 * What the results of handlers (histograms, counts, ...) share: they print themselves, are cleared, and say when events were lost
 * in their window. Knows nothing of a run: it is handed the running total of its losses.
 *
 * @module
 */

/** What is counted by: the values of fields. */
export type Key = string | number | bigint;

/** The lost events of a run. */
export interface LossTotal {
  /** So far; it only grows. */
  readonly total: number;
}

/** Something that handlers add to and print. Its window goes from where it was made, or last cleared, to now. */
export abstract class Result {
  readonly #losses: LossTotal;
  #lostBefore: number;
  #cleared = false;

  /** @param losses What it takes the losses of its window from */
  constructor(losses: LossTotal) {
    this.#losses = losses;
    this.#lostBefore = losses.total;
  }

  /** Events that were lost in its window, as far as the kernel has told: it does so with the CPU's next event, or at the end. */
  get lost(): number {
    return this.#losses.total - this.#lostBefore;
  }

  /** Forgets what was added, and starts a new window. */
  clear(): void {
    this.#lostBefore = this.#losses.total;
    this.#cleared = true;
    this.forget();
  }

  /** Writes it to stdout. */
  print(): void {
    console.log(this.toString());
  }

  /** What print() writes, without the last newline. The last line says what was lost, when anything was. */
  toString(): string {
    return [...this.lines(), ...this.#lossLine()].join("\n");
  }

  [Symbol.for("Deno.customInspect")](): string {
    return this.toString();
  }

  /** The result as text, one line at least. */
  protected abstract lines(): string[];

  /** Forgets what was added. */
  protected abstract forget(): void;

  #lossLine(): string[] {
    const { lost } = this;
    if (lost === 0) return [];
    return [`(lost ${lost} event${lost === 1 ? "" : "s"} ${this.#cleared ? "since the last clear" : "so far"})`];
  }
}

/**
 * How often something is added.
 *
 * @throws RangeError when it is no positive number
 */
export function checkCount(count: number): void {
  // Written so that NaN is refused as well.
  if (!(count > 0)) throw new RangeError(`Cannot add ${count} times: a positive number is expected`);
}
