/**
 * Finds and opens libperfprof.so, once, at the first call that needs it, and turns its conventions into those of TypeScript: a
 * negative result into a thrown {@link NativeError}, texts into strings, out parameters into results.
 *
 * Every synchronous call shares one struct pp_error: the library fills it before the call returns, and it is read at once.
 *
 * @module
 */

import { PerfprofError } from "../lib/errors.ts";
import { ABI } from "./abi.ts";
import { LIBRARY_PATH } from "./library_path.ts";
import { SYMBOLS } from "./symbols.ts";

/** The functions of the library. */
export type Library = Deno.DynamicLibrary<typeof SYMBOLS>["symbols"];
/** A struct pp_session or pp_formats. */
export type Handle = Deno.PointerObject;
/** Bytes that C may write to. */
export type Bytes = Uint8Array<ArrayBuffer>;

type Code = keyof typeof ABI.codes;

const CODES: Readonly<Record<Code, number>> = ABI.codes;
const ERROR = ABI.structs.pp_error.fields;
const errorBytes = new Uint8Array(ABI.structs.pp_error.size);
const errorView = new DataView(errorBytes.buffer);
const decoder = new TextDecoder();
/** A file of the kernel may grow between two readings of it, but not for ever. */
const MAX_READINGS = 8;

let opened: Library | undefined;

/** What a call of the library failed with: struct pp_error. */
export class NativeError extends Error {
  override readonly name = "NativeError";
  /** The name of the enum pp_code: `PP_E_OPEN`. */
  readonly code: Code;
  /** The kernel's reason, 0 where it gave none. */
  readonly sysErrno: number;
  /** Index of the event in its session, -1 where it does not apply; so `cpu` and `pid`. */
  readonly event: number;
  readonly cpu: number;
  readonly pid: number;
  /** With `PP_E_SPACE`: bytes that are enough. */
  readonly need: number;
  /** What was tried: `perf_event_open sched:sched_switch cpu=3`. */
  readonly text: string;

  constructor() {
    const at = (field: Exclude<keyof typeof ERROR, "text">) => errorView.getInt32(ERROR[field].offset, true);
    const bytes = errorBytes.subarray(ERROR.text.offset, ERROR.text.offset + ERROR.text.size);
    const text = decoder.decode(bytes.subarray(0, bytes.indexOf(0)));
    const value = at("code");
    const code = (Object.keys(CODES) as Code[]).find((name) => CODES[name] === value) ?? "PP_E_SYS";
    super(at("sys_errno") === 0 ? `${text} (${code})` : `${text} (${code}, errno ${at("sys_errno")})`);
    this.code = code;
    this.sysErrno = at("sys_errno");
    this.event = at("event");
    this.cpu = at("cpu");
    this.pid = at("pid");
    this.need = errorView.getUint32(ERROR.need.offset, true);
    this.text = text;
  }
}

/**
 * The library, opened at the first call.
 *
 * @throws {PerfprofError} When it is not built, or was built from another version of native/perfprof.h
 */
export function library(): Library {
  opened ??= open(decodeURIComponent(LIBRARY_PATH.pathname));
  return opened;
}

/**
 * Opens the library that is elsewhere, unless one is open.
 *
 * @param path Of a file, which may be gone afterwards
 * @throws {PerfprofError} As library()
 */
export function useLibrary(path: string): void {
  opened ??= open(path);
}

function open(path: string): Library {
  try {
    // The version first: an older library may lack functions of the whole table.
    const probe = Deno.dlopen(path, { pp_abi_version: SYMBOLS.pp_abi_version });
    const version = probe.symbols.pp_abi_version();
    probe.close();
    if (version !== ABI.version) {
      throw new PerfprofError(`load ${path} failed: its interface is version ${version}, not ${ABI.version}`, {
        hints: ["deno task setup"],
      });
    }
    return Deno.dlopen(path, SYMBOLS).symbols;
  } catch (error) {
    if (error instanceof PerfprofError || !(error instanceof Error)) throw error;
    throw new PerfprofError(`load ${path} failed: ${error.message}`, {
      hints: ["deno task setup"],
      cause: error,
    });
  }
}

/**
 * Calls a function of the library that can fail.
 *
 * @param invoke Makes the call with the error buffer that it is given, and returns its result
 * @returns The result, 0 or more
 * @throws {NativeError} When it is negative
 */
export function call(invoke: (library: Library, error: Bytes) => number): number {
  const result = invoke(library(), errorBytes);
  if (result < 0) throw new NativeError();
  return result;
}

/**
 * Calls a function that another thread runs while this one goes on.
 *
 * @throws {NativeError} When its result is negative
 */
export async function callNonblocking(invoke: (library: Library, error: Bytes) => Promise<number>): Promise<number> {
  // Calls that come meanwhile use the shared one.
  const own = new Uint8Array(errorBytes.length);
  const result = await invoke(library(), own);
  if (result >= 0) return result;
  errorBytes.set(own);
  throw new NativeError();
}

/**
 * Calls a function that gives a handle, or memory of its own, by an out parameter.
 *
 * @param invoke Makes the call with the place for the pointer
 */
export function outPointer(
  invoke: (library: Library, out: Bytes, error: Bytes) => number,
): Handle {
  const out = new BigUint64Array(1);
  call((library, error) => invoke(library, new Uint8Array(out.buffer), error));
  const pointer = Deno.UnsafePointer.create(out[0]!);
  if (pointer === null) throw new TypeError("open a handle of the library: it is null");
  return pointer;
}

/**
 * Calls a function that fills a buffer, with a larger one as long as it says `PP_E_SPACE`.
 *
 * @param size First size, in bytes
 * @returns The function's result, and the buffer
 */
export function callForBytes(
  size: number,
  invoke: (library: Library, buffer: Bytes, error: Bytes) => number,
): { result: number; buffer: Bytes } {
  for (let reading = 1;; reading++) {
    const buffer = new Uint8Array(size);
    try {
      return { result: call((library, error) => invoke(library, buffer, error)), buffer };
    } catch (error) {
      if (!(error instanceof NativeError) || error.code !== "PP_E_SPACE" || reading === MAX_READINGS) throw error;
      size = error.need;
    }
  }
}

/**
 * Calls a function that fills a buffer with a text and returns its length.
 *
 * @param size First size of the buffer, in bytes
 * @returns The text; bytes that are no UTF-8 become U+FFFD
 */
export function callForText(size: number, invoke: (library: Library, buffer: Bytes, error: Bytes) => number): string {
  const { result, buffer } = callForBytes(size, invoke);
  return decoder.decode(buffer.subarray(0, result));
}

/**
 * A string as C takes it: UTF-8, ended by a NUL.
 *
 * @throws {TypeError} When it holds a NUL itself
 */
export function cString(text: string): Bytes {
  if (text.includes("\0")) throw new TypeError(`pass ${JSON.stringify(text)} to C: it holds a NUL`);
  return new TextEncoder().encode(`${text}\0`);
}
