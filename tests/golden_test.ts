/**
 * perfprof test: the ready handlers over the recordings of tests/recordings, and what is said where something is not as expected.
 *
 * @module
 */

import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { perfprof, TempDir } from "./harness.ts";

const RECORDINGS = fileURLToPath(new URL("recordings/", import.meta.url));

Deno.test("the ready handlers print what is expected of their recordings", async () => {
  const { code, stdout } = await perfprof(["test", RECORDINGS]);
  const names = ["counter", "events", "folded", "latency", "migrations", "offcpu", "oncpu", "rundelay"];
  const want = [...names, "syscalls", "taskstate", "wakeups"].map((name) => `ok ${name}`);
  assert.deepEqual(stdout.trim().split("\n"), want);
  assert.equal(code, 0);
});

Deno.test("a difference is shown with its line, and --update ends it", async () => {
  using dir = new TempDir();
  Deno.copyFileSync(`${RECORDINGS}counter.perf.data`, `${dir.path}/one.perf.data`);
  dir.write("one.ts", `export function __sample__() {}\nexport function __exit__() { console.log("first\\nsecond"); }`);
  const fresh = await perfprof(["test", dir.path]);
  assert.deepEqual([fresh.code, fresh.stdout], [1, "not ok one: nothing is expected yet: --update\n1 of 1 failed\n"]);
  dir.write("one.expected", "first\nother\n");
  const wrong = await perfprof(["test", dir.path]);
  assert.deepEqual([wrong.code, wrong.stdout], [1, "not ok one: line 2 is 'second', expected 'other'\n1 of 1 failed\n"]);
  assert.equal((await perfprof(["test", "--update", dir.path])).code, 0);
  assert.equal((await perfprof(["test", dir.path])).stdout, "ok one\n");
});

Deno.test("a handler that fails fails its test", async () => {
  using dir = new TempDir();
  Deno.copyFileSync(`${RECORDINGS}counter.perf.data`, `${dir.path}/one.perf.data`);
  dir.write("one.ts", "export const nothing = 1;");
  const { code, stdout } = await perfprof(["test", dir.path]);
  assert.equal(code, 1);
  assert.match(stdout, /^not ok one: it ended with status 1: perfprof: /);
});

Deno.test("a folder without tests, and wrong words, are errors", async () => {
  using dir = new TempDir();
  assert.match((await perfprof(["test", dir.path])).stderr, /there is no NAME\.perf\.data with a NAME\.ts/);
  const none = await perfprof(["test"]);
  assert.deepEqual([none.code, none.stderr.split("\n")[0]], [2, "perfprof: command test: one folder is needed"]);
});
