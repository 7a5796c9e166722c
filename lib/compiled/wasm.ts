/**
 * Handlers in WebAssembly. Samples lie in the module's own memory, into which batches are read: a handler gets an address, no object
 * is made and nothing is copied. Only where an analysis runs as well, whose samples must outlive their batch, each is copied. Owns
 * the instance; docs/compiled.md has what users are told of it.
 *
 * @module
 */

import type { BatchMemory } from "../arena.ts";
import { errorLines, setWasmFile } from "../error_text.ts";
import { PerfprofError } from "../errors.ts";
import type { AnyEvent, EventClass } from "../generated_class.ts";
import type { LostInfo } from "../handlers.ts";
import type { ModuleExports } from "../module_import.ts";
import type { TracedEvent } from "../trace.ts";
import { WATCH_YIELD } from "../watch.ts";
import { CurrentEvent } from "./current_event.ts";
import { encodeEvent } from "./encode.ts";
import type { CompiledContext, CompiledModule, CompiledTaker } from "./module.ts";
import { checkExports, checkImports, compileModule } from "./wasm_check.ts";
import { type Import, wasmImports } from "./wasm_imports.ts";
import { MEMORY_SIZE, WasmMemory } from "./wasm_memory.ts";

/** The version of docs/compiled.md, which a module's perfprof_abi() returns. */
const ABI = 1;
/** Of struct perf_event_header: u16 size. */
const SIZE_AT = 6;

/** A function of the module's. What it takes was compared before. */
type Exported = (...values: (number | bigint)[]) => unknown;

/**
 * Loads the module of a context.
 *
 * @throws {PerfprofError} It is no WebAssembly, imports what is not there, has a callback that takes something else, or fails to start
 */
export async function loadWasm(context: CompiledContext): Promise<CompiledModule> {
  const { path, events } = context;
  const checked = await compileModule(path);
  const wasm = new WasmModule(context);
  checkImports(path, checked, wasm.imports);
  checkExports(path, checked, events.map(({ traced: { spec } }) => spec.handlerName));
  setWasmFile(path);
  wasm.start(checked.module);
  return wasm;
}

class WasmModule implements CompiledModule {
  readonly imports: ReadonlyMap<string, Import>;
  readonly #context: CompiledContext;
  readonly #current = new CurrentEvent();
  #exports: WebAssembly.Exports = {};
  /** Undefined where it exports none. */
  #memory: WasmMemory | undefined;

