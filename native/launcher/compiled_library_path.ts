/**
 * Takes the place of ffi/library_path.ts in what `deno compile` makes: the C library is embedded. Deno would write it to a file of a
 * known name in /tmp; perfprof runs as root, and loads it from memory.
 *
 * @module
 */

import { useMemoryFile } from "../../ffi/memory_file.ts";

/** The C library, beside the folder of the bundled program. */
export const LIBRARY_PATH = useMemoryFile(Deno.readFileSync(new URL("../libperfprof.so", import.meta.url)), load);

/** The command that starts perfprof once more. */
export const SELF: readonly string[] = [Deno.execPath()];

/** The linker finds what is loaded by the name it was loaded by. */
function load(path: string): URL {
  Deno.dlopen(path, {});
  return new URL(`file://${path}`);
}
