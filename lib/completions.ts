/**
 * `perfprof completions bash|zsh|fish`: a script that completes perfprof's command line, made from the option table. The names of
 * events come from `perfprof list` when they are first asked for, and stay for the life of the shell.
 *
 * @module
 */

import type { CommandContext } from "./commands.ts";
import { bashScript } from "./completions_bash.ts";
import { fishScript } from "./completions_fish.ts";
import { zshScript } from "./completions_zsh.ts";
import { UsageError } from "./errors.ts";
import { templateNames } from "./new.ts";
import { parseName } from "./option_values.ts";
import { CLOCKS, COMMAND_WORDS, shownOptions } from "./options.ts";

/** What the value of an option is. */
export type ValueKind = "events" | "clocks" | "files" | "commands" | "text";

/** One option, as the scripts need it. */
export interface CompletedOption {
  /** `-e`, `--event`. */
  readonly names: readonly string[];
  readonly description: string;
  /** `EVENT,...`; undefined: it takes no value. */
  readonly valueName: string | undefined;
  readonly value: ValueKind;
}

/** What is completed. */
export interface CompletionWords {
  readonly options: readonly CompletedOption[];
  readonly commands: readonly string[];
  readonly clocks: readonly string[];
  readonly shells: readonly string[];
  readonly templates: readonly string[];
}

const SCRIPTS = { bash: bashScript, zsh: zshScript, fish: fishScript } as const;
const SHELLS = ["bash", "zsh", "fish"] as const;
/** Options whose values can be completed; of the others nothing is known but that they have one. */
const VALUES: Readonly<Record<string, ValueKind>> = {
  "--event": "events",
  "--clock": "clocks",
  "--output": "files",
  "--command": "commands",
};

/**
 * The script.
 *
 * @throws {UsageError} Not one of the shells
 */
export function completions({ args }: CommandContext): string {
  const [shell, ...more] = args;
  if (shell === undefined || more.length > 0) {
    throw new UsageError(`the command 'completions' takes one shell, not ${args.length}`, {
      hints: ["source <(perfprof completions bash)", `allowed are ${SHELLS.join(" ")}`],
    });
  }
  return SCRIPTS[parseName("completions", shell, SHELLS)]({
    options: shownOptions().map(({ short, long = "", flags, required, description }) => ({
      names: [short, long || undefined].filter((name) => name !== undefined),
      description,
      valueName: required ? /<(.*)>/.exec(flags)?.[1] : undefined,
      value: VALUES[long] ?? "text",
    })),
    commands: COMMAND_WORDS,
    clocks: CLOCKS,
    shells: SHELLS,
    templates: templateNames(),
  });
}
