/**
 * Runs the C test programs (tests/native/NAME_test.c), which have the library's sources and the sanitizers in them. Each prints one
 * line per check; one that cannot run here says why, and counts as an ignored step.
 *
 * @module
 */

import assert from "node:assert/strict";

const NATIVE = new URL("../native/", import.meta.url);
const SKIPPED = 77;

async function run(command: string, args: string[] = []): Promise<{ code: number; text: string }> {
  const { code, stdout, stderr } = await new Deno.Command(command, { args, cwd: NATIVE, stdout: "piped", stderr: "piped" })
    .output();
  return { code, text: new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr) };
}

/** All that is not "ok": failed checks, and what a sanitizer says. */
function failures(text: string): string {
  return text.split("\n").filter((line) => !line.startsWith("ok ")).join("\n");
}

const build = run("make", ["-s", "-j2", "check-build"]);

for (const { name } of Deno.readDirSync(new URL("native/", import.meta.url))) {
  if (!name.endsWith("_test.c")) continue;
  const program = name.slice(0, -".c".length);
  Deno.test(`native ${program}`, async (test) => {
    const built = await build;
    assert.equal(built.code, 0, built.text);
    const { code, text } = await run(`build/${program}`);
    if (code === SKIPPED) {
      await test.step({ name: text.trim().split("\n").at(-1) ?? "skip", ignore: true, fn: () => {} });
      return;
    }
    assert.equal(code, 0, failures(text));
    assert.match(text, /^ok /m, "it checked nothing");
  });
}
