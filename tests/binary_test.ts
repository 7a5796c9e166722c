/**
 * dist/perfprof, the packed program: what its launcher does before the program runs. That the program is the same one, the other
 * live tests show when they are run with `PERFPROF=dist/perfprof`.
 *
 * @module
 */

import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { Child, type Ended, live, TempDir } from "./harness.ts";

const ROOT = new URL("../", import.meta.url);
const PACKED = fileURLToPath(new URL("dist/perfprof", ROOT));
const MOST_BYTES = 40e6;
const FIRST_RUN = /^perfprof: first run: unpacking to .*\n/;
/** struct pack_footer, and its id. */
const FOOTER_SIZE = 64;
const ID_SIZE = 48;
const VERSION = /^perfprof \d+\.\d+\.\d+\n$/;

const built = new Deno.Command(Deno.execPath(), { args: ["task", "-q", "build"], cwd: ROOT, stdout: "piped", stderr: "piped" })
  .output();

/** A test of the packed program; `asRoot`: one that changes owners, or mounts. */
function packed(name: string, test: (dir: TempDir) => Promise<void>, asRoot = false): void {
  const ignore = asRoot && Deno.uid() !== 0;
  Deno.test({ name: ignore ? `${name} (skipped: needs root)` : name, ignore, fn: async () => await inTempDir(test) });
}

async function inTempDir(test: (dir: TempDir) => Promise<void>): Promise<void> {
  const { success, stderr } = await built;
  assert.ok(success, new TextDecoder().decode(stderr));
  using dir = new TempDir();
  await test(dir);
}

/** Runs it with a cache of its own, and Deno's own as well. */
async function run(cache: string, args: readonly string[] = ["--version"], program = PACKED): Promise<Ended> {
  return await new Child(program, args, { env: { XDG_CACHE_HOME: cache, HOME: cache } }).end();
}

/** Runs it from a shell in a mount namespace, after `mounts`. */
async function runMounted(cache: string, mounts: string, args: readonly string[] = ["--version"]): Promise<Ended> {
  const env = { XDG_CACHE_HOME: cache, HOME: cache };
  return await new Child("unshare", ["-m", "sh", "-ec", `${mounts}\nexec "$0" "$@"`, PACKED, ...args], { env }).end();
}

/** The one folder in the cache that it was unpacked to. */
function unpackedIn(cache: string): string {
  const names = versionsIn(cache);
  assert.equal(names.length, 1, names.join(" "));
  return `${cache}/perfprof/${names[0]}`;
}

/** The same program as another version of itself, by its name in the cache. @returns Its path */
function asVersion(dir: TempDir, id: string): string {
  const path = `${dir.path}/perfprof-${id}`;
  Deno.copyFileSync(PACKED, path);
  using file = Deno.openSync(path, { write: true });
  file.seekSync(-FOOTER_SIZE, Deno.SeekMode.End);
  file.writeSync(new TextEncoder().encode(id.padEnd(ID_SIZE, "\0")));
  return path;
}

/** What is in the cache. */
function versionsIn(cache: string): string[] {
  return [...Deno.readDirSync(`${cache}/perfprof`)].map(({ name }) => name).sort();
}

/** It ends before any program runs, with one message. */
async function refused(ended: Promise<Ended>, message: RegExp): Promise<void> {
  const { code, stdout, stderr } = await ended;
  assert.equal(code, 1, stderr);
  assert.equal(stdout, "");
  assert.match(stderr, message);
}

packed("it is one static file of at most 40 MB", async () => {
  const { stdout } = await new Deno.Command("objdump", { args: ["-p", PACKED] }).output();
  assert.doesNotMatch(new TextDecoder().decode(stdout), /NEEDED|INTERP/);
  assert.ok(Deno.statSync(PACKED).size <= MOST_BYTES);
});

packed("the first run says that it unpacks, later ones say nothing", async ({ path }) => {
  const first = await run(path);
  assert.match(first.stderr, new RegExp(`${FIRST_RUN.source}$`));
  assert.match(first.stdout, VERSION);
  assert.deepEqual(await run(path), { ...first, stderr: "" });
});

