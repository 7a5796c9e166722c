/** The files of exports: whole or not there, 0600, and made over nothing that is not a file. */

import assert from "node:assert/strict";
import { OutputFile, refuseSharedFolder } from "../lib/export/output_file.ts";
import { makeTable } from "../lib/export/table.ts";
import { Timeline } from "../lib/export/timeline.ts";
import { MAIN, TempDir } from "./harness.ts";

const LIB = new URL("../lib/export/", import.meta.url);

Deno.test("a file appears when it is finished, 0600, and replaces the one before", () => {
  using dir = new TempDir();
  const path = dir.write("out", "before");
  const file = new OutputFile(path, () => {});
  file.write("after, ");
  file.write(new Uint8Array(200_000).fill(0x61));
  file.write("ü");
  assert.equal(Deno.readTextFileSync(path), "before");
  file.finish();
  assert.equal(Deno.readTextFileSync(path), `after, ${"a".repeat(200_000)}ü`);
  assert.equal(Deno.statSync(path).mode! & 0o777, 0o600);
  assert.deepEqual([...Deno.readDirSync(dir.path)].map(({ name }) => name), ["out"]);
});

Deno.test("one that is given up leaves what was there, and nothing else", () => {
  using dir = new TempDir();
  const path = dir.write("out", "before");
  const file = new OutputFile(path, () => {});
  file.write("x".repeat(100_000));
  file.discard();
  file.finish();
  assert.equal(Deno.readTextFileSync(path), "before");
  assert.equal([...Deno.readDirSync(dir.path)].length, 1);
});

Deno.test("links, folders, devices and pipes are refused, also those that come meanwhile", () => {
  using dir = new TempDir();
  const target = dir.write("target", "safe");
  const path = `${dir.path}/out`;
  const file = new OutputFile(path, () => {});
  Deno.symlinkSync(target, path);
  assert.throws(() => file.finish(), { message: `writing ${path} failed: it is a symbolic link` });
  for (const [there, what] of [[path, "a symbolic link"], [dir.path, "a folder"], ["/dev/null", "no regular file"]] as const) {
    assert.throws(() => new OutputFile(there, () => {}), {
      name: "PerfprofError",
      message: `writing ${there} failed: it is ${what}`,
    });
  }
  assert.throws(() => new OutputFile(`${dir.path}/no/out`, () => {}), {
    message: `writing ${dir.path}/no/out failed: no such file or directory`,
  });
  assert.equal(Deno.readTextFileSync(target), "safe");
  assert.equal([...Deno.readDirSync(dir.path)].length, 2);
});

Deno.test("a full disk is an error that names the file", async () => {
  using dir = new TempDir();
  const script = dir.write(
    "script.ts",
    `import { OutputFile } from "${LIB}output_file.ts";
    const file = new OutputFile("${dir.path}/out", () => file.discard());
    try { for (;;) file.write(new Uint8Array(100_000)); } catch ({ name, message }) { console.log(name, message); }`,
  );
  // A limit on the size of files fails as a full disk does, and needs no disk.
  const args = ["-c", `ulimit -f 1000; trap '' XFSZ; exec "$0" run -A --no-lock "$1"`, Deno.execPath(), script];
  const { stdout } = await new Deno.Command("sh", { args }).output();
  assert.match(new TextDecoder().decode(stdout), /^PerfprofError writing \S+\/out failed: file too large$/m);
  assert.deepEqual([...Deno.readDirSync(dir.path)].map(({ name }) => name), ["script.ts"]);
});

Deno.test("what handlers give up leaves what was there, and nothing else", async () => {
  using dir = new TempDir();
  for (const name of ["t.csv", "t.jsonl", "t.sqlite"]) {
    const path = dir.write(name, "before");
    const table = await makeTable(path);
    for (let i = 0; i < 2000; i++) table.add({ i });
    table.discard();
    table.close();
    assert.throws(() => table.add({ i: 0 }), TypeError);
    assert.equal(Deno.readTextFileSync(path), "before");
  }
  const timeline = new Timeline(dir.write("t.json", "before"));
  timeline.instant({ track: "t", name: "i", timeNs: 1 });
  timeline.discard();
  timeline.close();
  assert.equal(Deno.readTextFileSync(`${dir.path}/t.json`), "before");
  assert.equal([...Deno.readDirSync(dir.path)].length, 4);
});

Deno.test("a database is not made where others could exchange its file", async () => {
  using dir = new TempDir();
  refuseSharedFolder(`${dir.path}/out`);
  refuseSharedFolder("/tmp/out");
  Deno.chmodSync(dir.path, 0o777);
  await assert.rejects(makeTable(`${dir.path}/t.sqlite`), { message: /^writing .* failed: others can write in its folder$/ });
  assert.deepEqual([...Deno.readDirSync(dir.path)], []);
});

Deno.test("the end of the process finishes what was not closed", async () => {
  using dir = new TempDir();
  const script = dir.write(
    "script.ts",
    `import { EXPORTS } from "${LIB}mod.ts";
    const table = await EXPORTS.table("${dir.path}/t.csv");
    table.add({ a: 1 });
    const timeline = await EXPORTS.timeline("${dir.path}/t.json");
    timeline.instant({ track: "x", name: "y", timeNs: 1 });
    Deno.exit(3);`,
  );
  const { code } = await new Deno.Command(Deno.execPath(), { args: ["run", "-A", "--no-lock", script] }).output();
  assert.equal(code, 3);
  assert.equal(Deno.readTextFileSync(`${dir.path}/t.csv`), "a\n1\n");
  assert.equal(JSON.parse(Deno.readTextFileSync(`${dir.path}/t.json`)).traceEvents.length, 5);
});

Deno.test("a run that exports nothing loads nothing of it", async () => {
  const { stdout } = await new Deno.Command(Deno.execPath(), { args: ["info", "--json", "--no-lock", MAIN] }).output();
  const { modules }: {
    modules: { specifier: string; dependencies?: { code?: { specifier?: string }; isDynamic?: boolean }[] }[];
  } = JSON
    .parse(new TextDecoder().decode(stdout));
  const loaded = new Set<string>();
  const visit = (specifier: string) => {
    if (loaded.has(specifier)) return;
    loaded.add(specifier);
    const found = modules.find((module) => module.specifier === specifier);
    for (const { code, isDynamic } of found?.dependencies ?? []) {
      if (!isDynamic && code?.specifier !== undefined) visit(code.specifier);
    }
  };
  visit(new URL("../lib/module_run.ts", import.meta.url).href);
  assert.ok(loaded.size > 30, `${loaded.size}`);
  assert.deepEqual([...loaded].filter((specifier) => /lib\/export\/(?!mod)|apache-arrow|hyparquet|pprof/.test(specifier)), []);
});
