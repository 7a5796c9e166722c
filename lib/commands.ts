/**
 * The commands beside running a module: each is a function from its words to the text that it prints, and a status where that may
 * be other than 0. Each is loaded when it is asked for, so that a run pays for none.
 *
 * @module
 */

import type { CommandOptions } from "./options.ts";
import type { Machine } from "./machine.ts";
import { SourceError } from "./source.ts";
import type { Terminal } from "./terminal.ts";

/** What a command works with. */
export interface CommandContext extends CommandOptions {
  /** Asked for by those that need one: help does without a library. With a folder, one with the formats that are saved there. */
  readonly machine: (formats?: string) => Machine;
  readonly terminal: Terminal;
}

/** What a command prints, and its exit status. */
export interface CommandOutput {
  readonly text: string;
  readonly status: number;
}

type Command = (context: CommandContext) => string | CommandOutput;

const COMMANDS: Readonly<Record<CommandOptions["name"], () => Promise<Command>>> = {
  list: async () => (await import("./list.ts")).list,
  show: async () => (await import("./show.ts")).show,
  types: async () => (await import("./types.ts")).types,
  new: async () => (await import("./new.ts")).create,
  doctor: async () => (await import("./doctor.ts")).doctor,
  check: async () => (await import("./check.ts")).check,
  completions: async () => (await import("./completions.ts")).completions,
  help: async () => (await import("./template.ts")).help,
};

/**
 * Runs a command.
 *
 * @returns What it prints, with a newline at its end, and 0 unless the command says otherwise
 * @throws {PerfprofError} In words for the user
 */
export async function runCommand(context: CommandContext): Promise<CommandOutput> {
  const command = await COMMANDS[context.name]();
  try {
    const output = command(context);
    return typeof output === "string" ? { text: output, status: 0 } : output;
  } catch (error) {
    if (!(error instanceof SourceError)) throw error;
    const { explain } = await import("./failures.ts");
    throw explain(error, context.machine());
  }
}
