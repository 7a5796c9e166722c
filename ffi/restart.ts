/**
 * Starts perfprof anew in the place of this process, with the settings of a script: Deno reads such when it starts, and only then. The
 * process stays the same one, with its terminal, its signals and whoever waits for it.
 *
 * @module
 */

import { PerfprofError } from "../lib/errors.ts";
import { cString } from "./library.ts";
import { SELF } from "./library_path.ts";

/** The settings that it was started with. The packed program's launcher takes them from there as well. */
const VARIABLE = "PERFPROF_CONFIG";

/**
 * Once for a script: what was started with its settings goes on.
 *
 * @param config Path of its deno.json
 * @param args perfprof's own
 * @throws {PerfprofError} The system does not start it
 */
export function restartWith(config: string, args: readonly string[]): void {
  const current = Deno.env.get(VARIABLE);
  // The script's own children are other programs.
  Deno.env.delete(VARIABLE);
  if (current === config) return;
  Deno.env.set(VARIABLE, config);
  const [program = "", ...words] = SELF;
  // Before the module that Deno runs; a packed program has none.
  if (words.length > 0) words.splice(-1, 0, "--config", config);
  execute([program, ...words, ...args]);
  throw new PerfprofError(`starting ${program} with ${config} failed`);
}

/** Returns only when it fails. */
function execute(words: readonly string[]): void {
  // int execv(const char *path, char *const argv[])
  const libc = Deno.dlopen("libc.so.6", { execv: { parameters: ["buffer", "buffer"], result: "i32" } });
  const strings = words.map(cString);
  const pointers = strings.map((string) => Deno.UnsafePointer.value(Deno.UnsafePointer.of(string)));
  libc.symbols.execv(strings[0]!, new BigUint64Array([...pointers, 0n]));
  libc.close();
}