packed("what it unpacks is the user's alone, and the C library is not among it", async ({ path }) => {
  await run(path);
  const folder = unpackedIn(path);
  const { stdout } = await new Deno.Command("find", { args: [`${path}/perfprof`, "-printf", "%y %m %f\n"] }).output();
  const lines = new TextDecoder().decode(stdout).trimEnd().split("\n");
  for (const line of lines) assert.match(line, /^(?:d 700|f 400|f 500) /);
  assert.ok(lines.includes("f 500 deno") && lines.includes("f 400 latency.ts"), lines.join("\n"));
  assert.ok(!lines.some((line) => line.endsWith(".so")), folder);
});

packed("of several first runs at once, one unpacks and all run", async ({ path }) => {
  const runs = await Promise.all(Array.from({ length: 5 }, () => run(path)));
  for (const { code, stdout } of runs) assert.deepEqual([code, VERSION.test(stdout)], [0, true]);
  assert.equal(runs.filter(({ stderr }) => FIRST_RUN.test(stderr)).length, 1);
  unpackedIn(path);
});

packed("what a run left that was killed while it unpacked is no harm", async ({ path }) => {
  await run(path);
  const folder = unpackedIn(path);
  Deno.renameSync(folder, `${folder}.new`);
  Deno.truncateSync(`${folder}.new/deno`, 1000);
  assert.match((await run(path)).stdout, VERSION);
  assert.equal(unpackedIn(path), folder);
});

packed("the first run of a version removes others, and nothing but them", async (dir) => {
  const old = asVersion(dir, "0.0.1-0123456789abcdef");
  dir.write("beside/file", "");
  dir.write("perfprof/notes/file", "");
  dir.write("perfprof/0.0.1-rc.1-00000000deadbeef.new/lib/deep/file", "what was left of an unpacking");
  Deno.chmodSync(`${dir.path}/perfprof`, 0o700);
  Deno.symlinkSync(`${dir.path}/beside`, `${dir.path}/perfprof/0.0.1-00000000deadbeef`);
  assert.match((await run(dir.path, ["--version"], old)).stdout, VERSION);
  Deno.symlinkSync(`${dir.path}/beside`, `${dir.path}/perfprof/0.0.1-0123456789abcdef/link`);
  assert.match((await run(dir.path)).stdout, VERSION);
  const [link, own, notes, ...more] = versionsIn(dir.path);
  assert.deepEqual([link, notes, more], ["0.0.1-00000000deadbeef", "notes", []]);
  assert.match(own!, /^\d+\.\d+\.\d+-[0-9a-f]{16}$/);
  assert.deepEqual([...Deno.readDirSync(`${dir.path}/beside`)].map(({ name }) => name), ["file"]);
});

packed("versions that start at once, and remove each other, all run", async (dir) => {
  const programs = ["1111111111111111", "2222222222222222"].map((hash) => asVersion(dir, `0.0.1-${hash}`));
  const runs = Array.from({ length: 8 }, (_, i) => run(dir.path, ["--version"], programs[i % 2]));
  for (const { code, stdout, stderr } of await Promise.all(runs)) {
    assert.deepEqual([code, VERSION.test(stdout)], [0, true], stderr);
  }
});

packed("a current folder that was removed is an error of one line", async ({ path }) => {
  const script = 'mkdir "$1" && cd "$1" && rmdir "$1" && exec "$0" --version';
  const { code, stdout, stderr } = await new Child("sh", ["-c", script, PACKED, `${path}/gone`]).end();
  const hint = "hint: cd to one that is there\n";
  assert.deepEqual([code, stdout, stderr], [1, "", `perfprof: finding the current folder failed: it was removed\n${hint}`]);
});

packed("a symbolic link in place of its folder is refused", async (dir) => {
  Deno.mkdirSync(`${dir.path}/elsewhere`, { mode: 0o700 });
  Deno.symlinkSync(`${dir.path}/elsewhere`, `${dir.path}/perfprof`);
  await refused(run(dir.path), /^perfprof: .*\/perfprof is a symbolic link or no folder: not used; XDG_CACHE_HOME /);
  assert.deepEqual([...Deno.readDirSync(`${dir.path}/elsewhere`)], []);
});

packed("a folder that others can enter or write is refused", async ({ path }) => {
  Deno.mkdirSync(`${path}/perfprof`);
  Deno.chmodSync(`${path}/perfprof`, 0o755);
  await refused(run(path), /^perfprof: .*\/perfprof can be changed by other users: not used; /);
  Deno.chmodSync(path, 0o777);
  await refused(run(path), /^perfprof: \S+ can be changed by other users: /);
});

