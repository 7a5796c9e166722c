/**
 * What a run takes of a compiled handler module, whatever it is compiled to (.wasm, .so), and what such a module takes of the run.
 *
 * @module
 */

import type { BatchMemory } from "../arena.ts";
import type { ModuleExports } from "../module_import.ts";
import type { Sink } from "../sink.ts";
import type { Trace, TracedEvent } from "../trace.ts";
import type { CompiledEvent } from "./fields.ts";

/** What a module is loaded with. */
export interface CompiledContext {
  /** Of the module, absolute. */
  readonly path: string;
  /** The module as on the command line, then its arguments. */
  readonly argv: readonly string[];
  readonly trace: Pick<Trace, "events" | "names" | "services" | "source">;
  /** What a module can know of `trace.events`, in their order. */
  readonly events: readonly CompiledEvent[];
  /** The watchdog's. */
  readonly cells: Int32Array;
}

/**
 * Loads a module.
 *
 * @throws {PerfprofError} It cannot be used: one line that names it
 */
export type CompiledLoader = (context: CompiledContext) => CompiledModule | Promise<CompiledModule>;

/** A module that is loaded. */
export interface CompiledModule {
  /** What it exports, by name: functions and others. Of the functions, callbacks are called as those of a script; event handlers are not. */
  readonly exports: ModuleExports;
  /** Where batches are read to; undefined: where those of scripts are. */
  readonly memory?: BatchMemory | undefined;
  /** Takes samples before they come to TypeScript; undefined: they all do. */
  readonly sink?: Sink | undefined;
  /** What calls its handler `name` with an event: one of the context's. */
  taker(name: string, event: TracedEvent): CompiledTaker;
}

/** How an event reaches a compiled handler. */
export interface CompiledTaker {
  /** With a sample, whose header is at `at` in `view`; undefined: samples do not come to TypeScript, or an analysis takes them. */
  readonly call: ((view: DataView, at: number) => unknown) | undefined;
  /** With an event that an analysis has made; undefined: it is none's. */
  readonly handler: ((event: unknown) => unknown) | undefined;
}
