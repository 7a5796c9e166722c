/**
 * `perfprof doctor`: what works on this machine and what does not, a line for each check, and below each that is not ok the command
 * that mends it. The checks themselves are in doctor_checks.ts.
 *
 * @module
 */

import type { CommandContext, CommandOutput } from "./commands.ts";
import { findings } from "./doctor_checks.ts";
import type { Finding } from "./doctor_finding.ts";
import { REMOVE_PROBES, removeLeftovers } from "./doctor_probes.ts";
import { UsageError } from "./errors.ts";
import { styled, type Terminal, wrapped } from "./terminal.ts";

const COLOURS = { ok: "green", warn: "yellow", FAIL: "red" } as const;
const VERDICT_WIDTH = 4;
const GAP = "  ";

/**
 * The text of all findings; the status is 1 when one of them is FAIL.
 *
 * @throws {UsageError} Words after the command
 */
export function doctor({ args, machine, terminal }: CommandContext): CommandOutput {
  if (args.length === 1 && args[0] === REMOVE_PROBES) return removeLeftovers(machine());
  if (args.length > 0) {
    throw new UsageError(`the command 'doctor' takes nothing or ${REMOVE_PROBES}, not '${args.join(" ")}'`, {
      hints: ["perfprof doctor"],
    });
  }
  const found = findings(machine());
  const nameWidth = Math.max(...found.map(({ name }) => name.length));
  const text = found.flatMap((finding) => lines(finding, nameWidth, terminal)).join("\n") + "\n";
  return { text, status: found.some(({ verdict }) => verdict === "FAIL") ? 1 : 0 };
}

/** Commands are never broken: they are there to be copied. */
function lines({ verdict, name, text, mends }: Finding, nameWidth: number, terminal: Terminal): string[] {
  const left = VERDICT_WIDTH + nameWidth + 2 * GAP.length;
  const [first = "", ...more] = wrapped(text, terminal.columns === undefined ? undefined : terminal.columns - left);
  const indent = " ".repeat(left);
  return [
    [styled(terminal, COLOURS[verdict], verdict.padEnd(VERDICT_WIDTH)), name.padEnd(nameWidth), first].join(GAP),
    ...more.map((line) => indent + line),
    ...mends.map((mend) => " ".repeat(VERDICT_WIDTH) + GAP + styled(terminal, "bold", mend)),
  ];
}
