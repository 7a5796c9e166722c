/**
 * Lengths of time in a profiler's options: `500ns`, `10us`, `1.5ms`, `2s`.
 *
 * @module
 */

import type { ProfilerOptions } from "./profiler.ts";

const UNITS: Readonly<Record<string, number>> = { ns: 1, us: 1e3, "µs": 1e3, ms: 1e6, s: 1e9 };
const HINT = "a time is written 500ns, 10us, 1.5ms or 2s; a bare number is ns";

/**
 * The value of the option called `name`, in whole ns; undefined where it is not given.
 *
 * @param name By which ProfilerOptions has it: `than`
 * @throws What `options.fail` makes: it is no time, or none that a number of ns can hold
 */
export function timeOption(options: ProfilerOptions, name: string): number | undefined {
  const text = options.given[name];
  if (typeof text !== "string") return undefined;
  const [, digits, unit = "ns"] = /^(\d+(?:\.\d+)?)(ns|us|µs|ms|s)?$/.exec(text) ?? [];
  if (digits === undefined) throw options.fail(name, `'${text}' is not a time`, [HINT]);
  const ns = Math.round(Number(digits) * UNITS[unit]!);
  if (!Number.isSafeInteger(ns)) throw options.fail(name, `the time '${text}' is too long`, [HINT]);
  return ns;
}
