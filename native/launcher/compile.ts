/**
 * `deno task compile [FILE]`: makes dist/perfprof-compiled, or FILE, by `deno compile`, from the same program that build.ts packs. It
 * takes Deno's runtime for compiled programs: the file in DENORT_BIN, or else what Deno has cached or can fetch.
 *
 * @module
 */

import { dirname, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { inTempDir, MAIN, type ProgramFile, programFiles, run, strippedLibrary } from "./program.ts";

const ROOT = new URL("../../", import.meta.url);
// A task runs in the checkout's folder; a path is meant from where it was called.
const OUTPUT = resolve(Deno.env.get("INIT_CWD") ?? ".", Deno.args[0] ?? fileURLToPath(new URL("dist/perfprof-compiled", ROOT)));
const LIBRARY = "libperfprof.so";

/** Writes the program to the folder, and has it compiled. @returns Why that failed */
async function compile(folder: URL, files: readonly ProgramFile[]): Promise<string | undefined> {
  for (const { path, bytes } of files) {
    const target = new URL(path, folder);
    Deno.mkdirSync(new URL(".", target), { recursive: true });
    Deno.writeFileSync(target, bytes);
  }
  const embedded = ["lib", "templates", LIBRARY].flatMap((name) => ["--include", name]);
  const args = ["compile", "-A", "-q", "--no-check", "--no-config", "--no-lock", ...embedded, "-o", OUTPUT, MAIN];
  const { success, stderr } = await new Deno.Command(Deno.execPath(), { args, cwd: folder, env: { NO_COLOR: "1" } }).output();
  return success ? undefined : reason(new TextDecoder().decode(stderr));
}

/** Of Deno's error: what it was at, and why it did not go on; numbered lines, with causes and a stack of its own below. */
function reason(stderr: string): string {
  const causes = [...stderr.matchAll(/^ +\d+: (?!<unknown>)(.*?)\.?$/gm)].map(([, cause]) => cause!);
  return causes.length > 0 ? causes.slice(0, 2).join(": ") : stderr.trim().split("\n", 1)[0]!;
}

await run("make", ["-s", "-j2", "-C", "native", "all"]);
const program = await programFiles(new URL("compiled_library_path.ts", import.meta.url));
const library = { path: LIBRARY, bytes: await strippedLibrary() };
Deno.mkdirSync(dirname(OUTPUT), { recursive: true });
const why = await inTempDir((folder) => compile(folder, [...program, library]));
if (why === undefined) {
  console.error(`compile: ${OUTPUT}, ${(Deno.statSync(OUTPUT).size / 1e6).toFixed(1)} MB`);
} else {
  console.error(`compile: making ${OUTPUT} failed: ${why}`);
  console.error(`hint: DENORT_BIN=FILE names Deno's runtime for compiled programs, denort ${Deno.version.deno}`);
  console.error("hint: deno task build makes dist/perfprof, which needs none and can more");
  Deno.exitCode = 1;
}
