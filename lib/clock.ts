/**
 * Event time -> wall clock, from pairs of both clocks taken at the start and now and then after it.
 * An answer never changes: a time belongs to the newest pair that is not after it, and pairs only come at the end.
 *
 * @module
 */

import type { Moment } from "./event_services.ts";
import type { ClockPair } from "./source.ts";

const SECOND = 1_000_000_000n;

/** A pair, and wall clock - event clock as a multiple of 2^32 and the rest: both are exact as doubles. */
interface Offset {
  readonly clockNs: bigint;
  readonly clock: number;
  readonly offsetNs: bigint;
  readonly high: number;
  readonly low: number;
  readonly moment: Moment;
}

/** Wall clock of event times. */
export class Realtime {
  readonly #offsets: Offset[] = [];

  /** @param first Taken at the start; times before it count by it as well */
  constructor(first: ClockPair) {
    this.add(first);
  }

  /** Adds a pair taken now: times from it on count by it. */
  add({ clockNs, realtimeNs }: ClockPair): void {
    const last = this.#offsets.at(-1);
    const offsetNs = realtimeNs - clockNs;
    if (last !== undefined && (clockNs <= last.clockNs || offsetNs === last.offsetNs)) return;
    const low = BigInt.asUintN(32, offsetNs);
    const ns = (offsetNs % SECOND + SECOND) % SECOND;
    this.#offsets.push({
      clockNs,
      clock: Number(clockNs),
      offsetNs,
      high: Number(offsetNs - low),
      low: Number(low),
      moment: { seconds: Number((offsetNs - ns) / SECOND), ns: Number(ns) },
    });
  }

  /** ns since the Unix epoch, exact. */
  at(timeNs: bigint): bigint {
    let i = this.#offsets.length - 1;
    while (i > 0 && this.#offsets[i]!.clockNs > timeNs) i--;
    return timeNs + this.#offsets[i]!.offsetNs;
  }

  /** The same as a double, `Number(at(BigInt(time)))`, without a BigInt: time + low is exact, so only the last sum rounds. */
  atNumber(timeNs: number): number {
    const { high, low } = this.#offsetAt(timeNs);
    return timeNs + low + high;
  }

  /** Wall clock - event clock at that time, exact; its seconds are rounded down. */
  offsetAt(timeNs: number): Moment {
    return this.#offsetAt(timeNs).moment;
  }

  #offsetAt(timeNs: number): Offset {
    let i = this.#offsets.length - 1;
    while (i > 0 && this.#offsets[i]!.clock > timeNs) i--;
    return this.#offsets[i]!;
  }
}
