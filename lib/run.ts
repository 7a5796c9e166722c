/**
 * A run: enable, deliver, stop, drain. Owns the loop between a source and the handlers of a module, the ticks of `-i` and the end.
 * It must never keep the event loop waiting: signals, timers and promises of the script are served while events flow.
 *
 * @module
 */

import type { AnalysedEvent } from "./analyses.ts";
import type { BatchMemory } from "./arena.ts";
import { Callbacks, type Exceptions } from "./callbacks.ts";
import { Delivery, type DeliveryHooks, type Loss, type Route } from "./delivery.ts";
import type { Handlers } from "./handlers.ts";
import type { Left, Sink } from "./sink.ts";
import { type Source, WAIT_ENDED, WAIT_STDOUT, WAIT_WOKEN } from "./source.ts";
import { Ticks } from "./ticks.ts";
import { type Watch, WATCH_YIELD } from "./watch.ts";

/** Longest wait, ms: for what is to be said now and then. A record ends it within 40 ms (native/wait.c). */
export const WAIT_MS = 1000;
/** Wait when records are held back, ms: each is delivered within 100 ms. */
export const PENDING_MS = 50;
/** The same where every event wakes (--watermark 0), ms: a little more than the hold-back itself. */
const PROMPT_MS = 6;
/** Rest for the event loop in a flood, ms: awaiting a microtask would starve timers and signals. */
export const REST_MS = 1;
/** How long the event loop may stand where nobody but signals needs it, ms. */
const TURN_MS = 250;
/** How long handlers may take, after a signal, for what came before it, ms. */
const DRAIN_MS = 3000;

/** What a run is made of. */
export interface RunParts {
  readonly source: Source;
  /** By event index. */
  readonly routes: readonly Route[];
  /** Of analysing profilers: they take the samples of their kernel events, whatever the routes of those say. */
  readonly analysed?: readonly AnalysedEvent[];
  /** Names by event index. */
  readonly eventNames: readonly string[];
  /** Names of the handlers by event index, for reports. */
  readonly handlerNames: readonly string[];
  readonly handlers: Handlers;
  readonly exceptions: Exceptions;
  readonly watch: Watch;
  readonly intervalMs?: number | undefined;
  readonly exitN?: number | undefined;
  /** Every event wakes the run: it is wanted at once. */
  readonly prompt?: boolean;
  /** Where batches are read to; undefined: to memory of the walk's own. */
  readonly memory?: BatchMemory | undefined;
  /** Takes samples before they come into a batch. */
  readonly sink?: Sink | undefined;
  /** Called once the events flow. */
  enabled(): void;
  sideband(view: DataView, at: number, size: number): void;
  lost(loss: Loss): void;
  /** Called about once per wait. */
  idle(): void;
}

/** One run of a module over a source. */
export class Run {
  readonly #parts: RunParts;
  readonly #callbacks: Callbacks;
  readonly #delivery: Delivery;
  readonly #ticks: Ticks;
  #stopping = false;
  #discard = false;
  #drainUntilMs = Infinity;
  #turnAtMs = 0;
  #skipped = 0;

  constructor(parts: RunParts) {
    this.#parts = parts;
    const callbacks = this.#callbacks = new Callbacks({ ...parts, brokenPipe: () => this.stop(true) });
    const hooks: DeliveryHooks = {
      sideband: parts.sideband,
      lost: (loss) => this.#lost(loss),
      threw: (error, event) => callbacks.threw(parts.handlerNames[event] ?? "?", error),
      returned: (value, event) => void callbacks.returned(parts.handlerNames[event] ?? "?", value),
    };
    this.#delivery = new Delivery({ ...parts, handedMost: parts.exitN }, hooks, parts.watch.cells);
    const wanted = parts.handlers.interval !== undefined || parts.analysed?.some(({ analysis }) => analysis.tick !== undefined);
    this.#ticks = new Ticks(wanted ? parts.intervalMs : undefined);
  }

  /** Events handed to handlers so far. */
  get handed(): number {
    return this.#delivery.handed;
  }

  /** Events that no handler got because the drain took too long. */
  get skipped(): number {
    return this.#skipped + (this.#parts.sink?.passed ?? 0);
  }

