/**
 * How far the reading of a recording is, as a line on a terminal that is written over and over, and gone at the end. Owns the line;
 * it is only for those who wait.
 *
 * @module
 */

import { mebibytes } from "./usage.ts";

/** A short run needs none, ms. */
const PATIENCE_MS = 1000;
const EVERY_MS = 200;
const BAR_WIDTH = 24;

/** Where the reading is, in bytes. */
export interface ReadingPlace {
  readonly at: number;
  readonly end: number;
}

/** The line. */
export class ReplayProgress {
  readonly #place: () => ReadingPlace;
  readonly #write: (text: string) => void;
  readonly #startMs: number;
  readonly #start: number;
  #nextMs: number;
  #isShown = false;

  /** @param write To a terminal */
  constructor(place: () => ReadingPlace, write: (text: string) => void, nowMs = performance.now()) {
    this.#place = place;
    this.#write = write;
    this.#startMs = nowMs;
    this.#start = place().at;
    this.#nextMs = nowMs + PATIENCE_MS;
  }

  /** To be called now and then. */
  tick(nowMs = performance.now()): void {
    if (nowMs < this.#nextMs) return;
    this.#nextMs = nowMs + EVERY_MS;
    this.#isShown = true;
    // The cursor goes back, so that whatever is printed next takes the line's place.
    this.#write(`\r${this.#line(nowMs)}\x1b[K\r`);
  }

  /** Takes the line away: before other lines, and at the end. */
  clear(): void {
    if (this.#isShown) this.#write("\r\x1b[K");
    this.#isShown = false;
  }

  #line(nowMs: number): string {
    const { at, end } = this.#place();
    const share = end > this.#start ? Math.min(1, (at - this.#start) / (end - this.#start)) : 1;
    const full = Math.round(share * BAR_WIDTH);
    const left = share > 0 ? (nowMs - this.#startMs) / share - (nowMs - this.#startMs) : undefined;
    const bar = "#".repeat(full).padEnd(BAR_WIDTH, ".");
    const percent = `${Math.floor(share * 100)}%`.padStart(4);
    return `[${bar}]${percent} of ${mebibytes(end)}${left === undefined ? "" : `, ${timeText(left)} left`}`;
  }
}

/** `7 s`, `2 min 5 s`. */
function timeText(ms: number): string {
  const seconds = Math.ceil(ms / 1000);
  return seconds < 60 ? `${seconds} s` : `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
}
