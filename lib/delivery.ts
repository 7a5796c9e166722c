/**
 * The hot path: reads batches from a source and walks their records to the handlers. Owns the place in the current batch, so that
 * a walk can be left (for the event loop, a tick, the end) and taken up again at the next record. It must not wait, print or
 * decode anything that no handler asked for.
 *
 * @module
 */

import { type AnalysedEvent, Analyses, type HandlerHooks } from "./analyses.ts";
import { Arena, type BatchMemory } from "./arena.ts";
import { DecodeError } from "./errors.ts";
import type { Left, Sink } from "./sink.ts";
import { EVENT_LOST, EVENT_UNKNOWN, PREFIX_SIZE, type Source } from "./source.ts";
import { WATCH_RUNNING, WATCH_YIELD } from "./watch.ts";

/** How the samples of one event reach a handler, or an analysis. */
export interface Route {
  /**
   * Makes the event object and calls the handler; `undefined`: nobody takes the event, or an analysis does. `at` is the record's header
   * in `view`.
   */
  readonly call: ((view: DataView, at: number) => unknown) | undefined;
  /** The handler gets the event and may keep it. */
  readonly takesEvent: boolean;
  /** The handler knows nothing of its event: of the samples the times are enough. */
  readonly brief?: boolean;
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
export interface DeliveryHooks extends HandlerHooks {
  /** A side-band record of event `event`. */
  sideband(view: DataView, at: number, size: number): void;
  lost(loss: Loss): void;
}

/** Where the samples go. */
export interface DeliveryParts {
  readonly source: Source;
  /** By event index. */
  readonly routes: readonly Route[];
  readonly analysed?: readonly AnalysedEvent[];
  /** Events that are handed over at most. */
  readonly handedMost?: number | undefined;
  /** Where batches are read to. It may move while a handler runs, which then sets WATCH_YIELD. */
  readonly memory?: BatchMemory | undefined;
  /** Takes samples before they come into a batch. */
  readonly sink?: Sink | undefined;
}

/** A route, and what its samples count for: 0 where an analysis takes them, whose events count by themselves. */
interface Way extends Route {
  readonly counts: 0 | 1;
}

/** Hands the records of a source to its routes. */
export class Delivery {
  /** Time of the event at which the last walk left with "time", ns. */
  nextNs = 0;
  readonly #source: Source;
  readonly #sink: Sink | undefined;
  readonly #ways: readonly Way[];
  readonly #analyses: Analyses;
  readonly #handedMost: number;
  readonly #hooks: DeliveryHooks;
  readonly #watch: Int32Array;
  readonly #memory: BatchMemory;
  /** Some handler may keep its events. */
  readonly #kept: boolean;
  #at = 0;
  #end = 0;
  /** Events handed over by the walk itself. */
  #called = 0;
  #newest = 0;
  /** Why the sink left the last read, until the walk has come to that place. */
  #sinkLeft: Left = "done";
  /** The event whose handler runs, for the report of an exception. */
  #event = 0;

