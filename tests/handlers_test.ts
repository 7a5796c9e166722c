/** Handler modules: where they are found, how they load, which exports count. */

import assert from "node:assert/strict";
import { PerfprofError } from "../lib/errors.ts";
import { type EventHandler, type LoadedHandlers, loadHandlers, takesEvent } from "../lib/handlers.ts";
import { isCompiled, resolveModule, type SearchPlaces } from "../lib/module_path.ts";
import { TempDir } from "./harness.ts";

const HANDLER = "export function __sample__(event: unknown): number { return typeof event === 'string' ? 1 as number : 2; }\n";
const NAMES = ["sched__sched_wakeup", "sched__sched_switch"];

function places(dir: TempDir, searchPath = "", trusted?: number[]): SearchPlaces {
  return { cwd: dir.path, searchPath, trusted };
}

/** What a module is refused with; `DIR` stands for the folder. */
function refusal(dir: TempDir, action: () => unknown): string[] {
  try {
    action();
  } catch (error) {
    return said(dir, error);
  }
  return [];
}

function said(dir: TempDir, error: unknown): string[] {
  assert(error instanceof PerfprofError);
  assert.equal(error.exitCode, 1);
  return [error.message, ...error.detail, ...error.hints].map((line) => line.replaceAll(dir.path, "DIR"));
}

/** Loads a module of this text. */
async function load(dir: TempDir, text: string, name = "h.ts"): Promise<LoadedHandlers> {
  return await loadHandlers(dir.write(name, text), NAMES);
}

async function loadRefusal(dir: TempDir, text: string, name = "h.ts"): Promise<string[]> {
  try {
    await load(dir, text, name);
  } catch (error) {
    return said(dir, error);
  }
  return [];
}

Deno.test("module path: paths", () => {
  using dir = new TempDir();
  for (const name of ["h.ts", "stat.ts", "my-script.ts", "v1.2.ts", "noext", "sub/m.js", "é ü#1?%25.ts"]) {
    dir.write(name, HANDLER);
  }
  Deno.mkdirSync(`${dir.path}/stat`);
  const resolved = (module: string) => resolveModule(module, places(dir)).replace(dir.path, "DIR");
  assert.equal(resolved("h.ts"), "DIR/h.ts");
  assert.equal(resolved("./h"), "DIR/h.ts");
  assert.equal(resolved("./stat"), "DIR/stat.ts");
  assert.equal(resolved("./noext"), "DIR/noext");
  assert.equal(resolved("sub/../sub/./m"), "DIR/sub/m.js");
  assert.equal(resolved("é ü#1?%25.ts"), "DIR/é ü#1?%25.ts");
  assert.equal(resolved(`${dir.path}/v1.2`), "DIR/v1.2.ts");
  assert.equal(resolved("-"), "/dev/stdin");
});

Deno.test("module path: bare names, here and in PERFPROF_PATH, by extension", () => {
  using dir = new TempDir();
  using other = new TempDir();
  using last = new TempDir();
  for (const name of ["a.mjs", "a.js", "my-script.ts", "plain"]) dir.write(name, HANDLER);
  for (const name of ["a.ts", "b.tsx", "a.b"]) other.write(name, HANDLER);
  for (const name of ["b.ts", "c.mts"]) last.write(name, HANDLER);
  const at = places(dir, `${other.path}::${last.path}`);
  assert.equal(resolveModule("a", at), `${dir.path}/a.js`);
  assert.equal(resolveModule("my-script", at), `${dir.path}/my-script.ts`);
  assert.equal(resolveModule("plain", at), `${dir.path}/plain`);
  assert.equal(resolveModule("b", at), `${other.path}/b.tsx`);
  assert.equal(resolveModule("a.b", at), `${other.path}/a.b`);
  assert.equal(resolveModule("c", at), `${last.path}/c.mts`);
});

Deno.test("module path: not there", () => {
  using dir = new TempDir();
  Deno.mkdirSync(`${dir.path}/folder`);
  assert.deepEqual(refusal(dir, () => resolveModule("nope", places(dir, "/x:/y"))), [
    "module nope was not found in DIR, /x, /y",
    "looked for nope with .ts .mts .js .mjs .tsx .wasm .so or as it is",
    "PERFPROF_PATH=FOLDER:... names more folders; a path has a slash: ./name",
  ]);
  assert.deepEqual(refusal(dir, () => resolveModule("record", places(dir))).slice(0, 2), [
    "module record was not found in DIR",
    "the command is the first word: perfprof record ...",
  ]);
  const path = refusal(dir, () => resolveModule("./nope", places(dir)));
  assert.deepEqual(path, ["module ./nope was not found: there is no file DIR/nope"]);
  const file = refusal(dir, () => resolveModule("nope.ts", places(dir, "/x")));
  assert.deepEqual(file, ["module nope.ts was not found: there is no file DIR/nope.ts"]);
  const folder = refusal(dir, () => resolveModule("./folder", places(dir)));
  assert.deepEqual(folder, ["module ./folder cannot be loaded: DIR/folder is a folder"]);
});

