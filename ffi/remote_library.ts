/**
 * The library of a release whose sources are imported by URL: loaded from beside them as a JSON module, so that Deno caches it and
 * asks for no permission but the one for the import itself; compared with the hash that the sources have; and opened from memory, so
 * that nobody can exchange it on a disk.
 *
 * @module
 */

import { PerfprofError } from "../lib/errors.ts";
import { useLibrary } from "./library.ts";
import { LIBRARY_SHA256 } from "./library_pin.ts";
import { useMemoryFile } from "./memory_file.ts";

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

function openFromMemory(url: string, bytes: Uint8Array<ArrayBuffer>): void {
  try {
    // Once it is mapped the file is not needed any more.
    useMemoryFile(bytes, useLibrary);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new PerfprofError(`load ${url} failed: ${error.message}`, { cause: error });
  }
}
