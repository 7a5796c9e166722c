/**
 * Reads the sections of a perf.data from front to end. A length that leaves the section is a RangeError that says where.
 *
 * @module
 */

const decoder = new TextDecoder();

/** A place in a section. */
export class SectionReader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /** Bytes behind the place. */
  get left(): number {
    return this.#bytes.length - this.#at;
  }

  u8(): number {
    return this.#view.getUint8(this.#take(1));
  }

  u16(): number {
    return this.#view.getUint16(this.#take(2), true);
  }

  u32(): number {
    return this.#view.getUint32(this.#take(4), true);
  }

  u64(): bigint {
    return this.#view.getBigUint64(this.#take(8), true);
  }

  /** A u64 that is a length. */
  length64(): number {
    return Number(this.u64());
  }

  /** Bytes of the section itself, not a copy. */
  bytes(length: number): Uint8Array {
    const at = this.#take(length);
    return this.#bytes.subarray(at, at + length);
  }

  skip(length: number): void {
    this.#take(length);
  }

  /** Text up to a NUL, which is read as well. */
  cText(): string {
    const end = this.#bytes.indexOf(0, this.#at);
    if (end < 0) throw new RangeError(`a text at byte ${this.#at} has no end`);
    const text = decoder.decode(this.#bytes.subarray(this.#at, end));
    this.#at = end + 1;
    return text;
  }

  /** Text of a fixed length, up to a NUL in it. */
  textOf(length: number): string {
    return untilNul(this.bytes(length));
  }

  /** perf's strings: u32 length, then so many bytes, padded by NULs. */
  sizedText(): string {
    return this.textOf(this.u32());
  }

  #take(length: number): number {
    const at = this.#at;
    if (!(length >= 0 && length <= this.left)) {
      throw new RangeError(`${length} bytes at byte ${at} are not within its ${this.#bytes.length}`);
    }
    this.#at = at + length;
    return at;
  }
}

function untilNul(bytes: Uint8Array): string {
  const end = bytes.indexOf(0);
  return decoder.decode(end < 0 ? bytes : bytes.subarray(0, end));
}
