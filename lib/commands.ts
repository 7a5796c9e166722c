/**
 * The commands beside running a module: each is a function from its words to the text that it prints. Each is loaded when it is
 * asked for, so that a run pays for none.
 *
 * @module
 */

import type { CommandOptions } from "./options.ts";
import { type Machine, SourceError } from "./source.ts";
import type { Terminal } from "./terminal.ts";

/** What a command works with. */
export interface CommandContext extends CommandOptions {
  /** Asked for by those that need one: help does without a library. */
  readonly machine: () => Machine;
  readonly terminal: Terminal;
}

type Command = (context: CommandContext) => string;

const COMMANDS: Readonly<Record<CommandOptions["name"], () => Promise<Command>>> = {
  list: async () => (await import("./list.ts")).list,
  show: async () => (await import("./show.ts")).show,
  types: async () => (await import("./types.ts")).types,
  help: async () => (await import("./template.ts")).help,
};

/**
 * Runs a command.
 *
 * @returns What it prints, with a newline at its end
 * @throws {PerfprofError} In words for the user
 */
export async function runCommand(context: CommandContext): Promise<string> {
  const command = await COMMANDS[context.name]();
  try {
    return command(context);
  } catch (error) {
    if (!(error instanceof SourceError)) throw error;
    const { explain } = await import("./failures.ts");
    throw explain(error, context.machine());
  }
}
