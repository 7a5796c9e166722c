#!/usr/bin/env -S deno run -A
/**
 * The command line: options -> lib. The only file that prints errors and exits.
 *
 * @module
 */

import type { CompiledLoader } from "./lib/compiled/module.ts";
import type { RecordCommandLine } from "./lib/record_options.ts";
import { Signals } from "./lib/signals.ts";

// Before anything else is loaded: see there.
const signals = new Signals();

const { PerfprofError } = await import("./lib/errors.ts");
const { helpText, parseCommandLine } = await import("./lib/options.ts");
const { shownMessage, stdoutTerminal } = await import("./lib/terminal.ts");
type CommandLine = ReturnType<typeof parseCommandLine> | RecordCommandLine | { readonly kind: "export-help" };

// Later they are the script's.
const args = Deno.args;

try {
  const status = args[0] === "test" ? await test() : await run(await parse());
  // As in any Deno program: a script that ends well may have set a status of its own.
  Deno.exit(status === 0 ? Deno.exitCode : status);
} catch (error) {
  const { message, detail, hints, exitCode } = error instanceof PerfprofError ? error : unexpected(error);
  say([`perfprof: ${message}`, ...detail, ...hints.map((hint) => `hint: ${hint}`)].join("\n"));
  Deno.exit(exitCode);
}

/** A bug of perfprof's own. Not thrown on: the listener that takes in what a script's promises throw would take it as well. */
function unexpected(error: unknown): InstanceType<typeof PerfprofError> {
  const verbose = args.some((arg) => /^(-v+|--verbose)$/.test(arg));
  const stack = error instanceof Error && verbose ? (error.stack ?? "").split("\n").slice(1) : [];
  return new PerfprofError(`it failed unexpectedly: ${error}`, {
    detail: stack,
    hints: verbose ? [] : ["-v shows where; please report it"],
  });
}

/** A recording has a command line of its own, and an export; the latter is a run. */
async function parse(): Promise<CommandLine> {
  if (args[0] === "record") return (await import("./lib/record_options.ts")).parseRecord(args.slice(1));
  if (args[0] !== "export") return parseCommandLine(args);
  const words = (await import("./lib/export/command.ts")).exportRun(args.slice(1));
  if (words === undefined) return { kind: "export-help" };
  const run = parseCommandLine(words);
  return run.kind === "run" ? { ...run, ownModule: () => import("./lib/export/recording.ts") } : run;
}

/** Runs recordings as tests: each is a run of its own. @returns The exit status */
async function test(): Promise<number> {
  const { parseGolden, runGolden } = await import("./lib/golden.ts");
  const { SELF } = await import("./ffi/library_path.ts");
  return await runGolden(parseGolden(args.slice(1)), SELF, (line) => console.log(line));
}

/** @returns The exit status */
async function run(commandLine: CommandLine): Promise<number> {
  switch (commandLine.kind) {
    case "help":
      console.log(helpText());
      return 0;
    case "record-help":
      console.log((await import("./lib/record_options.ts")).recordHelp());
      return 0;
    case "export-help":
      console.log((await import("./lib/export/command.ts")).EXPORT_HELP);
      return 0;
    case "version":
      console.log(`perfprof ${await version()}`);
      return 0;
    case "command": {
      const { NativeMachine } = await import("./ffi/machine.ts");
      const { runCommand } = await import("./lib/commands.ts");
      const { SavedFormats } = await import("./ffi/saved_formats.ts");
      const machine = (formats?: string) => formats === undefined ? new NativeMachine() : new SavedFormats(formats);
      const context = { ...commandLine, machine, terminal: stdoutTerminal() };
      const { text, status } = await runCommand(context);
      console.log(text.trimEnd());
      return status;
    }
    case "record": {
      const { NativeMachine } = await import("./ffi/machine.ts");
      const { NativeRecordingMachine } = await import("./ffi/recorder.ts");
      const { record } = await import("./lib/record.ts");
      return await record(commandLine, {
        machine: new NativeMachine(),
        recording: new NativeRecordingMachine(),
        signals,
        version: await version(),
        say,
        show: Deno.stderr.isTerminal() ? showLine : undefined,
        abort: () => Deno.exit(130),
      });
    }
    case "run": {
      if (commandLine.ownModule === undefined) await takeSettings(commandLine.module);
      const { NativeMachine } = await import("./ffi/machine.ts");
      const { redirectOutput, restoreStderr } = await import("./ffi/output.ts");
      const { startWatch } = await import("./ffi/watch.ts");
      const loadNative: CompiledLoader = async (context) => (await import("./ffi/handler_object.ts")).loadObject(context);
      const { runModule } = await import("./lib/module_run.ts");
      const { output, input } = commandLine;
      if (output !== undefined) redirectOutput(output, "truncate");
      const around = {
        machine: new NativeMachine(),
        watch: startWatch(),
        signals,
        say,
        reopenOutput: () => output !== undefined && redirectOutput(output, "append"),
        restoreStderr,
        loadNative,
      };
      if (input === undefined) return await runModule(commandLine, around);
      const { recordingHost } = await import("./ffi/recording.ts");
      const { runReplay } = await import("./lib/replay.ts");
      const progress = Deno.stderr.isTerminal() ? writeError : undefined;
      return await runReplay({ ...commandLine, input }, { ...around, host: recordingHost, progress });
    }
  }
}

/** A script's imports may be named in the deno.json of its folder. Our own is ours already. */
async function takeSettings(module: string): Promise<void> {
  const { isCompiled, resolveModule } = await import("./lib/module_path.ts");
  const { configOf } = await import("./lib/script_config.ts");
  const path = resolveModule(module);
  if (isCompiled(path)) return;
  const config = configOf(path);
  if (config === undefined || config.path === decodeURIComponent(new URL("./deno.json", import.meta.url).pathname)) return;
  if (config.foreign) return say(`perfprof: warning: ${config.path} is not used: other users can write it`);
  if (Deno.build.standalone) return say(`perfprof: warning: ${config.path} is not used: what deno compile makes takes none`);
  const { restartWith } = await import("./ffi/restart.ts");
  restartWith(config.path, args);
}

async function version(): Promise<string> {
  return (await import("./deno.json", { with: { type: "json" } })).default.version;
}

/** A line of a terminal that the next one takes the place of. */
function showLine(line: string): void {
  writeError(`\r\x1b[K${line}`);
}

function writeError(text: string): void {
  Deno.stderr.writeSync(new TextEncoder().encode(text));
}

function say(text: string): void {
  console.error(shownMessage(text));
}
