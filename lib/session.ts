/**
 * An open session of a program that imports the library: hands its events to a loop or to handlers, and closes without a trace. Owns the
 * place in the flow: who stops reading and reads on later misses nothing but what the rings could not hold.
 *
 * @module
 */

import { Delivery, type Loss } from "./delivery.ts";
import { nearest } from "./errors.ts";
import { leftOutLines } from "./event_pattern.ts";
import { Pace } from "./pace.ts";
import type { PerfEvent } from "./perf_event.ts";
import { routesOf } from "./routes.ts";
import { PENDING_MS, REST_MS, WAIT_MS } from "./run.ts";
import { type LostEvents, type SessionStats, sessionStats } from "./session_stats.ts";
import type { Machine } from "./machine.ts";
import type { Trace } from "./trace.ts";
import { WATCH_YIELD } from "./watch.ts";

/** What a session is made of. */
export interface SessionParts {
  readonly machine: Machine;
  /** Not enabled yet. */
  readonly trace: Trace;
  readonly notes: string[];
  readonly signal: AbortSignal | undefined;
  readonly onLost: ((lost: LostEvents) => void) | undefined;
  readonly hasProbes: boolean;
}

type Consumer = (event: unknown, name: string) => unknown;

/** Probes are removed all at once: when the last session that has some is closed. */
const withProbes = new Set<TraceSession>();

/** lib/mod.ts's Session, whose types say more. */
export class TraceSession implements AsyncDisposable {
  readonly #parts: SessionParts;
  readonly #trace: Trace;
  readonly #delivery: Delivery;
  readonly #pace = new Pace();
  readonly #stop = () => this.stop();
  /** Takes the events, while somebody reads. */
  #consumer: Consumer | undefined;
  /** Events of the last walk, for a loop; those before #next it has taken. */
  readonly #ready: unknown[] = [];
  #next = 0;
  #failure: { readonly error: unknown } | undefined;
  #waiting: Promise<number> | undefined;
  #flows = true;
  #stopping = false;
  #drained = false;
  #closing: Promise<void> | undefined;
  #lastStats: SessionStats | undefined;