packed("a folder of another user is refused", async ({ path }) => {
  Deno.mkdirSync(`${path}/perfprof`, { mode: 0o700 });
  Deno.chownSync(`${path}/perfprof`, 65534, 65534);
  await refused(run(path), /^perfprof: .*\/perfprof belongs to another user: not used; /);
}, true);

packed("a file that changed since is refused: its size, its mode, a link in its place", async ({ path }) => {
  await run(path);
  const folder = unpackedIn(path);
  const program = `${folder}/lib/perfprof.js`;
  const message = /^perfprof: .*\/lib\/perfprof\.js is not what was unpacked there: remove /;
  Deno.chmodSync(program, 0o644);
  await refused(run(path), message);
  Deno.writeTextFileSync(program, "evil()", { append: true });
  Deno.chmodSync(program, 0o400);
  await refused(run(path), message);
  Deno.renameSync(program, `${path}/real.js`);
  Deno.symlinkSync(`${path}/real.js`, program);
  await refused(run(path), message);
});

packed("a damaged copy says so, and leaves nothing behind", async (dir) => {
  const bytes = Deno.readFileSync(PACKED);
  const damaged = `${dir.path}/perfprof-damaged`;
  const cache = `${dir.path}/cache`;
  Deno.mkdirSync(cache);
  bytes[20e6]! ^= 1;
  Deno.writeFileSync(damaged, bytes, { mode: 0o755 });
  await refused(run(cache, ["--version"], damaged), /\nperfprof: unpack to .*: the program is damaged, copy it again\n$/);
  assert.deepEqual([...Deno.readDirSync(`${cache}/perfprof`)], []);
  Deno.truncateSync(damaged, 30e6);
  await refused(run(cache, ["--version"], damaged), /^perfprof: .*: the program is damaged, copy it again\n$/);
});

packed("a cache that cannot be written, or none: it runs from memory", async ({ path }) => {
  const { stdout, stderr } = await runMounted(path, 'mount -t tmpfs -o ro,mode=700 none "$XDG_CACHE_HOME"');
  assert.match(stdout, VERSION);
  assert.match(stderr, /^perfprof: no cache folder can be written: unpacking to memory, at each start\n$/);
  const bare = await new Child("env", ["-i", PACKED, "--version"]).end();
  assert.match(bare.stdout, VERSION);
}, true);

/** Every command that needs files of perfprof's own, in this folder. */
const NEEDS_FILES = `cd "$XDG_CACHE_HOME/.." && echo 'export function __exit__() {}' >h.ts
"$0" new x.ts && "$0" check -e sched:sched_switch h.ts && "$0" completions bash >/dev/null
"$0" record -q -e sched:sched_switch -o s.data -c true && "$0" export s.data --to html -o s.html`;

live(
  "packed: from memory, what needs files of its own works, where root may mount; else it says so",
  () =>
    inTempDir(async (dir) => {
      dir.write("cache/x", "");
      const cache = `${dir.path}/cache`;
      const readOnly = 'mount -t tmpfs -o ro,mode=700 none "$XDG_CACHE_HOME"';
      const all = await runMounted(cache, `${readOnly}\n${NEEDS_FILES}`);
      assert.match(all.stdout, /^x\.ts\n.*\nh\.ts: nothing is wrong\n(?:.*\n)*perfprof \d/, all.stderr);
      assert.match(Deno.readTextFileSync(`${dir.path}/s.html`), /^<!DOCTYPE html>/i);

      const unprivileged = "setpriv --bounding-set=-sys_admin --inh-caps=-sys_admin";
      const { stderr } = await runMounted(cache, `${readOnly}\nexec ${unprivileged} "$0" new y.ts`);
      const message = "reading the templates failed: perfprof has no folder to unpack its own files to";
      assert.match(stderr, new RegExp(`^perfprof: no cache folder .*\nperfprof: ${message}\nhint: set XDG_CACHE_HOME .*\n$`));
      const words = "export s.data --to html -o t.html";
      await runMounted(cache, `${readOnly}\ncd "$XDG_CACHE_HOME/.." && exec ${unprivileged} "$0" ${words}`);
      assert.match(Deno.readTextFileSync(`${dir.path}/t.html`), /^<!DOCTYPE html>/i);
    }),
);

packed("a cache whose files may not be executed: Deno runs from memory", async ({ path }) => {
  const { stdout, stderr } = await runMounted(path, 'mount -t tmpfs -o noexec,mode=700 none "$XDG_CACHE_HOME"');
  assert.match(stdout, VERSION);
  assert.match(stderr, FIRST_RUN);
}, true);

