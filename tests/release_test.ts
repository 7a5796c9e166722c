/**
 * `deno task pin`: that the pinned library is the same bytes wherever it is built, and what is pinned. (That it loads from a URL, and
 * only if it is the one, open_test.ts shows.)
 *
 * @module
 */

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { fileURLToPath } from "node:url";
import { strippedLibrary } from "../native/launcher/program.ts";
import { TempDir } from "./harness.ts";

const ROOT = fileURLToPath(new URL("../", import.meta.url));

async function run(command: string, args: readonly string[]): Promise<void> {
  const { success, stderr } = await new Deno.Command(command, { args: [...args] }).output();
  assert.ok(success, new TextDecoder().decode(stderr));
}

const sha256 = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex");

Deno.test("the library is the same bytes from another folder", async () => {
  using dir = new TempDir();
  await run("sh", ["-c", 'cd "$1" && cp Makefile perfprof.map *.[ch] "$2"', "sh", `${ROOT}native`, dir.path]);
  await run("make", ["-s", "-j2", "-C", dir.path]);
  await run("strip", ["--strip-unneeded", `${dir.path}/build/libperfprof.so`]);
  assert.equal(sha256(Deno.readFileSync(`${dir.path}/build/libperfprof.so`)), sha256(await strippedLibrary()));
});

Deno.test("pin: a module of the library, and the hashes of all that lie there", async () => {
  using dir = new TempDir();
  dir.write("ffi/library_pin.ts", Deno.readTextFileSync(`${ROOT}ffi/library_pin.ts`));
  dir.write("dist/libperfprof-riscv64.json", JSON.stringify({ base64: new Uint8Array([1, 2, 3]).toBase64() }));
  const pin = () => run(Deno.execPath(), ["run", "-A", "-q", "--no-lock", `${ROOT}native/install/pin.ts`, dir.path]);
  await pin();
  await pin(); // over the pins of before
  const { LIBRARY_SHA256 } = await import(`file://${dir.path}/ffi/library_pin.ts`);
  const library = await strippedLibrary();
  assert.deepEqual(LIBRARY_SHA256, { riscv64: sha256(new Uint8Array([1, 2, 3])), [Deno.build.arch]: sha256(library) });
  const { base64 } = JSON.parse(Deno.readTextFileSync(`${dir.path}/dist/libperfprof-${Deno.build.arch}.json`));
  assert.equal(base64, library.toBase64());
});
