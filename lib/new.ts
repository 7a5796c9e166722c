/**
 * `perfprof new NAME [TEMPLATE]`: one of the ready handlers of templates/ as a file of the user's own. Writes that file and nothing
 * else, and never over another.
 *
 * @module
 */

import type { CommandContext } from "./commands.ts";
import { nearest, PerfprofError, UsageError } from "./errors.ts";
import { requireOwnFiles } from "./own_files.ts";

const TEMPLATES = new URL("../templates/", import.meta.url);
const DEFAULT_TEMPLATE = "counter";
/** What a template's first line has before its options. */
const SHEBANG = "#!/usr/bin/env -S ";

/**
 * Writes the file.
 *
 * @returns Its path, and the command line that runs it
 * @throws {PerfprofError} Wrong words, no such template, or the file cannot be written
 */
export function create({ args }: CommandContext): string {
  const [name, template = DEFAULT_TEMPLATE, ...more] = args;
  if (name === undefined || more.length > 0) {
    throw new UsageError(`the command 'new' takes a NAME and a TEMPLATE, not ${args.length} words`, {
      hints: [`perfprof new latency.ts latency   (templates: ${templateNames().join(" ")})`],
    });
  }
  const path = pathOf(name);
  const text = templateText(template);
  write(path, text);
  const command = text.slice(SHEBANG.length, text.indexOf("\n"));
  return `${path}\n${command} ${quoted(path)}\n`;
}

/** The names of the ready handlers, sorted. */
export function templateNames(): string[] {
  requireOwnFiles("reading the templates");
  return [...Deno.readDirSync(TEMPLATES)].map(({ name }) => name.replace(/\.ts$/, "")).sort();
}

function templateText(template: string): string {
  const names = templateNames();
  if (names.includes(template)) return Deno.readTextFileSync(new URL(`${template}.ts`, TEMPLATES));
  const near = nearest(template, names);
  throw new UsageError(`the template '${template}' is unknown`, {
    hints: [...near.length > 0 ? [`did you mean ${near.join(" or ")}?`] : [], `templates are ${names.join(" ")}`],
  });
}

function pathOf(name: string): string {
  const [, base = "", extension = ""] = /([^/]*?)(\.[^./]*)?$/.exec(name) ?? [];
  if (name.startsWith("-") || base === "") {
    throw new UsageError(`'${name}' cannot be the name of a handler`, { hints: ["perfprof new counter.ts"] });
  }
  if (extension === "") return `${name}.ts`;
  if (extension === ".ts" || extension === ".mts") return name;
  throw new UsageError(`'${name}' cannot be the name of a handler: templates are TypeScript`, {
    hints: [`perfprof new ${quoted(`${name}.ts`)}`],
  });
}

/** Executable, so that its first line runs it. */
function write(path: string, text: string): void {
  try {
    Deno.writeTextFileSync(path, text, { createNew: true, mode: 0o755 });
  } catch (error) {
    if (error instanceof Deno.errors.AlreadyExists) {
      throw new PerfprofError(`writing ${path} failed: it exists already`, { hints: ["perfprof new with another NAME"] });
    }
    if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory) {
      const folder = path.slice(0, path.lastIndexOf("/"));
      throw new PerfprofError(`writing ${path} failed: there is no folder ${folder}`, {
        hints: [`mkdir -p ${quoted(folder)}`],
      });
    }
    throw new PerfprofError(`writing ${path} failed: ${error instanceof Error ? error.message : error}`, { cause: error });
  }
}

/** A word as a shell takes it. */
function quoted(word: string): string {
  return /^[\w./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}
