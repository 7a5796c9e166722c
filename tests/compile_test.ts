/**
 * `deno task compile`: what is embedded in the program, what it says without a runtime, and that the same program runs. (Deno's
 * runtime for compiled programs is where a network is, or a file in DENORT_BIN; here Deno itself stands in for its bytes, which then
 * cannot be run.)
 *
 * @module
 */

import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { programFiles, strippedLibrary } from "../native/launcher/program.ts";
import { Child, type Ended, live, TempDir } from "./harness.ts";

const ROOT = new URL("../", import.meta.url);

async function compile(output: string, runtime: string): Promise<Ended> {
  const args = ["task", "-q", "compile", output];
  return await new Child(Deno.execPath(), args, { cwd: fileURLToPath(ROOT), env: { DENORT_BIN: runtime } }).end(120_000);
}

Deno.test("compile: without a runtime it says so, in one line and how to get one", async () => {
  using dir = new TempDir();
  const output = `${dir.path}/perfprof`;
  const { code, stderr } = await compile(output, `${dir.path}/denort`);
  assert.equal(code, 1);
  assert.deepEqual(stderr.split("\n").slice(-4), [
    `compile: making ${output} failed: Could not find denort at '${dir.path}/denort': No such file or directory (os error 2)`,
    `hint: DENORT_BIN=FILE names Deno's runtime for compiled programs, denort ${Deno.version.deno}`,
    "hint: deno task build makes dist/perfprof, which needs none and can more",
    "",
  ]);
  assert.deepEqual([...Deno.readDirSync(dir.path)], []);
});

Deno.test("compile: the C library, the templates, the program and its packages are in the one file", async () => {
  using dir = new TempDir();
  const { code, stderr } = await compile(`${dir.path}/perfprof`, Deno.execPath());
  assert.equal(code, 0, stderr);
  const bytes = Deno.readFileSync(`${dir.path}/perfprof`);
  const made = new TextDecoder("latin1").decode(bytes);
  const has = (part: Uint8Array) => made.includes(new TextDecoder("latin1").decode(part));
  assert.ok(has(await strippedLibrary()), "the library");
  for (const name of ["latency.ts", "counter.ts"]) assert.ok(has(Deno.readFileSync(new URL(`templates/${name}`, ROOT))), name);
  for (const name of ["perfprof.js", "apache-arrow.js"]) {
    assert.match(made, RegExp(`"n":"${RegExp.escape(name)}"`));
  }
});

live("compile: the program that is compiled loads its library from memory, and traces", async () => {
  using dir = new TempDir();
  dir.write("libperfprof.so", "");
  Deno.writeFileSync(`${dir.path}/libperfprof.so`, await strippedLibrary());
  for (const { path, bytes } of await programFiles(new URL("native/launcher/compiled_library_path.ts", ROOT))) {
    dir.write(path, new TextDecoder().decode(bytes));
  }
  const module = dir.write(
    "h.ts",
    `export function __init__() {
  console.log(Deno.readTextFileSync("/proc/self/maps").match(/\\S*perfprof \\(deleted\\)/)?.[0]);
}
let n = 0;
export function __sample__() { n++; }
export function __exit__() { console.log(n); }
`,
  );
  const program = ["run", "-A", "-q", "--no-config", "--no-lock", `${dir.path}/lib/perfprof.js`];
  const args = [...program, "-q", "-e", "sched:sched_process_exec", "-c", "env true", module];
  const { stdout, stderr } = await new Child(Deno.execPath(), args).end();
  // env, and what it becomes.
  assert.equal(stdout, "/memfd:perfprof (deleted)\n2\n", stderr);
});
