/**
 * The library of a release whose sources are imported by URL: loaded from beside them as a JSON module, so that Deno caches it and
 * asks for no permission but the one for the import itself; compared with the hash that the sources have; and opened from memory, so
 * that nobody can exchange it on a disk.
 *
 * @module
 */

import { PerfprofError } from "../lib/errors.ts";
import { cString, useLibrary } from "./library.ts";
import { LIBRARY_SHA256 } from "./library_pin.ts";

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
 * Opens the library, from then on library()'s.
 *
 * @throws {PerfprofError} It is not there for this architecture, is not the one of the release, or cannot be opened
 */
export async function openRemoteLibrary(): Promise<void> {
  const { arch } = Deno.build;
  const pin = LIBRARY_SHA256[arch];
  const url = new URL(`../dist/libperfprof-${arch}.json`, import.meta.url).href;
  if (pin === undefined) {
    throw new PerfprofError(`load ${url} failed: this release has no library for ${arch}`, {
      hints: [
        Object.keys(LIBRARY_SHA256).length === 0 ? "import a release, or a checkout where it is built" : "import a checkout",
      ],
    });
  }
  const bytes = await fetchLibrary(url);
  const sha256 = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)).toHex();
  if (sha256 !== pin) {
    throw new PerfprofError(`load ${url} failed: its SHA-256 is ${sha256}, not the release's ${pin}`, {
      hints: ["deno run --reload fetches it anew"],
    });
  }
  openFromMemory(url, bytes);
}

async function fetchLibrary(url: string): Promise<Uint8Array<ArrayBuffer>> {
  try {
    const { default: { base64 } } = await import(url, { with: { type: "json" } });
    return Uint8Array.fromBase64(base64);
  } catch (error) {
    throw new PerfprofError(`load ${url} failed: ${error instanceof Error ? error.message : error}`, { cause: error });
  }
}

/** Once it is mapped the file is not needed any more. */
function openFromMemory(url: string, bytes: Uint8Array<ArrayBuffer>): void {
  const libc = Deno.dlopen("libc.so.6", LIBC);
  const { memfd_create, write, close } = libc.symbols;
  const fd = memfd_create(cString("libperfprof.so"), MFD_CLOEXEC);
  try {
    // A write to memory is whole, or there is no room.
    if (fd < 0 || write(fd, bytes, BigInt(bytes.length)) !== BigInt(bytes.length)) {
      throw new PerfprofError(`load ${url} failed: there is no memory for its ${bytes.length} bytes`);
    }
    useLibrary(`/proc/self/fd/${fd}`);
  } finally {
    if (fd >= 0) close(fd);
    libc.close();
  }
}
