/**
 * `perfprof test FOLDER`: recordings as tests of handlers. Of each NAME.perf.data with a NAME.ts (or .wasm, .so), what the handler
 * prints is compared with NAME.expected. Each is a process of its own, as when a user runs it.
 *
 * @module
 */

import { PerfprofError, UsageError } from "./errors.ts";

const RECORDING = ".perf.data";
/** perf's build-id cache, as it is called in a user's home. */
const SYMBOLS = ".debug";
const HANDLERS = [".ts", ".wasm", ".so"];

/** What is tested. */
export interface GoldenOptions {
  readonly folder: string;
  /** What comes out is what is expected from now on. */
  readonly update: boolean;
}

/** @throws {UsageError} No folder, or more than one */
export function parseGolden(args: readonly string[]): GoldenOptions {
  const wrong = args.find((arg) => arg.startsWith("-") && arg !== "--update");
  if (wrong !== undefined) throw new UsageError(`command test: there is no option ${wrong}`, { hints: ["--update"] });
  const [folder, more] = args.filter((arg) => arg !== "--update");
  if (folder === undefined || more !== undefined) {
    throw new UsageError("command test: one folder is needed", { hints: ["perfprof test [--update] FOLDER"] });
  }
  return { folder, update: args.includes("--update") };
}

/**
 * Runs the tests of a folder, by their names.
 *
 * @param self The command that is perfprof
 * @param print Takes a line of the report
 * @returns The exit status: 1 when one has failed
 * @throws {PerfprofError} There are none
 */
export async function runGolden(
  { folder, update }: GoldenOptions,
  self: readonly string[],
  print: (line: string) => void,
): Promise<number> {
  const tests = testsIn(folder);
  const env = symbolsIn(folder);
  let failed = 0;
  for (const { name, handler } of tests) {
    const base = `${folder}/${name}`;
    const output = await play(base, `${folder}/${handler}`, env, self);
    if (update && output.failure === undefined) Deno.writeTextFileSync(`${base}.expected`, output.text);
    const why = output.failure ?? difference(output.text, readText(`${base}.expected`));
    print(why === undefined ? `ok ${name}` : `not ok ${name}: ${why}`);
    if (why !== undefined) failed++;
  }
  if (failed > 0) print(`${failed} of ${tests.length} failed`);
  return failed > 0 ? 1 : 0;
}

/** A recording and its handler: files of the folder. */
interface GoldenTest {
  readonly name: string;
  readonly handler: string;
}

function testsIn(folder: string): GoldenTest[] {
  const files = new Set(filesIn(folder));
  const names = [...files].filter((file) => file.endsWith(RECORDING)).map((file) => file.slice(0, -RECORDING.length));
  const tests = names.flatMap((name) => {
    const extension = HANDLERS.find((handler) => files.has(name + handler));
    return extension === undefined ? [] : [{ name, handler: name + extension }];
  });
  if (tests.length > 0) return tests.sort((a, b) => a.name < b.name ? -1 : 1);
  throw new PerfprofError(`find tests in ${folder} failed: there is no NAME.perf.data with a NAME.ts`);
}

function filesIn(folder: string): string[] {
  try {
    return [...Deno.readDirSync(folder)].map(({ name }) => name);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory) return [];
    throw error;
  }
}

/** Undefined where there is none. */
function readText(path: string): string | undefined {
  try {
    return Deno.readTextFileSync(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

/** What a run prints, and why it failed where it did. */
async function play(
  base: string,
  handler: string,
  env: Record<string, string>,
  [command, ...before]: readonly string[],
): Promise<{ text: string; failure?: string }> {
  const options = words(readText(`${base}.options`) ?? "");
  const args = [...before, "-q", "-I", `${base}${RECORDING}`, ...options, handler];
  const { code, stdout, stderr } = await new Deno.Command(command!, { args, env, stdin: "null" }).output();
  const decoder = new TextDecoder();
  const text = decoder.decode(stdout);
  if (code === 0) return { text };
  return { text, failure: `it ended with status ${code}: ${decoder.decode(stderr).trim().split("\n")[0]}` };
}

/** Between spaces, or quotes where there are spaces in one. */
function words(text: string): string[] {
  return [...text.matchAll(/'([^']*)'|\S+/g)].map(([word, quoted]) => quoted ?? word);
}

/** The folder's own build-id cache is that of the runs: then stacks are the same on every machine. */
function symbolsIn(folder: string): Record<string, string> {
  try {
    return { PERF_BUILDID_DIR: Deno.realPathSync(`${folder}/${SYMBOLS}`) };
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return {};
    throw error;
  }
}

/** The first line that is another; undefined where all are the same. */
function difference(actual: string, expected: string | undefined): string | undefined {
  if (expected === undefined) return "nothing is expected yet: --update";
  if (actual === expected) return undefined;
  const [ours, theirs] = [actual.split("\n"), expected.split("\n")];
  const at = ours.findIndex((line, i) => line !== theirs[i]);
  const line = at < 0 ? ours.length : at;
  const shown = (text: string | undefined) => text === undefined ? "not there" : `'${text}'`;
  return `line ${line + 1} is ${shown(ours[line])}, expected ${shown(theirs[line])}`;
}
