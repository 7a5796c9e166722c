/**
 * Where perfprof's parts are: in the folders beside this one. The packed program (native/launcher/) has a module of the same
 * exports in its place.
 *
 * @module
 */

/** The C library. */
export const LIBRARY_PATH = new URL("../native/build/libperfprof.so", import.meta.url);

/** The command that starts perfprof once more. */
export const SELF: readonly string[] = [
  Deno.execPath(),
  "run",
  "-A",
  "-q",
  "--no-lock",
  decodeURIComponent(new URL("../main.ts", import.meta.url).pathname),
];