  /** How far the ticks of `-i` are behind `nowNs` (event time), ns; 0 when they are not. */
  lagNs(nowNs: number): number {
    return Math.max(0, nowNs - this.#ticks.nextNs);
  }

  /**
   * Ends the run: the flow is stopped, what the rings hold is delivered.
   *
   * @param discard True: it is not delivered (nobody reads the output any more)
   */
  stop(discard = false): void {
    this.#stopping = true;
    this.#discard ||= discard;
    this.#parts.source.wake();
  }

  /** Ends the run for somebody who waits for that: handlers too slow for what the rings hold do not get all of it. */
  interrupt(): void {
    this.#drainUntilMs = Math.min(this.#drainUntilMs, performance.now() + DRAIN_MS);
    this.stop();
  }

  /** Delivers until it is stopped, the targets end or enough events were handed over; then drains. Calls no `__init__`, no `__exit__`. */
  async deliver(): Promise<void> {
    const { source, watch } = this.#parts;
    source.enable();
    this.#parts.enabled();
    this.#ticks.start(Number(source.clockPair().clockNs));
    try {
      watch.busy(true);
      while (!this.#stopping) {
        if (!this.#more()) await this.#wait();
        else if (this.#walk() === "yield") await this.#rest();
      }
      source.disable();
      await this.#drain();
      if (!this.#discard) this.#delivery.tick(Number(source.clockPair().clockNs), true);
    } finally {
      watch.busy(false);
    }
  }

  async #drain(): Promise<void> {
    while (!this.#discard && this.#more()) {
      if (performance.now() >= this.#drainUntilMs) this.#skipped += this.#delivery.skip();
      else if (this.#walk() === "yield") await this.#rest();
    }
  }

  /** True when there are records to walk. */
  #more(): boolean {
    return this.#delivery.unfinished || this.#delivery.read(this.#ticks.nextNs);
  }

  #walk(): Left {
    const left = this.#delivery.walk(this.#ticks.nextNs);
    if (left === "time") this.#tick(this.#delivery.nextNs);
    if (this.#delivery.isFull) this.stop(true);
    return left;
  }

  /** Everything that may be delivered was: the ticks up to there are due, then comes a wait. */
  async #wait(): Promise<void> {
    const { source, watch, intervalMs = WAIT_MS, prompt = false } = this.#parts;
    const { safeTimeNs, ended, pending } = source.state();
    if (safeTimeNs >= this.#ticks.nextNs) this.#tick(safeTimeNs + 1);
    this.#parts.idle();
    if (ended) return this.stop();
    watch.busy(false);
    // The first event is somebody's sign of life.
    const longest = !pending ? WAIT_MS : prompt || this.#delivery.handed === 0 ? PROMPT_MS : PENDING_MS;
    // By then the tick is behind everything that may be delivered.
    const toTickMs = Math.ceil((this.#ticks.nextNs - safeTimeNs) / 1e6);
    const ms = Math.min(longest, intervalMs, Math.max(toTickMs, 1));
    const why = this.#waitsHere ? this.#waitHere(ms) : await source.wait(ms, false);
    watch.busy(true);
    if (!this.#waitsHere) watch.cells[WATCH_YIELD] = 0;
    else if (why & WAIT_WOKEN || performance.now() >= this.#turnAtMs) await this.#rest();
    this.#woken(why);
  }

  /** Nobody in JavaScript waits for a turn of the event loop, but signals: handlers are in C. Waking it costs more than the events. */
  get #waitsHere(): boolean {
    const { sink, source } = this.#parts;
    return sink !== undefined && source.waitHere !== undefined;
  }

  #waitHere(ms: number): number {
    const { source, watch } = this.#parts;
    // The watchdog asks for a turn: there may have been a signal.
    if (watch.cells[WATCH_YIELD] !== 0) return WAIT_WOKEN;
    return source.waitHere!(Math.max(0, Math.min(ms, Math.ceil(this.#turnAtMs - performance.now()))));
  }

  /** Gives the event loop a turn in a flood. */
  async #rest(): Promise<void> {
    this.#parts.idle();
    this.#woken(await this.#parts.source.wait(REST_MS, true));
    this.#parts.watch.cells[WATCH_YIELD] = 0;
    this.#turnAtMs = performance.now() + TURN_MS;
  }

  #woken(why: number): void {
    if (why & WAIT_STDOUT) this.stop(true);
    // The end of the targets: their last records are already in the rings, and the drain delivers them.
    else if (why & WAIT_ENDED) this.stop();
  }

  /** Calls `__init__` and waits for it. What it throws ends the run before it began. */
  async init(): Promise<void> {
    await this.#callbacks.init();
  }

  /** Calls `__exit__` and waits for it, but not for ever. */
  async exit(): Promise<void> {
    await this.#callbacks.exit();
  }

  /** Calls `__print_stat__`. */
  printStat(indent: number): void {
    this.#callbacks.printStat(indent);
  }

  /** Calls `__interval__` for the tick that is due, and for all before `untilNs` at once; analyses tell before what is due with it. */
  #tick(untilNs: number): void {
    this.#delivery.tick(this.#ticks.pass(untilNs), false);
    this.#callbacks.interval();
  }

  #lost(loss: Loss): void {
    this.#parts.lost(loss);
    const { start, end, count, cpu } = loss;
    const event = loss.event === undefined ? undefined : this.#parts.eventNames[loss.event];
    this.#callbacks.lost(start, end, { count, cpu, event });
  }
}
