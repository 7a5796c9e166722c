/**
 * The options of a run over a recording, checked: what is read, and that nothing was said that only a live run can do.
 *
 * @module
 */

import { UsageError } from "./errors.ts";

/** What of a recording is read, and how. */
export interface ReplayInput {
  /** `-` is stdin. */
  readonly path: string;
  /** Of the events' clock, both included. */
  readonly fromNs: bigint;
  readonly toNs: bigint;
  /** What makes no sense is left out. */
  readonly force: boolean;
}

/** --time, in ns. */
export interface TimeRange {
  readonly fromNs: bigint;
  readonly toNs: bigint;
}

const ALL_TIME: TimeRange = { fromNs: 0n, toNs: 2n ** 64n - 1n };
const TIME_RANGE = /^(?:(\d{1,9})(?:\.(\d{1,9}))?)?,(?:(\d{1,9})(?:\.(\d{1,9}))?)?$/;

/**
 * `A,B` in seconds of the events' clock, as print() and perf script show them; either may be left out.
 *
 * @throws {UsageError} It is none, or ends before it begins
 */
export function parseTimeRange(what: string, text: string): TimeRange {
  const match = TIME_RANGE.exec(text);
  if (match === null || text === ",") {
    throw new UsageError(`${what}: '${text}' is not a range of seconds`, { hints: ["--time 123.4,125", "--time 123.4,"] });
  }
  const [, from, fromRest, to, toRest] = match;
  const range = {
    fromNs: from === undefined ? ALL_TIME.fromNs : toNs(from, fromRest),
    toNs: to === undefined ? ALL_TIME.toNs : toNs(to, toRest),
  };
  if (range.fromNs > range.toNs) throw new UsageError(`${what}: '${text}' ends before it begins`);
  return range;
}

function toNs(seconds: string, rest = ""): bigint {
  return BigInt(seconds) * 1_000_000_000n + BigInt(rest.padEnd(9, "0"));
}

/** What was given of it, as the option table names it. */
export interface GivenInput {
  readonly input?: string | undefined;
  readonly time?: TimeRange | undefined;
  readonly force?: true | undefined;
}

/** What is about the machine that was traced, or about rings. */
const LIVE_OPTIONS: readonly (readonly [key: string, option: string])[] = [
  ["pids", "-p"],
  ["tids", "-t"],
  ["cgroups", "--cgroups"],
  ["command", "-c"],
  ["excludeSelf", "--exclude-self"],
  ["g", "-g"],
  ["callGraph", "--call-graph"],
  ["userCallchain", "--user-callchain"],
  ["kernelCallchain", "--kernel-callchain"],
  ["mmapPages", "-m"],
  ["watermark", "--watermark"],
  ["order", "--order"],
  ["clock", "--clock"],
  ["monotonic", "--monotonic"],
];

/**
 * The recording that is asked for; undefined: the machine is.
 *
 * @throws {UsageError} Options that do not go together
 */
export function inputOf(given: GivenInput): ReplayInput | undefined {
  const { input: path, time, force = false } = given;
  if (path === undefined) {
    const useless = time !== undefined ? "--time" : force ? "--force" : undefined;
    if (useless !== undefined) throw new UsageError(`option ${useless}: it is about a recording`, { hints: ["-I FILE"] });
    return undefined;
  }
  const values: Readonly<Record<string, unknown>> = { ...given };
  const live = LIVE_OPTIONS.find(([key]) => values[key] !== undefined);
  if (live !== undefined) {
    throw new UsageError(`option ${live[1]}: a recording is as it was recorded`, { hints: ["leave it out"] });
  }
  return { path, force, ...(time ?? ALL_TIME) };
}
