/**
 * What a benchmark found, as docs/performance.json has it, and how runs become rows of it: medians, and what follows from them.
 *
 * @module
 */

import type { Consumer } from "./consumers.ts";
import type { Run } from "./measure.ts";

/** Of several rounds. */
export interface Spread {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

/** What tracing costs the traced. CPU time in ns. */
export interface Traced {
  /** Of the generator, per call. */
  readonly nsPerCall: Spread;
  /** What tracing adds to that. */
  readonly addedNs: Spread;
  /** The consumer's nsPerEvent + addedNs: what an event costs the machine. */
  readonly totalNs: Spread;
}

/** A consumer that was measured. Times are CPU time in ns. */
export interface Measured {
  readonly work: string;
  readonly tool: string;
  /** Calls of the generator. */
  readonly calls: number;
  /** Of the consumer, per event. */
  readonly nsPerEvent: Spread;
  readonly goalNs?: number;
  /** nsPerEvent as a multiple of the C floor's. */
  readonly ratio: number;
  /** While events are made; absent where a recording was only read. */
  readonly traced?: Traced;
  readonly lost: Spread;
  /** Events that stood twice in recordings, of all rounds. */
  readonly twice: number;
  readonly peakRssMb: number;
  readonly ringMb: number;
  /** From the tool's start to its first event. */
  readonly firstMs?: Spread;
}

/** One that could not be measured, and why. */
export interface Missing {
  readonly work: string;
  readonly tool: string;
  readonly missing: string;
}

export type Row = Measured | Missing;

/** A flow that is not a flood: does a handler that counts keep up? */
export interface Steady {
  readonly asked: number;
  readonly perSecond: Spread;
  readonly lost: Spread;
}

/** All that a benchmark found. */
export interface Results {
  /** In a few words. */
  readonly machine: string;
  readonly versions: readonly string[];
  readonly calls: number;
  readonly rounds: number;
  /** Of the generator, per call, when nobody traces it. */
  readonly untracedNs: Spread;
  readonly rows: readonly Row[];
  readonly steady?: Steady | Missing;
}

/** A run, and what a call of the generator cost untraced in the same round. */
export interface Sample extends Run {
  readonly untracedNs: number;
}

/** Median, least and greatest, to two decimals. */
export function spread(values: readonly number[]): Spread {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (index: number) => sorted[index] ?? NaN;
  const median = (at((sorted.length - 1) >> 1) + at(sorted.length >> 1)) / 2;
  return { median: rounded(median), min: rounded(at(0)), max: rounded(at(sorted.length - 1)) };
}

const rounded = (value: number) => Math.round(value * 100) / 100;

/** The row of a consumer, from what it did in each round. */
export function rowOf(
  { work, tool, goalNs }: Consumer,
  { samples, calls, firstMs }: {
    readonly samples: readonly Sample[];
    readonly calls: number;
    readonly firstMs: readonly number[];
  },
  floorNs: number,
): Measured {
  const of = (value: (sample: Sample) => number) => spread(samples.map(value));
  const nsPerEvent = of((sample) => sample.nsPerEvent);
  return {
    work,
    tool,
    calls,
    nsPerEvent,
    ...(goalNs !== undefined && { goalNs }),
    ratio: rounded(nsPerEvent.median / floorNs),
    ...tracedOf(samples),
    lost: of((sample) => sample.lost),
    twice: samples.reduce((sum, { twice = 0 }) => sum + twice, 0),
    peakRssMb: of((sample) => sample.peakRssMb).max,
    ringMb: of((sample) => sample.ringMb).max,
    ...(firstMs.length > 0 && { firstMs: spread(firstMs) }),
  };
}

function tracedOf(samples: readonly Sample[]): { readonly traced?: Traced } {
  const known = samples.flatMap(({ nsPerCall, nsPerEvent, untracedNs }) =>
    nsPerCall === undefined
      ? []
      : [{ nsPerCall, addedNs: nsPerCall - untracedNs, totalNs: nsPerEvent + nsPerCall - untracedNs }]
  );
  if (known.length === 0) return {};
  const of = (key: keyof Traced) => spread(known.map((one) => one[key]));
  return { traced: { nsPerCall: of("nsPerCall"), addedNs: of("addedNs"), totalNs: of("totalNs") } };
}
