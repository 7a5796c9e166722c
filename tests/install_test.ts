/**
 * `deno task install` and `deno task package`: what they install, that it runs from there, and that packages are the same bytes
 * each time.
 *
 * @module
 */

import assert from "node:assert/strict";
import { manPage } from "../native/install/man_page.ts";
import { shownOptions } from "../lib/options.ts";
import { Child, type Ended, TempDir } from "./harness.ts";

const ROOT = new URL("../", import.meta.url).pathname;

function present(command: string): boolean {
  return new Deno.Command("sh", { args: ["-c", `command -v ${command}`], stdout: "null" }).outputSync().success;
}

async function task(name: string, args: readonly string[] = [], env: Record<string, string> = {}): Promise<Ended> {
  const ended = await new Child(Deno.execPath(), ["task", "-q", name, ...args], { cwd: ROOT, env }).end(300_000);
  assert.equal(ended.code, 0, ended.stderr);
  return ended;
}

async function shell(script: string, args: readonly string[]): Promise<Ended> {
  return await new Child("sh", ["-ec", script, "sh", ...args]).end();
}

/** The commands of docs/install.md. */
function uninstalling(): string {
  return /To remove it:\n\n```sh .*\n([^]*?)^```$/m.exec(Deno.readTextFileSync(`${ROOT}docs/install.md`))![1]!;
}

Deno.test("the man page has every option that help shows", () => {
  const page = manPage("1.2.3").replaceAll("\\-", "-");
  assert.match(page, /^\.TH PERFPROF 1 "" "perfprof 1\.2\.3"/);
  for (const { short, long, description } of shownOptions()) {
    const name = (long ?? short)!.replace(/^--no-(?!demangle)/, "--[no-]");
    assert.ok(page.split("\n").some((line) => line.startsWith(".B ") && line.split(/[ ,]/).includes(name)), name);
    assert.ok(page.includes(`\n${description}\n`), description);
  }
});

Deno.test({
  name: "man shows the page without a warning",
  ignore: !present("man"),
  fn: async () => {
    using dir = new TempDir();
    const path = dir.write("perfprof.1", manPage("1.2.3"));
    const { stdout, stderr, code } = await shell('MANWIDTH=80 man --warnings -P cat -l "$1"', [path]);
    assert.deepEqual([code, stderr], [0, ""]);
    assert.match(stdout, /sched:sched_wakeup,sched:sched_switch -i 1000 latency\.ts/);
  },
});

Deno.test("install: the program, its page, completions, templates, header and licences, below the prefix", async () => {
  using dir = new TempDir();
  await task("install", ["--prefix", dir.path]);
  await task("install", ["--prefix", dir.path]); // over itself
  const { stdout } = await shell('cd "$1" && find . -type f -printf "%m %P\\n" | grep -v templates/ | sort -k2', [dir.path]);
  assert.deepEqual(stdout.trimEnd().split("\n"), [
    "755 bin/perfprof",
    "644 include/perfprof_handler.h",
    "644 share/bash-completion/completions/perfprof",
    "644 share/doc/perfprof/copyright",
    "644 share/fish/vendor_completions.d/perfprof.fish",
    "644 share/man/man1/perfprof.1.gz",
    "644 share/zsh/site-functions/_perfprof",
  ]);
  const template = "share/perfprof/templates/latency.ts";
  assert.equal(Deno.readTextFileSync(`${dir.path}/${template}`), Deno.readTextFileSync(`${ROOT}templates/latency.ts`));
  assert.match(
    (await shell('HOME="$1" exec env -u XDG_CACHE_HOME "$1/bin/perfprof" --version', [dir.path])).stdout,
    /^perfprof \d/,
  );
  const { code, stderr } = await shell(`HOME="$1"\n${uninstalling().replace("/usr/local", '"$1"')}`, [dir.path]);
  assert.deepEqual([code, stderr], [0, ""]);
  assert.equal((await shell('cd "$1" && find . -name deno -prune -o -type f -print', [dir.path])).stdout, "");
});

Deno.test({
  name: "package: the same bytes each time, with sums, and no error by lintian",
  ignore: !present("dpkg-deb"),
  fn: async () => {
    await task("package");
    const sums = Deno.readTextFileSync(`${ROOT}dist/SHA256SUMS`);
    await task("package", [], { TZ: "Asia/Kathmandu", LANG: "C.UTF-8" });
    assert.equal(Deno.readTextFileSync(`${ROOT}dist/SHA256SUMS`), sums);
    assert.equal((await shell('cd "$1" && sha256sum -c SHA256SUMS', [`${ROOT}dist`])).code, 0);
    const deb = `${ROOT}dist/${/\S+\.deb$/m.exec(sums)![0]}`;
    const { stdout } = await shell('dpkg-deb -c "$1"', [deb]);
    assert.match(stdout, /^-rwxr-xr-x root\/root .* \.\/usr\/bin\/perfprof$/m);
    if (present("lintian")) {
      const { stdout, stderr } = await shell('lintian --fail-on error "$1" || echo failed', [deb]);
      assert.doesNotMatch(stdout, /^E:|^failed$/m, stderr);
    }
  },
});
