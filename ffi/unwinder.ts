/**
 * What the C library does by libdw, for ffi/symbolizer.ts: source lines, and user stacks unwound.
 *
 * @module
 */

import type { SourceLine, UnwindModule, Unwound } from "../lib/symbolizer.ts";
import { ABI } from "./abi.ts";
import { type Bytes, call, callForText, type Handle } from "./library.ts";
import { orSourceError } from "./source_error.ts";

/** First size of the buffer for lines, in bytes. */
const LINES_SIZE = 4096;
const MODULE = ABI.structs.pp_module;
/** enum pp_unwound. */
const ENDS: Readonly<Record<number, Unwound["end"]>> = {
  [ABI.constants.PP_UNWOUND_WHOLE]: "whole",
  [ABI.constants.PP_UNWOUND_CUT]: "cut",
  [ABI.constants.PP_UNWOUND_LOST]: "lost",
};

/** Address spaces as C takes them. */
const spaces = new WeakMap<readonly UnwindModule[], Bytes>();
/** The one that C has. */
let entered: { readonly symbolizer: Handle; readonly modules: readonly UnwindModule[] } | undefined;

/**
 * The source lines at a byte of a file, the innermost inlined function first; none where there is no debug information. Assembler
 * has lines without a function: `""`.
 *
 * @throws {SourceError} libdw is not installed
 */
export function lines(symbolizer: Handle, dso: number, fileOffset: bigint): SourceLine[] {
  return JSON.parse(orSourceError(() =>
    callForText(
      LINES_SIZE,
      (library, buffer, error) => library.pp_dso_lines(symbolizer, dso, fileOffset, buffer, buffer.length, error),
    )
  ));
}

/**
 * Unwinds a user stack: see Symbolizer of lib/source.ts.
 *
 * @param modules Ascending; of the array that was given last it is taken that it has not changed
 * @throws {RangeError} There is not one of `regs` for each bit of `regsMask`
 * @throws {SourceError} libdw is not installed
 */
export function unwind(
  symbolizer: Handle,
  modules: readonly UnwindModule[],
  regs: BigUint64Array,
  regsMask: bigint,
  stack: Uint8Array,
  most: number,
): Unwound {
  const bits = regsMask.toString(2).replaceAll("0", "").length;
  if (regs.length !== bits) throw new RangeError(`unwind a stack: ${regs.length} registers for a mask of ${bits}`);
  const addresses = new BigUint64Array(most);
  const end = new Uint32Array(1);
  const count = orSourceError(() => {
    enter(symbolizer, modules);
    return call((library, error) =>
      library.pp_unwind(
        symbolizer,
        regs as BigUint64Array<ArrayBuffer>,
        regsMask,
        stack as Bytes,
        stack.length,
        addresses,
        most,
        end,
        error,
      )
    );
  });
  return { addresses: addresses.slice(0, count), end: ENDS[end[0]!]! };
}

/** Makes `modules` the address space that C unwinds in. */
function enter(symbolizer: Handle, modules: readonly UnwindModule[]): void {
  if (entered?.symbolizer === symbolizer && entered.modules === modules) return;
  let space = spaces.get(modules);
  if (space === undefined) spaces.set(modules, space = spaceBytes(modules));
  entered = undefined; // what C has when it fails is not said
  call((library, error) => library.pp_unwind_space(symbolizer, space, modules.length, error));
  entered = { symbolizer, modules };
}

/** An array of struct pp_module. */
function spaceBytes(modules: readonly UnwindModule[]): Bytes {
  const bytes = new Uint8Array(modules.length * MODULE.size);
  const { fields } = MODULE;
  modules.forEach(({ start, end, pgoff, dso }, i) => {
    const view = new DataView(bytes.buffer, i * MODULE.size, MODULE.size);
    view.setBigUint64(fields.start.offset, start, true);
    view.setBigUint64(fields.end.offset, end, true);
    view.setBigUint64(fields.pgoff.offset, pgoff, true);
    view.setUint32(fields.dso.offset, dso, true);
  });
  return bytes;
}
