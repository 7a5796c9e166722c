/**
 * The C library loads on glibc 2.31 (Debian 11, Ubuntu 20.04), whatever it was built on: native/glibc_compat.c.
 *
 * @module
 */

import assert from "node:assert/strict";

const LIBRARY = new URL("../native/build/libperfprof.so", import.meta.url).pathname;
const NEWEST = [2, 31];

Deno.test("libperfprof.so asks for no symbol newer than glibc 2.31's", async () => {
  const { stdout } = await new Deno.Command("objdump", { args: ["-T", LIBRARY] }).output();
  const wanted = [...new TextDecoder().decode(stdout).matchAll(/\(GLIBC_(\d+)\.(\d+)[\d.]*\)\s+(\S+)/g)];
  assert.ok(wanted.some(([, , , name]) => name === "pthread_create"), "the symbols are not read right");
  const newer = wanted.filter(([, major, minor]) => Number(major) > NEWEST[0]! || Number(minor) > NEWEST[1]!);
  assert.deepEqual(newer.map(([text]) => text), []);
});

Deno.test("libperfprof.so needs nothing but glibc", async () => {
  const { stdout } = await new Deno.Command("objdump", { args: ["-p", LIBRARY] }).output();
  const needed = [...new TextDecoder().decode(stdout).matchAll(/NEEDED\s+(\S+)/g)].map(([, name]) => name!);
  assert.deepEqual(needed.toSorted(), ["libc.so.6", "libdl.so.2", "libpthread.so.0"]);
});
