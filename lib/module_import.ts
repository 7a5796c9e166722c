/**
 * Imports a handler module with Deno's own loader, and says in one line why it cannot be imported. Also shows the script its own
 * arguments instead of perfprof's.
 *
 * @module
 */

import { PerfprofError } from "./errors.ts";
import { errorLines, fileName, headline, place, plain, userFrames } from "./error_text.ts";

/** What Deno knows by itself. Without any of these a file is TypeScript. */
const KNOWN_EXTENSION = /\.(?:[cm]?[jt]s|[jt]sx|json)$/;
const EXTENSION = /\.[^./]*$/;

/** The exports of a module. */
export type ModuleExports = Readonly<Record<string, unknown>>;

/**
 * Imports the module at `path`.
 *
 * @param path Absolute
 * @throws {PerfprofError} `module PATH cannot be loaded: FILE:LINE:COLUMN: WHY`
 */
export async function importModule(path: string): Promise<ModuleExports> {
  const foreign = EXTENSION.test(path) && !KNOWN_EXTENSION.test(path);
  try {
    return foreign ? await importAsTypeScript(fileUrl(path)) : await import(fileUrl(path));
  } catch (error) {
    throw importError(path, error);
  }
}

function fileUrl(path: string): string {
  return `file://${path.split("/").map(encodeURIComponent).join("/")}`;
}

/** Deno takes `a.b` and `h-1.2` for JavaScript: this hands it that one file without its types. */
async function importAsTypeScript(url: string): Promise<ModuleExports> {
  const { registerHooks, stripTypeScriptTypes } = await import("node:module");
  const source = await withoutTypes(Deno.readTextFileSync(new URL(url)), stripTypeScriptTypes);
  const hooks = registerHooks({
    load: (asked, context, next) => asked === url ? { format: "module", source, shortCircuit: true } : next(asked, context),
  });
  try {
    return await import(url);
  } finally {
    hooks.deregister();
  }
}

async function withoutTypes(source: string, strip: (code: string, options?: { mode: "transform" }) => string): Promise<string> {
  try {
    // Leaves every line and column where it was.
    return strip(source);
  } catch {
    // Enums and the like need code in their place.
  }
  try {
    return strip(source, { mode: "transform" });
  } catch (error) {
    // It says what is wrong, but not where: the loader does.
    await import(`data:application/typescript,${encodeURIComponent(source)}`);
    throw error;
  }
}

/**
 * Tells from Deno's error what is wrong and where. It has the place in the last line of its message (text that does not parse,
 * imports that are not there), at the end of its first line (V8's own syntax errors), or in its stack (code that threw).
 */
function importError(path: string, error: unknown): PerfprofError {
  const message = plain(loaderMessage(error) ?? headline(error));
  const [, text = message, url, position] = /^(.*?)\s+at (\w+:\S+?):(\d+:\d+)$/s.exec(message) ?? [];
  // Behind the first line comes the source line, or Deno's chain of causes.
  const why = `${error instanceof Error ? "" : "threw "}${text.split("\n", 1)[0]}`;
  const failure = `module ${path} cannot be loaded`;
  if (url !== undefined) {
    const file = url.startsWith("data:") ? path : fileName(url);
    return new PerfprofError(`${failure}: ${file}:${position}: ${why}`, { cause: error });
  }
  const [frame] = userFrames(error);
  const detail = errorLines(error).slice(message.split("\n").length);
  return new PerfprofError(`${failure}: ${frame === undefined ? "" : `${place(frame)}: `}${why}`, { detail, cause: error });
}

/** What Deno's loader says, undefined when the error is none of its own: its class, a TypeError, tells nothing. */
function loaderMessage(error: unknown): string | undefined {
  return error instanceof TypeError && "code" in error && error.code === "ERR_MODULE_NOT_FOUND" ? error.message : undefined;
}

/**
 * Shows the script its own arguments: `Deno.args` and `process.argv.slice(2)`.
 *
 * @param path The module's
 * @param args The script's
 */
export function setScriptArguments(path: string, args: readonly string[]): void {
  // Deno's own array can be changed as well: some scripts shift() it.
  Object.defineProperty(Deno, "args", { value: [...args], writable: true, configurable: true, enumerable: true });
  // In place: whoever imports node:process later gets this same array.
  process.argv.splice(1, Infinity, path, ...args);
}