Deno.test("module path: compiled modules are told by their extensions", () => {
  using dir = new TempDir();
  dir.write("m.so", "");
  dir.write("w.wasm", "");
  const compiled = ["m", "w", "./w.wasm"].map((module) => resolveModule(module, places(dir)));
  assert.deepEqual(compiled.map(isCompiled), [true, true, true]);
  assert.deepEqual(["/x/a.ts", "/x/wasm", "/dev/stdin"].map(isCompiled), [false, false, false]);
});

Deno.test("module path: a bare name in a folder that others can write is not root's to load", () => {
  using dir = new TempDir();
  const path = dir.write("h.ts", HANDLER);
  const me = Deno.uid()!;
  const loaded = (trusted: number[] | undefined) => refusal(dir, () => resolveModule("h", places(dir, "", trusted)));
  const untrusted = (what: string) => [
    `module DIR/h.ts is not loaded by its bare name: other users can write ${what}`,
    "when you trust it, give its path: ./h.ts",
  ];
  assert.deepEqual(loaded([me]), []);
  assert.deepEqual(loaded([me + 1]), untrusted("DIR"));
  Deno.chmodSync(dir.path, 0o777);
  assert.deepEqual(loaded([me]), untrusted("DIR"));
  assert.deepEqual(loaded(undefined), []);
  assert.equal(resolveModule("./h.ts", places(dir, "", [me])), path);
  Deno.chmodSync(dir.path, 0o755);
  Deno.chmodSync(path, 0o646);
  assert.deepEqual(loaded([me]), untrusted("DIR/h.ts"));
});

Deno.test("handlers: every callback", async () => {
  using dir = new TempDir();
  const { handlers, warnings } = await load(
    dir,
    `export function __init__() { return "init"; }
     export async function __exit__() { return await Promise.resolve("exit"); }
     export const __interval__ = () => "interval";
     export function __print_stat__(indent: number) { return indent; }
     export function __lost__(start: number, end: number, info: { count: number }) { return [start, end, info.count]; }
     export function __sample__(event: unknown) { return ["sample", event]; }
     export function sched__sched_wakeup(event: unknown) { return ["wakeup", event]; }
     export const threshold = 3;
     export function helper() {}
     export default { __init__: 1 };`,
  );
  assert.deepEqual(warnings, []);
  assert.deepEqual(
    [handlers.init?.(), await handlers.exit?.(), handlers.interval?.(), handlers.printStat?.(4), handlers.sample?.(1)],
    ["init", "exit", "interval", 4, ["sample", 1]],
  );
  assert.deepEqual(handlers.lost?.(1, 2, { count: 3, cpu: 0, event: undefined }), [1, 2, 3]);
  assert.deepEqual([...handlers.byEvent.keys()], ["sched__sched_wakeup"]);
  assert.deepEqual(handlers.byEvent.get("sched__sched_wakeup")?.(5), ["wakeup", 5]);
});

Deno.test("handlers: TypeScript under every name", async () => {
  using dir = new TempDir();
  dir.write("part.ts", "export const part: number = 1;");
  const script =
    `#!/usr/bin/env -S perfprof -e a:b\nimport { part } from "./part.ts";\nexport const __sample__ = (): number => part;\n`;
  for (const name of ["stat.ts", "noext", "a.b", "my-script-1.2", "é ü#1?%25.ts", "folder é/h.mts"]) {
    const text = name.includes("/") ? script.replace("./part", "../part") : script;
    assert.equal((await load(dir, text, name)).handlers.sample?.(0), 1, name);
  }
});

Deno.test("handlers: exports that nobody calls", async () => {
  using dir = new TempDir();
  const { warnings } = await load(
    dir,
    `${HANDLER}
     export function __inteval__() {}
     export function __teardown_everything__() {}
     export function sched__sched_wakup() {}
     export function irq__entry() {}
     export function sched_sched_switch() {}
     export const __version__ = "1";`,
  );
  assert.deepEqual(warnings, [
    "export __inteval__ is never called: it is no callback; did you mean __interval__?",
    "export __teardown_everything__ is never called: it is no callback",
    "export irq__entry is never called: it handles no event that is opened",
    "export sched__sched_wakup is never called: it handles no event that is opened; did you mean sched__sched_wakeup?",
    "export sched_sched_switch is never called: it is no callback; did you mean sched__sched_switch?",
  ]);
});

