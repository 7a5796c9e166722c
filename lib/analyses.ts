/**
 * The analysing profilers of a run: their samples, losses and ticks go to them, and what they emit goes to handlers as an event of a
 * tracepoint would. Owns the count of what was emitted, and its limit. It reads no samples.
 *
 * @module
 */

import type { Loss } from "./delivery.ts";
import type { Analysis } from "./profilers/profiler.ts";
import { WATCH_RUNNING } from "./watch.ts";

/** An analysis whose events a handler takes. */
export interface AnalysedEvent {
  readonly analysis: Analysis;
  readonly handler: (event: unknown) => unknown;
  /** The watchdog's id of the handler. */
  readonly watchId: number;
  /** The source's indices of its kernel events, in the order of its plan. */
  readonly indices: readonly number[];
}

/** What handlers' ends are reported to: by an index of the source's events. */
export interface HandlerHooks {
  /** A handler threw. */
  threw(error: unknown, event: number): void;
  /** A handler returned something: a promise, perhaps. */
  returned(value: unknown, event: number): void;
}

/** The analyses of a run. */
export class Analyses {
  /** Events handed to handlers so far. */
  emitted = 0;
  readonly #events: readonly AnalysedEvent[];
  readonly #emits: readonly ((event: object) => void)[];
  readonly #hooks: HandlerHooks;
  readonly #mayEmit: () => boolean;
  readonly #watch: Int32Array;

  /**
   * @param mayEmit False once enough events were handed over
   * @param watch Its cells
   */
  constructor(events: readonly AnalysedEvent[], hooks: HandlerHooks, mayEmit: () => boolean, watch: Int32Array) {
    this.#events = events;
    this.#hooks = hooks;
    this.#mayEmit = mayEmit;
    this.#watch = watch;
    this.#emits = events.map((event) => (made) => this.#emit(event, made));
  }

  /** There are none. */
  get isEmpty(): boolean {
    return this.#events.length === 0;
  }

  /** What takes the samples of the source's event `index`; undefined when no analysis does. */
  taker(index: number): ((view: DataView, at: number) => void) | undefined {
    const which = this.#events.findIndex(({ indices }) => indices.includes(index));
    const event = this.#events[which];
    if (event === undefined) return undefined;
    const { analysis, indices } = event;
    const part = indices.indexOf(index);
    const emit = this.#emits[which]!;
    return (view, at) => analysis.take(part, view, at, emit);
  }

  /** Tells of a loss: where nobody knows which event's samples were lost, all. */
  lost({ event, cpu, start, end }: Loss): void {
    for (const { analysis, indices } of this.#events) {
      indices.forEach((index, part) => {
        if (event === undefined || event === index) analysis.lost(part, cpu, start, end);
      });
    }
  }

  /** @param last At the end of the run */
  tick(nowNs: number, last: boolean): void {
    this.#events.forEach(({ analysis, indices }, i) => {
      try {
        analysis.tick?.(nowNs, last, this.#emits[i]!);
      } catch (error) {
        this.#hooks.threw(error, indices[0]!);
      }
    });
  }

  /** What a handler throws is reported here: it must not end an analysis in the middle of its work. */
  #emit({ handler, watchId, indices }: AnalysedEvent, event: object): void {
    if (!this.#mayEmit()) return;
    const watch = this.#watch;
    const outer = watch[WATCH_RUNNING] ?? 0;
    watch[WATCH_RUNNING] = watchId;
    this.emitted++;
    try {
      const value = handler(event);
      if (value !== undefined) this.#hooks.returned(value, indices[0]!);
    } catch (error) {
      this.#hooks.threw(error, indices[0]!);
    } finally {
      watch[WATCH_RUNNING] = outer;
    }
  }
}
