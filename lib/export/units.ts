/**
 * What stacks are weighted by, in the words of each format.
 *
 * @module
 */

/** A unit as the formats name it. */
export interface StackUnit {
  /** As it was given, and as people read it. */
  readonly name: string;
  /** One of those that speedscope knows. */
  readonly speedscope: "none" | "nanoseconds" | "microseconds" | "milliseconds" | "seconds" | "bytes";
  /** What is measured, for pprof. */
  readonly type: string;
}

const KNOWN: readonly StackUnit[] = [
  { name: "samples", speedscope: "none", type: "samples" },
  { name: "ns", speedscope: "nanoseconds", type: "time" },
  { name: "us", speedscope: "microseconds", type: "time" },
  { name: "µs", speedscope: "microseconds", type: "time" },
  { name: "ms", speedscope: "milliseconds", type: "time" },
  { name: "s", speedscope: "seconds", type: "time" },
  { name: "bytes", speedscope: "bytes", type: "space" },
];

/** The unit of this name; any other is a count of what it says. */
export function stackUnit(name: string): StackUnit {
  return KNOWN.find((unit) => unit.name === name) ?? { name, speedscope: "none", type: name };
}
