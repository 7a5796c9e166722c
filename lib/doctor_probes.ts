/**
 * What `perfprof doctor` says of dynamic probes that nobody owns any more, and their removal on request. A probe that is left behind
 * slows the function that it is on down, for ever.
 *
 * @module
 */

import type { CommandOutput } from "./commands.ts";
import { type Finding, warn } from "./doctor_finding.ts";
import { reason } from "./failures.ts";
import type { Machine } from "./machine.ts";
import type { LeftoverProbe } from "./probes.ts";
import { SourceError } from "./source.ts";

/** The option of the command. */
export const REMOVE_PROBES = "--remove-probes";
/** So many are named in a line. */
const NAMED = 3;

/** Nothing where there are none: most machines never have any. */
export function checkLeftovers({ probes }: Pick<Machine, "probes">): Finding[] {
  const left = probes.leftovers();
  if (left.length === 0) return [];
  const names = left.slice(0, NAMED).map(({ event }) => event).concat(left.length > NAMED ? ["..."] : []).join(" ");
  return [
    warn(
      "old probes",
      `${counted(left.length)} of a perfprof that was killed: ${names}`,
      `sudo perfprof doctor ${REMOVE_PROBES}`,
    ),
  ];
}

/** Removes them. The status is 1 when one could not be removed. */
export function removeLeftovers({ probes }: Pick<Machine, "probes">): CommandOutput {
  const left = probes.leftovers();
  if (left.length === 0) return { text: "no old probes\n", status: 0 };
  const failed = left.flatMap((probe) => remove(probes, probe));
  return {
    text: [`${counted(left.length - failed.length)} removed`, ...failed, ""].join("\n"),
    status: failed.length > 0 ? 1 : 0,
  };
}

function remove(probes: Machine["probes"], probe: LeftoverProbe): string[] {
  try {
    probes.removeLeftover(probe);
    return [];
  } catch (error) {
    if (!(error instanceof SourceError)) throw error;
    return [`${probe.event} was not removed: ${reason(error.errno)}`];
  }
}

function counted(count: number): string {
  return count === 1 ? "1 probe" : `${count} probes`;
}
