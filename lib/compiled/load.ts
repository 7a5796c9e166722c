/**
 * Loads a compiled handler module, by its extension, and takes its callbacks by the rules of any module.
 *
 * @module
 */

import { type LoadedHandlers, takeHandlers } from "../handlers.ts";
import { compiledEvent } from "./fields.ts";
import type { CompiledContext, CompiledLoader, CompiledModule } from "./module.ts";

/** A compiled module and its callbacks. */
export interface LoadedModule extends LoadedHandlers {
  readonly compiled: CompiledModule;
}

/**
 * Loads the module.
 *
 * @param native Loads shared objects
 * @throws {PerfprofError} It cannot be loaded, its exports cannot be used, or there is no handler among them
 */
export async function loadCompiled(
  context: Omit<CompiledContext, "events">,
  native: CompiledLoader,
): Promise<LoadedModule> {
  const { path, trace } = context;
  const load = path.endsWith(".wasm") ? (await import("./wasm.ts")).loadWasm : native;
  const compiled = await load({ ...context, events: trace.events.map(compiledEvent) });
  const names = trace.events.map(({ spec }) => spec.handlerName);
  return { ...takeHandlers(path, compiled.exports, names), compiled };
}
