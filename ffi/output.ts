/**
 * The file of -o in the place of stdout and stderr.
 *
 * @module
 */

import { explain } from "../lib/failures.ts";
import { SourceError } from "../lib/source.ts";
import { call, cString } from "./library.ts";
import { orSourceError } from "./source_error.ts";

/**
 * Sends what perfprof and the script print to a file.
 *
 * @param mode "append" when the file is opened anew for a log rotation
 * @throws {PerfprofError} It cannot be opened, or another user could put something else in its place
 */
export function redirectOutput(path: string, mode: "truncate" | "append"): void {
  try {
    orSourceError(() =>
      call((library, error) => library.pp_output_redirect(cString(path), mode === "truncate" ? 1 : 0, error))
    );
  } catch (error) {
    throw error instanceof SourceError ? explain(error, { kernelFile: () => undefined }) : error;
  }
}

/** Puts the stderr back that the file took the place of, if there is one: the file takes no more, and somebody has to be told. */
export function restoreStderr(): void {
  call((library, error) => library.pp_output_restore_stderr(error));
}
