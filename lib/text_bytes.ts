/**
 * Text that is on its way out, as the bytes of its UTF-8: what is printed is put together here, since a string of many parts costs
 * several times as much to join, to encode and to collect.
 *
 * @module
 */

const encoder = new TextEncoder();
/** U+FEFF at a start is a character like any other. */
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

/** Bytes at first; they grow as needed. */
const SIZE = 4096;
/** What `copied` may write behind its text. */
const SLACK = 8;

/** Text that grows. */
export class TextBytes {
  /** Over where the text lies. Room that was asked for may have moved it. */
  view: DataView<ArrayBuffer> = new DataView(new ArrayBuffer(SIZE));
  /** Bytes of the text. */
  used = 0;

  /**
   * Makes room for `size` more bytes.
   *
   * @returns Where they are to be written, from `used` on
   */
  room(size: number): DataView<ArrayBuffer> {
    const wanted = this.used + size + SLACK;
    if (wanted > this.view.byteLength) {
      const grown = new Uint8Array(Math.max(wanted, 2 * this.view.byteLength));
      grown.set(this.slice(0));
      this.view = new DataView(grown.buffer);
    }
    return this.view;
  }

  /** The text's bytes from `begin` to `end`: not copied. */
  slice(begin: number, end = this.used): Uint8Array<ArrayBuffer> {
    return new Uint8Array(this.view.buffer, begin, end - begin);
  }

  /** Adds a text. */
  add(text: FixedText): void {
    this.used = copied(this.room(text.length), this.used, text);
  }

  /** Adds a string. */
  addString(text: string): void {
    // A character is at most 3 bytes, or two are 4.
    const { buffer } = this.room(3 * text.length);
    this.used += encoder.encodeInto(text, new Uint8Array(buffer, this.used)).written;
  }

  /** Forgets the text. */
  clear(): void {
    this.used = 0;
  }

  toString(): string {
    return decoder.decode(this.slice(0));
  }
}

/** Takes lines, which are put together in its text. */
export interface Lines {
  readonly text: TextBytes;
  /** What was added to the text since the line before is a line, without its newline. */
  end(): void;
}

/** Gives each line to `take`. */
export function linesTo(take: (line: string) => void): Lines {
  const text = new TextBytes();
  return {
    text,
    end() {
      const line = String(text);
      text.clear();
      take(line);
    },
  };
}

/** A text that is added again and again. */
export interface FixedText {
  /** Its bytes, up to a multiple of 8. */
  readonly words: DataView;
  readonly length: number;
}

/** A string as such a text. */
export function fixedText(text: string): FixedText {
  const bytes = encoder.encode(text);
  const words = new Uint8Array(Math.ceil(bytes.length / 8) * 8);
  words.set(bytes);
  return { words: new DataView(words.buffer), length: bytes.length };
}

/** Writes a text at `at`, in words: up to 7 bytes behind it are written as well. @returns Where it ends */
export function copied(to: DataView, at: number, { words, length }: FixedText): number {
  for (let i = 0; i < length; i += 8) to.setBigUint64(at + i, words.getBigUint64(i, true), true);
  return at + length;
}
