/**
 * lib/sink.ts over native/handler_sink.c: which callback takes the samples of which event, and what reads with handlers tell (struct
 * pp_handing). A source's read gets the handle of it.
 *
 * @module
 */

import type { Left, Sink } from "../lib/sink.ts";
import { ABI } from "./abi.ts";
import type { Handle } from "./library.ts";

const { pp_handing } = ABI.structs;
const { PP_LEFT_TIME, PP_LEFT_COUNT, PP_LEFT_YIELD } = ABI.constants;
const LEFT: ReadonlyMap<number, Left> = new Map([[PP_LEFT_TIME, "time"], [PP_LEFT_COUNT, "count"], [PP_LEFT_YIELD, "yield"]]);
const U64_MAX = 0xffff_ffff_ffff_ffffn;

/** The memory that a handler shares with its reads. */
export class HandlerSink implements Sink {
  readonly bytes = new Uint8Array(pp_handing.size);
  readonly #view = new DataView(this.bytes.buffer);
  #handlers: Handle | undefined;
  #untilNs = NaN;

  /** struct pp_handlers, once it is loaded. */
  get handlers(): Handle {
    if (this.#handlers === undefined) throw new TypeError("use a handler failed: it is not loaded");
    return this.#handlers;
  }

  set handlers(handle: Handle) {
    this.#handlers = handle;
  }

  get handed(): number {
    return this.#u64("handed");
  }

  get passed(): number {
    return this.#u64("passed");
  }

  get left(): Left {
    return LEFT.get(this.#view.getUint32(pp_handing.fields.left.offset, true)) ?? "done";
  }

  get nextNs(): number {
    return this.#u64("next_time");
  }

  limit(untilNs: number, most: number): void {
    // A tick lasts for many reads.
    if (untilNs !== this.#untilNs) this.#set("until", untilNs);
    this.#untilNs = untilNs;
    this.#set("most", most);
  }

  passOver(): void {
    this.#view.setUint32(pp_handing.fields.pass_over.offset, 1, true);
  }

  #set(field: "until" | "most", value: number): void {
    const { offset } = pp_handing.fields[field];
    this.#view.setBigUint64(offset, Number.isFinite(value) ? BigInt(Math.max(0, Math.floor(value))) : U64_MAX, true);
  }

  /** Exact to 2^53. */
  #u64(field: keyof typeof pp_handing.fields): number {
    const { offset } = pp_handing.fields[field];
    return this.#view.getUint32(offset, true) + this.#view.getUint32(offset + 4, true) * 0x1_0000_0000;
  }
}