const USE = "export function sched__sched_wakeup(event) { ... }, or __sample__ for all events";
const REFUSALS: [what: string, text: string, want: string[]][] = [
  ["no handlers", "export const a = 1; export function b() {}", ["module DIR/h.ts has no handlers: it exports a, b", USE]],
  ["no exports", "console.assert(true);", ["module DIR/h.ts has no handlers: it exports nothing", USE]],
  ["only a misspelt one", "export function __inteval__() {}", [
    "module DIR/h.ts has no handlers: it exports __inteval__",
    "export __inteval__ is never called: it is no callback; did you mean __interval__?",
    USE,
  ]],
  ["a callback that is no function", "export const __init__ = 1;", [
    "module DIR/h.ts cannot be used: its export __init__ is not a function but a number",
  ]],
  ["a handler that is no function", `${HANDLER} export const sched__sched_switch = {};`, [
    "module DIR/h.ts cannot be used: its export sched__sched_switch is not a function but an object",
  ]],
  ["text that does not parse", "let a: number = 1;\nexport const x: number = ;", [
    "module DIR/h.ts cannot be loaded: DIR/h.ts:2:26: SyntaxError: Expression expected",
  ]],
  ["V8's own syntax errors", "let a = 1; let a = 2;", [
    "module DIR/h.ts cannot be loaded: DIR/h.ts:1:16: SyntaxError: Identifier 'a' has already been declared",
  ]],
  ["an import that is not there", `import "./gone.ts";\n${HANDLER}`, [
    'module DIR/h.ts cannot be loaded: DIR/h.ts:1:8: Module not found "file://DIR/gone.ts".',
  ]],
  ["an import that does not parse", `import "./bad.ts";\n${HANDLER}`, [
    "module DIR/h.ts cannot be loaded: DIR/bad.ts:1:9: SyntaxError: Expression expected",
  ]],
  ["a name that is not exported", `import { gone } from "./other.ts";\nconsole.log(gone);\n${HANDLER}`, [
    "module DIR/h.ts cannot be loaded: DIR/h.ts:1:10: " +
    "SyntaxError: The requested module './other.ts' does not provide an export named 'gone'",
  ]],
  ["code that throws", "function f() {\n  throw new RangeError('too far');\n}\nf();", [
    "module DIR/h.ts cannot be loaded: DIR/h.ts:2:9: RangeError: too far",
    "    at f (DIR/h.ts:2:9)",
    "    at DIR/h.ts:4:1",
  ]],
  ["code that throws what is no error", "throw 'stone';", ["module DIR/h.ts cannot be loaded: threw stone"]],
];
for (const [what, text, want] of REFUSALS) {
  Deno.test(`handlers: ${what}`, async () => {
    using dir = new TempDir();
    dir.write("bad.ts", "let b = ;");
    dir.write("other.ts", "export const other = 1;");
    assert.deepEqual(await loadRefusal(dir, text), want);
  });
}

Deno.test("handlers: an enum in a file that Deno would not take for TypeScript", async () => {
  using dir = new TempDir();
  const { handlers } = await load(dir, "enum E { A = 7 }\nexport const __sample__ = (): E => E.A;", "a.b");
  assert.equal(handlers.sample?.(0), 7);
});

Deno.test("handlers: text that does not parse, in a file that Deno would not take for TypeScript", async () => {
  using dir = new TempDir();
  const [message] = await loadRefusal(dir, "let a: number = 1;\nexport const x: number = ;", "a.b");
  assert.equal(message, "module DIR/a.b cannot be loaded: DIR/a.b:2:26: SyntaxError: Expression expected");
});

/** Runs a program of these lines in a fresh process. */
async function output(dir: TempDir, lines: string[], stdin = ""): Promise<string> {
  const main = dir.write("main.ts", lines.join("\n"));
  const child = new Deno.Command(Deno.execPath(), { args: ["run", "-A", "--no-config", main], stdin: "piped", stdout: "piped" })
    .spawn();
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode(stdin));
  await writer.close();
  return new TextDecoder().decode((await child.output()).stdout);
}

const LIB = new URL("../lib/", import.meta.url).href;

Deno.test("handlers: - is standard input", async () => {
  using dir = new TempDir();
  const program = [
    `import { loadHandlers } from "${LIB}handlers.ts";`,
    `import { resolveModule } from "${LIB}module_path.ts";`,
    `console.log((await loadHandlers(resolveModule("-"), [])).handlers.sample?.(""));`,
  ];
  assert.equal(await output(dir, program, HANDLER), "1\n");
});

Deno.test("handlers: the script's arguments are its own", async () => {
  using dir = new TempDir();
  const script = dir.write(
    "h.ts",
    `import process, { argv } from "node:process"; console.log(Deno.args, argv.slice(1), process.argv === argv);`,
  );
  const program = [
    `import { setScriptArguments } from "${LIB}module_import.ts";`,
    `setScriptArguments("/x/h.ts", ["--a", "-b"]);`,
    `await import("file://${script}");`,
  ];
  assert.equal(await output(dir, program), '[ "--a", "-b" ] [ "/x/h.ts", "--a", "-b" ] true\n');
});

Deno.test("a handler without parameters needs no event, and only such a one", () => {
  const blind: EventHandler[] = [() => 0, async () => await 0, function () {}, function named() {}, async function later() {}];
  for (const handler of blind) assert.equal(takesEvent(handler), false, String(handler));
  // deno-lint-ignore no-explicit-any
  const seeing: any[] = [
    (event: unknown) => event,
    (...all: unknown[]) => all,
    (event = 1) => event,
    function () {
      return arguments;
    },
    function () {}.bind(null),
    new Proxy(() => 0, {}),
    console.log,
  ];
  for (const handler of seeing) assert.equal(takesEvent(handler), true, String(handler));
});
