/**
 * `perfprof types EVENT,...`: a declaration file for these events, for editors and `deno check`.
 *
 * @module
 */

import type { CommandContext } from "./commands.ts";
import { PERF_PROF_TYPES } from "./declaration_text.ts";
import { eventInterfaces, eventTypes } from "./declarations.ts";
import { describeEvents } from "./described_event.ts";
import { UsageError } from "./errors.ts";

const AMBIENT = "--ambient";

/**
 * The text of the .d.ts: a module to `import type` from; with --ambient a script, whose types and `perf_prof` are known everywhere.
 *
 * @throws {PerfprofError} Wrong arguments, or an unknown event
 */
export function types({ args, machine }: CommandContext): string {
  const unknown = args.find((arg) => arg.startsWith("-") && arg !== AMBIENT);
  if (unknown !== undefined) {
    throw new UsageError(`option ${unknown} is unknown to the command 'types'`, { hints: [`it knows ${AMBIENT}`] });
  }
  const texts = args.filter((arg) => arg !== AMBIENT);
  if (texts.length === 0) throw new UsageError("no EVENT to describe", { hints: ["perfprof types sched:sched_wakeup"] });
  const described = describeEvents(machine(), texts);
  const shared = eventTypes(described).join("\n");
  const events = eventInterfaces(described);
  const written = args.join(" ").replace(/\s+/g, " ");
  if (args.includes(AMBIENT)) {
    return `// perfprof types ${written}\n\n${shared}\n${PERF_PROF_TYPES}\n${events}`;
  }
  return `// perfprof types ${written}\n\n${`${shared}\n${events}`.replace(/^(?=interface |type )/gm, "export ")}`;
}
