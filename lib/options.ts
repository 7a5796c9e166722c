/**
 * The command line: one table of options, from which parsing, checks and help come. Nothing is opened here, and nothing printed.
 *
 * @module
 */

import { Command, Option } from "npm:@commander-js/extra-typings@15.1.0";
import { UsageError } from "./errors.ts";
import {
  parseCommandWords,
  parseCpuList,
  parseInteger,
  parseList,
  parseName,
  parseRingSize,
  parseTaskList,
  parseText,
  type RingSize,
} from "./option_values.ts";
import { splitArguments } from "./script_arguments.ts";
import type { Target } from "./source.ts";

/** Clocks that events can be stamped with. `perf` is the kernel's own, which user space cannot read. */
export const CLOCKS = ["monotonic", "boottime", "realtime", "tai", "perf"] as const;
export type Clock = typeof CLOCKS[number];

/** What the command line asks for. */
export type CommandLine = { readonly kind: "help" } | { readonly kind: "version" } | CommandOptions | RunOptions;

/** Commands that do something else than to run a module. */
export const COMMANDS = ["list", "show", "types", "new", "doctor", "completions", "help"] as const;
type CommandName = typeof COMMANDS[number];

/** One of them. */
export interface CommandOptions {
  readonly kind: "command";
  readonly name: CommandName;
  /** The words after it. */
  readonly args: readonly string[];
  /** The texts of -e: none but for `help`. */
  readonly events: readonly string[];
  /** All options as they were written, for a script's first line. None but for `help`. */
  readonly options: readonly string[];
  readonly intervalMs: number | undefined;
}

/** A handler module on live events: every option checked, defaults filled in where they do not depend on the machine. */
export interface RunOptions {
  readonly kind: "run";
  /** The texts of -e, at least one. */
  readonly events: readonly string[];
  /** Ascending; undefined: all that are online. */
  readonly cpus: readonly number[] | undefined;
  readonly target: Target;
  readonly intervalMs: number | undefined;
  /** Undefined: chosen for the machine. */
  readonly ring: RingSize | undefined;
  /** 0 wakes at every event. */
  readonly watermarkPercent: number;
  readonly order: boolean;
  readonly exitN: number | undefined;
  readonly output: string | undefined;
  readonly clock: Clock;
  readonly excludeSelf: boolean;
  readonly usageSelfMs: number | undefined;
  readonly strict: boolean;
  /** How often -v was given, less the times of -q. */
  readonly verbosity: number;
  readonly module: string;
  readonly scriptArgs: readonly string[];
}

const MS_MAX = 2 ** 31 - 1;
const WATERMARK_PERCENT = 25;
/** First words that will be commands, and so are never modules. */
const LATER = ["check", "record"];

const USAGE = "perfprof [OPTION...] -e EVENT[,EVENT...] [--] MODULE [ARG...]";

const EXAMPLES = `
Commands:
  perfprof -e EVENT[,EVENT...] help  a typed handler module for these events
  perfprof list [GLOB]               tracepoints of this machine
  perfprof show EVENT                its fields, print format and a filter
  perfprof types EVENT,...           a .d.ts; with --ambient also of perf_prof
  perfprof new NAME [TEMPLATE]       a ready handler, as file NAME
  perfprof doctor                    what works here, and what mends the rest
  perfprof completions SHELL         for bash, zsh or fish
  perfprof help PerfEvent            what handlers get
  perfprof help template             a handler module for any events

Examples:
  perfprof -e sched:sched_wakeup counter.ts
  perfprof -e sched:sched_wakeup,sched:sched_switch -i 1000 latency.ts
  perfprof -e 'sched:sched_wakeup/pid>1000 && comm~"a*"/' -C 0-3 filter.ts
  perfprof -e 'syscalls:sys_enter_openat//alias=open/' -c 'ls -l' open.ts
  perfprof -e sched:sched_switch -- h.ts -i 5     # after --: all for the script

First line of a script that runs by itself:
  #!/usr/bin/env -S perfprof -e sched:sched_wakeup
`;

