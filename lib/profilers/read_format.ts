/**
 * PERF_SAMPLE_READ: the counters of an event or of its group, as read_format lays them out (perf_event_open(2) under "Reading
 * results"; perf_output_read of kernel/events/core.c).
 *
 * @module
 */

import { unsigned64 } from "../decode.ts";

/** PERF_FORMAT_* bits of perf_event_attr.read_format (include/uapi/linux/perf_event.h). */
export const PERF_FORMAT = {
  TOTAL_TIME_ENABLED: 1 << 0,
  TOTAL_TIME_RUNNING: 1 << 1,
  ID: 1 << 2,
  GROUP: 1 << 3,
  LOST: 1 << 4,
} as const;

/** One counter of a group. Keys are there where read_format has their bit. */
export interface GroupCounter {
  readonly value: number | bigint;
  readonly id?: bigint;
  /** Samples that were lost. */
  readonly lost?: number | bigint;
}

/** For how long the counters were on: ns. They counted for `time_running` of `time_enabled`. */
export interface CounterTimes {
  readonly time_enabled?: number | bigint;
  readonly time_running?: number | bigint;
}

/** `read` without PERF_FORMAT_GROUP. */
export interface CounterRead extends GroupCounter, CounterTimes {}

/** `read` with PERF_FORMAT_GROUP: the leader first. */
export interface GroupRead extends CounterTimes {
  readonly nr: number;
  readonly cntr: readonly GroupCounter[];
}

/** The layout that a read_format gives. */
export interface ReadFormat {
  readonly group: boolean;
  readonly enabled: boolean;
  readonly running: boolean;
  readonly id: boolean;
  readonly lost: boolean;
  /** Bytes that are always there: of a group, those before its counters. */
  readonly size: number;
  /** Bytes of each counter of a group. */
  readonly counterSize: number;
}

/**
 * Reads the bits.
 *
 * @throws RangeError on a bit that is not known: it would move what follows
 */
export function parseReadFormat(bits: number): ReadFormat {
  const known = Object.values(PERF_FORMAT).reduce((all, bit) => all | bit, 0);
  if ((bits & ~known) !== 0) {
    throw new RangeError(`read_format 0x${bits.toString(16)}: no layout for 0x${(bits & ~known).toString(16)}`);
  }
  const has = (bit: number) => (bits & bit) !== 0;
  const group = has(PERF_FORMAT.GROUP);
  const enabled = has(PERF_FORMAT.TOTAL_TIME_ENABLED);
  const running = has(PERF_FORMAT.TOTAL_TIME_RUNNING);
  const id = has(PERF_FORMAT.ID);
  const lost = has(PERF_FORMAT.LOST);
  const times = Number(enabled) + Number(running);
  const own = Number(id) + Number(lost);
  return { group, enabled, running, id, lost, size: 8 * (1 + times + (group ? 0 : own)), counterSize: 8 * (1 + own) };
}

/** The counter or counters at `at`, which the record holds: of a group, as many as its nr says. */
export function decodeRead(view: DataView, at: number, format: ReadFormat): CounterRead | GroupRead {
  const first = unsigned64(view, at); // value, of a group nr
  const times: { time_enabled?: number | bigint; time_running?: number | bigint } = {};
  let next = at + 8;
  if (format.enabled) {
    times.time_enabled = unsigned64(view, next);
    next += 8;
  }
  if (format.running) {
    times.time_running = unsigned64(view, next);
    next += 8;
  }
  if (!format.group) return { value: first, ...times, ...ownCounts(view, next, format) };
  const cntr = Array.from({ length: Number(first) }, (_, i) => {
    const counter = next + i * format.counterSize;
    return { value: unsigned64(view, counter), ...ownCounts(view, counter + 8, format) };
  });
  return { nr: Number(first), ...times, cntr };
}

function ownCounts(view: DataView, at: number, { id, lost }: ReadFormat): Omit<GroupCounter, "value"> {
  return {
    ...(id && { id: view.getBigUint64(at, true) }),
    ...(lost && { lost: unsigned64(view, id ? at + 8 : at) }),
  };
}
