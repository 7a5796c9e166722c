/**
 * The command line: one table of options, from which parsing, checks and help come. Nothing is opened here, and nothing printed.
 *
 * @module
 */

import { Command, Option } from "npm:@commander-js/extra-typings@15.1.0";
import { nearest, UsageError } from "./errors.ts";
import type { ModuleExports } from "./module_import.ts";
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
import { inputOf, parseTimeRange, type ReplayInput } from "./replay_options.ts";
import { splitArguments } from "./script_arguments.ts";
import type { Target } from "./source.ts";
import { CALL_GRAPH_VALUE, parseCallGraph, type StackOptions, stackOptions } from "./stack_options.ts";

/** Clocks that events can be stamped with. `perf` is the kernel's own, which user space cannot read. */
export const CLOCKS = ["monotonic", "boottime", "realtime", "tai", "perf"] as const;
export type Clock = typeof CLOCKS[number];

/** What the command line asks for. */
export type CommandLine = { readonly kind: "help" } | { readonly kind: "version" } | CommandOptions | RunOptions;

/** Commands that do something else than to run a module. */
export const COMMANDS = ["list", "show", "types", "new", "check", "doctor", "completions", "help"] as const;
type CommandName = typeof COMMANDS[number];
/** And those that have a command line of their own. Each is one as the first word alone. */
export const COMMAND_WORDS: readonly string[] = [...COMMANDS, "record", "export", "test"];

/** One of them. */
export interface CommandOptions {
  readonly kind: "command";
  readonly name: CommandName;
  /** The words after it. */
  readonly args: readonly string[];
  /** The texts of -e: none but for `help` and `check`. */
  readonly events: readonly string[];
  /** All options as they were written, for a script's first line. None but for `help` and `check`. */
  readonly options: readonly string[];
  readonly intervalMs: number | undefined;
}

/** A handler module on events: every option checked, defaults filled in where they do not depend on the machine. */
export interface RunOptions {
  readonly kind: "run";
  /** The texts of -e, at least one; over a recording none means all that it has. */
  readonly events: readonly string[];
  /** Undefined: the machine's events, live. */
  readonly input: ReplayInput | undefined;
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
  readonly stacks: StackOptions;
  /** How often -v was given, less the times of -q. */
  readonly verbosity: number;
  readonly module: string;
  /** Imports the module, where it is a part of perfprof: `module` is a name for it then, and no path. */
  readonly ownModule?: () => Promise<ModuleExports>;
  readonly scriptArgs: readonly string[];
}

const MS_MAX = 2 ** 31 - 1;
/** How full a ring is when it wakes. */
export const WATERMARK_PERCENT = 25;

const USAGE = "perfprof [OPTION...] -e EVENT[,EVENT...] [--] MODULE [ARG...]";

const EXAMPLES = `
Commands:
  perfprof -e EVENT[,EVENT...] help  a typed handler module for these events
  perfprof record -e EVENT,... [-o FILE]  events to a file: record -h
  perfprof export FILE --to FORMAT   as flame graph, Parquet, ...: export -h
  perfprof -I FILE [-e EVENT,...] MODULE  runs a module over that file
  perfprof test FOLDER               recordings as tests of handlers
  perfprof list [GLOB]               events of this machine
  perfprof show EVENT                its fields, options, examples
  perfprof types EVENT,...           a .d.ts; with --ambient also of perf_prof
  perfprof new NAME [TEMPLATE]       a ready handler, as file NAME
  perfprof check MODULE -e EVENT,... its fields and exports: right?
  perfprof doctor                    what works here, and what mends the rest
  perfprof completions SHELL         for bash, zsh or fish
  perfprof help PerfEvent            what handlers get
  perfprof help template             a handler module for any events

Examples:
  perfprof -e sched:sched_wakeup counter.ts
  perfprof -e sched:sched_wakeup,sched:sched_switch -i 1000 latency.ts
  perfprof -e 'sched:sched_wakeup/pid>1000 && comm~"a*"/' -C 0-3 filter.ts
  perfprof -e 'syscalls:sys_enter_openat//alias=open/' -c 'ls -l' open.ts
  perfprof -e 'profile/-F 997 -g/,task-state/--than 1ms/' h.ts
  perfprof -e sched:sched_switch -- h.ts -i 5     # after --: all for the script

First line of a script that runs by itself:
  #!/usr/bin/env -S perfprof -e sched:sched_wakeup
`;

