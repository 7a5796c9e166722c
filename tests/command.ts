/**
 * perfprof as a program on PATH, for what starts it by its name: shebang lines, shells, and commands that start another
 * (setpriv, prlimit).
 *
 * @module
 */

import { Child, type Ended, MAIN, type TempDir } from "./harness.ts";

/** Never fires: a run on it has no events at all. */
export const QUIET = "sched:sched_process_hang";

/** Puts a `perfprof` into the folder's bin/. @returns A PATH that has it */
export function pathWith(dir: TempDir): string {
  const given = Deno.env.get("PERFPROF");
  const words = given === undefined ? [Deno.execPath(), "run", "-A", "-q", "--no-lock", MAIN] : [given];
  dir.write("bin/perfprof", `#!/bin/sh\nexec ${words.map((word) => `'${word}'`).join(" ")} "$@"\n`, 0o755);
  return `${dir.path}/bin:${Deno.env.get("PATH")}`;
}

/** Starts a line of shell in which `perfprof` is known. */
export function startShell(dir: TempDir, line: string): Child {
  return new Child("/bin/sh", ["-c", line], { env: { PATH: pathWith(dir) }, cwd: dir.path });
}

/** Runs a line of shell to its end. */
export async function shell(dir: TempDir, line: string): Promise<Ended> {
  return await startShell(dir, line).end();
}