  constructor(
    { source, routes, analysed = [], handedMost = Infinity, memory = new Arena(), sink }: DeliveryParts,
    hooks: DeliveryHooks,
    watch: Int32Array,
  ) {
    this.#source = source;
    this.#sink = sink;
    this.#memory = memory;
    this.#hooks = hooks;
    this.#watch = watch;
    this.#handedMost = handedMost;
    this.#analyses = new Analyses(analysed, hooks, () => this.handed < handedMost, watch);
    this.#ways = routes.map((route, index): Way => {
      const taker = this.#analyses.taker(index);
      if (taker !== undefined) return { ...route, call: taker, takesEvent: true, counts: 0 };
      if (!route.brief || source.setBrief === undefined) return { ...route, counts: 1 };
      source.setBrief(index);
      return { ...route, timeOffset: 0, counts: 1 };
    });
    this.#kept = this.#ways.some(({ takesEvent }) => takesEvent);
  }

  /** Events handed to handlers so far. */
  get handed(): number {
    return this.#calledHere + (this.#sink?.handed ?? 0);
  }

  /** Those that the walk or an analysis handed over. */
  get #calledHere(): number {
    return this.#called + this.#analyses.emitted;
  }

  /** As many as were wanted. */
  get isFull(): boolean {
    return this.handed >= this.#handedMost;
  }

  /** Tells the analyses of a tick; `last` at the end of the run. */
  tick(nowNs: number, last: boolean): void {
    this.#analyses.tick(nowNs, last);
  }

  /** True while records of the current batch have not been walked yet. */
  get unfinished(): boolean {
    return this.#at < this.#end;
  }

  /**
   * Reads the next batch; the one before must be finished.
   *
   * @param untilNs The sink hands over no event newer than this
   * @returns False when nothing may be delivered now
   */
  read(untilNs = Infinity): boolean {
    if (!this.#kept) this.#memory.rewind();
    this.#sink?.limit(untilNs, this.#handedMost - this.#calledHere);
    let bytes = this.#source.read(this.#memory.free(), this.#sink);
    if (bytes < 0) {
      this.#memory.grow(-bytes);
      bytes = this.#source.read(this.#memory.free(), this.#sink);
    }
    this.#sinkLeft = this.#sink?.left ?? "done";
    if (bytes <= 0) return this.#sinkLeft !== "done";
    this.#at = this.#memory.take(bytes);
    this.#end = this.#at + bytes;
    this.#newest = this.#source.state().batchNewestNs;
    return true;
  }

  /**
   * Passes over what is left of the current batch: no handler gets it, nor anything that the sink would take.
   *
   * @returns How many events of the batch would have been handed over
   */
  skip(): number {
    this.#sink?.passOver();
    let skipped = 0;
    while (this.unfinished) {
      const { view } = this.#memory;
      const size = view.getUint32(this.#at, true);
      const event = view.getUint16(this.#at + 4, true);
      const record = this.#at + PREFIX_SIZE;
      if (record + size > this.#end) throw new BadBatch(size, this.#end - record);
      this.#at = record + size;
      const way = this.#ways[event];
      if (way === undefined || way.timeOffset < 0) this.#special(view, record, size, event);
      else if (way.call !== undefined) skipped++;
    }
    return skipped;
  }

  /**
   * Walks the current batch.
   *
   * @param untilNs No event newer than this is handed over
   */
  walk(untilNs: number): Left {
    // Where the batch cannot reach a limit nothing is compared: the common case pays for neither. What an analysis makes of a batch
    // is not to be foreseen.
    const most = this.#analyses.isEmpty ? this.handed + (this.#end - this.#at) / PREFIX_SIZE : Infinity;
    const careful = this.#newest > untilNs || (this.#handedMost !== Infinity && most > this.#handedMost);
    for (;;) {
      try {
        const left = this.#walk(careful, untilNs);
        return left === "done" ? this.#leaveSink() : left;
      } catch (error) {
        if (error instanceof BadBatch) throw error;
        this.#hooks.threw(error, this.#event);
        if (this.#watch[WATCH_YIELD] !== 0) return "yield";
      } finally {
        this.#watch[WATCH_RUNNING] = 0;
      }
    }
  }

  /** At the end of the batch: what the sink has left for comes next. */
  #leaveSink(): Left {
    const left = this.#sinkLeft;
    this.#sinkLeft = "done";
    if (left === "time") this.nextNs = this.#sink!.nextNs;
    return left;
  }

  #walk(careful: boolean, untilNs: number): Left {
    const { view } = this.#memory;
    const ways = this.#ways;
    const watch = this.#watch;
    const end = this.#end;
    let at = this.#at;
    let called = this.#called;
    let running = -1;
    try {
      while (at < end) {
        const size = view.getUint32(at, true);
        const event = view.getUint16(at + 4, true);
        const record = at + PREFIX_SIZE;
        const next = record + size;
        if (next > end) throw new BadBatch(size, end - record);
        const way = ways[event];
        if (way === undefined || way.timeOffset < 0) {
          at = next;
          this.#special(view, record, size, event);
          // __lost__ may have moved the memory.
          if (watch[WATCH_YIELD] !== 0) return "yield";
          continue;
        }
        if (careful) {
          this.nextNs = timeAt(view, record + way.timeOffset);
          if (this.nextNs > untilNs) return "time";
          this.#called = called;
          if (way.call !== undefined && this.isFull) return "count";
        }
        at = next;
        if (way.call === undefined) continue;
        if (running !== event) {
          running = event;
          this.#event = event;
          watch[WATCH_RUNNING] = way.watchId;
        }
        called += way.counts;
        const value = way.call(view, record);
        if (value !== undefined) this.#hooks.returned(value, event);
        if (watch[WATCH_YIELD] !== 0) return "yield";
      }
      return "done";
    } finally {
      // Also where a handler threw: the walk goes on behind its record.
      this.#at = at;
      this.#called = called;
    }
  }

  #special(view: DataView, at: number, size: number, event: number): void {
    if (event !== EVENT_LOST) return this.#hooks.sideband(view, at, size);
    if (size < 32) throw new BadBatch(size, 32);
    const lostEvent = view.getUint32(at + 24, true);
    const loss: Loss = {
      start: timeAt(view, at),
      end: timeAt(view, at + 8),
      count: timeAt(view, at + 16),
      event: lostEvent === EVENT_UNKNOWN ? undefined : lostEvent,
      cpu: view.getUint32(at + 28, true),
    };
    this.#analyses.lost(loss);
    this.#hooks.lost(loss);
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
