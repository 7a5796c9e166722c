/**
 * The hot path: reads batches from a source and walks their records to the handlers. Owns the place in the current batch, so that
 * a walk can be left (for the event loop, a tick, the end) and taken up again at the next record. It must not wait, print or
 * decode anything that no handler asked for.
 *
 * @module
 */

import { Arena } from "./arena.ts";
import { DecodeError } from "./errors.ts";
import { EVENT_LOST, EVENT_UNKNOWN, PREFIX_SIZE, type Source } from "./source.ts";
import { WATCH_RUNNING, WATCH_YIELD } from "./watch.ts";

/** How the samples of one event reach a handler. */
export interface Route {
  /** Makes the event object and calls the handler; `undefined`: nobody takes the event. `at` is the record's header in `view`. */
  readonly call: ((view: DataView, at: number) => unknown) | undefined;
  /** The handler gets the event and may keep it. */
  readonly takesEvent: boolean;
  /** Where the time sits in the event's samples, bytes from the record's header; -1: side-band records, which have none to offer. */
  readonly timeOffset: number;
  /** The watchdog's id of the handler, 0 without one. */
  readonly watchId: number;
}

/** Samples that the kernel lost. `event` is undefined where it cannot tell which event lost them. Times in ns. */
export interface Loss {
  readonly start: number;
  readonly end: number;
  readonly count: number;
  readonly cpu: number;
  readonly event: number | undefined;
}

/** What a delivery needs of the run around it. */
export interface DeliveryHooks {
  /** A side-band record of event `event`. */
  sideband(view: DataView, at: number, size: number): void;
  lost(loss: Loss): void;
  /** A handler threw. */
  threw(error: unknown, event: number): void;
  /** A handler returned something: a promise, perhaps. */
  returned(value: unknown, event: number): void;
}

/** Why a walk ended: its batch is done; the watchdog asks for a turn of the event loop; the next event is too new, or one too many. */
export type Left = "done" | "yield" | "time" | "count";

/** Hands the records of a source to its routes. */
export class Delivery {
  /** Events handed to handlers so far. */
  handed = 0;
  /** Time of the event at which the last walk left with "time", ns. */
  nextNs = 0;
  readonly #source: Source;
  readonly #routes: readonly Route[];
  readonly #hooks: DeliveryHooks;
  readonly #watch: Int32Array;
  readonly #arena = new Arena();
  /** Some handler may keep its events. */
  readonly #kept: boolean;
  #view = this.#arena.view;
  #at = 0;
  #end = 0;
  #newest = 0;
  /** The event whose handler runs, for the report of an exception. */
  #event = 0;

  constructor(source: Source, routes: readonly Route[], hooks: DeliveryHooks, watch: Int32Array) {
    this.#source = source;
    this.#routes = routes;
    this.#hooks = hooks;
    this.#watch = watch;
    this.#kept = routes.some(({ takesEvent }) => takesEvent);
  }

  /** True while records of the current batch have not been walked yet. */
  get unfinished(): boolean {
    return this.#at < this.#end;
  }

  /**
   * Reads the next batch; the one before must be finished.
   *
   * @returns False when nothing may be delivered now
   */
  read(): boolean {
    if (!this.#kept) this.#arena.rewind();
    let bytes = this.#source.read(this.#arena.free());
    if (bytes < 0) {
      this.#arena.grow(-bytes);
      bytes = this.#source.read(this.#arena.free());
    }
    if (bytes <= 0) return false;
    this.#view = this.#arena.view;
    this.#at = this.#arena.take(bytes);
    this.#end = this.#at + bytes;
    this.#newest = this.#source.state().batchNewestNs;
    return true;
  }

  /**
   * Passes over what is left of the current batch: no handler gets it.
   *
   * @returns How many events would have been handed over
   */
  skip(): number {
    let skipped = 0;
    while (this.unfinished) {
      const size = this.#view.getUint32(this.#at, true);
      const event = this.#view.getUint16(this.#at + 4, true);
      const record = this.#at + PREFIX_SIZE;
      if (record + size > this.#end) throw new BadBatch(size, this.#end - record);
      this.#at = record + size;
      const route = this.#routes[event];
      if (route === undefined || route.timeOffset < 0) this.#special(this.#view, record, size, event);
      else if (route.call !== undefined) skipped++;
    }
    return skipped;
  }

  /**
   * Walks the current batch.
   *
   * @param untilNs No event newer than this is handed over
   * @param handedMost Nor any once `handed` is this much
   */
  walk(untilNs: number, handedMost: number): Left {
    // Where the batch cannot reach a limit nothing is compared: the common case pays for neither.
    const careful = this.#newest > untilNs || this.handed + (this.#end - this.#at) / PREFIX_SIZE > handedMost;
    for (;;) {
      try {
        return this.#walk(careful, untilNs, handedMost);
      } catch (error) {
        if (error instanceof BadBatch) throw error;
        this.#hooks.threw(error, this.#event);
        if (this.#watch[WATCH_YIELD] !== 0) return "yield";
      } finally {
        this.#watch[WATCH_RUNNING] = 0;
      }
    }
  }

  #walk(careful: boolean, untilNs: number, handedMost: number): Left {
    const view = this.#view;
    const routes = this.#routes;
    const watch = this.#watch;
    const end = this.#end;
    let at = this.#at;
    let handed = this.handed;
    let running = -1;
    try {
      while (at < end) {
        const size = view.getUint32(at, true);
        const event = view.getUint16(at + 4, true);
        const record = at + PREFIX_SIZE;
        const next = record + size;
        if (next > end) throw new BadBatch(size, end - record);
        const route = routes[event];
        if (route === undefined || route.timeOffset < 0) {
          at = next;
          this.#special(view, record, size, event);
          continue;
        }
        if (careful) {
          this.nextNs = timeAt(view, record + route.timeOffset);
          if (this.nextNs > untilNs) return "time";
          if (route.call !== undefined && handed >= handedMost) return "count";
        }
        at = next;
        if (route.call === undefined) continue;
        if (running !== event) {
          running = event;
          this.#event = event;
          watch[WATCH_RUNNING] = route.watchId;
        }
        handed++;
        const value = route.call(view, record);
        if (value !== undefined) this.#hooks.returned(value, event);
        if (watch[WATCH_YIELD] !== 0) return "yield";
      }
      return "done";
    } finally {
      // Also where a handler threw: the walk goes on behind its record.
      this.#at = at;
      this.handed = handed;
    }
  }

  #special(view: DataView, at: number, size: number, event: number): void {
    if (event !== EVENT_LOST) return this.#hooks.sideband(view, at, size);
    if (size < 32) throw new BadBatch(size, 32);
    const lostEvent = view.getUint32(at + 24, true);
    this.#hooks.lost({
      start: timeAt(view, at),
      end: timeAt(view, at + 8),
      count: timeAt(view, at + 16),
      event: lostEvent === EVENT_UNKNOWN ? undefined : lostEvent,
      cpu: view.getUint32(at + 28, true),
    });
  }
}

/** A batch whose lengths contradict each other: a bug of the source, not of a script. */
class BadBatch extends DecodeError {
  constructor(size: number, room: number) {
    super(`a record of ${size} bytes in a batch with room for ${room}`);
  }
}

/** A u64 as a number: exact up to 2^53, which a time in ns is for 104 days. */
function timeAt(view: DataView, at: number): number {
  return view.getUint32(at, true) + view.getUint32(at + 4, true) * 0x1_0000_0000;
}
