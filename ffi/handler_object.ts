/**
 * Handler modules that are shared objects (.so): loads one, and makes of it what lib/compiled/ knows as a module. Samples go to its
 * handlers within C (handler_sink.ts); only its other callbacks, and the events of analyses, are called from here.
 *
 * @module
 */

import { ENCODED_MAX, encodeEvent } from "../lib/compiled/encode.ts";
import type { CompiledEvent } from "../lib/compiled/fields.ts";
import type { CompiledContext, CompiledModule, CompiledTaker } from "../lib/compiled/module.ts";
import { PerfprofError } from "../lib/errors.ts";
import type { LostInfo } from "../lib/handlers.ts";
import type { AnyEvent } from "../lib/generated_class.ts";
import { TIME } from "../lib/perf_event.ts";
import type { TracedEvent } from "../lib/trace.ts";
import { ABI } from "./abi.ts";
import { HandlerServices } from "./handler_services.ts";
import { HandlerSink } from "./handler_sink.ts";
import { requireTrusted } from "./handler_trust.ts";
import { call, callForText, cString, type Handle, library, NativeError, outPointer } from "./library.ts";

const { pp_lost } = ABI.structs;
const { PP_EVENT_UNKNOWN } = ABI.constants;
/** First size of the list of exports, and the size of a reason, in bytes. */
const NAMES_SIZE = 4096;
const WHY_SIZE = 512;
/** Of PERF_SAMPLE_TID, which PERF_SAMPLE_TIME follows. */
const TID_SIZE = 8;
/** Exports that are no handler's. */
const OWN = new Set(["perfprof_attach", "_init", "_fini"]);
/** C keeps pointers into what belongs to a module: for good. */
const loaded: HandlerObject[] = [];

/**
 * Loads a shared object.
 *
 * @throws {PerfprofError} It cannot be used, or is not to be trusted
 */
export function loadObject(context: CompiledContext): CompiledModule {
  const object = new HandlerObject({ ...context, path: requireTrusted(context.path) });
  loaded.push(object);
  return object;
}

class HandlerObject implements CompiledModule {
  readonly sink = new HandlerSink();
  readonly exports: CompiledModule["exports"];
  readonly #handlers: Handle;
  readonly #services: HandlerServices;
  readonly #events: readonly CompiledEvent[];
  /** Where events of analyses are written to. */
  readonly #record: Uint8Array<ArrayBuffer> = new Uint8Array(ENCODED_MAX);

  constructor({ path, argv, events }: CompiledContext) {
    this.#events = events;
    this.#services = new HandlerServices(events, argv);
    this.#handlers = this.sink.handlers = open(path, this.#services, this.sink);
    const names = callForText(
      NAMES_SIZE,
      (library, buffer, error) => library.pp_handlers_exports(this.#handlers, buffer, buffer.length, error),
    ).split("\n").filter((name) => name !== "" && !OWN.has(name));
    this.exports = Object.fromEntries(names.sort().map((name) => [name, this.#callback(name)]));
    for (const { traced } of events) this.#route(traced, -1, 0);
  }

  taker(name: string, event: TracedEvent): CompiledTaker {
    const callback = this.#find(name);
    this.#route(event, callback, call((library, error) => library.pp_watch_name(cString(name), error)));
    return { call: undefined, handler: (made) => this.#hand(event, callback, made as AnyEvent) };
  }

  /** What takes the parameters of a script's callback; of an event's handler nobody calls it. */
  #callback(name: string): (...parameters: never[]) => unknown {
    const run = (indent = 0) => library().pp_handlers_call(this.#handlers, this.#find(name), indent);
    if (name === "__init__") return () => this.#init();
    if (name === "__lost__") return (start: number, end: number, info: LostInfo) => this.#lost(start, end, info);
    return name === "__print_stat__" ? (indent: number) => run(indent) : () => run();
  }

  #init(): void {
    const why = new Uint8Array(WHY_SIZE);
    if (library().pp_handlers_init(this.#handlers, this.#find("__init__"), why, why.length) === 0) return;
    const given = new TextDecoder().decode(why.subarray(0, why.indexOf(0)));
    throw new PerfprofError(`__init__ failed: ${given || this.#services.failure || "it gave no reason"}`);
  }

  #lost(start: number, end: number, { count, cpu, event }: LostInfo): void {
    const lost = new DataView(new ArrayBuffer(pp_lost.size));
    lost.setBigUint64(pp_lost.fields.start.offset, BigInt(start), true);
    lost.setBigUint64(pp_lost.fields.end.offset, BigInt(end), true);
    lost.setBigUint64(pp_lost.fields.count.offset, BigInt(count), true);
    lost.setUint32(pp_lost.fields.event.offset, PP_EVENT_UNKNOWN, true);
    lost.setUint32(pp_lost.fields.cpu.offset, cpu, true);
    library().pp_handlers_lost(this.#handlers, this.#find("__lost__"), new Uint8Array(lost.buffer), cString(event ?? ""));
  }

  #find(name: string): number {
    return call((library, error) => library.pp_handlers_find(this.#handlers, cString(name), error));
  }

  /** Says whose an event's samples are: with -1 nobody's. Those that an analysis takes go the way of all. */
  #route({ run, spec, indices, timeOffsets }: TracedEvent, callback: number, watchId: number): void {
    if (run.kind !== "direct") return;
    const source = this.#events.findIndex(({ traced }) => traced.spec === spec);
    indices.forEach((index, i) => {
      const tidAt = timeOffsets[i]! - TID_SIZE;
      call((library, error) => library.pp_handlers_route(this.#handlers, index, callback, source, tidAt, watchId, error));
    });
  }

  /** An event that an analysis has made. */
  #hand({ spec }: TracedEvent, callback: number, event: AnyEvent): void {
    const source = this.#events.findIndex(({ traced }) => traced.spec === spec);
    const size = encodeEvent(this.#events[source]!, event, new DataView(this.#record.buffer));
    const { _cpu, _pid, _tid } = event;
    this.#services.made = { event, record: this.#record };
    library().pp_handlers_event(
      this.#handlers,
      callback,
      source,
      this.#record,
      size,
      _cpu,
      event[TIME](),
      _pid >>> 0,
      _tid >>> 0,
    );
    this.#services.made = undefined;
  }
}

function open(path: string, services: HandlerServices, sink: HandlerSink): Handle {
  try {
    return outPointer((library, out, error) => library.pp_handlers_open(cString(path), services.bytes, sink.bytes, out, error));
  } catch (error) {
    throw error instanceof NativeError ? refusal(path, error) : error;
  }
}

/** errno(3): what says why a shared object is no handler. */
const ENOEXEC = 8;
const EPROTO = 71;

function refusal(path: string, error: NativeError): PerfprofError {
  const failure = `module ${path} cannot be loaded`;
  if (error.sysErrno === ENOEXEC) {
    return new PerfprofError(`${failure}: it is no handler: perfprof_attach is missing`, {
      hints: ["#include <perfprof_handler.h> and PERFPROF_HANDLER; in it, then gcc -shared -fPIC -O2 -o h.so h.c"],
      cause: error,
    });
  }
  if (error.sysErrno === EPROTO) {
    return new PerfprofError(`${failure}: it was compiled for another perfprof: ${error.text}`, {
      hints: ["compile it anew with the perfprof_handler.h of this one"],
      cause: error,
    });
  }
  return new PerfprofError(`${failure}: ${error.text.split("\n", 1)[0]}`, { cause: error });
}
