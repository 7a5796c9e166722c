/**
 * Whose events a recording was made for: `perfprof record` writes its command line into it. Where an analysis is recorded with a
 * target, its events are those of all tasks all the same, and what it tells is of the target alone, live as over the recording.
 *
 * @module
 */

import { UsageError } from "./errors.ts";
import { parseRecord } from "./record_options.ts";
import type { Target } from "./source.ts";

/**
 * The target of a recording.
 *
 * @param commandLine As the recording tells it; any other program's records only what was asked for
 */
export function recordedTarget([program, command, ...args]: readonly string[]): Target {
  if (program !== "perfprof" || command !== "record") return { kind: "all" };
  try {
    const line = parseRecord(args);
    return line.kind === "record" ? line.target : { kind: "all" };
  } catch (error) {
    // Of another version, or of nobody's: the events are there all the same.
    if (error instanceof UsageError) return { kind: "all" };
    throw error;
  }
}
