/**
 * The command line of `perfprof record`: the option table of a run with what only a recording has, less what only handlers have.
 * Nothing is opened here, and nothing printed.
 *
 * @module
 */

import { Command } from "npm:@commander-js/extra-typings@15.1.0";
import { UsageError } from "./errors.ts";
import { parseInteger, parseText } from "./option_values.ts";
import { clockOf, OPTIONAL_VALUES, optionTable, type RunOptions, targetOf, WATERMARK_PERCENT } from "./options.ts";
import { splitArguments } from "./script_arguments.ts";
import { stackOptions } from "./stack_options.ts";

/** A recording: every option checked. */
export interface RecordOptions extends
  Pick<
    RunOptions,
    "events" | "cpus" | "target" | "ring" | "watermarkPercent" | "clock" | "excludeSelf" | "strict" | "stacks" | "verbosity"
  > {
  readonly kind: "record";
  /** `-` is stdout. */
  readonly output: string;
  /** Of the file, bytes, after which it ends. */
  readonly size: number | undefined;
  readonly seconds: number | undefined;
  /** Of zstd, 1 to 22; 0: records are written as they are. */
  readonly level: number;
  /** As it was written, for the file to tell. */
  readonly commandLine: readonly string[];
}

/** What the words after `record` ask for. */
export type RecordCommandLine = RecordOptions | { readonly kind: "record-help" };

const USAGE = "perfprof record [OPTION...] -e EVENT[,EVENT...] [-o FILE]";
const OUTPUT = "perf.data";
/** As `perf record -z`. */
const LEVEL = 1;
const LEVEL_MOST = 22;
/** Options of a run that are about handlers, or about how events reach them. */
const OF_HANDLERS = ["--interval", "--exit-N", "--order", "--no-order", "--usage-self", "--srcline", "--no-demangle"];
/** Clocks that the kernel stamps events with: a recording has its times as they are. */
const CLOCKS = ["monotonic", "perf"];
const UNITS = ["", "K", "M", "G"];

function recordTable() {
  return optionTable()
    .optionsGroup("Recording:")
    .option("--size <N[KMG]>", "end when the file has so many bytes", (text) => parseSize("option --size", text))
    .option("--time <SECONDS>", "end after so long", (text) => parseSeconds("option --time", text))
    .option(
      "-z, --compress [LEVEL]",
      "compress by zstd, 1 (default) to 22",
      (text) => parseInteger("option -z", text, 1, LEVEL_MOST),
    );
}

/** The help text of the command, at most 80 columns wide. */
export function recordHelp(): string {
  const table = recordTable();
  const shown = table.options.filter(({ hidden, long = "" }) => !hidden && !OF_HANDLERS.includes(long));
  const help = new Command("perfprof record").helpOption(false).configureHelp({
    ...table.configureHelp(),
    showGlobalOptions: false,
  })
    .usage(USAGE.slice("perfprof record ".length))
    .description("Records events to a file that perf and `perfprof -I` read.");
  for (const option of shown) {
    if (option.long === "--output") option.description = `the file (default: ${OUTPUT}); - is stdout`;
    help.addOption(option);
  }
  let text = "";
  help.configureOutput({ writeOut: (part) => text += part }).outputHelp();
  return text.trimEnd();
}

/**
 * Parses and checks the words after `record`.
 *
 * @throws {UsageError} An option or value that is wrong, or what is missing
 */
export function parseRecord(args: readonly string[]): RecordCommandLine {
  const table = recordTable();
  // The short option's value stands next to it, as with perf.
  const words = args.map((arg) => arg.replace(/^-z(?=.)/, "--compress="));
  const split = splitArguments(words, table.options, { ...OPTIONAL_VALUES, "--compress": /^\d+$/ });
  const given = table.parse(split.own, { from: "user" }).opts();
  if (given.help) return { kind: "record-help" };
  rejectUseless(split.own);
  if (split.module !== undefined) {
    throw new UsageError(`the command 'record' runs no module: '${split.module}'`, {
      detail: [`usage: ${USAGE}`],
      hints: [`record first, then run: perfprof -I ${given.output ?? OUTPUT} ${split.module}`],
    });
  }
  if (given.event === undefined) {
    throw new UsageError("nothing to record: option -e is missing", {
      detail: [`usage: ${USAGE}`],
      hints: ["perfprof record -h"],
    });
  }
  const clock = clockOf(given);
  if (!CLOCKS.includes(clock)) {
    throw new UsageError(`option --clock: '${clock}' cannot be recorded`, {
      hints: ["leave it out: a recording tells the wall clock as well"],
    });
  }
  return {
    kind: "record",
    events: given.event,
    cpus: given.cpus === undefined ? undefined : [...new Set(given.cpus)].sort((a, b) => a - b),
    target: targetOf(given),
    ring: given.mmapPages,
    watermarkPercent: given.watermark ?? WATERMARK_PERCENT,
    clock,
    excludeSelf: given.excludeSelf ?? false,
    strict: given.strict ?? false,
    stacks: stackOptions(given),
    verbosity: Number(given.verbose) - Number(given.quiet),
    output: given.output ?? OUTPUT,
    size: given.size,
    seconds: given.time,
    level: given.compress === true ? LEVEL : given.compress ?? 0,
    commandLine: ["perfprof", "record", ...args],
  };
}

function rejectUseless(own: readonly string[]): void {
  const shorts: Readonly<Record<string, string>> = { "-i": "--interval", "-N": "--exit-N" };
  const useless = own.find((word) => OF_HANDLERS.includes(shorts[word.slice(0, 2)] ?? word.split("=", 1)[0]!));
  if (useless === undefined) return;
  throw new UsageError(`the command 'record' takes no option ${useless}`, {
    hints: ["it is about handlers: perfprof -I FILE"],
  });
}

/** Bytes: `100M`. */
function parseSize(what: string, text: string): number {
  const [, digits, unit = ""] = /^(\d+)([KMG]?)$/.exec(parseText(what, text)) ?? [];
  if (digits === undefined) {
    throw new UsageError(`${what}: '${text}' is not a size`, { hints: ["write bytes, or as 100M or 2G"] });
  }
  return parseInteger(what, digits, 1, 2 ** 20) * 1024 ** UNITS.indexOf(unit);
}

/** Seconds, also `0.5`. */
function parseSeconds(what: string, text: string): number {
  const seconds = /^\d+(\.\d+)?$/.test(text) ? Number(text) : 0;
  if (seconds > 0 && seconds <= 1e6) return seconds;
  throw new UsageError(`${what}: '${text}' is no time in seconds`, { hints: ["write 10, or 0.5; at most 1000000"] });
}
