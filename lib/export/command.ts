/**
 * The command line of `perfprof export`: it is a run of the handlers in recording.ts over a recording, and becomes the command line
 * of that run. Nothing is opened here, and nothing printed.
 *
 * @module
 */

import { parseArgs } from "node:util";
import { nearest, UsageError } from "../errors.ts";
import { RECORDING_FORMATS, type RecordingFormat } from "./formats.ts";

const NAMES = Object.keys(RECORDING_FORMATS) as RecordingFormat[];
/** What the run calls its module: main.ts imports recording.ts for it. */
const MODULE = "export";

export const EXPORT_HELP = `Usage: perfprof export FILE --to FORMAT [OPTION...]

Writes the events of a recording as a file that other programs open.

  --to FORMAT           stacks: html folded speedscope pprof
                        rows: csv jsonl sqlite arrow parquet
                        a timeline: chrome (Perfetto opens it)
  -o, --output OUT      the file (default: FILE and the format's end); rows:
                        {event} in it stands for the event's name
  -e, --event EVENT     only these events
  -C, --cpus LIST       only these CPUs
  --time A,B            only from A to B, seconds of the events' clock
  --force               of a damaged file what can be read
  -q, -v                say less, more
  -h, --help            this text

Examples:
  perfprof export perf.data --to html -o flame.html
  perfprof export perf.data --to parquet -o '{event}.parquet'
  perf record -o - -e sched:sched_switch -a sleep 1 |
    perfprof export - --to chrome -o switches.json`;

/** Options that are the run's as well, by their names there. */
const OF_THE_RUN = { event: "-e", cpus: "-C", time: "--time" } as const;

/**
 * The words of the run.
 *
 * @param args The words after `export`
 * @returns Undefined: the help text is asked for
 * @throws {UsageError} An option or value that is wrong, or what is missing
 */
export function exportRun(args: readonly string[]): string[] | undefined {
  const { values, positionals } = parse(args);
  if (values.help) return undefined;
  const [file, ...more] = positionals;
  if (file === undefined || more.length > 0) {
    throw new UsageError(`the command 'export' takes one FILE, not ${positionals.length}`, { hints: ["perfprof export -h"] });
  }
  const format = formatNamed(values.to);
  if (values.output === "" || values.output === "-") {
    throw new UsageError(`option -o: '${values.output}' is no file, and an export is one`, {
      hints: [`-o ${outputOf(file, format)}`],
    });
  }
  const own = Object.entries(OF_THE_RUN).flatMap(([name, option]) =>
    (values[name as keyof typeof OF_THE_RUN] ?? []).flatMap((value) => [option, value])
  );
  const flags = [...values.force ? ["--force"] : [], ...values.quiet ? ["-q"] : [], ...(values.verbose ?? []).map(() => "-v")];
  return ["-I", file, ...own, ...flags, "--", MODULE, file, format, values.output ?? outputOf(file, format)];
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        to: { type: "string" },
        output: { type: "string", short: "o" },
        event: { type: "string", short: "e", multiple: true },
        cpus: { type: "string", short: "C", multiple: true },
        time: { type: "string", multiple: true },
        force: { type: "boolean" },
        quiet: { type: "boolean", short: "q" },
        verbose: { type: "boolean", short: "v", multiple: true },
        help: { type: "boolean", short: "h" },
      },
    });
  } catch (error) {
    throw new UsageError(`the command 'export': ${error instanceof Error ? error.message : error}`, {
      hints: ["perfprof export -h"],
    });
  }
}

function formatNamed(given: string | undefined): RecordingFormat {
  const format = NAMES.find((name) => name === given);
  if (format !== undefined) return format;
  const hints = [`--to ${NAMES.join(" | ")}`];
  if (given === undefined) throw new UsageError("the command 'export' needs a format: option --to is missing", { hints });
  const [near] = nearest(given, NAMES, 1);
  throw new UsageError(`option --to: '${given}' is no format`, {
    hints: near === undefined ? hints : [`--to ${near}`, ...hints],
  });
}

/** Beside the recording. Each event has columns of its own, and so, where the format has columns, a file of its own. */
function outputOf(file: string, format: RecordingFormat): string {
  const hasColumns = format === "csv" || format === "sqlite" || format === "arrow" || format === "parquet";
  return `${file === "-" ? "perf.data" : file}${hasColumns ? ".{event}" : ""}${RECORDING_FORMATS[format][0]}`;
}
