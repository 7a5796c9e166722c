/**
 * perfprof.1, made from the option table and the help text: what `--help` says, as man(1) shows it.
 *
 * @module
 */

import { Help } from "npm:@commander-js/extra-typings@15.1.0";
import { helpText, optionTable, shownOptions } from "../../lib/options.ts";

const DESCRIPTION =
  `Events of the Linux kernel (tracepoints, probes, samples, counters) are handed, in the order of their time, to the
functions of a TypeScript module: MODULE. Its exports are named like the events: \\fBsched__sched_wakeup(event)\\fR takes
sched:sched_wakeup, \\fB__sample__(event)\\fR all that has no function of its own. \\fBperfprof -e EVENT,... help\\fR prints such a module.
.PP
Options before MODULE are perfprof's. After it, those that perfprof knows are so, too; all others are the module's. After
\\fB--\\fR all are.`;

const END = `.SH EXIT STATUS
.TP
.B 0
the run ended: also by \\fB-N\\fR, SIGINT, SIGTERM, or the end of what was traced
.TP
.B 1
it failed, at its start or while it ran; with \\fB--strict\\fR also when a handler threw or events were lost
.TP
.B 2
the command line is wrong
.TP
.B 130
it was ended while a handler was stuck
.SH ENVIRONMENT
.TP
.B PERFPROF_PATH
folders that a MODULE without a path is looked for in
.TP
.B XDG_CACHE_HOME
where the program is unpacked to on its first run (default: ~/.cache)
.SH SEE ALSO
.BR perf (1),
.BR bpftrace (8)`;

/** Text as roff takes it: no line starts a request, no sequence is an escape, hyphens can be copied. */
function escaped(text: string): string {
  return text.replaceAll("\\", "\\e").replaceAll("-", "\\-").replace(/^([.'])/gm, "\\&$1");
}

/** The options under the headings of the table. */
function options(): string {
  const help = Object.assign(new Help(), optionTable().configureHelp());
  const groups = Map.groupBy(shownOptions(), ({ helpGroupHeading = "Options:" }) => helpGroupHeading);
  return [...groups].map(([heading, options]) =>
    `.SS ${escaped(heading.replace(/:$/, ""))}\n` +
    options.map((option) => `.TP\n.B ${escaped(help.optionTerm(option).trim())}\n${escaped(option.description)}\n`).join("")
  ).join("");
}

/** Commands and examples, as they stand below the options. */
function commands(): string {
  const text = helpText();
  return `.nf\n${escaped(text.slice(text.indexOf("\nCommands:\n") + "\nCommands:\n".length))}\n.fi`;
}

/** The page. @param version perfprof's */
export function manPage(version: string): string {
  return `.TH PERFPROF 1 "" "perfprof ${version}" "User Commands"
.SH NAME
perfprof \\- TypeScript handlers on the events of the Linux kernel
.SH SYNOPSIS
.B perfprof
[\\fIOPTION\\fR...] \\fB\\-e\\fR \\fIEVENT\\fR[,\\fIEVENT\\fR...] [\\fB\\-\\-\\fR] \\fIMODULE\\fR [\\fIARG\\fR...]
.SH DESCRIPTION
${DESCRIPTION.replaceAll("-", "\\-")}
.SH OPTIONS
${options()}.SH COMMANDS
${commands()}
${END.replaceAll("-", "\\-")}
`;
}