/** The option table. */
export function optionTable() {
  return new Command("perfprof")
    .helpOption(false)
    .configureHelp({
      helpWidth: 80,
      optionTerm: (option) => option.flags.replace(/--no-(?!demangle)/, "--[no-]").replace(/^--/, "    --"),
    })
    .usage(USAGE.slice("perfprof ".length))
    .description("Runs a TypeScript module's handlers on the kernel's events.")
    .optionsGroup("What to trace:")
    .option("-e, --event <EVENT,...>", "sys:name[/filter/ATTR/...], sched:*, profile[/-g/ATTR/...]", append(parseText, "-e"))
    .option("-C, --cpus <LIST>", "only these CPUs, as 0-3,7 (default: all online)", append(parseCpuList, "-C"))
    .option("-p, --pids <LIST>", "processes, their threads and coming children", append(parseTaskList, "-p"))
    .option("-t, --tids <LIST>", "just these threads", append(parseTaskList, "-t"))
    .option("--cgroups <LIST>", "tasks of these cgroups", append(parseList, "--cgroups"))
    .option("-c, --command <CMD>", "start CMD, trace it and its children until it ends", one(parseCommandWords, "-c"))
    .option("--exclude-self", "drop the events that perfprof itself causes")
    .optionsGroup("Call stacks:")
    .option("-g", "stack of every event: of the kernel, unless changed below")
    .option("--call-graph [MODE]", "-g, user side by fp, dwarf[,BYTES] or lbr", one(parseCallGraph, "--call-graph"))
    .addOption(new Option("--user-callchain").hideHelp())
    .option("--no-user-callchain", "-g with the user side (default: off; on with dwarf)")
    .addOption(new Option("--kernel-callchain").hideHelp())
    .option("--no-kernel-callchain", "-g with the kernel side (default: on)")
    .option("--srcline", "source lines and inlined functions of user frames")
    .option("--no-demangle", "names of C++ and Rust as they are in the files")
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

/** With what only handlers have. */
function runTable() {
  return optionTable()
    .optionsGroup("Over a recording:")
    .option("-I, --input <FILE>", "events of a perf.data instead; - is stdin", one(parseText, "-I"))
    .option("--time <A,B>", "only these seconds of it, as 123.4,125", one(parseTimeRange, "--time"))
    .option("--force", "leave out what is damaged");
}

/** Options whose value may be left out: the next word is the value only when it looks like one. */
export const OPTIONAL_VALUES = { "--call-graph": CALL_GRAPH_VALUE };

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
  return runTable().options.filter(({ hidden }) => !hidden);
}

/** The help text, at most 80 columns wide. */
export function helpText(): string {
  let text = "";
  runTable().configureOutput({ writeOut: (part) => text += part }).outputHelp();
  return text.trimEnd();
}

/**
 * Parses and checks a command line.
 *
 * @param args As in Deno.args
 * @throws {UsageError} An option or value that is wrong, or what is missing
 */
export function parseCommandLine(args: readonly string[]): CommandLine {
  const table = runTable();
  const { own, module, scriptArgs } = splitArguments(args, table.options, OPTIONAL_VALUES);
  const given = table.parse(own, { from: "user" }).opts();
  if (given.help) return { kind: "help" };
  if (given.version) return { kind: "version" };
  const command = module === args[0] || module === "help" ? COMMANDS.find((name) => name === module) : undefined;
  if (command !== undefined) return commandOf(command, own, scriptArgs, given);
  const input = inputOf(given);
  if (given.event === undefined && input === undefined) {
    throw missing("no event: option -e is missing", nearCommand(module));
  }
  if (module === undefined) throw missing("no MODULE to run");
  return {
    kind: "run",
    events: given.event ?? [],
    input,
    cpus: given.cpus === undefined ? undefined : [...new Set(given.cpus)].sort((a, b) => a - b),
    target: targetOf(given),
    intervalMs: given.interval,
    ring: given.mmapPages,
    watermarkPercent: given.watermark ?? WATERMARK_PERCENT,
    order: given.order ?? true,
    exitN: given.exitN,
    output: outputOf(given),
    clock: clockOf(given),
    excludeSelf: given.excludeSelf ?? false,
    usageSelfMs: given.usageSelf,
    strict: given.strict ?? false,
    stacks: stackOptions(given),
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
  // These two take the options of the run that they are about.
  const [useless] = name === "help" || name === "check"
    ? []
    : options.filter((option) => !/^(?:-[vq]+|--verbose|--quiet)$/.test(option));
  if (useless !== undefined) {
    throw new UsageError(`the command '${name}' takes no option ${useless}`, { hints: [`a module of that name: ./${name}`] });
  }
  return { kind: "command", name, args, events: given.event ?? [], options, intervalMs: given.interval };
}

function missing(message: string, hints: readonly string[] = []): UsageError {
  return new UsageError(message, { detail: [`usage: ${USAGE}`], hints: [...hints, "perfprof --help"] });
}

/** Without -e it may be a command that is meant: misspelt, or behind an option. */
function nearCommand(word = ""): string[] {
  return nearest(word, COMMAND_WORDS, 1).map((right) => `did you mean perfprof ${right}?`);
}

/** Whose events. @throws {UsageError} Two kinds of targets */
export function targetOf(given: Given): Target {
  const targets: [string, Target][] = [];
  if (given.pids !== undefined) targets.push(["-p", { kind: "pids", pids: [...new Set(given.pids)] }]);
  if (given.tids !== undefined) targets.push(["-t", { kind: "tids", tids: [...new Set(given.tids)] }]);
  if (given.command !== undefined) targets.push(["-c", { kind: "command", words: given.command }]);
  if (given.cgroups !== undefined) targets.push(["--cgroups", { kind: "cgroups", paths: [...new Set(given.cgroups)] }]);
  const [first, second] = targets;
  if (first !== undefined && second !== undefined) throw exclusive(first[0], second[0]);
  return first?.[1] ?? { kind: "all" };
}

/** @throws {UsageError} It is stdout by the name that it has elsewhere */
function outputOf({ output }: Given): string | undefined {
  if (output !== "-") return output;
  throw new UsageError("option -o: '-' is no file, and stdout is where output goes without it", {
    hints: ["leave it out", "a file of that name: -o ./-"],
  });
}

/** @throws {UsageError} Two clocks */
export function clockOf(given: Given): Clock {
  if (given.monotonic && given.clock !== undefined && given.clock !== "monotonic") {
    throw exclusive("--monotonic", `--clock ${given.clock}`);
  }
  return given.clock ?? "monotonic";
}

function exclusive(one: string, other: string): UsageError {
  return new UsageError(`options ${one} and ${other} exclude each other`, { hints: [`leave out ${one} or ${other}`] });
}
