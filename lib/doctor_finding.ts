/**
 * What a check of `perfprof doctor` found, and the short ways to say it.
 *
 * @module
 */

/** What one check found. */
export interface Finding {
  readonly verdict: "ok" | "warn" | "FAIL";
  readonly name: string;
  readonly text: string;
  /** Each a command, or what to do where no command does it. */
  readonly mends: readonly string[];
}

export function ok(name: string, text: string): Finding {
  return { verdict: "ok", name, text, mends: [] };
}

export function warn(name: string, text: string, ...mends: string[]): Finding {
  return { verdict: "warn", name, text, mends };
}

export function fail(name: string, text: string, ...mends: string[]): Finding {
  return { verdict: "FAIL", name, text, mends };
}

/** Bytes as KiB or MiB. */
export function size(bytes: number): string {
  return bytes >= 1024 * 1024 ? `${Number((bytes / 1024 / 1024).toFixed(1))} MiB` : `${Math.round(bytes / 1024)} KiB`;
}
