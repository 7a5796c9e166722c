/**
 * What perfprof says when something cannot be done: one line "WHAT failed: WHY" and hints, each an exact command or option.
 * Thrown by lib/ and ffi/; printed by main.ts alone.
 *
 * @module
 */

/** Exit statuses: a failure at start or in the run, and wrong usage. */
const EXIT_FAILURE = 1;
export const EXIT_USAGE = 2;

/** An error that the user can mend: shown as one line and its hints, never as a stack trace. */
export class PerfprofError extends Error {
  override readonly name = "PerfprofError";
  /** Lines after the message, shown as they are (a caret below the quoted text, for one). */
  readonly detail: readonly string[];
  /** Each an exact command or option that mends it. */
  readonly hints: readonly string[];
  readonly exitCode: number;

  constructor(
    message: string,
    { hints = [], detail = [], exitCode = EXIT_FAILURE, cause }: {
      hints?: readonly string[];
      detail?: readonly string[];
      exitCode?: number;
      cause?: unknown;
    } = {},
  ) {
    super(message, cause === undefined ? undefined : { cause });
    this.hints = hints;
    this.detail = detail;
    this.exitCode = exitCode;
  }
}

/** Wrong usage: the command line or a text in it (exit status 2). */
export class UsageError extends PerfprofError {
  constructor(message: string, options: { hints?: readonly string[]; detail?: readonly string[] } = {}) {
    super(message, { ...options, exitCode: EXIT_USAGE });
  }
}

/** Why a file was not written, as the system says it, and no more: where it grows is not where it was meant to be. */
export function cannotWrite(path: string, error: unknown): PerfprofError {
  if (error instanceof PerfprofError) return error;
  const [reason = ""] = (error instanceof Error ? error.message : String(error)).split(" (os error ", 1);
  return new PerfprofError(`writing ${path} failed: ${reason[0]?.toLowerCase()}${reason.slice(1)}`, { cause: error });
}

/** Bytes that are not what the kernel writes: a length or an offset that leaves its record. */
export class DecodeError extends RangeError {
  override readonly name = "DecodeError";
}

/**
 * The names most like `wrong`, best first, at most `limit`; none when nothing is near (edit distance above a third of the length).
 *
 * @param wrong What was written
 * @param names What there is
 * @returns The near ones
 */
export function nearest(wrong: string, names: Iterable<string>, limit = 3): string[] {
  const most = Math.max(1, Math.floor(wrong.length / 3));
  const near: { name: string; distance: number }[] = [];
  for (const name of names) {
    if (Math.abs(name.length - wrong.length) > most) continue;
    const distance = editDistance(wrong, name);
    if (distance <= most) near.push({ name, distance });
  }
  return near.sort((a, b) => a.distance - b.distance).slice(0, limit).map(({ name }) => name);
}

function editDistance(a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const change = previous[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1);
      row.push(Math.min(change, previous[j]! + 1, row[j - 1]! + 1));
    }
    previous = row;
  }
  return previous[b.length]!;
}
