/**
 * docs/handlers.md tells the truth: each of its examples passes `deno check`, and runs on real events by its shebang line. So do
 * those of the library's docstrings, but for the shebang line.
 */

import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { shell } from "./command.ts";
import { live, TempDir } from "./harness.ts";

const root = new URL("../", import.meta.url);
const text = Deno.readTextFileSync(new URL("docs/handlers.md", root));
const examples = [...text.matchAll(/^```ts\n([^]*?)^```/gm)].map(([, example]) => example!);

/** The examples of the library's docstrings. */
function documented(): string[] {
  const folder = new URL("lib/results/", root);
  return [...Deno.readDirSync(folder)].flatMap(({ name }) => {
    const source = Deno.readTextFileSync(new URL(name, folder));
    return [...source.matchAll(/^ \* ```ts\n([^]*?)^ \* ```/gm)].map(([, example]) => example!.replace(/^ \* ?/gm, ""));
  });
}

/** The events that a handler module wants, by its exports. */
function eventsOf(module: string): string {
  const names = [...module.matchAll(/^export function ([a-z0-9]+)__(\w+)\(event/gm)].map(([, sys, name]) => `${sys}:${name}`);
  return names.length > 0 ? names.join(",") : "sched:sched_switch";
}

/** What a handler module finds without an import. */
const GLOBALS = `import type { PerfEvent as Event, PerfProf } from "${new URL("lib/mod.ts", root)}";
declare global {
  const perf_prof: PerfProf;
  type PerfEvent = Event;
}
`;

Deno.test("the examples pass deno check", async () => {
  using dir = new TempDir();
  const globals = dir.write("globals.d.ts", GLOBALS);
  const paths = [...examples, ...documented()].map((example, index) =>
    dir.write(`example${index}.ts`, `${example}\nimport type {} from "${globals}";\n`)
  );
  assert.ok(paths.length >= 10, `${paths}`);
  const { code, stderr } = await new Deno.Command(Deno.execPath(), { args: ["check", "--no-lock", ...paths] }).output();
  assert.equal(code, 0, new TextDecoder().decode(stderr));
});

for (const [index, example] of examples.entries()) {
  live(`example ${index + 1} of docs/handlers.md runs as it stands`, async () => {
    using dir = new TempDir();
    dir.write("example.ts", example, 0o755);
    const { code, stdout, stderr } = await shell(dir, "exec ./example.ts -q -c 'sleep 1.2; ls /'");
    assert.deepEqual([code, stderr], [0, ""]);
    assert.match(stdout, /\d/);
  });
}

for (const example of documented()) {
  const events = eventsOf(example);
  live(`the docstring's example on ${events} runs as it stands`, async () => {
    using dir = new TempDir();
    dir.write("example.ts", example);
    const { code, stdout, stderr } = await shell(dir, `perfprof -q -e ${events} -i 500 -c 'sleep 0.7; ls /' example.ts`);
    assert.deepEqual([code, stderr], [0, ""]);
    assert.match(stdout, /^\S/);
  });
}

Deno.test("the links of docs/handlers.md lead somewhere", () => {
  for (const [, path] of text.matchAll(/\]\(([^)#:]+)\)/g)) {
    assert.ok(Deno.statSync(fileURLToPath(new URL(`docs/${path}`, root))), path);
  }
});
