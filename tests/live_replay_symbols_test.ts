/**
 * Symbols of a recording: of its own kernel, wherever that lay and whichever it was, and of the recorded files, also where they are
 * in perf's build-id cache only.
 *
 * @module
 */

import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { EMIT, type Ended, live, perfprof, TempDir } from "./harness.ts";
import { output } from "./recording_files.ts";
import { ofAnotherKernel, withMovedKernel } from "./recording_forms.ts";

const MODULE = `
  const shown = ({ symbol, offset, kernel, reason }) => \`\${kernel ? "k" : "u"}:\${symbol}+\${offset} \${reason ?? ""}\`;
  export function __sample__({ _callchain }) { console.log(_callchain.map(shown).join("\\n")); }`;
/** As a kernel that was put elsewhere at boot, which is done in steps of 2 MiB. */
const DISTANCE = 0x1c0_0000n;
const EXIT = ["emit", "sched:sched_process_exit", "calls 1"] as const;
const DENO_DIR = Deno.env.get("DENO_DIR") ?? `${Deno.env.get("HOME")}/.cache/deno`;

/** The system call that the program `stacks` makes. */
function calledNr(): string {
  return output(fileURLToPath(new URL("../native/build/stacks", import.meta.url)), ["nr"]).trim();
}

/** A home with a recording of one event, and with a build-id cache of its own. */
class Home {
  readonly dir = new TempDir();
  readonly file = `${this.dir.path}/r.data`;
  readonly program = `${this.dir.path}/program`;
  readonly #module = this.dir.write("h.ts", MODULE);

  /** @param program Of native/build */
  async record(program: string, event: string, args: string): Promise<Uint8Array<ArrayBuffer>> {
    Deno.copyFileSync(new URL(`../native/build/${program}`, import.meta.url), this.program);
    const words = ["-e", event, "-g", "--user-callchain", "-c", `${this.program} ${args}`];
    const { code, stderr } = await perfprof(["record", "-q", "-o", this.file, ...words]);
    assert.equal(code, 0, stderr);
    return Deno.readFileSync(this.file);
  }

  async replay(bytes: Uint8Array): Promise<Ended> {
    Deno.writeFileSync(this.file, bytes);
    const ended = await perfprof(["-I", this.file, this.#module], { env: { HOME: this.dir.path, DENO_DIR } });
    assert.equal(ended.code, 0, ended.stderr);
    return ended;
  }

  /** Puts a file into the cache, as perf does. */
  cache(buildId: string, name: string, from: string): string {
    const folder = `${this.dir.path}/.debug/.build-id/${buildId.slice(0, 2)}/${buildId.slice(2)}`;
    Deno.mkdirSync(folder, { recursive: true });
    // Files of /proc tell no size, which copies go by.
    Deno.writeFileSync(`${folder}/${name}`, Deno.readFileSync(from), { mode: 0o644 });
    return `${folder}/${name}`;
  }

  [Symbol.dispose](): void {
    this.dir[Symbol.dispose]();
  }
}

live("a recording of another boot has its kernel symbols, moved to where the kernel lay, and that is said", async () => {
  using home = new Home();
  const bytes = await home.record(...EXIT);
  const here = await home.replay(bytes);
  assert.match(here.stdout, /^k:do_exit\+\d+ $/m);
  assert.doesNotMatch(here.stderr, /another boot|no symbols/);
  const moved = await home.replay(withMovedKernel(bytes, DISTANCE));
  assert.equal(moved.stdout, here.stdout);
  assert.equal(moved.stderr.match(/^perfprof: the recording's kernel was of another boot: .*$/gm)?.length, 1, moved.stderr);
});

live("a recording of another kernel has symbols by that one's kallsyms in the build-id cache, and no others", async () => {
  using home = new Home();
  const recorded = await home.record(...EXIT);
  const { stdout: known } = await home.replay(recorded);
  const { bytes, buildId } = ofAnotherKernel(recorded);
  const path = `${buildId.slice(0, 2)}/${buildId.slice(2)}/kallsyms`;
  const without = await home.replay(bytes);
  assert.equal(
    without.stdout.match(/^k:Unknown\+0 its kernel's symbols are not here$/gm)?.length,
    known.match(/^k:/gm)!.length,
  );
  assert.match(
    without.stderr,
    /kernel addresses have no symbols: the recording is of another kernel, 0\.\S+; hint: perf archive/,
  );
  assert.ok(without.stderr.includes(`~/.debug/.build-id/${path}`), without.stderr);
  const cached = home.cache(buildId, "kallsyms", "/proc/kallsyms");
  assert.equal((await home.replay(bytes)).stdout, known);
  assert.equal((await home.replay(withMovedKernel(bytes, DISTANCE))).stdout, known);
  Deno.chmodSync(cached, 0o666);
  const untrusted = await home.replay(bytes);
  assert.equal(untrusted.stdout, without.stdout);
  assert.match(untrusted.stderr, /kallsyms has no addresses, or others may write it$/m);
});

live("a recorded file that is gone is found by its build id in the build-id cache", async () => {
  using home = new Home();
  const bytes = await home.record("stacks", `raw_syscalls:sys_enter/id==${calledNr()}/`, "tree 1");
  const { stdout: known } = await home.replay(bytes);
  const frames = known.match(/^u:/gm)!.length;
  assert.match(known, /^u:call_kernel\+\d+ \nu:c\+\d+ $/m);
  const [, buildId] = /Build ID: (\w+)/.exec(output("readelf", ["-n", home.program]))!;
  const cached = home.cache(buildId!, "elf", home.program);
  Deno.writeTextFileSync(home.program, "another");
  assert.equal((await home.replay(bytes)).stdout, known);
  Deno.removeSync(home.program);
  assert.equal((await home.replay(bytes)).stdout, known);
  Deno.copyFileSync(EMIT, cached);
  const other = await home.replay(bytes);
  assert.equal(other.stdout.match(/^u:Unknown\+\d+ the recorded file is not here$/gm)?.length, frames, other.stdout);
  assert.match(other.stderr, /frames unknown: the recorded file is not here; hint: perf buildid-cache -a FILE/);
});
