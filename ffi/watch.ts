/**
 * The watchdog of native/watch.c as lib/watch.ts has it. Its memory lives as long as the process.
 *
 * @module
 */

import type { Watch } from "../lib/watch.ts";
import { ABI } from "./abi.ts";
import { call, cString, library, outPointer } from "./library.ts";

/** Starts the watchdog. The runtime's own listeners for signals must be there already: the watchdog's come before them. */
export function startWatch(): Watch {
  const memory = outPointer((library, out, error) => library.pp_watch_start(out, error));
  return {
    cells: new Int32Array(Deno.UnsafePointerView.getArrayBuffer(memory, ABI.structs.pp_watch.size)),
    name: (callback) => call((library, error) => library.pp_watch_name(cString(callback), error)),
    busy: (on) => library().pp_watch_busy(on ? 1 : 0),
  };
}
