/**
 * perfprof test: the ready handlers over the recordings of tests/recordings, and what is said where something is not as expected.
 *
 * @module
 */

import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { perfprof, TempDir } from "./harness.ts";
import { assemble } from "./wasm_modules.ts";

const TEMPLATES = fileURLToPath(new URL("../templates/", import.meta.url));
const RECORDINGS = fileURLToPath(new URL("recordings/", import.meta.url));

/** Ready handlers without a recording here, and why. A new one has a recording, or a reason. */
const UNRECORDED: Readonly<Record<string, string>> = {
  kvmexits: "where these were recorded KVM's guests leave without kvm_exit",
  metrics: "it prints nothing: what it tells goes to a collector",
};

Deno.test("the ready handlers print what is expected of their recordings", async () => {
  const ready = [...Deno.readDirSync(TEMPLATES)].map(({ name }) => name.replace(/\.ts$/, "")).sort();
  const recorded = ready.filter((name) => UNRECORDED[name] === undefined);
  assert.equal(ready.length - recorded.length, Object.keys(UNRECORDED).length);
  const { code, stdout } = await perfprof(["test", RECORDINGS]);
  assert.deepEqual(stdout.trim().split("\n"), recorded.map((name) => `ok ${name}`));
  assert.equal(code, 0);
});

Deno.test("a folder's .debug names what is in its stacks, and quotes keep an option's spaces together", async () => {
  using dir = new TempDir();
  for (const end of ["perf.data", "expected", "options"]) {
    Deno.copyFileSync(`${RECORDINGS}watchpoint.${end}`, `${dir.path}/one.${end}`);
  }
  dir.write("one.ts", Deno.readTextFileSync(`${TEMPLATES}watchpoint.ts`));
  const { stdout } = await perfprof(["test", dir.path]);
  assert.match(stdout, /^not ok one: line 2 is ' {4}Unknown\+\S+ \(\S+\/touch\)', expected ' {4}touch_many\+/);
  Deno.symlinkSync(`${RECORDINGS}.debug`, `${dir.path}/.debug`);
  assert.equal((await perfprof(["test", dir.path])).stdout, "ok one\n");
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

Deno.test("a handler may be compiled", async () => {
  using dir = new TempDir();
  Deno.copyFileSync(`${RECORDINGS}counter.perf.data`, `${dir.path}/one.perf.data`);
  const source = `export function perfprof_abi(): i32 { return 1; }
    let events = 0;
    export function __sample__(): void { events++; }
    export function __exit__(): void { console.log(events.toString()); }`;
  Deno.writeFileSync(`${dir.path}/one.wasm`, await assemble(source));
  const script = dir.write(
    "h.ts",
    "let n = 0; export function __sample__() { n++; }\nexport const __exit__ = () => console.log(n);",
  );
  const { stdout } = await perfprof(["-q", "-I", `${dir.path}/one.perf.data`, script]);
  assert.match(stdout, /^[1-9]\d*\n$/);
  dir.write("one.expected", stdout);
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
