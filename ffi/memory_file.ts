/**
 * Bytes as a file that is only in memory: for the linker, which takes files, and so that nobody can exchange it on a disk.
 *
 * @module
 */

/** memfd_create(2): closed in what this process starts. */
const MFD_CLOEXEC = 1;

const LIBC = {
  // int memfd_create(const char *name, unsigned int flags)
  memfd_create: { parameters: ["buffer", "u32"], result: "i32" },
  // ssize_t write(int fd, const void *buf, size_t count)
  write: { parameters: ["i32", "buffer", "usize"], result: "isize" },
  // int close(int fd)
  close: { parameters: ["i32"], result: "i32" },
} as const satisfies Deno.ForeignLibraryInterface;

/**
 * Has the file used.
 *
 * @param use Takes its path, which is gone when this returns
 * @throws {RangeError} There is no memory for it
 */
export function useMemoryFile<Result>(bytes: Uint8Array<ArrayBuffer>, use: (path: string) => Result): Result {
  const libc = Deno.dlopen("libc.so.6", LIBC);
  const { memfd_create, write, close } = libc.symbols;
  const fd = memfd_create(new TextEncoder().encode("perfprof\0"), MFD_CLOEXEC);
  try {
    // A write to memory is whole, or there is no room.
    if (fd < 0 || write(fd, bytes, BigInt(bytes.length)) !== BigInt(bytes.length)) {
      throw new RangeError(`there is no memory for its ${bytes.length} bytes`);
    }
    return use(`/proc/self/fd/${fd}`);
  } finally {
    if (fd >= 0) close(fd);
    libc.close();
  }
}
