/**
 * Tells perfprof's arguments from the script's, by the options that perfprof knows. Checks that each has its value, not what the
 * value is.
 *
 * @module
 */

import { nearest, UsageError } from "./errors.ts";

/** What an option looks like on the command line. */
export interface KnownOption {
  /** `-i` */
  readonly short?: string | undefined;
  /** `--interval` */
  readonly long?: string | undefined;
  /** It takes a value. */
  readonly required: boolean;
}

/** Of options whose value may be left out, by their long names: what a word looks like that is the value. */
export type OptionalValues = Readonly<Record<string, RegExp>>;

/** Whose is what. */
export interface SplitArguments {
  /** perfprof's options and their values. */
  readonly own: string[];
  readonly module: string | undefined;
  readonly scriptArgs: string[];
}

/**
 * Before MODULE every option must be known. After it those that are known are still perfprof's, and the rest is the script's, in
 * its order: an unknown option never takes the word that follows it. `--` ends perfprof's options for good, and `-h`, `--help` and
 * `--version` after MODULE are the script's.
 *
 * @throws {UsageError} An option before MODULE that is unknown, or one that lacks its value or has one too many
 */
export function splitArguments(
  args: readonly string[],
  options: readonly KnownOption[],
  optional: OptionalValues = {},
): SplitArguments {
  const own: string[] = [];
  const words: string[] = [];
  for (let i = 0; i < args.length; i++) {
    const arg = args[i]!;
    if (arg === "--") {
      words.push(...args.slice(i + 1));
      break;
    }
    let values = arg.startsWith("-") && arg !== "-" ? valuesAfter(arg, options, optional, words.length > 0) : undefined;
    if (values === undefined) {
      words.push(arg);
      continue;
    }
    const next = args[i + 1];
    if (next !== undefined && Object.hasOwn(optional, arg) && optional[arg]?.test(next)) values = 1;
    if (i + values >= args.length) throw new UsageError(`option ${arg}: the value is missing`, { hints: ["perfprof --help"] });
    own.push(...args.slice(i, i + 1 + values));
    i += values;
  }
  const [module, ...scriptArgs] = words;
  return { own, module, scriptArgs };
}

/** How many words after `arg` are its value: 0 or 1; undefined when it is the script's. */
function valuesAfter(
  arg: string,
  options: readonly KnownOption[],
  optional: OptionalValues,
  afterModule: boolean,
): number | undefined {
  if (afterModule) options = options.filter(({ long }) => long !== "--help" && long !== "--version");
  const values = arg.startsWith("--") ? valuesOfLong(arg, options, optional) : valuesOfCluster(arg, options);
  if (values === undefined && !afterModule) throw unknownOption(arg, options);
  return values;
}

function valuesOfLong(arg: string, options: readonly KnownOption[], optional: OptionalValues): number | undefined {
  const [name = arg] = arg.split("=", 1);
  const option = options.find(({ long }) => long === name);
  if (option === undefined) return undefined;
  if (arg === name) return option.required ? 1 : 0;
  if (!option.required && !Object.hasOwn(optional, name)) {
    throw new UsageError(`option ${name}: it takes no value`, { hints: [`write ${name}`] });
  }
  return 0;
}

/** `-vi5`: letters without a value, then at most one with its value. One unknown letter makes the whole unknown. */
function valuesOfCluster(arg: string, options: readonly KnownOption[]): number | undefined {
  for (let i = 1; i < arg.length; i++) {
    const option = options.find(({ short }) => short === `-${arg[i]}`);
    if (option === undefined) return undefined;
    if (option.required) return i + 1 === arg.length ? 1 : 0;
  }
  return 0;
}

function unknownOption(arg: string, options: readonly KnownOption[]): UsageError {
  const [name = arg] = arg.split("=", 1);
  const names = options.flatMap(({ long }) => long ?? []);
  // Single letters are all alike: only a long name has a near one.
  const near = name.startsWith("--") ? nearest(name, names) : [];
  return new UsageError(`option ${name} is unknown`, {
    hints: near.length > 0 ? [`did you mean ${near.join(" or ")}?`] : ["perfprof --help"],
  });
}
