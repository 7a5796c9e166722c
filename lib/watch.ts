/**
 * The watchdog (native/watch.c) as lib/ knows it: a few cells of shared memory, through which a clock outside of JavaScript asks
 * for a turn of the event loop and sees which callback runs.
 *
 * @module
 */

/** Cells of the watchdog's memory (struct pp_watch of native/perfprof.h): 1 asks for a turn, 0 is its answer. */
export const WATCH_YIELD = 0;
/** The id of the callback that runs, 0: none. */
export const WATCH_RUNNING = 1;

/** The watchdog. */
export interface Watch {
  readonly cells: Int32Array;
  /** Names a callback; the result goes to cells[WATCH_RUNNING] while it runs. */
  name(callback: string): number;
  /** Starts or rests the requests for a turn of the event loop. */
  busy(on: boolean): void;
}