  constructor(parts: SessionParts) {
    this.#parts = parts;
    const trace = this.#trace = parts.trace;
    if (parts.hasProbes) withProbes.add(this);
    const take = trace.events.map(({ spec }) =>
      [spec.handlerName, (event: unknown) => this.#take(event, spec.eventName)] as const
    );
    const hooks = {
      sideband: (view: DataView, at: number) => trace.sideband(view, at),
      lost: (loss: Loss) => this.#lost(loss),
      threw: (error: unknown) => this.#fail(error),
      returned: (value: unknown) => {
        if (value instanceof Promise) value.catch((error) => this.#fail(error));
      },
    };
    const routes = routesOf(trace.events, { byEvent: new Map(take) }, this.#pace);
    this.#delivery = new Delivery({ source: trace.source, ...routes }, hooks, this.#pace.cells);
    try {
      trace.source.enable();
      trace.enabled();
    } catch (error) {
      this.#release();
      throw error;
    }
    parts.signal?.addEventListener("abort", this.#stop);
  }

  /** What is to be known of these events: symbols that are hidden, events of a pattern that cannot be opened. */
  get notes(): readonly string[] {
    return [...this.#parts.notes, ...leftOutLines(this.#trace.leftOut, true)];
  }

  /** What became of the events so far; after close() what it was then. */
  get stats(): SessionStats {
    return this.#lastStats ?? sessionStats(this.#trace);
  }

  /** Hands the events over, one after the other. */
  async *[Symbol.asyncIterator](): AsyncGenerator<unknown, void, undefined> {
    this.#begin((event) => void this.#ready.push(event));
    try {
      do {
        while (this.#next < this.#ready.length) {
          if (this.#pace.isDue()) await this.#rest();
          if (this.#closing !== undefined) return;
          yield this.#ready[this.#next++];
        }
        this.#ready.length = this.#next = 0;
      } while (await this.#step());
    } finally {
      this.#consumer = undefined;
    }
  }

  /**
   * Calls handlers until the session ends.
   *
   * @param handlers By event name, or one for all
   * @returns Settles at the end
   * @throws {unknown} What a handler threw, or its promise was rejected with; the session is still open
   */
  async run(handlers: Readonly<Record<string, Consumer | undefined>> | Consumer): Promise<void> {
    const consumer: Consumer = typeof handlers === "function" ? handlers : this.#byName(handlers);
    this.#begin(consumer);
    try {
      // What a loop left.
      for (const event of this.#ready.splice(this.#next)) consumer(event, (event as PerfEvent)._event);
      while (await this.#step());
    } finally {
      this.#consumer = undefined;
    }
  }

  /** Ends the flow. What happened before is still handed over, and then loops and run() end. */
  stop(): void {
    this.#stopping = true;
    if (this.#waiting === undefined) this.#disable();
    else this.#trace.source.wake();
  }

  /** Ends everything at once: loops and run() end, and nothing of the session is left. Events that were kept stay as they are. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** @throws {TypeError} A name that no event has: its handler would never be called */
  #byName(handlers: Readonly<Record<string, Consumer | undefined>>): Consumer {
    const names = this.#trace.events.map(({ spec }) => spec.eventName);
    const wrong = Object.keys(handlers).find((name) => !names.includes(name));
    if (wrong === undefined) return (event, name) => handlers[name]?.(event, name);
    const [near] = nearest(wrong, names, 1);
    const guess = near === undefined ? `events are ${names.join(", ")}` : `did you mean '${near}'?`;
    throw new TypeError(`handle '${wrong}' failed: the session has no such event; ${guess}`);
  }

  #begin(consumer: Consumer): void {
    if (this.#consumer !== undefined) throw new TypeError("read a session failed: somebody else is reading it");
    this.#consumer = consumer;
  }

  #take(event: unknown, name: string): unknown {
    // A handler may have closed the session: the rest of the batch is nobody's.
    if (this.#closing !== undefined) return undefined;
    this.#pace.isDue();
    return this.#consumer?.(event, name);
  }

  #lost({ event, ...loss }: Loss): void {
    this.#parts.onLost?.({ ...loss, event: event === undefined ? undefined : this.#trace.names[event] });
  }

  /** What handlers throw comes out of run(), once the walk has left. */
  #fail(error: unknown): void {
    this.#failure ??= { error };
    this.#pace.cells[WATCH_YIELD] = 1;
    if (this.#closing === undefined) this.#trace.source.wake();
  }

  /** Hands over what there is, or waits for it. @returns False when all was handed over */
  async #step(): Promise<boolean> {
    if (this.#failure !== undefined) {
      const { error } = this.#failure;
      this.#failure = undefined;
      throw error;
    }
    if (this.#closing !== undefined || this.#drained) return false;
    if (this.#delivery.unfinished || this.#delivery.read()) {
      if (this.#delivery.walk(Infinity) === "yield" && this.#failure === undefined) await this.#rest();
    } else if (this.#flows) {
      await this.#waitForMore();
    } else {
      this.#drained = true;
      this.#delivery.tick(Number(this.#trace.source.clockPair().clockNs), true);
    }
    return true;
  }

  async #waitForMore(): Promise<void> {
    this.#trace.idle();
    const { pending, ended } = this.#trace.source.state();
    if (ended || this.#stopping) return this.#disable();
    await this.#wait(pending ? PENDING_MS : WAIT_MS, false);
  }

  /** Gives the event loop a turn. */
  async #rest(): Promise<void> {
    if (this.#closing === undefined) await this.#wait(REST_MS, true);
  }

  async #wait(ms: number, pause: boolean): Promise<void> {
    this.#waiting = this.#trace.source.wait(ms, pause);
    try {
      await this.#waiting;
    } finally {
      this.#waiting = undefined;
      this.#pace.rested();
    }
    if (this.#stopping) this.#disable();
  }

  #disable(): void {
    if (this.#flows && this.#closing === undefined) this.#trace.source.disable();
    this.#flows = false;
  }

  async #close(): Promise<void> {
    this.#trace.source.wake();
    // Another thread is in the session as long as it waits.
    await this.#waiting?.catch(() => {});
    this.#lastStats = sessionStats(this.#trace);
    this.#release();
  }

  #release(): void {
    this.#parts.signal?.removeEventListener("abort", this.#stop);
    this.#trace.source.close();
    if (withProbes.delete(this) && withProbes.size === 0) this.#parts.machine.probes.remove();
  }
}
