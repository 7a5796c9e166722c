/** `perfprof new`: the file it writes, what it prints, and that it never writes over another. */

import assert from "node:assert/strict";
import { create, templateNames } from "../lib/new.ts";
import { shell } from "./command.ts";
import { live, perfprof, TempDir } from "./harness.ts";

function run(...args: string[]): string {
  return create({
    kind: "command",
    name: "new",
    args,
    events: [],
    options: [],
    intervalMs: undefined,
    machine: () => assert.fail("new asks no machine"),
    terminal: { columns: undefined, colours: false },
  });
}

function template(name: string): string {
  return Deno.readTextFileSync(new URL(`../templates/${name}.ts`, import.meta.url));
}

Deno.test("new: each template, to the letter, executable, with the command line of its first line", () => {
  using dir = new TempDir();
  assert.ok(templateNames().length >= 3);
  for (const name of templateNames()) {
    const path = `${dir.path}/my_${name}.ts`;
    const command = /^#!\/usr\/bin\/env -S (perfprof .*)$/m.exec(template(name))![1];
    assert.equal(run(`${dir.path}/my_${name}`, name), `${path}\n${command} ${path}\n`);
    assert.equal(Deno.readTextFileSync(path), template(name));
    assert.equal(Deno.statSync(path).mode! & 0o700, 0o700);
  }
});

Deno.test("new: counter without TEMPLATE; an extension stays; a name is quoted for the shell", () => {
  using dir = new TempDir();
  assert.match(run(`${dir.path}/it's.mts`), /it's\.mts\nperfprof .* '\S+it'\\''s\.mts'\n$/);
  assert.equal(Deno.readTextFileSync(`${dir.path}/it's.mts`), template("counter"));
});

Deno.test("new: never over another file", () => {
  using dir = new TempDir();
  const path = dir.write("a.ts", "mine");
  assert.throws(() => run(`${dir.path}/a`), { message: `writing ${path} failed: it exists already`, exitCode: 1 });
  assert.equal(Deno.readTextFileSync(path), "mine");
  // Nor through a link that leads nowhere yet.
  Deno.symlinkSync(`${dir.path}/target`, `${dir.path}/link.ts`);
  assert.throws(() => run(`${dir.path}/link`), { message: `writing ${dir.path}/link.ts failed: it exists already` });
});

Deno.test("new: what it refuses", () => {
  using dir = new TempDir();
  const list = `templates are ${templateNames().join(" ")}`;
  assert.throws(() => run(`${dir.path}/a`, "latenc"), {
    message: "the template 'latenc' is unknown",
    hints: ["did you mean latency?", list],
    exitCode: 2,
  });
  assert.throws(() => run(`${dir.path}/a`, "../main"), { hints: [list] });
  assert.throws(() => run(`${dir.path}/no/a`), { hints: [`mkdir -p ${dir.path}/no`], exitCode: 1 });
  for (const name of ["-x", `${dir.path}/`, "a.js"]) assert.throws(() => run(name), { exitCode: 2 });
  assert.throws(() => run(), { message: "the command 'new' takes a NAME and a TEMPLATE, not 0 words", exitCode: 2 });
  assert.deepEqual([...Deno.readDirSync(dir.path)], []);
});

live("new: the command line that it prints runs the handler", async () => {
  using dir = new TempDir();
  const { code, stdout, stderr } = await perfprof(["new", "waits", "latency"], { cwd: dir.path });
  assert.deepEqual([code, stderr], [0, ""]);
  const [path, command] = stdout.split("\n");
  assert.equal(path, "waits.ts");
  const ran = await shell(dir, `${command} -i 50 1`);
  assert.equal(ran.code, 0, ran.stderr);
  assert.match(ran.stdout, /^ +\d+ wake-ups/);
});
