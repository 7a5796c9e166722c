/**
 * Takes the place of ffi/library_path.ts in the packed program: the C library is a file in memory, that the launcher has opened.
 *
 * @module
 */

/** What the launcher tells: the descriptors of the library and of the folder that was unpacked to, and the path of the packed file. */
const LIBRARY_FD = "PERFPROF_LIBRARY_FD";
const FOLDER_FD = "PERFPROF_FOLDER_FD";
const EXECUTABLE = "PERFPROF_EXECUTABLE";

// The C library of the system is what the library depends on.
const LIBC = {
  // int close(int fd)
  close: { parameters: ["i32"], result: "i32" },
  // int fcntl(int fd, int op, ... /* arg */)
  fcntl: { parameters: ["i32", "i32", "i32"], result: "i32" },
} as const satisfies Deno.ForeignLibraryInterface;
/** fcntl(2). */
const F_SETFD = 2;
const FD_CLOEXEC = 1;

/** The C library. */
export const LIBRARY_PATH = load();

/** The command that starts perfprof once more. */
export const SELF: readonly string[] = [taken(EXECUTABLE)];

/** Loads it, so that its descriptor need not stay open: the linker finds what is loaded by the name it was loaded by. */
function load(): URL {
  const fd = Number(taken(LIBRARY_FD));
  const path = `/proc/self/fd/${fd}`;
  if (!Number.isInteger(fd) || !Deno.readLinkSync(path).startsWith("/memfd:perfprof")) {
    throw new Error(`${LIBRARY_FD} is no library of the launcher's`);
  }
  const { close, fcntl } = Deno.dlopen(path, LIBC).symbols;
  close(fd);
  // Only perfprof itself holds the folder. A program that runs from memory alone has none.
  if (Deno.env.has(FOLDER_FD)) fcntl(Number(taken(FOLDER_FD)), F_SETFD, FD_CLOEXEC);
  return new URL(`file://${path}`);
}

/** Out of the environment, which is the script's from then on. */
function taken(name: string): string {
  const value = Deno.env.get(name);
  if (value === undefined) throw new Error(`${name} is not set`);
  Deno.env.delete(name);
  return value;
}