/** The option table. */
function optionTable() {
  return new Command("perfprof")
    .helpOption(false)
    .configureHelp({
      helpWidth: 80,
      optionTerm: (option) => option.flags.replace("--no-", "--[no-]").replace(/^--/, "    --"),
    })
    .usage(USAGE.slice("perfprof ".length))
    .description("Runs a TypeScript module's handlers on the kernel's events.")
    .optionsGroup("What to trace:")
    .option("-e, --event <EVENT,...>", "events: sys:name[/filter/ATTR/...], also sched:*", append(parseText, "-e"))
    .option("-C, --cpus <LIST>", "only these CPUs, as 0-3,7 (default: all online)", append(parseCpuList, "-C"))
    .option("-p, --pids <LIST>", "processes, their threads and coming children", append(parseTaskList, "-p"))
    .option("-t, --tids <LIST>", "just these threads", append(parseTaskList, "-t"))
    .option("--cgroups <LIST>", "tasks of these cgroups", append(parseList, "--cgroups"))
    .option("-c, --command <CMD>", "start CMD, trace it and its children until it ends", one(parseCommandWords, "-c"))
    .option("--exclude-self", "drop the events that perfprof itself causes")
    .addOption(new Option("-g, --call-graph").hideHelp())
    .addOption(new Option("--user-callchain").hideHelp())
    .addOption(new Option("--no-user-callchain").hideHelp())
    .addOption(new Option("--kernel-callchain").hideHelp())
    .addOption(new Option("--no-kernel-callchain").hideHelp())
    .optionsGroup("How events are delivered:")
    .option("-i, --interval <MS>", "call __interval__ every MS ms", integer("-i", 1, MS_MAX))
    .option("-N, --exit-N <N>", "exit after N events", integer("-N", 1, Number.MAX_SAFE_INTEGER))
    .option("-m, --mmap-pages <N>", "ring per CPU: pages or a size as 4M, a power of two", one(parseRingSize, "-m"))
    .option("--watermark <PCT>", "wake when a ring is so full; 0: at every event", integer("--watermark", 0, 100))
    .addOption(new Option("--order").hideHelp())
    .option("--no-order", "deliver in time order over all CPUs (default: on)")
    .option("--clock <NAME>", "monotonic (default), boottime, realtime, tai, perf", clock)
    .addOption(new Option("--monotonic").hideHelp())
    .optionsGroup("Output:")
    .option("-o, --output <FILE>", "stdout and stderr to FILE; SIGUSR1 reopens it", one(parseText, "-o"))
    .option("--usage-self <MS>", "print own CPU and memory every MS ms", integer("--usage-self", 1, MS_MAX))
    .option("--strict", "exit status 1 if a handler threw or events were lost")
    .option("-v, --verbose", "say more; may be repeated", countUp, 0)
    .option("-q, --quiet", "say less", countUp, 0)
    .option("-h, --help", "this text")
    .option("--version", "version")
    .addHelpText("after", EXAMPLES);
}

type Reader<T> = (what: string, text: string) => T;

function one<T>(read: Reader<T>, name: string) {
  return (text: string): T => read(`option ${name}`, text);
}

/** A list option that is given again adds to the list. */
function append<T>(read: Reader<T | T[]>, name: string) {
  return (text: string, previous: T[] | undefined): T[] => (previous ?? []).concat(read(`option ${name}`, text));
}

function integer(name: string, min: number, max: number) {
  return (text: string): number => parseInteger(`option ${name}`, text, min, max);
}

/** A flag that may be repeated: commander calls the reader of an option without a value as well. */
function countUp(_: unknown, count: number): number {
  return count + 1;
}

function clock(text: string): Clock {
  return parseName("option --clock", text, CLOCKS);
}

/** The options that help shows, as completion needs them. */
export function shownOptions(): readonly Option[] {
  return optionTable().options.filter(({ hidden }) => !hidden);
}

/** The help text, at most 80 columns wide. */
export function helpText(): string {
  let text = "";
  optionTable().configureOutput({ writeOut: (part) => text += part }).outputHelp();
  return text.trimEnd();
}

/**
 * Parses and checks a command line.
 *
 * @param args As in Deno.args
 * @throws {UsageError} An option or value that is wrong, or what is missing
 */
