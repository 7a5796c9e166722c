/**
 * Trace formats and the text of records, by libtraceevent: of tracefs, or recorded. They live as long as the process, so that an
 * event that is kept can be printed after its session is closed.
 *
 * @module
 */

import { DecodeError } from "../lib/errors.ts";
import type { PrintSymbol, PrintTree, TracepointFormat } from "../lib/format.ts";
import type { KernelPlace } from "../lib/recording.ts";
import { type Bytes, call, callForText, cString, type Handle, NativeError, outPointer } from "./library.ts";
import { orSourceError } from "./source_error.ts";

/** First size of a format's buffer, in bytes: most fit. */
const FORMAT_SIZE = 16 * 1024;
/** The longest print text: the kernel's own trace_seq is a page or two. */
const TEXT_SIZE = 16 * 1024;

/** First size of a symbol's buffer, in bytes: those of Rust are long. */
const SYMBOL_SIZE = 512;

/** The formats that were asked for. */
export class Formats {
  readonly #formats: Handle;
  readonly #text = new Uint8Array(TEXT_SIZE);
  readonly #decoder = new TextDecoder();

  /** @param tracefs Its path; `""` where only recorded formats are parsed */
  constructor(tracefs: string) {
    this.#formats = outPointer((library, out, error) => library.pp_formats_new(cString(tracefs), out, error));
  }

  /**
   * The format of a tracepoint of this machine.
   *
   * @throws {NativeError} There is none, or it cannot be parsed
   */
  load(system: string, name: string): TracepointFormat {
    return JSON.parse(callForText(
      FORMAT_SIZE,
      (library, buffer, error) =>
        library.pp_format_load(this.#formats, cString(system), cString(name), buffer, buffer.length, error),
    ));
  }

  /**
   * The format that a `format` file of tracefs holds.
   *
   * @throws {NativeError} It cannot be parsed
   */
  parse(system: string, text: string): TracepointFormat {
    const bytes = new TextEncoder().encode(text);
    return JSON.parse(callForText(
      FORMAT_SIZE,
      (library, buffer, error) =>
        library.pp_format_parse(this.#formats, cString(system), bytes, bytes.length, buffer, buffer.length, error),
    ));
  }

  /**
   * The formats are a recording's: so are the strings of printk.
   *
   * @param printk Text of printk_formats
   */
  recorded(printk: Bytes): void {
    call((library, error) => library.pp_formats_recorded(this.#formats, printk, printk.length, error));
  }

  /** As NativeSymbolizer.recordedKernel(). */
  recordedKernel({ text, buildId }: KernelPlace): boolean {
    const id = new Uint8Array(buildId);
    return orSourceError(() =>
      call((library, error) => library.pp_formats_kernel(this.#formats, text, id, id.length, error))
    ) !== 0;
  }

  /** The print format of a tracepoint as libtraceevent has parsed it; undefined where it cannot. */
  printTree(formatId: number): PrintTree | undefined {
    return JSON.parse(callForText(
      FORMAT_SIZE,
      (library, buffer, error) => library.pp_format_print_tree(this.#formats, formatId, buffer, buffer.length, error),
    )) ?? undefined;
  }

  /** The kernel symbol that %pS shows for an address. */
  printSymbol(address: bigint): PrintSymbol | undefined {
    const offset = new BigUint64Array(1);
    const name = callForText(
      SYMBOL_SIZE,
      (library, buffer, error) =>
        library.pp_format_symbol(this.#formats, address, new Uint8Array(offset.buffer), buffer, buffer.length, error),
    );
    return name === "" ? undefined : { name, offset: offset[0]! };
  }

  /**
   * The print format of a tracepoint, evaluated.
   *
   * @param raw Of a sample
   * @throws {DecodeError} The bytes are no record of it
   */
  print(formatId: number, raw: Bytes, cpu: number): string {
    try {
      const length = call((library, error) =>
        library.pp_format_print(this.#formats, formatId, raw, raw.length, cpu, this.#text, this.#text.length, error)
      );
      return this.#decoder.decode(this.#text.subarray(0, length));
    } catch (error) {
      if (error instanceof NativeError && error.code === "PP_E_FORMAT") throw new DecodeError(error.text);
      throw error;
    }
  }
}
