/**
 * What the tests of handlers in C share: a handler is compiled from its text, and run on a known number of system calls.
 *
 * @module
 */

import { fileURLToPath } from "node:url";
import { EMIT, emittedNr, type Ended, perfprof, TempDir } from "./harness.ts";
import { lacks } from "./stack_programs.ts";

const NATIVE = fileURLToPath(new URL("../native", import.meta.url));

/** Why these tests cannot run here; undefined when they can. */
export const noCompiler = lacks("gcc");

/** Compiles a file to a shared object. */
export function compile(source: string, object: string, compiler = "gcc", flags: readonly string[] = []): void {
  const args = ["-Wall", "-Wextra", "-Werror", "-O2", "-shared", "-fPIC", `-I${NATIVE}`, ...flags, "-o", object, source];
  const { success, stderr } = new Deno.Command(compiler, { args }).outputSync();
  if (!success) throw new Error(new TextDecoder().decode(stderr));
}

/** The text of a handler in C: what every one needs, and its own. */
function handlerText(body: string): string {
  const headers = ["inttypes.h", "perfprof_handler.h", "stdio.h", "stdlib.h", "string.h", "unistd.h"];
  return `${headers.map((name) => `#include <${name}>\n`).join("")}PERFPROF_HANDLER;\n${body}\n`;
}

/** A folder with handlers. */
export class Objects extends TempDir {
  /** Compiles a handler. @returns Its path */
  make(body: string, name = "h"): string {
    const object = `${this.path}/${name}.so`;
    compile(this.write(`${name}.c`, handlerText(body)), object);
    return object;
  }
}

/** An event of the generator's calls. */
export const entered = (attributes = "") => `raw_syscalls:sys_enter/id==${emittedNr()}/${attributes}`;

/** Runs a handler on what the generator does, from its first call to its last. */
export async function runOn(emit: string, options: readonly string[], object: string, ...args: string[]): Promise<Ended> {
  return await perfprof([...options, "-c", `${EMIT} ${emit}`, object, ...args]);
}
