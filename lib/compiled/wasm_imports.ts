/**
 * What a WebAssembly handler can ask of perfprof: the functions of the import module `perfprof`, and the few that AssemblyScript's own
 * library imports from `env`. docs/compiled.md lists them for users; a test compares.
 *
 * A text goes in as its address and its bytes in UTF-8. One comes out into room of the module's, cut off where that is too small; the
 * result is how many bytes all of it has. What these throw passes through the module to whoever called it, as a trap does.
 *
 * @module
 */

import type { Frame } from "../event_services.ts";
import { hash, INFO } from "../perf_event.ts";
import type { CurrentEvent } from "./current_event.ts";
import { FIELD_KIND } from "./field.ts";
import { type CompiledEvent, fieldOf, valueText } from "./fields.ts";
import type { CompiledContext } from "./module.ts";
import type { WasmMemory } from "./wasm_memory.ts";

/** What the functions work on. */
export interface ImportParts {
  readonly context: CompiledContext;
  readonly current: CurrentEvent;
  /** @throws {TypeError} The module still starts, and its memory cannot be reached */
  memory(): WasmMemory;
}

/** A function that modules can import. */
export interface Import {
  /** `(i32, i64) -> i32` */
  readonly type: string;
  call(...values: never[]): unknown;
}

/** Bits of what print and text leave out. */
const NO_TIMESTAMP = 1, NO_CALLCHAIN = 2;

/** The functions, by `MODULE.NAME`. */
export function wasmImports(parts: ImportParts): Map<string, Import> {
  const own = { ...fieldImports(parts), ...runImports(parts), ...eventImports(parts), ...stackImports(parts) };
  return new Map([
    ...Object.entries(own).map(([name, made]) => [`perfprof.${name}`, made] as const),
    ...Object.entries(scriptImports(parts)).map(([name, made]) => [`env.${name}`, made] as const),
  ]);
}

/** The events of -e, and where their fields are. */
function fieldImports({ context: { events }, memory }: ImportParts): Record<string, Import> {
  const eventAt = (number: number): CompiledEvent => {
    const event = events[number];
    if (event === undefined) throw new RangeError(`there is no event ${number}: there are ${events.length}`);
    return event;
  };
  return {
    find_event: {
      type: "(i32, i32) -> i32",
      call: (name: number, length: number) => indexOf(events, memory().text(name, length)),
    },
    event_name: {
      type: "(i32, i32, i32) -> i32",
      call: (event: number, room: number, size: number) => memory().put(eventAt(event).name, room, size),
    },
    field: {
      type: "(i32, i32, i32, i32)",
      call: (event: number, name: number, length: number, into: number) =>
        putField(memory(), eventAt(event), event, memory().text(name, length), into),
    },
    has_field: {
      type: "(i32, i32, i32) -> i32",
      call: (event: number, name: number, length: number) => {
        const { fields, asked } = eventAt(event);
        return Number([...fields.map((field) => field.name), ...asked].includes(memory().text(name, length)));
      },
    },
  };
}

/** What is the same for all events. */
function runImports({ context: { argv, trace }, memory }: ImportParts): Record<string, Import> {
  return {
    arg_count: { type: "() -> i32", call: () => argv.length },
    arg: {
      type: "(i32, i32, i32) -> i32",
      call: (index: number, room: number, size: number) => memory().put(argv[index] ?? "", room, size),
    },
    write: {
      type: "(i32, i32, i32)",
      call: (fd: number, text: number, length: number) => writeAll(fd, memory().bytes(text, length)),
    },
    fail: {
      type: "(i32, i32)",
      call: (text: number, length: number) => {
        throw new Error(memory().text(text, length));
      },
    },
    now: { type: "() -> i64", call: () => trace.source.clockPair().clockNs },
    realtime: { type: "(i64) -> i64", call: (timeNs: bigint) => trace.services.realtimeNs(timeNs) },
    comm: {
      type: "(i32, i64, i32, i32) -> i32",
      call: (tid: number, timeNs: bigint, room: number, size: number) =>
        memory().put(trace.services.comm(tid, Number(timeNs)), room, size),
    },
  };
}

