/**
 * README.md tells the truth: its transcript's options run its handler, its script prints what it says, its options are known. (That
 * its examples run and its links lead somewhere is checked by docs_test.ts, as for every document.)
 */

import assert from "node:assert/strict";
import { helpText } from "../lib/options.ts";
import { shell } from "./command.ts";
import { live, TempDir } from "./harness.ts";

const root = new URL("../", import.meta.url);
const readme = Deno.readTextFileSync(new URL("README.md", root));

/** The handler, and the options that README runs it with. */
function example(): { name: string; text: string; options: string } {
  const [, name, text] = /named after it\. `(\S+\.ts)`:\n\n```ts\n([^]*?)```/.exec(readme)!;
  const [, options] = new RegExp(`^\\$ deno task perfprof (.*) ${RegExp.escape(name!)}$`, "m").exec(readme)!;
  return { name: name!, text: text!, options: options! };
}

live("README's handler runs as it stands", async () => {
  using dir = new TempDir();
  const { name, text, options } = example();
  dir.write(name, text);
  const { code, stdout, stderr } = await shell(dir, `perfprof ${options} -c 'sleep 1.5' ${name}`);
  assert.deepEqual([code, stderr], [0, `Loaded module: ${dir.path}/${name}\nperfprof: the command exited with status 0\n`]);
  assert.match(stdout, /^\S.* \d+( {3}\S.* \d+)*$/m);
});

live("README's script runs by its shebang line", async () => {
  using dir = new TempDir();
  const script = /```ts\n(#!\/usr\/bin\/env -S perfprof [^]*?)```/.exec(readme)![1]!;
  dir.write("execs.ts", script, 0o755);
  const { code, stdout, stderr } = await shell(dir, "exec ./execs.ts -q -c true");
  assert.equal(code, 0, stderr);
  assert.match(stdout, / sched:sched_process_exec: filename=\S*true pid=\d+ /);
});

Deno.test("README's options are in --help", () => {
  const known = helpText().replaceAll("--[no-]", "--");
  const usage = readme.slice(readme.indexOf("## What it does"), readme.indexOf("### An event"));
  const options = [...usage.matchAll(/[`(](--?[a-zA-Z][\w-]*)/g)].map(([, option]) => option!);
  assert.ok(options.length > 4, `${options}`);
  for (const option of options) {
    assert.match(known, new RegExp(`(^| )${option}[ ,]`, "m"), `${option} is not in --help`);
  }
});
