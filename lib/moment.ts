/**
 * Times of events as seconds and nanoseconds: exact, and without a BigInt for an event of an ordinary clock.
 *
 * @module
 */

import { time } from "./decode.ts";
import type { Moment } from "./event_services.ts";

const SECOND = 1_000_000_000;

/** The u64 of ns at `at`. */
export function momentAt(view: DataView, at: number): Moment {
  const timeNs = time(view, at);
  return timeNs > Number.MAX_SAFE_INTEGER ? bigMoment(view.getBigUint64(at, true)) : momentOf(timeNs);
}

/** A number of ns. */
export function momentOf(timeNs: number): Moment {
  const seconds = Math.floor(timeNs / SECOND);
  const ns = timeNs - seconds * SECOND;
  // The quotient may have been rounded up to the next second, which the remainder shows.
  return ns < 0 ? { seconds: seconds - 1, ns: ns + SECOND } : { seconds, ns };
}

function bigMoment(timeNs: bigint): Moment {
  return { seconds: Number(timeNs / BigInt(SECOND)), ns: Number(timeNs % BigInt(SECOND)) };
}

/** The sum. */
export function addMoments(a: Moment, b: Moment): Moment {
  const ns = a.ns + b.ns;
  const seconds = a.seconds + b.seconds;
  return ns < SECOND ? { seconds, ns } : { seconds: seconds + 1, ns: ns - SECOND };
}
