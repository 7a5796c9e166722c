/**
 * ffi/library.ts: what it says when the library is not there or is another one, and what it makes of the library's results.
 *
 * @module
 */

import assert from "node:assert/strict";
import { callForBytes, callForText, cString } from "../ffi/library.ts";
import { TempDir } from "./harness.ts";

type LibraryModule = typeof import("../ffi/library.ts");

const root = new URL("../", import.meta.url);

/** ffi/library.ts in a checkout of its own, which has only what it imports. */
async function elsewhere(dir: TempDir): Promise<LibraryModule> {
  for (const name of ["ffi/library.ts", "ffi/library_path.ts", "ffi/abi.ts", "ffi/symbols.ts", "lib/errors.ts"]) {
    dir.write(name, Deno.readTextFileSync(new URL(name, root)));
  }
  return await import(`file://${dir.path}/ffi/library.ts`);
}

Deno.test("a library that is not built is an error with the command that builds it", async () => {
  using dir = new TempDir();
  const { library } = await elsewhere(dir);
  assert.throws(library, (error: Error & { hints?: string[] }) => {
    assert.equal(error.name, "PerfprofError");
    assert.ok(error.message.startsWith(`load ${dir.path}/native/build/libperfprof.so failed: `), error.message);
    assert.deepEqual(error.hints, ["deno task setup"]);
    return true;
  });
});

Deno.test("a library of another version is refused before its functions are looked up", async () => {
  using dir = new TempDir();
  const source = dir.write("native/build/other.c", "unsigned pp_abi_version(void) { return 999; }\n");
  const args = ["-shared", "-fPIC", "-o", `${dir.path}/native/build/libperfprof.so`, source];
  assert.ok((await new Deno.Command("cc", { args }).output()).success);
  const { library } = await elsewhere(dir);
  assert.throws(library, /libperfprof\.so failed: its interface is version 999, not \d+$/);
});

Deno.test("a text that does not fit is asked for again with a larger buffer", () => {
  const path = cString("/proc/self/status");
  const sizes: number[] = [];
  const text = callForText(1, (library, buffer, error) => {
    sizes.push(buffer.length);
    return library.pp_kernel_file_read(path, buffer, buffer.length, error);
  });
  assert.match(text, /^Name:\t[^]*nonvoluntary_ctxt_switches:\t\d+\n$/);
  assert.ok(sizes.length >= 2 && sizes[1]! > 500, `${sizes}`);
});

Deno.test("a negative result is a NativeError with all that struct pp_error says", () => {
  const path = cString("/etc/passwd");
  assert.throws(
    () => callForBytes(16, (library, buffer, error) => library.pp_kernel_file_read(path, buffer, buffer.length, error)),
    {
      name: "NativeError",
      code: "PP_E_FILE",
      sysErrno: 1,
      event: -1,
      cpu: -1,
      pid: -1,
      need: 0,
      text: "read /etc/passwd",
      message: "read /etc/passwd (PP_E_FILE, errno 1)",
    },
  );
});

Deno.test("a string for C ends with a NUL and holds no other", () => {
  assert.deepEqual(cString("aé"), new Uint8Array([0x61, 0xc3, 0xa9, 0]));
  assert.throws(() => cString("a\0b"), TypeError);
});
