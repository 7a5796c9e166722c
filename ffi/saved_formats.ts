/**
 * Tracepoints of another kernel: a folder with the `format` files of its tracefs, as SYSTEM/NAME/format (`cp -r` of events/). All else
 * is this machine's. It takes no rights.
 *
 * @module
 */

import { PerfprofError } from "../lib/errors.ts";
import type { TracepointFormat } from "../lib/format.ts";
import { SourceError } from "../lib/source.ts";
import { Formats } from "./formats.ts";
import { NativeMachine } from "./machine.ts";
import { orSourceError } from "./source_error.ts";

/** errno(3). */
const ENOENT = 2;

/** A machine with another's formats. */
export class SavedFormats extends NativeMachine {
  readonly #folder: string;
  readonly #formats = new Formats("");

  /** @throws {PerfprofError} There are none in the folder */
  constructor(folder: string) {
    super();
    this.#folder = folder;
    if (this.systems().some((system) => this.names(system).length > 0)) return;
    throw new PerfprofError(`reading formats of ${folder} failed: there is no SYSTEM/NAME/format in it`, {
      hints: ["cp -r /sys/kernel/tracing/events/sched FOLDER saves those of a system"],
    });
  }

  override systems(): string[] {
    return foldersIn(this.#folder);
  }

  override names(system: string): string[] {
    return foldersIn(`${this.#folder}/${system}`).filter((name) => this.#text(system, name) !== undefined);
  }

  override format(system: string, name: string): TracepointFormat {
    const text = this.#text(system, name);
    if (text === undefined) throw new SourceError("format", `reading ${system}/${name}/format`, ENOENT);
    return orSourceError(() => this.#formats.parse(system, text));
  }

  #text(system: string, name: string): string | undefined {
    try {
      return Deno.readTextFileSync(`${this.#folder}/${system}/${name}/format`);
    } catch (error) {
      if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory) return undefined;
      throw error;
    }
  }
}

function foldersIn(path: string): string[] {
  try {
    return [...Deno.readDirSync(path)].filter(({ isDirectory }) => isDirectory).map(({ name }) => name);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory) return [];
    throw error;
  }
}
