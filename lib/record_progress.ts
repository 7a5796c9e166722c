/**
 * How far a recording is, in words: a line once a second while it runs, and what it came to. Prints through what it is given.
 *
 * @module
 */

import type { RecordedState } from "./recorder.ts";
import type { SourceState } from "./source.ts";

const EVERY_MS = 1000;
const UNITS = ["bytes", "KB", "MB", "GB", "TB"];

/** Says how a recording goes. */
export class RecordProgress {
  readonly #source: SourceState;
  readonly #recorded: () => RecordedState;
  readonly #show: ((line: string) => void) | undefined;
  readonly #now: () => number;
  #shownAtMs: number;
  #shownEvents = 0;
  #rate = 0;

  /**
   * @param show Takes a line that takes the place of the one before; undefined: nothing is shown
   * @param now A clock in ms
   */
  constructor(
    source: SourceState,
    recorded: () => RecordedState,
    show: ((line: string) => void) | undefined,
    now: () => number = () => performance.now(),
  ) {
    this.#source = source;
    this.#recorded = recorded;
    this.#show = show;
    this.#now = now;
    this.#shownAtMs = now();
  }

  /** Shows the line when it is due. */
  show(): void {
    const elapsedMs = this.#now() - this.#shownAtMs;
    if (elapsedMs < EVERY_MS) return;
    const { delivered } = this.#source;
    this.#rate = Math.round((delivered - this.#shownEvents) * 1000 / elapsedMs);
    this.#shownAtMs += elapsedMs;
    this.#shownEvents = delivered;
    this.#show?.(this.line());
  }

  /** Takes the line away. */
  end(): void {
    this.#show?.("");
  }

  /** `12345 events, 1.2 MB, 1000/s, 0 lost`. */
  line(): string {
    const { delivered, lost } = this.#source;
    return `${delivered} events, ${sizeText(this.#recorded().bytes)}, ${this.#rate}/s, ${lost} lost`;
  }

  /** `12345 events, 1.2 MB`; of a compressed file also what it was before. */
  summary(): string {
    const { bytes, dataBytes } = this.#recorded();
    const unpacked = dataBytes > bytes ? ` (${sizeText(dataBytes)} before compression)` : "";
    return `${this.#source.delivered} events, ${sizeText(bytes)}${unpacked}`;
  }
}

/** `999 bytes`, `1.2 MB`: of 1000. */
function sizeText(bytes: number): string {
  const unit = Math.min(UNITS.length - 1, Math.floor(Math.log10(Math.max(1, bytes)) / 3));
  return unit === 0 ? `${bytes} bytes` : `${(bytes / 1000 ** unit).toFixed(1)} ${UNITS[unit]}`;
}
