/**
 * What C tells beside the records, as lib/source.ts has it: struct pp_state and the counts, of a session or of a recording.
 *
 * @module
 */

import type { EventCount, SourceState } from "../lib/source.ts";
import { ABI } from "./abi.ts";
import { type Bytes, callForBytes, type Library } from "./library.ts";

const { pp_state, pp_count } = ABI.structs;
/** Bytes for the first reading of the counts. */
const COUNTS_SIZE = 64 * pp_count.size;

/** Reads an array of struct pp_count. */
export function readCounts(invoke: (library: Library, buffer: Bytes, error: Bytes) => number): EventCount[] {
  const { result, buffer } = callForBytes(COUNTS_SIZE, invoke);
  const view = new DataView(buffer.buffer);
  const { event, cpu, delivered, lost, excluded } = pp_count.fields;
  return Array.from({ length: result }, (_, i) => {
    const at = i * pp_count.size;
    return {
      event: view.getUint32(at + event.offset, true),
      cpu: view.getUint32(at + cpu.offset, true),
      delivered: Number(view.getBigUint64(at + delivered.offset, true)),
      lost: Number(view.getBigUint64(at + lost.offset, true)),
      excluded: Number(view.getBigUint64(at + excluded.offset, true)),
    };
  });
}

/** struct pp_state, read when its properties are. */
export class NativeState implements SourceState {
  readonly #view: DataView;

  constructor(bytes: Bytes, readonly queueBytes: number) {
    this.#view = new DataView(bytes.buffer);
  }

  get safeTimeNs(): number {
    return this.#u64("safe_time");
  }
  get batchNewestNs(): number {
    return this.#u64("batch_newest");
  }
  get delivered(): number {
    return this.#u64("delivered");
  }
  get lost(): number {
    return this.#u64("lost");
  }
  get late(): number {
    return this.#u64("late");
  }
  get excluded(): number {
    return this.#u64("excluded");
  }
  get sidebandLost(): number {
    return this.#u64("sideband_lost");
  }
  get damaged(): number {
    return this.#u64("damaged");
  }
  get pending(): boolean {
    return this.#u32("pending") !== 0;
  }
  get ended(): boolean {
    return this.#u32("ended") !== 0;
  }
  get commandStatus(): number {
    return this.#view.getInt32(pp_state.fields.command_status.offset, true);
  }
  get ringBytes(): number {
    return this.#u64("ring_bytes");
  }
  get rings(): number {
    return this.#u32("rings");
  }

  #u32(field: keyof typeof pp_state.fields): number {
    return this.#view.getUint32(pp_state.fields[field].offset, true);
  }

  /** Exact to 2^53. */
  #u64(field: keyof typeof pp_state.fields): number {
    const { offset } = pp_state.fields[field];
    return this.#view.getUint32(offset, true) + this.#view.getUint32(offset + 4, true) * 0x1_0000_0000;
  }
}
