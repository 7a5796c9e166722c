/**
 * When a session that belongs to somebody else's program gives way to the event loop: the watchdog's part (watch.ts) without the
 * watchdog, whose thread and signal handler are the command line's alone.
 *
 * @module
 */

import { type Watch, WATCH_YIELD } from "./watch.ts";

/** Longest work without a turn of the event loop, ms. */
const WORK_MS = 10;
/** Events between two looks at the clock. */
const LOOK_EVERY = 16;

/** Asks for turns by the clock. */
export class Pace implements Watch {
  readonly cells = new Int32Array(4);
  #untilMs = 0;
  #events = 0;

  name(): number {
    return 0;
  }

  busy(): void {}

  /** The event loop has turned. */
  rested(): void {
    this.#untilMs = performance.now() + WORK_MS;
    this.cells[WATCH_YIELD] = 0;
  }

  /** A turn is due: to be called for each event. */
  isDue(): boolean {
    if (++this.#events % LOOK_EVERY === 0 && performance.now() > this.#untilMs) this.cells[WATCH_YIELD] = 1;
    return this.cells[WATCH_YIELD] !== 0;
  }
}