/** What is asked of the event whose handler runs. */
function eventImports({ current, memory }: ImportParts): Record<string, Import> {
  const shown = (flags: number) => ({ timestamp: (flags & NO_TIMESTAMP) === 0, callchain: (flags & NO_CALLCHAIN) === 0 });
  return {
    get: {
      type: "(i32, i32, i32, i32) -> i32",
      call: (name: number, length: number, room: number, size: number) => {
        const value = valueText(current.event, memory().text(name, length));
        return value === undefined ? -1 : memory().put(value, room, size);
      },
    },
    get_i64: {
      type: "(i32, i32) -> i64",
      call: (name: number, length: number) => current.event.get_bigint(memory().text(name, length)),
    },
    text: {
      type: "(i32, i32, i32) -> i32",
      call: (flags: number, room: number, size: number) => memory().put(current.event.to_text(shown(flags)), room, size),
    },
    print: { type: "(i32)", call: (flags: number) => current.event.print(shown(flags)) },
    hash: { type: "() -> i64", call: () => hash(current.event) },
  };
}

/** The frames of its stack. */
function stackImports({ current, memory }: ImportParts): Record<string, Import> {
  const frames = (): readonly Frame[] => {
    const { event } = current;
    const { stack } = event[INFO];
    return stack === undefined ? [] : event.get(stack) as readonly Frame[];
  };
  const frameAt = (index: number): Frame => {
    const frame = frames()[index];
    if (frame === undefined) throw new RangeError(`there is no frame ${index}: there are ${frames().length}`);
    return frame;
  };
  return {
    frame_count: { type: "() -> i32", call: () => frames().length },
    frame_address: { type: "(i32) -> i64", call: (index: number) => frameAt(index).addr },
    frame_offset: { type: "(i32) -> i64", call: (index: number) => BigInt(frameAt(index).offset) },
    frame_symbol: {
      type: "(i32, i32, i32) -> i32",
      call: (index: number, room: number, size: number) => memory().put(frameAt(index).symbol, room, size),
    },
    frame_dso: {
      type: "(i32, i32, i32) -> i32",
      call: (index: number, room: number, size: number) => memory().put(frameAt(index).dso, room, size),
    },
  };
}

/** Of AssemblyScript's library: what `throw` and failed assertions call, and console. */
function scriptImports({ memory }: ImportParts): Record<string, Import> {
  return {
    abort: {
      type: "(i32, i32, i32, i32)",
      call: (message: number, file: number, line: number, column: number) => {
        throw new Error(`${memory().string(message)} at ${memory().string(file)}:${line}:${column}`);
      },
    },
    "console.log": { type: "(i32)", call: (text: number) => console.log(memory().string(text)) },
    "console.error": { type: "(i32)", call: (text: number) => console.error(memory().string(text)) },
  };
}

function indexOf(events: readonly CompiledEvent[], name: string): number {
  return events.findIndex((event) => event.name === name || event.traced.spec.handlerName === name);
}

/** Writes struct pp_field of docs/compiled.md: six u32. */
function putField(memory: WasmMemory, event: CompiledEvent, number: number, name: string, into: number): void {
  const { kind, offset, size, base, chain } = fieldOf(event, name);
  const bytes = memory.bytes(into, 24);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  [number + 1, FIELD_KIND[kind], offset, size, base, chain].forEach((value, i) => view.setUint32(4 * i, value, true));
}

function writeAll(fd: number, bytes: Uint8Array): void {
  const stream = fd === 1 ? Deno.stdout : fd === 2 ? Deno.stderr : undefined;
  if (stream === undefined) throw new RangeError(`there is no stream ${fd}: 1 is stdout, 2 is stderr`);
  while (bytes.length > 0) bytes = bytes.subarray(stream.writeSync(bytes));
}
