#!/usr/bin/env -S deno run -A
/**
 * The command line: options -> lib. The only file that prints errors and exits.
 *
 * @module
 */

import { Signals } from "./lib/signals.ts";

// Before anything else is loaded: see there.
const signals = new Signals();

const { PerfprofError } = await import("./lib/errors.ts");
const { helpText, parseCommandLine } = await import("./lib/options.ts");
type CommandLine = ReturnType<typeof parseCommandLine>;

// Later they are the script's.
const args = Deno.args;

try {
  const status = await run(parseCommandLine(args));
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

/** @returns The exit status */
async function run(commandLine: CommandLine): Promise<number> {
  switch (commandLine.kind) {
    case "help":
      console.log(helpText());
      return 0;
    case "version":
      console.log(`perfprof ${(await import("./deno.json", { with: { type: "json" } })).default.version}`);
      return 0;
    case "command": {
      const { NativeMachine } = await import("./ffi/machine.ts");
      const { runCommand } = await import("./lib/commands.ts");
      const { stdoutTerminal } = await import("./lib/terminal.ts");
      const context = { ...commandLine, machine: () => new NativeMachine(), terminal: stdoutTerminal() };
      const { text, status } = await runCommand(context);
      console.log(text.trimEnd());
      return status;
    }
    case "run": {
      const { NativeMachine } = await import("./ffi/machine.ts");
      const { redirectOutput } = await import("./ffi/output.ts");
      const { startWatch } = await import("./ffi/watch.ts");
      const { runModule } = await import("./lib/module_run.ts");
      const { output } = commandLine;
      if (output !== undefined) redirectOutput(output, "truncate");
      return await runModule(commandLine, {
        machine: new NativeMachine(),
        watch: startWatch(),
        signals,
        say,
        reopenOutput: () => output !== undefined && redirectOutput(output, "append"),
      });
    }
  }
}

function say(text: string): void {
  console.error(text);
}
