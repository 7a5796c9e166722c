/**
 * The files that perfprof has beside its program: templates and packages. A packed program (see
 * native/launcher/) that can unpack to no folder at all, not even in memory, has none.
 *
 * @module
 */

import { PerfprofError } from "./errors.ts";

/** The program is then a descriptor, and not in a folder. */
const ALONE = /^file:\/\/\/proc\/self\/fd\/\d+$/;

/**
 * Comes before such a file is used.
 *
 * @param what That needs it: `reading the templates`
 * @throws {PerfprofError} There are none
 */
export function requireOwnFiles(what: string): void {
  if (!ALONE.test(import.meta.url)) return;
  throw new PerfprofError(`${what} failed: perfprof has no folder to unpack its own files to`, {
    hints: ["set XDG_CACHE_HOME to a folder that can be written"],
  });
}
