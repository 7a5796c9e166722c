/**
 * Reports what callbacks throw: at once with the user's file, line and column, in a flood once per interval with a count, and at
 * the end in one line. Owns the counts. It writes through the function it is given and never throws.
 *
 * @module
 */

import { errorLines, headline, place, userFrames } from "./error_text.ts";

/** What the reporter is made with. */
export interface ExceptionOptions {
  /** Takes a line to print, without its end. */
  write(line: string): void;
  /** ms, of any clock that only goes forward. */
  now(): number;
  /** How often the same exception is printed at most, ms. */
  readonly everyMs: number;
}

/** How many exceptions of a callback are looked at in an interval: a stack costs 70 us, and a flood must not be slowed by its reports. */
const LOOKS_MAX = 100;

/** An exception that was printed, and those like it that were not since then. */
interface Repeat {
  text: string;
  printedMs: number;
  count: number;
}

/** What one callback threw. */
interface Thrower {
  readonly name: string;
  count: number;
  /** In the interval that began at `sinceMs`. */
  looks: number;
  sinceMs: number;
  /** By place: as many as there are places in the user's code. */
  readonly repeats: Map<string, Repeat>;
  last: Repeat | undefined;
}

/** The exceptions of a run's callbacks. */
export class Exceptions {
  readonly #options: ExceptionOptions;
  readonly #throwers = new Map<string, Thrower>();

  constructor(options: ExceptionOptions) {
    this.#options = options;
  }

  /** How many there were. */
  get total(): number {
    return this.#throwers.values().reduce((sum, { count }) => sum + count, 0);
  }

  /**
   * Takes an exception, or the reason of a rejected promise.
   *
   * @param callback Whose it is
   * @param thrown Anything
   */
  report(callback: string, thrown: unknown): void {
    const nowMs = this.#options.now();
    const thrower = this.#thrower(callback, nowMs);
    thrower.count++;
    if (nowMs - thrower.sinceMs >= this.#options.everyMs) {
      thrower.looks = 0;
      thrower.sinceMs = nowMs;
    }
    // Beyond that many it is taken for another of the last.
    const known = thrower.looks++ < LOOKS_MAX ? this.#look(thrower, thrown, nowMs) : thrower.last;
    if (known === undefined) return;
    known.count++;
    this.#print(thrower, known, nowMs);
  }

  /** Prints what has waited for its interval to end; to be called now and then, for floods that stop. */
  flush(): void {
    const nowMs = this.#options.now();
    for (const thrower of this.#throwers.values()) {
      for (const repeat of thrower.repeats.values()) this.#print(thrower, repeat, nowMs);
    }
  }

  /** The line for the end of a run, with all counts; undefined when nothing was thrown. */
  summary(): string | undefined {
    if (this.#throwers.size === 0) return undefined;
    const each = [...this.#throwers.values()].sort((a, b) => b.count - a.count).map(({ name, count }) => `${name} ${count}`);
    return `perfprof: ${this.total} exception${this.total === 1 ? "" : "s"}: ${each.join(", ")}`;
  }

  #thrower(name: string, nowMs: number): Thrower {
    const known = this.#throwers.get(name);
    if (known !== undefined) return known;
    const thrower = { name, count: 0, looks: 0, sinceMs: nowMs, repeats: new Map(), last: undefined };
    this.#throwers.set(name, thrower);
    return thrower;
  }

  /** Finds the ones like it that were printed before; the first of its kind is printed at once. */
  #look(thrower: Thrower, thrown: unknown, nowMs: number): Repeat | undefined {
    const [frame] = userFrames(thrown);
    const at = frame === undefined ? "" : ` at ${place(frame)}`;
    // Messages may differ each time ("no task 4711"): the place tells, and where there is none, the kind.
    const key = at || kindOf(thrown);
    const text = `${headline(thrown).split("\n", 1)[0]}${at}`;
    const known = thrower.repeats.get(key);
    thrower.last = known ?? { text, printedMs: nowMs, count: 0 };
    thrower.last.text = text;
    if (known !== undefined) return known;
    thrower.repeats.set(key, thrower.last);
    const [first, ...rest] = errorLines(thrown);
    for (const line of [`perfprof: ${thrower.name} threw ${first}`, ...rest]) this.#options.write(line);
    return undefined;
  }

  #print({ name }: Thrower, repeat: Repeat, nowMs: number): void {
    if (repeat.count === 0 || nowMs - repeat.printedMs < this.#options.everyMs) return;
    this.#options.write(`perfprof: ${name} threw again, ${times(repeat.count)}: ${repeat.text}`);
    repeat.printedMs = nowMs;
    repeat.count = 0;
  }
}

function times(count: number): string {
  return count === 1 ? "once" : `${count} times`;
}

function kindOf(thrown: unknown): string {
  return thrown instanceof Error ? headline(thrown).split(":", 1)[0]! : typeof thrown;
}