  constructor(context: CompiledContext) {
    this.#context = context;
    const memory = () => {
      if (this.#memory !== undefined) return this.#memory;
      throw new TypeError("nothing can be asked of perfprof while the module starts: ask in __init__");
    };
    this.imports = wasmImports({ context, current: this.#current, memory });
  }

  /** As a script's, but for the handlers of events: see taker(). */
  get exports(): ModuleExports {
    const own = Object.entries(this.#callbacks()).filter(([name]) => typeof this.#exports[name] === "function");
    return { ...this.#exports, ...Object.fromEntries(own) };
  }

  /** None where an analysis asks for bytes that never change. */
  get memory(): BatchMemory | undefined {
    const hasAnalyses = this.#context.events.some(({ traced: { run } }) => run.kind === "analysis");
    return this.#hasRoom && !hasAnalyses ? this.#memory : undefined;
  }

  get #hasRoom(): boolean {
    return this.#memory !== undefined && this.#memory.base > 0;
  }

  /** Makes the instance, and takes perfprof's part of its memory. */
  start(module: WebAssembly.Module): void {
    this.#exports = this.#attempt("its start", () => new WebAssembly.Instance(module, this.#importObject())).exports;
    const { memory, _initialize, perfprof_abi } = this.#exports;
    if (memory instanceof WebAssembly.Memory) {
      if (memory.buffer instanceof SharedArrayBuffer) throw this.#unusable("its memory is shared between threads");
      // Views are dead, also that of the walk: it goes on after a turn of the event loop, with a new one.
      this.#memory = new WasmMemory(memory, () => this.#context.cells[WATCH_YIELD] = 1);
    }
    if (_initialize !== undefined) this.#attempt("_initialize", () => (_initialize as Exported)());
    if (perfprof_abi === undefined) throw this.#unusable("it does not export perfprof_abi: it is not written for perfprof");
    const version = this.#attempt("perfprof_abi", () => (perfprof_abi as Exported)());
    if (version !== ABI) throw this.#unusable(`it is written for version ${version} of perfprof's layout, and this is ${ABI}`);
    this.#reserve();
    this.#requireRoom();
  }

  #reserve(): void {
    const { perfprof_memory } = this.#exports;
    if (this.#memory === undefined || perfprof_memory === undefined) return;
    const address = Number(this.#attempt("perfprof_memory", () => (perfprof_memory as Exported)(MEMORY_SIZE))) >>> 0;
    if (this.#memory.reserve(address)) return;
    throw this.#unusable(`perfprof_memory(${MEMORY_SIZE}) gave ${address}, and it has no such bytes at a multiple of 8 there`);
  }

  #requireRoom(): void {
    if (this.#hasRoom) return;
    const names = ["__sample__", ...this.#context.events.map(({ traced: { spec } }) => spec.handlerName)];
    const taker = names.find((name) => {
      const exported = this.#exports[name];
      return typeof exported === "function" && exported.length > 0;
    });
    if (taker === undefined) return;
    throw this.#unusable(`${taker} takes events, and there is no room for them: it does not export memory and perfprof_memory`);
  }

  #importObject(): WebAssembly.Imports {
    const object: Record<string, Record<string, WebAssembly.ImportValue>> = {};
    for (const [full, { call }] of this.imports) {
      const [from, name] = full.split(/\.(.*)/s, 2) as [string, string];
      (object[from] ??= {})[name] = call;
    }
    return object;
  }

  #unusable(why: string): PerfprofError {
    return new PerfprofError(`module ${this.#context.path} cannot be used: ${why}`);
  }

  /** Runs a part of the start. */
  #attempt<T>(what: string, step: () => T): T {
    try {
      return step();
    } catch (error) {
      const [first, ...detail] = errorLines(error);
      throw new PerfprofError(`module ${this.#context.path} cannot be loaded: ${what} threw ${first}`, {
        detail,
        cause: error,
      });
    }
  }

  /** The callbacks, by what those of a script take. */
  #callbacks(): ModuleExports {
    const call = (name: string, ...values: (number | bigint)[]) => this.#call(this.#exports[name] as Exported, ...values);
    return {
      __init__: () => {
        const status = call("__init__");
        if (typeof status === "number" && status !== 0) throw new PerfprofError(`__init__ failed: it returned ${status}`);
      },
      __exit__: () => void call("__exit__"),
      __interval__: () => void call("__interval__"),
      __print_stat__: (indent: number) => void call("__print_stat__", indent),
      __lost__: (start: number, end: number, { count, cpu, event }: LostInfo) =>
        void call("__lost__", BigInt(start), BigInt(end), BigInt(count), cpu, this.#numberOf(event)),
    };
  }

  /** @param name Of one of the source's events; undefined: it is not known which */
  #numberOf(name: string | undefined): number {
    const { events, trace } = this.#context;
    const index = name === undefined ? -1 : trace.names.indexOf(name);
    return events.findIndex(({ traced: { indices } }) => indices.includes(index));
  }

  taker(name: string, event: TracedEvent): CompiledTaker {
    const number = this.#context.events.findIndex(({ traced }) => traced === event);
    const handler = this.#exports[name] as Exported;
    const { run } = event;
    if (run.kind === "analysis") return { call: undefined, handler: this.#encoded(handler, number) };
    const call = this.memory === undefined
      ? this.#copied(handler, number, run.eventClass)
      : this.#inPlace(handler, number, run.eventClass, this.#memory!);
    return { call, handler: undefined };
  }

  /** Calls a handler with samples where they lie. */
  #inPlace(handler: Exported, number: number, eventClass: EventClass, memory: WasmMemory): CompiledTaker["call"] {
    const { base } = memory;
    const current = this.#current;
    // The hot path: everything is at hand, and nothing is gathered into arrays.
    return (_view, at) => {
      current.enter(eventClass, memory, at);
      try {
        handler(base + at, number);
      } finally {
        current.leave();
        memory.check();
      }
    };
  }

  /** Calls a handler with copies of samples; one that takes no events, with nothing. */
  #copied(handler: Exported, number: number, eventClass: EventClass): CompiledTaker["call"] {
    return (view, at) => {
      if (this.#hasRoom) {
        const record = new Uint8Array(view.buffer, view.byteOffset + at, view.getUint16(at + SIZE_AT, true));
        this.#memory!.bytes(this.#memory!.scratch, record.length).set(record);
      }
      this.#current.enter(eventClass, { view }, at);
      this.#call(handler, this.#memory?.scratch ?? 0, number);
    };
  }

  /** Calls a handler with records made of an analysis's events. */
  #encoded(handler: Exported, number: number): CompiledTaker["handler"] {
    const described = this.#context.events[number]!;
    return (event) => {
      const made = event as AnyEvent;
      if (this.#hasRoom) encodeEvent(described, made, this.#memory!.scratchView);
      this.#current.enterMade(made);
      this.#call(handler, this.#memory?.scratch ?? 0, number);
    };
  }

  /** Calls a function of the module. No event is current after that. */
  #call(exported: Exported, ...values: (number | bigint)[]): unknown {
    try {
      return exported(...values);
    } finally {
      this.#current.leave();
      this.#memory?.check();
    }
  }
}
