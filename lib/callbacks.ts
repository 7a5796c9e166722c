/**
 * The callbacks of a module that are no event handlers, called under the eye of the watchdog; and what any callback throws or
 * rejects, reported. Owns whether an async `__interval__` is still at work. When one is due is not its business.
 *
 * @module
 */

import type { Handlers, LostInfo } from "./handlers.ts";
import { type Watch, WATCH_RUNNING, WATCH_YIELD } from "./watch.ts";

/** How long `__exit__` may take, ms. */
const EXIT_MS = 10_000;
/** How often a callback that is waited for tells the watchdog that the event loop turns, ms. */
const TURN_MS = 250;

/** Reports exceptions of callbacks. */
export interface Exceptions {
  report(callback: string, error: unknown): void;
}

/** What the callbacks need of the run around them. */
export interface CallbackParts {
  readonly handlers: Handlers;
  readonly exceptions: Exceptions;
  readonly watch: Watch;
  /** A callback wrote to a pipe that nobody reads. */
  brokenPipe(): void;
}

/** Calls a module's callbacks. */
export class Callbacks {
  readonly #parts: CallbackParts;
  /** The watchdog's ids of the callbacks. */
  readonly #watchIds: ReadonlyMap<string, number>;
  #intervalPending = false;

  constructor(parts: CallbackParts) {
    this.#parts = parts;
    const names = ["__init__", "__exit__", "__interval__", "__print_stat__", "__lost__"];
    this.#watchIds = new Map(names.map((name) => [name, parts.watch.name(name)]));
  }

  /** Calls `__init__` and waits for it. What it throws is the caller's. */
  async init(): Promise<void> {
    const { init } = this.#parts.handlers;
    if (init !== undefined) await this.#attend("__init__", () => init());
  }

  /** Calls `__exit__` and waits for it, but not for ever. */
  async exit(): Promise<void> {
    const { exit } = this.#parts.handlers;
    if (exit === undefined) return;
    try {
      const ended = await this.#attend("__exit__", () => exit(), EXIT_MS);
      if (!ended) this.threw("__exit__", new Error(`not done after ${EXIT_MS / 1000} s: not waited for any longer`));
    } catch (error) {
      this.threw("__exit__", error);
    }
  }

  /** Calls `__print_stat__`. */
  printStat(indent: number): void {
    const { printStat } = this.#parts.handlers;
    if (printStat !== undefined) this.#call("__print_stat__", () => printStat(indent));
  }

  /** Calls `__interval__`, unless an async one is still at work. */
  interval(): void {
    const { interval } = this.#parts.handlers;
    if (interval === undefined || this.#intervalPending) return;
    const pending = this.#call("__interval__", () => interval());
    if (pending === undefined) return;
    this.#intervalPending = true;
    pending.finally(() => this.#intervalPending = false);
  }

  /** Calls `__lost__`. */
  lost(start: number, end: number, info: LostInfo): void {
    const { lost } = this.#parts.handlers;
    if (lost !== undefined) this.#call("__lost__", () => lost(start, end, info));
  }

  /** Takes what a callback or handler threw. */
  threw(callback: string, error: unknown): void {
    // Whoever writes to a closed pipe by himself meets what the watch on stdout says a moment later.
    if (error instanceof Deno.errors.BrokenPipe) return this.#parts.brokenPipe();
    this.#parts.exceptions.report(callback, error);
  }

  /**
   * Takes what a callback or handler returned: a promise's rejection is treated like an exception.
   *
   * @returns Settles with the promise; undefined when it returned none
   */
  returned(callback: string, value: unknown): Promise<void> | undefined {
    if (!isThenable(value)) return undefined;
    return Promise.resolve(value).then(() => {}, (error: unknown) => this.threw(callback, error));
  }

  /** Calls a callback; reports what it throws. Returns a promise when it is still at work. */
  #call(name: string, callback: () => unknown): Promise<void> | undefined {
    try {
      return this.returned(name, this.#enter(name, callback));
    } catch (error) {
      this.threw(name, error);
      return undefined;
    }
  }

  /** Calls a callback under the eye of the watchdog. */
  #enter(name: string, callback: () => unknown): unknown {
    const { cells } = this.#parts.watch;
    const outer = cells[WATCH_RUNNING] ?? 0;
    cells[WATCH_RUNNING] = this.#watchIds.get(name) ?? 0;
    try {
      return callback();
    } finally {
      cells[WATCH_RUNNING] = outer;
    }
  }

  /**
   * Calls a callback and waits for what it returns; tells the watchdog meanwhile that the event loop turns, and for which callback.
   *
   * @returns False when it took longer than `mostMs`
   */
  async #attend(name: string, callback: () => unknown, mostMs?: number): Promise<boolean> {
    const { cells } = this.#parts.watch;
    const value = this.#enter(name, callback);
    cells[WATCH_RUNNING] = this.#watchIds.get(name) ?? 0;
    const turns = setInterval(() => cells[WATCH_YIELD] = 0, TURN_MS);
    let limit: ReturnType<typeof setTimeout> | undefined;
    try {
      const ended = Promise.resolve(value).then(() => true);
      if (mostMs === undefined) return await ended;
      return await Promise.race([ended, new Promise<boolean>((resolve) => limit = setTimeout(resolve, mostMs, false))]);
    } finally {
      cells[WATCH_RUNNING] = 0;
      clearInterval(turns);
      clearTimeout(limit);
    }
  }
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === "object" && value !== null && typeof (value as { then?: unknown }).then === "function";
}
