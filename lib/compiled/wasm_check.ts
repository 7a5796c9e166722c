/**
 * Is a WebAssembly module one that can be a handler? Reads it, compiles it, and compares what it imports and exports with
 * docs/compiled.md, before anything of it runs. Every refusal is one line that names the module.
 *
 * @module
 */

import { headline } from "../error_text.ts";
import { nearest, PerfprofError } from "../errors.ts";
import type { Import } from "./wasm_imports.ts";
import { type FunctionType, type FunctionTypes, functionTypes, typeText } from "./wasm_types.ts";

/** What the exports are called with. A function may name fewer: the rest it does not get. */
export const EXPORT_PARAMS: Readonly<Record<string, readonly string[]>> = {
  perfprof_abi: [],
  perfprof_memory: ["i32"],
  _initialize: [],
  __init__: [],
  __exit__: [],
  __interval__: [],
  __print_stat__: ["i32"],
  __lost__: ["i64", "i64", "i64", "i32", "i32"],
  __sample__: ["i32", "i32"],
};

/** A module that is compiled. */
export interface CheckedModule {
  readonly module: WebAssembly.Module;
  /** Undefined where the module has types that are not known here: nothing is compared then. */
  readonly types: FunctionTypes | undefined;
}

/**
 * Reads and compiles a module.
 *
 * @throws {PerfprofError} It cannot be read, or is no WebAssembly
 */
export async function compileModule(path: string): Promise<CheckedModule> {
  try {
    const bytes = await Deno.readFile(path);
    return { module: await WebAssembly.compile(bytes), types: functionTypes(bytes) };
  } catch (error) {
    const why = headline(error).replace(/^CompileError: WebAssembly\.compile\(\): /, "it is no valid WebAssembly: ");
    throw new PerfprofError(`module ${path} cannot be loaded: ${why}`, { cause: error });
  }
}

/**
 * Compares what a module imports with what there is.
 *
 * @throws {PerfprofError} It imports something else
 */
export function checkImports(path: string, { module, types }: CheckedModule, known: ReadonlyMap<string, Import>): void {
  for (const { module: from, name, kind } of WebAssembly.Module.imports(module)) {
    const full = `${from}.${name}`;
    const found = known.get(full);
    if (found === undefined || kind !== "function") {
      const [near] = nearest(full, known.keys(), 1);
      throw new PerfprofError(`module ${path} cannot be loaded: it imports the ${kind} ${full}, which perfprof does not have`, {
        hints: [near === undefined ? `it has ${[...known.keys()].join(", ")}` : `did you mean ${near}?`],
      });
    }
    const type = types?.imports.get(full);
    if (type !== undefined && typeText(type) !== found.type) {
      throw new PerfprofError(`module ${path} cannot be loaded: it imports ${full} as ${typeText(type)}; it is ${found.type}`);
    }
  }
}

/**
 * Compares what a module exports with how it is called.
 *
 * @param handlers Names of handlers, of the events that are opened
 * @throws {PerfprofError} A function takes something else
 */
export function checkExports(path: string, { types }: CheckedModule, handlers: readonly string[]): void {
  for (const [name, actual] of types?.exports ?? []) {
    const expected = EXPORT_PARAMS[name] ?? (handlers.includes(name) ? EXPORT_PARAMS.__sample__! : undefined);
    if (expected === undefined || takes(actual, expected)) continue;
    const called = expected.length === 0 ? "without any" : `with (${expected.join(", ")})`;
    throw new PerfprofError(
      `module ${path} cannot be used: its export ${name} takes (${actual.params.join(", ")}), and is called ${called}`,
    );
  }
}

/** The first ones of what it is called with. */
function takes({ params }: FunctionType, given: readonly string[]): boolean {
  return params.every((type, i) => type === given[i]);
}
