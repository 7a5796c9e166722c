/**
 * lib/source.ts's Symbolizer over the C library: what addresses of the kernel, of files and of JIT compilers' code are. It lives as
 * long as the process, since a kept event may ask for its frames at any time.
 *
 * @module
 */

import type { KernelPlace, RecordingSymbolizer } from "../lib/recording.ts";
import {
  type MappedFile,
  type SourceLine,
  type SymbolAt,
  UNKNOWN,
  type UnwindModule,
  type Unwound,
} from "../lib/symbolizer.ts";
import { ABI } from "./abi.ts";
import { type Bytes, call, cString, type Handle, type Library, NativeError, outPointer } from "./library.ts";
import { orSourceError } from "./source_error.ts";
import { lines, unwind } from "./unwinder.ts";

const SYMBOL = ABI.structs.pp_symbol;
const MAPPING = ABI.structs.pp_mapping;
const BUILD_ID_SIZE = MAPPING.fields.build_id.size;
/** First size of the buffer for names, in bytes: of C++ templates some are longer. */
const NAME_SIZE = 4096;

/** Fills a struct pp_symbol and a name; returns the length of the name. */
type Ask = (library: Library, symbol: Bytes, name: Bytes, error: Bytes) => number;

/** The symbolizer of this machine. */
export class NativeSymbolizer implements RecordingSymbolizer {
  readonly #handle: Handle;
  readonly #symbol = new Uint8Array(SYMBOL.size);
  readonly #symbolView = new DataView(this.#symbol.buffer);
  readonly #decoder = new TextDecoder();
  #name = new Uint8Array(NAME_SIZE);

  /** @param mangled Names of C++ and Rust stay as they are in the files */
  constructor(mangled: boolean) {
    const flags = mangled ? ABI.constants.PP_SYMBOLS_MANGLED : 0;
    this.#handle = outPointer((library, out, error) => library.pp_symbolizer_new(flags, out, error));
  }

  kernel(address: bigint): SymbolAt {
    return this.#ask((library, symbol, name, error) =>
      library.pp_kernel_symbol(this.#handle, address, symbol, name, name.length, error)
    );
  }

  recordedKernel({ text, buildId }: KernelPlace): boolean {
    const id = new Uint8Array(buildId);
    return orSourceError(() =>
      call((library, error) => library.pp_symbolizer_recorded(this.#handle, text, id, id.length, error))
    ) !== 0;
  }

  openFile(file: MappedFile): number {
    const mapping = mappingBytes(file);
    return orSourceError(() => call((library, error) => library.pp_dso_open(this.#handle, mapping, cString(file.path), error)));
  }

  fileSymbol(dso: number, fileOffset: bigint): SymbolAt {
    return this.#ask((library, symbol, name, error) =>
      library.pp_dso_symbol(this.#handle, dso, fileOffset, symbol, name, name.length, error)
    );
  }

  buildId(dso: number): string | undefined {
    const id = new Uint8Array(BUILD_ID_SIZE);
    const size = orSourceError(() =>
      call((library, error) => library.pp_dso_build_id(this.#handle, dso, id, id.length, error))
    );
    return size === 0 ? undefined : id.subarray(0, size).toHex();
  }

  jit(pid: number, address: bigint): SymbolAt {
    return this.#ask((library, symbol, name, error) =>
      library.pp_jit_symbol(this.#handle, pid, address, symbol, name, name.length, error)
    );
  }

  lines(dso: number, fileOffset: bigint): SourceLine[] {
    return lines(this.#handle, dso, fileOffset);
  }

  unwind(modules: readonly UnwindModule[], regs: BigUint64Array, regsMask: bigint, stack: Uint8Array, most: number): Unwound {
    return unwind(this.#handle, modules, regs, regsMask, stack, most);
  }

  #ask(ask: Ask): SymbolAt {
    const length = orSourceError(() => this.#askWithRoom(ask));
    const { offset, unknown, module } = SYMBOL.fields;
    const bytes = this.#symbol.subarray(module.offset, module.offset + module.size);
    return {
      name: length === 0 ? undefined : this.#decoder.decode(this.#name.subarray(0, length)),
      offset: Number(this.#symbolView.getBigUint64(offset.offset, true)),
      module: bytes[0] === 0 ? "" : this.#decoder.decode(bytes.subarray(0, bytes.indexOf(0))),
      reason: UNKNOWN[this.#symbolView.getUint32(unknown.offset, true)]!,
    };
  }

  /** A name that does not fit gets a buffer that it fits in, which stays. */
  #askWithRoom(ask: Ask): number {
    try {
      return call((library, error) => ask(library, this.#symbol, this.#name, error));
    } catch (error) {
      if (!(error instanceof NativeError) || error.code !== "PP_E_SPACE") throw error;
      this.#name = new Uint8Array(error.need);
      return call((library, error) => ask(library, this.#symbol, this.#name, error));
    }
  }
}

/** Its struct pp_mapping. A build id that is longer than the kernel tells is cut. */
function mappingBytes(file: MappedFile): Bytes {
  const bytes = new Uint8Array(MAPPING.size);
  const view = new DataView(bytes.buffer);
  const { fields } = MAPPING;
  const id = file.buildId.subarray(0, BUILD_ID_SIZE);
  view.setBigUint64(fields.start.offset, file.start, true);
  view.setBigUint64(fields.end.offset, file.end, true);
  view.setBigUint64(fields.pgoff.offset, file.pgoff, true);
  view.setBigUint64(fields.inode.offset, file.inode, true);
  view.setUint32(fields.major.offset, file.major, true);
  view.setUint32(fields.minor.offset, file.minor, true);
  view.setUint32(fields.pid.offset, file.pid, true);
  view.setUint32(fields.parent.offset, file.parent, true);
  view.setUint32(fields.build_id_size.offset, id.length, true);
  bytes.set(id, fields.build_id.offset);
  return bytes;
}
