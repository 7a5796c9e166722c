/**
 * Takes the place of ffi/library_path.ts in the packed program: the C library is a file in memory, that the launcher has opened.
 *
 * @module
 */

/** What the launcher tells: the descriptor of the library, and the path of the packed file. */
const VARIABLE = "PERFPROF_LIBRARY_FD";
const EXECUTABLE = "PERFPROF_EXECUTABLE";
const CLOSE = { close: { parameters: ["i32"], result: "i32" } } as const;

/** The C library. */
export const LIBRARY_PATH = load();

/** The command that starts perfprof once more. */
export const SELF: readonly string[] = [executable()];

/** Loads it, so that its descriptor need not stay open: the linker finds what is loaded by the name it was loaded by. */
function load(): URL {
  const fd = Number(Deno.env.get(VARIABLE));
  const path = `/proc/self/fd/${fd}`;
  if (!Number.isInteger(fd) || !Deno.readLinkSync(path).startsWith("/memfd:perfprof")) {
    throw new Error(`${VARIABLE} is no library of the launcher's`);
  }
  Deno.env.delete(VARIABLE);
  // The C library of the system is what it depends on.
  Deno.dlopen(path, CLOSE).symbols.close(fd);
  return new URL(`file://${path}`);
}

function executable(): string {
  const path = Deno.env.get(EXECUTABLE);
  if (path === undefined) throw new Error(`${EXECUTABLE} is not set`);
  Deno.env.delete(EXECUTABLE);
  return path;
}
