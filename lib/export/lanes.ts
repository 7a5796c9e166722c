/**
 * Slices of one track that overlap, each on a lane: on one lane every slice is beside or within the others, as the Trace Event Format
 * has them. What overlaps otherwise is dropped by its readers. Pure.
 *
 * Bound: the last slices of each lane. One that reaches back beyond them gets a lane on which it certainly fits.
 *
 * @module
 */

/** Slices of a lane that are remembered. */
const REMEMBERED = 256;

/** When it began and ended, ns. */
interface Span {
  readonly start: bigint;
  readonly end: bigint;
}

/** The lanes of a track. */
export class Lanes {
  readonly #lanes: Lane[] = [];

  /** @returns The number of its lane from 0: the first on which it fits */
  place(start: bigint, end: bigint): number {
    const span = { start, end };
    let index = this.#lanes.findIndex((lane) => lane.fits(span));
    if (index < 0) index = this.#lanes.push(new Lane()) - 1;
    this.#lanes[index]!.add(span);
    return index;
  }
}

class Lane {
  readonly #spans: Span[] = [];
  /** Where the next one comes: the place of the oldest, once all are taken. */
  #next = 0;
  /** The latest ends: of all, and of those that are no longer remembered. */
  #end: bigint | undefined;
  #forgottenEnd: bigint | undefined;

  fits(span: Span): boolean {
    if (this.#end === undefined || span.start >= this.#end) return true;
    if (this.#forgottenEnd !== undefined && span.start < this.#forgottenEnd) return false;
    // Most often it is one of the last that is in the way.
    for (let back = 1; back <= this.#spans.length; back++) {
      const other = this.#spans.at(this.#next - back)!;
      if (!isBeside(span, other) && !isWithin(span, other) && !isWithin(other, span)) return false;
    }
    return true;
  }

  add(span: Span): void {
    const oldest = this.#spans[this.#next];
    if (oldest !== undefined) this.#forgottenEnd = later(this.#forgottenEnd, oldest.end);
    this.#spans[this.#next] = span;
    this.#next = (this.#next + 1) % REMEMBERED;
    this.#end = later(this.#end, span.end);
  }
}

function isBeside(one: Span, other: Span): boolean {
  return one.end <= other.start || other.end <= one.start;
}

function isWithin(inner: Span, outer: Span): boolean {
  return outer.start <= inner.start && inner.end <= outer.end;
}

function later(one: bigint | undefined, other: bigint): bigint {
  return one === undefined || other > one ? other : one;
}
