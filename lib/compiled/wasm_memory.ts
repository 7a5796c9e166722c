/**
 * The memory of a WebAssembly handler: the part that is perfprof's, into which batches are read, and texts on their way in and out.
 * It may grow whenever the module's code runs; then every view of it is dead, and new ones are taken here.
 *
 * @module
 */

import type { BatchMemory } from "../arena.ts";
import { RECORD_MAX } from "../source.ts";

/** Bytes for a record that is not read in a batch: an encoded event, or a copy. */
const SCRATCH_SIZE = 64 * 1024;
/** Bytes that the module gives perfprof, in pages of 64 KiB: four. Batches that fit the CPU's second cache. */
export const MEMORY_SIZE = 256 * 1024;
const BATCH_SIZE = MEMORY_SIZE - SCRATCH_SIZE;

const DECODER = new TextDecoder();
const ENCODER = new TextEncoder();

/** A module's memory. */
export class WasmMemory implements BatchMemory {
  readonly #memory: WebAssembly.Memory;
  readonly #moved: () => void;
  /** Where perfprof's part begins. */
  #base = 0;
  #all: DataView<ArrayBuffer>;
  #batch: DataView<ArrayBuffer>;
  /** Its length is 0 when the memory has moved. */
  #bytes: Uint8Array<ArrayBuffer>;

  /**
   * @param memory Not shared between threads
   * @param moved Called when views that were taken before are dead
   */
  constructor(memory: WebAssembly.Memory, moved: () => void) {
    this.#memory = memory;
    this.#moved = moved;
    const buffer = memory.buffer as ArrayBuffer;
    this.#all = this.#batch = new DataView(buffer);
    this.#bytes = new Uint8Array(buffer);
  }

  /**
   * Takes perfprof's part.
   *
   * @param base MEMORY_SIZE bytes of the module's, at a multiple of 8
   * @returns False when they are not in its memory
   */
  reserve(base: number): boolean {
    if (base % 8 !== 0 || base === 0 || base + MEMORY_SIZE > this.#memory.buffer.byteLength) return false;
    this.#base = base;
    this.#batch = new DataView(this.all.buffer, base, BATCH_SIZE);
    return true;
  }

  /** The address of perfprof's part; 0: it has none. */
  get base(): number {
    return this.#base;
  }

  /** The address of the record that is not part of a batch. */
  get scratch(): number {
    return this.#base + BATCH_SIZE;
  }

  /** To be called when the module's code has run. A load, no call, where the memory has not moved. */
  check(): void {
    if (this.#bytes.length === 0) this.#refresh();
  }

  #refresh(): void {
    const buffer = this.#memory.buffer as ArrayBuffer;
    this.#all = new DataView(buffer);
    this.#bytes = new Uint8Array(buffer);
    this.#batch = this.#base === 0 ? this.#all : new DataView(buffer, this.#base, BATCH_SIZE);
    this.#moved();
  }

  /** Over all of it. */
  get all(): DataView<ArrayBuffer> {
    this.check();
    return this.#all;
  }

  /** Over the record that is not part of a batch. */
  get scratchView(): DataView<ArrayBuffer> {
    return new DataView(this.all.buffer, this.scratch, SCRATCH_SIZE);
  }

  get view(): DataView<ArrayBuffer> {
    this.check();
    return this.#batch;
  }

  free(): Uint8Array<ArrayBuffer> {
    return new Uint8Array(this.view.buffer, this.#base, BATCH_SIZE);
  }

  /** Each batch takes the place of the one before. */
  rewind(): void {}

  /** It holds any record. */
  grow(size: number): void {
    throw new RangeError(`a record of ${size} bytes: the largest has ${RECORD_MAX}`);
  }

  take(): number {
    return 0;
  }

  /**
   * Bytes of the module's.
   *
   * @throws {RangeError} They are not in its memory
   */
  bytes(address: number, length: number): Uint8Array<ArrayBuffer> {
    const { buffer } = this.all;
    const [start, size] = [address >>> 0, length >>> 0];
    if (start + size > buffer.byteLength) throw new RangeError(`${size} bytes at ${start} are not in the module's memory`);
    return new Uint8Array(buffer, start, size);
  }

  /** A text in UTF-8. */
  text(address: number, length: number): string {
    return DECODER.decode(this.bytes(address, length));
  }

  /**
   * A text of AssemblyScript: UTF-16, its bytes counted in the u32 before it.
   *
   * @param address 0: none
   */
  string(address: number): string {
    if (address === 0) return "";
    const length = new DataView(this.all.buffer).getUint32((address >>> 0) - 4, true);
    return new TextDecoder("utf-16").decode(this.bytes(address, length));
  }

  /**
   * Writes a text in UTF-8, as much of it as there is room for, in whole characters.
   *
   * @returns Bytes of all of it
   */
  put(text: string, address: number, room: number): number {
    const into = this.bytes(address, room);
    const { read, written } = ENCODER.encodeInto(text, into);
    return read === text.length ? written : ENCODER.encode(text).length;
  }
}