packed("a configuration around the cache is not its own", async (dir) => {
  dir.write("deno.json", "no JSON");
  dir.write("package.json", '{ "dependencies": { "commander": "0.0.1" } }');
  const { stdout, stderr } = await run(dir.path);
  assert.match(stdout, VERSION, stderr);
});

live("packed: a version that runs stays, what it started does not keep it", () =>
  inTempDir(async (dir) => {
    const old = asVersion(dir, "0.0.1-0123456789abcdef");
    const module = dir.write(
      "h.ts",
      `const child = new Deno.Command("sleep", { args: ["30"], stdout: "null", stderr: "null" }).spawn();
setTimeout(() => console.log("child", child.pid), 0);
export function __sample__() {}
`,
    );
    const env = { XDG_CACHE_HOME: dir.path, HOME: dir.path };
    const child = new Child(old, ["-e", "sched:sched_process_hang", module], { env });
    const [, pid] = await child.saw(/^child (\d+)$/m);
    await run(dir.path);
    assert.equal(versionsIn(dir.path).length, 2);
    child.kill("SIGINT");
    await child.end();
    await run(dir.path, ["--version"], asVersion(dir, "0.0.3-0123456789abcdef"));
    assert.deepEqual(versionsIn(dir.path), ["0.0.3-0123456789abcdef"]);
    Deno.kill(Number(pid), "SIGKILL");
  }));

live("packed: from memory, it traces as well", () =>
  inTempDir(async (dir) => {
    const module = dir.write(
      "h.ts",
      "let n = 0;\nexport function __sample__() { n++; }\nexport const __exit__ = () => console.log(n);\n",
    );
    const args = ["-i", "PATH=/usr/bin:/bin", PACKED, "-e", "sched:sched_process_exec", "-c", "env true", module];
    const { stdout, stderr } = await new Child("env", args).end();
    // env, and what it becomes.
    assert.equal(stdout, "2\n", stderr);
  }));

live("packed: arguments and stdin reach the script; nothing of the launcher's stays in it", () =>
  inTempDir(async (dir) => {
    const module = dir.write(
      "h.ts",
      `export async function __init__() {
  console.log(JSON.stringify({
    args: Deno.args,
    stdin: await new Response(Deno.stdin.readable).text(),
    own: Object.keys(Deno.env.toObject()).filter((name) => name.startsWith("PERFPROF")),
    memory: [...Deno.readDirSync("/proc/self/fd")].map(({ name }) => {
      try {
        return Deno.readLinkSync("/proc/self/fd/" + name);
      } catch {
        return "";
      }
    }).filter((target) => target.includes("memfd")),
    library: [...new Set(Deno.readTextFileSync("/proc/self/maps").match(/\\S*perfprof\\S*(?= \\(deleted\\))/g))],
  }));
  Deno.exit(0);
}
export function __sample__() {}`,
    );
    const args = ["-q", "-e", "sched:sched_wakeup", module, "--x", "a b", "", "ü"];
    const env = { XDG_CACHE_HOME: dir.path, HOME: dir.path };
    const child = new Child(PACKED, args, { env, stdin: "piped" });
    await child.tell("typed");
    const { stdout, stderr } = await child.end();
    assert.match(stderr, new RegExp(`${FIRST_RUN.source}$`));
    assert.deepEqual(JSON.parse(stdout), {
      args: ["--x", "a b", "", "ü"],
      stdin: "typed",
      own: [],
      memory: [],
      library: ["/memfd:perfprof"],
    });
  }));

live("packed: without a network, what handlers ask for is there", () =>
  inTempDir(async (dir) => {
    const module = dir.write(
      "h.ts",
      `export async function __init__() {
  const stats = await perf_prof.stats();
  stats.add(7);
  const table = await perf_prof.export.table("${dir.path}/t.parquet");
  await table.close();
  console.log(stats.count);
  Deno.exit(0);
}
export function __sample__() {}`,
    );
    const env = { XDG_CACHE_HOME: dir.path, HOME: dir.path };
    const args = ["-n", PACKED, "-q", "-e", "sched:sched_wakeup", module];
    const { stdout, stderr } = await new Child("unshare", args, { env }).end();
    assert.equal(stdout, "1\n", stderr);
  }));
