/**
 * The rules of the tree that no compiler checks: who may import what, which specifiers, what may be tracked, and that nothing of
 * the machine it was written on stands in a file.
 */
import assert from "node:assert/strict";

const ROOT = new URL("../", import.meta.url).pathname;

/** Every entry that the top folder may have. */
const TOP_LEVEL = [
  ".ci",
  ".clang-format",
  ".gitignore",
  "CHANGELOG.md",
  "LICENSE",
  "README.md",
  "bench",
  "deno.json",
  "deno.lock",
  "docs",
  "ffi",
  "lib",
  "main.ts",
  "native",
  "templates",
  "tests",
];

/** What only holds on the machine that a file was written on. In pieces, so that this file is not found. */
const FOREIGN = [
  { what: "the path of this checkout", pattern: new RegExp(`(?:^|[\\s"'(=:])${RegExp.escape(ROOT)}`, "m") },
  { what: "a path out of the checkout", pattern: new RegExp("\\.\\./" + "shared") },
  {
    what: "a package registry's host",
    pattern: /\b(?:registry|registries|mirrors?|proxy|deb|pypi)\.[\w-]+\.(?:com|net|org|io)\b/i,
  },
];

const files = await trackedFiles();
const typescript = files.filter((file) => file.endsWith(".ts"));

/** Paths from the root: what git tracks; without git, what is in the folder but for what is built. */
async function trackedFiles(): Promise<string[]> {
  if (!exists(".git")) return walk("");
  const args = ["-c", "safe.directory=*", "ls-files", "-z"];
  const { success, stdout, stderr } = await new Deno.Command("git", { args, cwd: ROOT }).output();
  assert.ok(success, new TextDecoder().decode(stderr));
  return new TextDecoder().decode(stdout).split("\0").filter((path) => path !== "" && exists(path));
}

function exists(path: string): boolean {
  try {
    return Deno.lstatSync(ROOT + path) !== undefined;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

function walk(folder: string): string[] {
  return [...Deno.readDirSync(ROOT + folder)].flatMap(({ name, isDirectory }) => {
    const path = folder + name;
    if ([".git", "dist", "node_modules", "native/build"].includes(path)) return [];
    return isDirectory ? walk(`${path}/`) : [path];
  });
}

/** Specifiers of a module's imports, and whether each is `import()`. Text in comments and templates does not count. */
function imports(source: string): { specifier: string; dynamic: boolean }[] {
  const code = source.replace(/\/\*[\s\S]*?\*\//g, "").replace(/^\s*\/\/.*$/gm, "");
  const fixed = [...code.matchAll(/^\s*(?:import|export)\b[^;'"`]*?from\s*["']([^"']+)["']|^\s*import\s*["']([^"']+)["']/gm)];
  const dynamic = [...code.matchAll(/\bimport\(\s*["']([^"']+)["']/g)];
  return [
    ...fixed.map((match) => ({ specifier: (match[1] ?? match[2])!, dynamic: false })),
    ...dynamic.map((match) => ({ specifier: match[1]!, dynamic: true })),
  ];
}

function importsOf(file: string): { specifier: string; dynamic: boolean }[] {
  return imports(Deno.readTextFileSync(ROOT + file));
}

Deno.test("imports are found in every form", () => {
  const source = `import a from "./a.ts";
import {
  type B,
} from "../b.ts";
export * from "npm:c@1.0.0";
import "./side.ts";
// import d from "./comment.ts";
/* import e from "./comment.ts"; */
const f = await import("../ffi/f.ts");
`;
  assert.deepEqual(imports(source), [
    { specifier: "./a.ts", dynamic: false },
    { specifier: "../b.ts", dynamic: false },
    { specifier: "npm:c@1.0.0", dynamic: false },
    { specifier: "./side.ts", dynamic: false },
    { specifier: "../ffi/f.ts", dynamic: true },
  ]);
});

Deno.test("lib/ does not import ffi/, but for lib/mod.ts, which does so when asked", () => {
  const offenders = typescript.filter((file) => file.startsWith("lib/")).flatMap((file) =>
    importsOf(file)
      .filter(({ specifier }) => /(^|\/)ffi\//.test(specifier))
      .filter(({ dynamic }) => !(file === "lib/mod.ts" && dynamic))
      .map(({ specifier }) => `${file}: ${specifier}`)
  );
  assert.deepEqual(offenders, []);
});

Deno.test("lib/ and ffi/ can be imported by URL: relative, node: and pinned npm: specifiers only", () => {
  // A page is imported as text.
  const portable = /^(?:\.{1,2}\/.+\.(?:ts|html)$|node:|npm:(?:@[\w-]+\/)?[\w-]+@\d+\.\d+\.\d+(?:\/|$))/;
  const offenders = typescript.filter((file) => /^(?:lib|ffi)\//.test(file)).flatMap((file) =>
    importsOf(file).filter(({ specifier }) => !portable.test(specifier)).map(({ specifier }) => `${file}: ${specifier}`)
  );
  assert.deepEqual(offenders, []);
});

Deno.test("only ffi/ knows that C exists", () => {
  const offenders = typescript.filter((file) => /^(?:lib\/|main\.ts)/.test(file))
    .filter((file) => /\bDeno\.(?:dlopen|Unsafe\w+)/.test(Deno.readTextFileSync(ROOT + file)));
  assert.deepEqual(offenders, []);
});

Deno.test("nothing of the machine it was written on stands in a file", () => {
  const offenders = files.filter((file) => !file.endsWith("deno.lock")).flatMap((file) => {
    const text = Deno.readTextFileSync(ROOT + file);
    return FOREIGN.filter(({ pattern }) => pattern.test(text)).map(({ what }) => `${file}: ${what}`);
  });
  assert.deepEqual(offenders, []);
});

Deno.test("the top folder has only what belongs there", () => {
  const entries = new Set(files.map((file) => file.split("/")[0]!));
  assert.deepEqual([...entries].filter((entry) => !TOP_LEVEL.includes(entry)), []);
});

Deno.test("every source file opens with what it is for", () => {
  const offenders = files.filter((file) => /\.(?:ts|c|h|sh)$/.test(file) && file !== "ffi/abi.ts").filter((file) => {
    const text = Deno.readTextFileSync(ROOT + file).replace(/^#!.*\n/, "").replace(/^\/\* SPDX.*\n/, "");
    return !/^(?:\/\*|\/\/|#)/.test(text);
  });
  assert.deepEqual(offenders, []);
});