export function parseCommandLine(args: readonly string[]): CommandLine {
  const table = optionTable();
  const { own, module, scriptArgs } = splitArguments(args, table.options);
  const given = table.parse(own, { from: "user" }).opts();
  if (given.help) return { kind: "help" };
  if (given.version) return { kind: "version" };
  const command = module === args[0] || module === "help" ? COMMANDS.find((name) => name === module) : undefined;
  if (command !== undefined) return commandOf(command, own, scriptArgs, given);
  if (module !== undefined && module === args[0] && LATER.includes(module)) {
    throw new UsageError(`the command '${module}' is not supported yet`, { hints: [`a module of that name: ./${module}`] });
  }
  if (given.event === undefined) throw missing("no event: option -e is missing");
  if (module === undefined) throw missing("no MODULE to run");
  rejectStacks(given);
  return {
    kind: "run",
    events: given.event,
    cpus: given.cpus === undefined ? undefined : [...new Set(given.cpus)].sort((a, b) => a - b),
    target: targetOf(given),
    intervalMs: given.interval,
    ring: given.mmapPages,
    watermarkPercent: given.watermark ?? WATERMARK_PERCENT,
    order: given.order ?? true,
    exitN: given.exitN,
    output: given.output,
    clock: clockOf(given),
    excludeSelf: given.excludeSelf ?? false,
    usageSelfMs: given.usageSelf,
    strict: given.strict ?? false,
    // A flag with a reader is `number | true` to the types.
    verbosity: Number(given.verbose) - Number(given.quiet),
    module,
    scriptArgs,
  };
}

type Given = ReturnType<ReturnType<typeof optionTable>["opts"]>;

/** @throws {UsageError} An option that the command has no use for */
function commandOf(name: CommandName, options: readonly string[], args: readonly string[], given: Given): CommandLine {
  if (args.includes("-h") || args.includes("--help")) return { kind: "help" };
  const [useless] = name === "help" ? [] : options.filter((option) => !/^(?:-[vq]+|--verbose|--quiet)$/.test(option));
  if (useless !== undefined) {
    throw new UsageError(`the command '${name}' takes no option ${useless}`, { hints: [`a module of that name: ./${name}`] });
  }
  rejectStacks(given);
  return { kind: "command", name, args, events: given.event ?? [], options, intervalMs: given.interval };
}

function missing(message: string): UsageError {
  return new UsageError(message, { detail: [`usage: ${USAGE}`], hints: ["perfprof --help"] });
}

function rejectStacks(given: Given): void {
  const option = given.callGraph !== undefined
    ? "-g"
    : given.userCallchain !== undefined
    ? `--${given.userCallchain ? "" : "no-"}user-callchain`
    : given.kernelCallchain !== undefined
    ? `--${given.kernelCallchain ? "" : "no-"}kernel-callchain`
    : undefined;
  if (option !== undefined) throw new UsageError(`option ${option}: call stacks are not supported yet`);
}

function targetOf(given: Given): Target {
  const targets: [string, Target][] = [];
  if (given.pids !== undefined) targets.push(["-p", { kind: "pids", pids: [...new Set(given.pids)] }]);
  if (given.tids !== undefined) targets.push(["-t", { kind: "tids", tids: [...new Set(given.tids)] }]);
  if (given.command !== undefined) targets.push(["-c", { kind: "command", words: given.command }]);
  if (given.cgroups !== undefined) targets.push(["--cgroups", { kind: "cgroups", paths: [...new Set(given.cgroups)] }]);
  const [first, second] = targets;
  if (first !== undefined && second !== undefined) throw exclusive(first[0], second[0]);
  return first?.[1] ?? { kind: "all" };
}

function clockOf(given: Given): Clock {
  if (given.monotonic && given.clock !== undefined && given.clock !== "monotonic") {
    throw exclusive("--monotonic", `--clock ${given.clock}`);
  }
  return given.clock ?? "monotonic";
}

function exclusive(one: string, other: string): UsageError {
  return new UsageError(`options ${one} and ${other} exclude each other`, { hints: [`leave out ${one} or ${other}`] });
}
