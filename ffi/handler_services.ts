/**
 * What a compiled handler asks TypeScript for (struct pp_host of native/perfprof_handler.h): fields by name, texts, stacks. C calls
 * these on the thread and within the call that handed the event over, so all that they are given is valid until they return. None
 * may throw: there is JavaScript above C above JavaScript.
 *
 * @module
 */

import { FIELD_KIND } from "../lib/compiled/field.ts";
import { type CompiledEvent, fieldOf, valueText } from "../lib/compiled/fields.ts";
import type { Frame } from "../lib/event_services.ts";
import type { AnyEvent } from "../lib/generated_class.ts";
import { ABI } from "./abi.ts";
import { cString } from "./library.ts";

const { pp_event, pp_field, pp_frame, pp_host } = ABI.structs;
const { PP_PRINT_NO_TIMESTAMP, PP_PRINT_NO_CALLCHAIN } = ABI.constants;

type Pointer = Deno.PointerValue;
/** Members of struct pp_host that are pointers. */
type Member = "argv" | "find" | "text" | "value" | "callchain" | "realtime";

/** struct pp_host and all that it points to, which must be kept as long as the process lives. */
export class HandlerServices {
  readonly bytes = new Uint8Array(pp_host.size);
  /** Why the last field was not found. */
  failure: string | undefined;
  /** The event of an analysis whose handler runs, and where its record is: a copy of that has no event any more. */
  made: { readonly event: AnyEvent; readonly record: Uint8Array<ArrayBuffer> } | undefined;
  readonly #events: readonly CompiledEvent[];
  readonly #words: readonly Uint8Array<ArrayBuffer>[];
  readonly #argv: BigUint64Array<ArrayBuffer>;
  /** Of the frames that were given last. */
  #texts: readonly Uint8Array<ArrayBuffer>[] = [];

  /**
   * @param events By the number that C knows them by
   * @param argv The module, then its arguments
   */
  constructor(events: readonly CompiledEvent[], argv: readonly string[]) {
    this.#events = events;
    this.#words = argv.map(cString);
    this.#argv = BigUint64Array.from([...this.#words.map(addressOf), 0n]);
    new DataView(this.bytes.buffer).setUint32(pp_host.fields.argc.offset, argv.length, true);
    this.#set("argv", addressOf(this.#argv));
    this.#setFunctions();
  }

