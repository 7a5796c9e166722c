/**
 * Bytes of a file format, put together in little endian: a buffer that grows. Owns the buffer until the bytes are taken.
 *
 * @module
 */

const FIRST_SIZE = 4096;
const encoder = new TextEncoder();

/** Writes at its end; every method returns the writer. */
export class ByteWriter {
  #bytes = new Uint8Array(FIRST_SIZE);
  #view = new DataView(this.#bytes.buffer);
  #size = 0;

  /** Bytes so far. */
  get size(): number {
    return this.#size;
  }

  u8(value: number): this {
    this.#room(1).setUint8(this.#size - 1, value);
    return this;
  }

  u16(value: number): this {
    this.#room(2).setUint16(this.#size - 2, value, true);
    return this;
  }

  u32(value: number): this {
    this.#room(4).setUint32(this.#size - 4, value, true);
    return this;
  }

  u64(value: number | bigint): this {
    this.#room(8).setBigUint64(this.#size - 8, BigInt.asUintN(64, BigInt(value)), true);
    return this;
  }

  bytes(bytes: Uint8Array): this {
    this.#room(bytes.length);
    this.#bytes.set(bytes, this.#size - bytes.length);
    return this;
  }

  /** UTF-8 without an end. */
  text(text: string): this {
    return this.bytes(encoder.encode(text));
  }

  /** UTF-8 and NULs, at least one, up to a multiple of `align` bytes from the text's start. */
  cString(text: string, align = 1): this {
    const bytes = encoder.encode(text);
    return this.bytes(bytes).zeros(align - bytes.length % align);
  }

  zeros(count: number): this {
    this.#room(count);
    return this;
  }

  /** The bytes: a copy. */
  take(): Uint8Array<ArrayBuffer> {
    return this.#bytes.slice(0, this.#size);
  }

  /** Makes room at the end. @returns The view of the buffer that has it */
  #room(count: number): DataView {
    this.#size += count;
    if (this.#size > this.#bytes.length) {
      const grown = new Uint8Array(Math.max(this.#size, this.#bytes.length * 2));
      grown.set(this.#bytes);
      this.#bytes = grown;
      this.#view = new DataView(grown.buffer);
    }
    return this.#view;
  }
}
