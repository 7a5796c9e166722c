/** Scripts as programs: their arguments, their names, what they import, shebang lines. */

import assert from "node:assert/strict";
import { pathWith, QUIET, shell } from "./command.ts";
import { Child, lastJson, live, perfprof, TempDir } from "./harness.ts";

/** Prints what the script sees of its arguments. */
const ARGUMENTS = `import process from "node:process";
export function __init__() {
  console.log(JSON.stringify([Deno.args, process.argv.slice(2), perf_prof.argv.slice(1), perf_prof.argv[0]]));
}
export function __exit__() {}
`;
/** Ends by itself: traces nothing but `true`. */
const BRIEF = ["-c", "true", "-e", QUIET];
const INIT = "export function __init__() { console.log('loaded'); }\n";

live("the script has its own arguments, perfprof the options it knows", async () => {
  using dir = new TempDir();
  const path = dir.write("h.ts", ARGUMENTS);
  const table: [string[], string[]][] = [
    [[...BRIEF, path], []],
    [[...BRIEF, path, "--threshold", "50", "x y"], ["--threshold", "50", "x y"]],
    [[path, ...BRIEF, "-i", "1000", "--threshold", "50"], ["--threshold", "50"]],
    [[...BRIEF, "--", path, "-i", "1000", "--threshold", "50"], ["-i", "1000", "--threshold", "50"]],
    [[...BRIEF, path, "--", "-i", "1000"], ["-i", "1000"]],
    [[...BRIEF, path, "--x", "-i", "5", "-h"], ["--x", "-h"]],
    [[...BRIEF, "-i", "5", "--", path, "--foo", "bar", "-n", "10"], ["--foo", "bar", "-n", "10"]],
  ];
  for (const [args, expected] of table) {
    const ended = await perfprof(args);
    assert.equal(ended.code, 0, ended.stderr);
    assert.deepEqual(lastJson(ended), [expected, expected, expected, path], args.join(" "));
  }
});

live("a script may change its arguments, as in any Deno program", async () => {
  using dir = new TempDir();
  const path = dir.write("h.ts", "export function __init__() { console.log(JSON.stringify([Deno.args.shift(), Deno.args])); }");
  assert.deepEqual(lastJson(await perfprof([...BRIEF, path, "a", "b"])), ["a", ["b"]]);
});

live("a script with a shebang line runs by itself, in both forms and without an extension", async () => {
  using dir = new TempDir();
  const options = `PATH=${pathWith(dir)}`;
  const run = async (name: string, end: string, ...args: string[]) => {
    const path = dir.write(name, `#!/usr/bin/env -S perfprof -c true -e ${QUIET}${end}\n${ARGUMENTS}`, 0o755);
    const ended = await new Child("/usr/bin/env", [options, path, ...args]).end();
    assert.equal(ended.code, 0, ended.stderr);
    return { args: lastJson(ended)[0], stderr: ended.stderr };
  };
  const open = await run("open.ts", "", "-i", "1000", "--threshold", "50");
  assert.deepEqual(open.args, ["--threshold", "50"]);
  assert.match(open.stderr, /option -i: the module exports no __interval__/);
  const closed = await run("closed.ts", " --", "-i", "1000", "--threshold", "50");
  assert.deepEqual(closed.args, ["-i", "1000", "--threshold", "50"]);
  assert.doesNotMatch(closed.stderr, /__interval__/);
  assert.deepEqual((await run("bare", "", "--x")).args, ["--x"]);
});

live("scripts may have any name", async () => {
  using dir = new TempDir();
  const names = [
    "stat.ts",
    "my-script.ts",
    "v1.2.ts",
    "a.b",
    "bare",
    "with space.ts",
    "größe-測.ts",
    "h#1%20?.ts",
    "x.mts",
    "x.js",
    "x.mjs",
    "x.tsx",
  ];
  for (const name of names) {
    // Types only where the extension, or its absence, allows them.
    const typed = /\.m?js$/.test(name) ? INIT : `const x: number = 1;\n${INIT}void x;\n`;
    const path = dir.write(name, typed);
    const { code, stdout, stderr } = await perfprof([...BRIEF, path]);
    assert.deepEqual([code, stdout], [0, "loaded\n"], stderr);
    assert.match(stderr, new RegExp(`^Loaded module: .*${RegExp.escape(name)}$`, "m"));
  }
});

live("a bare name is looked for here, then in PERFPROF_PATH", async () => {
  using dir = new TempDir();
  dir.write("here/stat.ts", INIT.replace("loaded", "here"));
  dir.write("there/stat.ts", INIT.replace("loaded", "there"));
  dir.write("there/only.mjs", INIT.replace("loaded", "only"));
  const run = (name: string) =>
    perfprof([...BRIEF, name], { cwd: `${dir.path}/here`, env: { PERFPROF_PATH: `/nowhere:${dir.path}/there` } });
  assert.equal((await run("stat")).stdout, "here\n");
  assert.equal((await run("only")).stdout, "only\n");
  const { code, stderr } = await run("gone");
  assert.equal(code, 1);
  assert.ok(
    stderr.startsWith(`perfprof: module gone was not found in ${dir.path}/here, /nowhere, ${dir.path}/there\n`),
    stderr,
  );
});

live("relative, node: and npm: imports work as in any Deno program", async () => {
  using dir = new TempDir();
  dir.write("lib/part.ts", "export const part: string = 'part';\n");
  const path = dir.write(
    "h.ts",
    `import { part } from "./lib/part.ts";
     import { basename } from "node:path";
     import { Command } from "npm:commander@15.1.0";
     const { n } = new Command().option("-n <n>").parse().opts();
     export function __init__() { console.log(part, basename("/a/b"), n); }`,
  );
  const { stdout, stderr } = await perfprof([...BRIEF, "--", path, "-n", "42"]);
  assert.equal(stdout, "part b 42\n", stderr);
});

live("stdout is the script's alone, and -q leaves stderr to it as well", async () => {
  using dir = new TempDir();
  const path = dir.write("h.ts", `${INIT}export function __interval__() {}\nexport function __inteval__() {}\n`);
  const loud = await perfprof(["-v", ...BRIEF, path]);
  assert.equal(loud.stdout, "loaded\n");
  assert.match(loud.stderr, /^Loaded module: .*\/h\.ts\n/);
  assert.match(loud.stderr, /^perfprof: the command exited with status 0$/m);
  const quiet = await perfprof(["-q", ...BRIEF, path]);
  assert.deepEqual([quiet.stdout, quiet.stderr], ["loaded\n", ""]);
});

live("a module comes from standard input, and from a pipe", async () => {
  using dir = new TempDir();
  dir.write("h.ts", INIT);
  for (const line of [`perfprof -q ${BRIEF.join(" ")} - < h.ts`, `cat h.ts | perfprof -q ${BRIEF.join(" ")} /dev/stdin`]) {
    const { code, stdout, stderr } = await shell(dir, line);
    assert.deepEqual([code, stdout], [0, "loaded\n"], stderr);
  }
});
