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

try {
  Deno.exit(await run(parseCommandLine(Deno.args)));
} catch (error) {
  if (!(error instanceof PerfprofError)) throw error;
  say([`perfprof: ${error.message}`, ...error.detail, ...error.hints.map((hint) => `hint: ${hint}`)].join("\n"));
  Deno.exit(error.exitCode);
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
