/**
 * The documents tell the truth: every example of README.md and docs/*.md is run here, and so are those of the docstrings in
 * lib/results and lib/export. What is done with a block is in the word behind its fence:
 *
 *   ts       A handler module. It passes `deno check` (perf_prof and PerfEvent are known, as in a run) and runs for a second: by its
 *            own first line where that is `#!/usr/bin/env -S perfprof ...`, else on the events that its exports are named after.
 *            Status 0, something on stdout, nothing on stderr. A module without exports is checked only.
 *   sh       Commands, run by `sh -e`, one after the other. Status 0.
 *   console  `$ COMMAND`, and below it what it writes on stdout and stderr, to the letter. `...` stands for any lines.
 *   none, or any other: a picture.
 *
 * Each runs in an empty folder with an h.ts (a handler of every event) and `perfprof` on the PATH; a document calls the folder
 * /home/you. What stands behind the word says why a block is not run (```sh changes the machine); of ts it is then not checked either.
 */

import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { shell } from "./command.ts";
import { live, TempDir } from "./harness.ts";

const root = new URL("../", import.meta.url);

interface Example {
  /** The file, and which of its examples it is. */
  readonly where: string;
  readonly language: string;
  /** Why it is not run, "" when it is. */
  readonly unless: string;
  readonly text: string;
}

/** Paths from the root. */
function documents(): string[] {
  const names = [...Deno.readDirSync(new URL("docs/", root))].map(({ name }) => `docs/${name}`);
  return ["README.md", ...names.filter((name) => name.endsWith(".md")).sort()];
}

function read(path: string): string {
  return Deno.readTextFileSync(new URL(path, root));
}

function examplesOf(path: string, text: string): Example[] {
  return [...text.matchAll(/^```(ts|sh|console)\b *(.*)\n([^]*?)^```$/gm)].map(([, language, unless, text], i) => ({
    where: `${path}, example ${i + 1}`,
    language: language!,
    unless: unless!,
    text: text!,
  }));
}

/** The examples in the library's docstrings, without the stars. */
function documented(): Example[] {
  const names = ["lib/results/", "lib/export/"].flatMap((folder) =>
    [...Deno.readDirSync(new URL(folder, root))].map(({ name }) => folder + name).sort()
  );
  return names.flatMap((path) => examplesOf(path, read(path).replace(/^ *\* ?/gm, "")));
}

const examples = [...documents().flatMap((path) => examplesOf(path, read(path))), ...documented()];
const modules = examples.filter(({ language }) => language === "ts");

/** What a handler module finds without an import. */
const GLOBALS = `import type { PerfEvent as Event, PerfProf } from "${new URL("lib/mod.ts", root)}";
declare global {
  const perf_prof: PerfProf;
  type PerfEvent = Event;
}
`;

Deno.test("every module of the documents passes deno check", async () => {
  using dir = new TempDir();
  const globals = dir.write("globals.d.ts", GLOBALS);
  const paths = modules.filter(({ unless }) => unless === "").map(({ text }, index) =>
    dir.write(`example${index}.ts`, `${text}\nimport type {} from "${globals}";\n`)
  );
  assert.ok(paths.length >= 10, `${paths}`);
  const { code, stderr } = await new Deno.Command(Deno.execPath(), { args: ["check", "--no-lock", ...paths] }).output();
  assert.equal(code, 0, new TextDecoder().decode(stderr));
});

/** The events that a module wants, by its exports. */
function eventsOf(module: string): string {
  const names = [...module.matchAll(/^export (?:async )?function ([a-z0-9]+(?:_[a-z0-9]+)*?)__(\w+)\(event/gm)];
  return names.length > 0 ? names.map(([, sys, name]) => `${sys}:${name}`).join(",") : "sched:sched_switch";
}

/** What a traced command does: something for most handlers to see. */
const COMMAND = "-c 'sleep 1.1; ls /'";

async function runModule(dir: TempDir, { text }: Example): Promise<void> {
  dir.write("example.ts", text, 0o755);
  const line = text.startsWith("#!") ? "./example.ts" : `perfprof -e ${eventsOf(text)} -i 500 example.ts`;
  const { code, stdout, stderr } = await shell(dir, `exec ${line} -q ${COMMAND}`);
  assert.deepEqual([code, stderr], [0, ""]);
  assert.match(stdout, /\w/);
}

async function runCommands(dir: TempDir, { text }: Example): Promise<void> {
  dir.write("commands", text);
  const { code, stdout, stderr } = await shell(dir, "exec timeout 30 sh -e commands");
  assert.equal(code, 0, `${stdout}\n${stderr}`);
}

async function runTranscript(dir: TempDir, { text }: Example): Promise<void> {
  const parts = [...text.matchAll(/^\$ (.*)\n((?:(?!\$ ).*\n)*)/gm)];
  assert.equal(parts.map(([part]) => part).join(""), text);
  for (const [, command, expected] of parts) {
    dir.write("commands", `${command}\n`);
    const { stdout } = await shell(dir, "exec timeout 30 sh commands 2>&1");
    const actual = stdout.replaceAll(dir.path, "/home/you");
    const pattern = expected!.split(/^\.\.\.\n/m).map((lines) => RegExp.escape(lines)).join("(?:.*\n)*");
    if (!new RegExp(`^${pattern}$`).test(actual)) assert.equal(actual, expected, command);
  }
}

const RUNNERS: Readonly<Record<string, (dir: TempDir, example: Example) => Promise<void>>> = {
  ts: runModule,
  sh: runCommands,
  console: runTranscript,
};

for (const example of examples) {
  const { where, language, text, unless } = example;
  if (unless === "" && language === "ts" && !/^export /m.test(text)) continue;
  live(`${where} (${language}) runs as it stands`, async () => {
    using dir = new TempDir();
    dir.write("h.ts", "export function __sample__() {}\n");
    await RUNNERS[language]!(dir, example);
  }, unless === "" ? undefined : unless);
}

Deno.test("the links of the documents lead somewhere", () => {
  for (const path of documents()) {
    for (const [, link] of read(path).matchAll(/\]\(([^)#:]+)(?:#[^)]*)?\)/g)) {
      assert.ok(Deno.statSync(fileURLToPath(new URL(link!, new URL(path, root)))), `${path}: ${link}`);
    }
  }
});

Deno.test("LICENSE names every library that is linked in", () => {
  const linked = [...read("native/Makefile").matchAll(/\b(lib\w+)\.a\b|\s-l(\w+)/g)].map(([, archive, name]) =>
    archive ?? `lib${name}`
  );
  assert.ok(linked.includes("libtraceevent"), `${linked}`);
  const license = read("LICENSE");
  assert.deepEqual(linked.filter((name) => !license.includes(name)), []);
});

Deno.test("docs/architecture.md is read at one sitting: it stays below 150 lines", () => {
  assert.ok(read("docs/architecture.md").trimEnd().split("\n").length < 150);
});
