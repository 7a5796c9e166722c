/**
 * Scripts that run by their first line, wherever they lie: the seed's table of who gets which argument, links, names, users, imports,
 * and the settings of their own folder.
 *
 * @module
 */

import assert from "node:assert/strict";
import { pathWith, QUIET } from "./command.ts";
import { Child, type Ended, live, TempDir } from "./harness.ts";

/** What the script sees of its arguments, and whether perfprof took -i for itself. */
const SCRIPT = `
let ticks: number = 0;
export function __interval__() { ticks++; }
export function __exit__() { console.log(JSON.stringify({ args: Deno.args, ticked: ticks > 0 })); }
`;

const first = (end = "", command = "true") => `#!/usr/bin/env -S perfprof -q -c '${command}' -e ${QUIET}${end}\n`;

/** Runs a file as a program. */
async function execute(dir: TempDir, path: string, args: string[] = [], before: string[] = []): Promise<Ended> {
  return await new Child("/usr/bin/env", [...before, `PATH=${pathWith(dir)}`, path, ...args]).end();
}

live("whose an argument is, is said by the first line", async () => {
  using dir = new TempDir();
  const open = dir.write("open.ts", first("", "sleep 0.4") + SCRIPT, 0o755);
  const closed = dir.write("closed", first(" --", "sleep 0.4") + SCRIPT, 0o755);
  const fixed = dir.write("fixed", first(" -i 50 --", "sleep 0.4") + SCRIPT, 0o755);
  const args = ["-i", "50", "--threshold", "50"];
  const table: [string, string[], string[], boolean][] = [
    [open, args, ["--threshold", "50"], true],
    [open, ["--threshold", "50"], ["--threshold", "50"], false],
    [open, ["--", ...args], args, false],
    [closed, args, args, false],
    [fixed, args, args, true],
    [fixed, [], [], true],
  ];
  for (const [script, given, expected, ticked] of table) {
    const { code, stdout, stderr } = await execute(dir, script, given);
    assert.equal(code, 0, stderr);
    assert.deepEqual(JSON.parse(stdout), { args: expected, ticked }, `${script} ${given}`);
  }
});

live("a script in a folder with spaces and other letters takes the settings, and the imports, of that folder", async () => {
  using dir = new TempDir();
  const home = "größe 測/my scripts";
  dir.write(`${home}/deno.json`, '{ "imports": { "parts/": "./my parts/", "command": "npm:commander@15.1.0" } }');
  dir.write(`${home}/my parts/part.ts`, 'export const part: string = "part";\n');
  dir.write(`${home}/beside.ts`, 'export const beside: string = "beside";\n');
  const script = `${first()}import { part } from "parts/part.ts";
import { beside } from "./beside.ts";
import { Command } from "command";
const { n } = new Command().option("-n <n>").parse().opts();
export function __exit__() { console.log(part, beside, n, Deno.args.length, Deno.env.get("PERFPROF_CONFIG")); }
`;
  for (const name of ["deep/er/script.ts", "wäke up"]) {
    const path = dir.write(
      `${home}/${name}`,
      script.replace("./beside", name.includes("/") ? "../../beside" : "./beside"),
      0o755,
    );
    const { code, stdout, stderr } = await execute(dir, path, ["--", "-n", "4 2"]);
    assert.deepEqual([code, stdout, stderr], [0, "part beside 4 2 2 undefined\n", ""]);
  }
});

live("a link to a script finds what is beside the script", async () => {
  using dir = new TempDir();
  dir.write("opt/part.ts", 'export const part: string = "part";\n');
  dir.write("opt/deno.json", '{ "imports": { "mine": "./part.ts" } }');
  const script = 'import { part } from "./part.ts";\nimport * as mine from "mine";\n' +
    "export function __exit__() { console.log(part === mine.part); }\n";
  const path = dir.write("opt/script.ts", first() + script, 0o755);
  dir.write("home/bin/readme", "");
  Deno.symlinkSync(path, `${dir.path}/home/bin/direct`);
  Deno.symlinkSync("direct", `${dir.path}/home/bin/indirect`);
  for (const name of ["direct", "indirect"]) {
    const { code, stdout, stderr } = await execute(dir, `${dir.path}/home/bin/${name}`);
    assert.deepEqual([code, stdout, stderr], [0, "true\n", ""]);
  }
});

live("the same process goes on with the settings, and ends as it would without", async () => {
  using dir = new TempDir();
  dir.write("deno.json", '{ "imports": { "mine": "./part.ts" } }');
  dir.write("part.ts", "");
  const path = dir.write(
    "script",
    `${first("", "sleep 60")}import "mine";\nexport function __init__() { setTimeout(() => console.log(Deno.pid), 0); }\n` +
      "export function __exit__() { console.log('ended'); Deno.exitCode = 7; }\n",
    0o755,
  );
  const child = new Child("/usr/bin/env", [`PATH=${pathWith(dir)}`, path]);
  await child.saw(new RegExp(`^${child.pid}$`, "m"));
  child.kill("SIGINT");
  const { code, stdout, stderr } = await child.end();
  assert.deepEqual([code, stdout, stderr], [7, `${child.pid}\nended\n`, ""]);
});

live("settings that other users can write are not root's", async () => {
  using dir = new TempDir();
  dir.write("deno.json", '{ "imports": { "./part.ts": "./evil.ts" } }', 0o666);
  Deno.chmodSync(`${dir.path}/deno.json`, 0o666);
  dir.write("part.ts", "console.log('part');\n");
  dir.write("evil.ts", "console.log('evil');\n");
  const path = dir.write("script", `${first()}import "./part.ts";\nexport function __exit__() {}\n`, 0o755);
  const { code, stdout, stderr } = await execute(dir, path);
  assert.deepEqual([code, stdout], [0, "part\n"]);
  assert.equal(stderr, `perfprof: warning: ${dir.path}/deno.json is not used: other users can write it\n`);
});

live("sudo ./script.ts: root takes the settings of the user who became root", async () => {
  using dir = new TempDir();
  dir.write("deno.json", '{ "imports": { "mine": "./part.ts" } }');
  Deno.chownSync(`${dir.path}/deno.json`, 1234, 1234);
  dir.write("part.ts", "console.log('part');\n");
  const path = dir.write("script.ts", `${first()}import "mine";\nexport function __exit__() {}\n`, 0o755);
  const { code, stdout, stderr } = await execute(dir, path, [], ["SUDO_UID=1234"]);
  assert.deepEqual([code, stdout, stderr], [0, "part\n", ""]);
});
