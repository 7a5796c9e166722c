/**
 * Says what was lost: a line at most once a second while it happens, and the totals by event and CPU at the end. It prints only
 * through the writer it is given, and keeps nothing but counts.
 *
 * @module
 */

import type { Loss } from "./delivery.ts";
import type { EventCount } from "./source.ts";

/** Least time between two lines, ms. */
const PAUSE_MS = 1000;

/** Collects losses and reports them. */
export class LossReport {
  /** Lost so far: what handlers' results take the losses of their windows from. */
  total = 0;
  readonly #names: readonly string[];
  readonly #print: (line: string) => void;
  readonly #now: () => number;
  /** Lost since the last line, by "event cpu". */
  readonly #unsaid = new Map<string, number>();
  #lastLineMs = -Infinity;

  /**
   * @param names The events' names by index
   * @param print Takes one line
   * @param now A clock in ms
   */
  constructor(names: readonly string[], print: (line: string) => void, now: () => number = () => performance.now()) {
    this.#names = names;
    this.#print = print;
    this.#now = now;
  }

  add(loss: Loss): void {
    const event = loss.event === undefined ? "events" : this.#names[loss.event] ?? "events";
    const place = `${event} cpu ${loss.cpu}`;
    this.total += loss.count;
    this.#unsaid.set(place, (this.#unsaid.get(place) ?? 0) + loss.count);
    this.sayDue();
  }

  /** Prints the pending line once it is due. */
  sayDue(): void {
    if (this.#unsaid.size > 0 && this.#now() - this.#lastLineMs >= PAUSE_MS) this.say();
  }

  /** Prints what has not been said yet. */
  say(): void {
    if (this.#unsaid.size === 0) return;
    const count = [...this.#unsaid.values()].reduce((a, b) => a + b, 0);
    const most = [...this.#unsaid].sort((a, b) => b[1] - a[1]);
    const places = most.slice(0, 4).map(([place, lost]) => `${place}: ${lost}`).join(", ");
    const rest = most.length > 4 ? `, and ${most.length - 4} more` : "";
    this.#print(`perfprof: lost ${count} events (${places}${rest})`);
    this.#unsaid.clear();
    this.#lastLineMs = this.#now();
  }

  /**
   * The totals, when anything was lost: sent = delivered + lost for each event and CPU.
   *
   * @returns Lines, none when nothing was lost
   */
  summary(counts: readonly EventCount[]): string[] {
    const lossy = counts.filter(({ lost }) => lost > 0);
    if (lossy.length === 0) return [];
    const sum = (key: "delivered" | "lost") => counts.reduce((total, count) => total + count[key], 0);
    const width = Math.max(...lossy.map(({ event }) => this.#name(event).length));
    return [
      `perfprof: lost ${sum("lost")} of ${
        sum("lost") + sum("delivered")
      } events in all; a larger ring (-m) or a filter loses less`,
      ...lossy.map(({ event, cpu, delivered, lost }) =>
        `  ${this.#name(event).padEnd(width)}  cpu ${cpu}: ${delivered + lost} sent = ${delivered} delivered + ${lost} lost`
      ),
    ];
  }

  #name(event: number): string {
    return this.#names[event] ?? "(not known which)";
  }
}
