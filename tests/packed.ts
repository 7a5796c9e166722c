/**
 * `deno task test:packed`: the tests that start perfprof, once more with dist/perfprof in the place of main.ts. These are the files
 * that import one of STARTERS from harness.ts or command.ts; all others would test the same twice.
 *
 * @module
 */

import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../", import.meta.url));
const PACKED = `${ROOT}dist/perfprof`;
const STARTERS = ["perfprof", "start", "Stage", "shell", "startShell", "pathWith"];
const IMPORT = /^import \{([^}]*)\} from "\.\/(?:harness|command)\.ts";$/gm;

function startsPerfprof(file: string): boolean {
  const imported = [...Deno.readTextFileSync(ROOT + file).matchAll(IMPORT)].flatMap(([, names]) => names!.split(/[\s,]+/));
  return STARTERS.some((name) => imported.includes(name));
}

async function run(command: string, args: readonly string[]): Promise<number> {
  const options = { args: [...args], cwd: ROOT, env: { PERFPROF: PACKED } };
  return (await new Deno.Command(command, options).spawn().status).code;
}

const files = [...Deno.readDirSync(`${ROOT}tests`)].map(({ name }) => `tests/${name}`)
  .filter((file) => file.endsWith("_test.ts") && startsPerfprof(file)).sort();
// The first run says that it unpacks, which is no test's business.
const unpacked = await run(PACKED, ["--version"]);
const testArgs = ["test", "-A", "--no-check", "--lock=tests/deno.lock", ...Deno.args, ...files];
Deno.exit(unpacked === 0 ? await run(Deno.execPath(), testArgs) : unpacked);