  #set(member: Member, address: bigint): void {
    new DataView(this.bytes.buffer).setBigUint64(pp_host.fields[member].offset, address, true);
  }

  /** Function pointers of callbacks that are never closed. */
  #setFunctions(): void {
    const set = (member: Member, { pointer }: { readonly pointer: Deno.PointerObject }) =>
      this.#set(member, Deno.UnsafePointer.value(pointer));
    const find = { parameters: ["pointer", "pointer", "pointer"], result: "i32" } as const;
    const text = { parameters: ["pointer", "u32", "pointer", "u32"], result: "i32" } as const;
    const value = { parameters: ["pointer", "pointer", "pointer", "u32"], result: "i32" } as const;
    const callchain = { parameters: ["pointer", "pointer", "u32"], result: "i32" } as const;
    const realtime = { parameters: ["pointer"], result: "i64" } as const;
    set("find", new Deno.UnsafeCallback(find, (event, name, into) => this.#find(event, name, into)));
    set("text", new Deno.UnsafeCallback(text, (at, flags, into, size) => orElse(-1, () => this.#text(at, flags, into, size))));
    set("value", new Deno.UnsafeCallback(value, (at, name, into, size) => orElse(-1, () => this.#value(at, name, into, size))));
    set("callchain", new Deno.UnsafeCallback(callchain, (at, into, most) => orElse(0, () => this.#callchain(at, into, most))));
    set("realtime", new Deno.UnsafeCallback(realtime, (at) => orElse(0n, () => this.#event(at).get_bigint("_realtime"))));
  }

  #find(event: Pointer, name: Pointer, into: Pointer): number {
    const view = viewAt(into, pp_field.size);
    new Uint8Array(view.buffer).fill(0);
    try {
      const source = this.#sourceOf(textAt(event));
      const { kind, offset, size, base, chain } = fieldOf(this.#events[source]!, textAt(name));
      const values = { source: source + 1, kind: FIELD_KIND[kind], offset, size, base, chain };
      for (const [member, value] of Object.entries(values)) {
        view.setUint32(pp_field.fields[member as keyof typeof values].offset, value, true);
      }
      return 0;
    } catch (error) {
      this.failure = error instanceof Error ? error.message : String(error);
      return -1;
    }
  }

  /** @param name `sched:sched_wakeup`, or that of its handler */
  #sourceOf(name: string): number {
    const source = this.#events.findIndex((event) => event.name === name || event.traced.spec.handlerName === name);
    if (source < 0) {
      throw new TypeError(`event ${name} is not opened; these are: ${this.#events.map((one) => one.name).join(", ")}`);
    }
    return source;
  }

  #text(at: Pointer, flags: number, into: Pointer, size: number): number {
    const timestamp = (flags & PP_PRINT_NO_TIMESTAMP) === 0;
    const callchain = (flags & PP_PRINT_NO_CALLCHAIN) === 0;
    return giveText(this.#event(at).to_text({ timestamp, callchain }), into, size);
  }

  #value(at: Pointer, name: Pointer, into: Pointer, size: number): number {
    const text = valueText(this.#event(at), textAt(name));
    return text === undefined ? -1 : giveText(text, into, size);
  }

  #callchain(at: Pointer, into: Pointer, most: number): number {
    const event = this.#event(at);
    const frames = (event.get("_callchain") ?? event.get("callchain") ?? []) as readonly Frame[];
    const given = frames.slice(0, most);
    const view = viewAt(into, given.length * pp_frame.size);
    this.#texts = given.flatMap(({ symbol, dso }) => [cString(symbol), cString(dso)]);
    const { addr, offset, symbol, dso, kernel } = pp_frame.fields;
    given.forEach((frame, i) => {
      const start = i * pp_frame.size;
      view.setBigUint64(start + addr.offset, frame.addr, true);
      view.setBigUint64(start + offset.offset, BigInt(frame.offset), true);
      view.setBigUint64(start + symbol.offset, addressOf(this.#texts[2 * i]!), true);
      view.setBigUint64(start + dso.offset, addressOf(this.#texts[2 * i + 1]!), true);
      view.setUint32(start + kernel.offset, frame.kernel ? 1 : 0, true);
    });
    return given.length;
  }

  /** The event that a struct pp_event is of: of its record, or what an analysis has made. */
  #event(at: Pointer): AnyEvent {
    const view = viewAt(at, pp_event.size);
    const { source, record, record_size } = pp_event.fields;
    const run = this.#events[view.getUint32(source.offset, true)]?.traced.run;
    const address = view.getBigUint64(record.offset, true);
    if (run?.kind === "direct") {
      const bytes = Deno.UnsafePointer.create(address);
      return new run.eventClass(new DataView(viewAt(bytes, view.getUint32(record_size.offset, true)).buffer.slice(0)), 0);
    }
    if (this.made === undefined || addressOf(this.made.record) !== address) throw new TypeError("the event is gone");
    return this.made.event;
  }
}

function orElse<T>(otherwise: T, work: () => T): T {
  try {
    return work();
  } catch {
    // The handler sees that there is nothing; a record that is damaged has nothing to show.
    return otherwise;
  }
}

function addressOf(bytes: Uint8Array<ArrayBuffer> | BigUint64Array<ArrayBuffer>): bigint {
  return Deno.UnsafePointer.value(Deno.UnsafePointer.of(bytes));
}

/** Memory of C's, while it is valid. */
function viewAt(pointer: Pointer, size: number): DataView<ArrayBuffer> {
  if (pointer === null || size === 0) return new DataView(new ArrayBuffer(size));
  return new DataView(Deno.UnsafePointerView.getArrayBuffer(pointer, size));
}

function textAt(pointer: Pointer): string {
  return pointer === null ? "" : Deno.UnsafePointerView.getCString(pointer);
}

/** Writes as much of a text as fits, and a NUL. Returns the length of all of it. */
function giveText(text: string, into: Pointer, size: number): number {
  const bytes = new TextEncoder().encode(text);
  const room = new Uint8Array(viewAt(into, size).buffer);
  const written = bytes.subarray(0, Math.max(0, size - 1));
  room.set(written);
  if (size > 0) room[written.length] = 0;
  return bytes.length;
}
