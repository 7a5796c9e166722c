/**
 * perfprof runs on glibc 2.31 (Debian 11, Ubuntu 20.04), whatever it was built on: native/glibc_compat.c. What the C library asks for
 * is looked at everywhere; that dist/perfprof traces there is tried in a Debian 11 of its own, where debootstrap can make one.
 *
 * @module
 */

import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { Child, live, TempDir } from "./harness.ts";

const LIBRARY = new URL("../native/build/libperfprof.so", import.meta.url).pathname;
const NEWEST = [2, 31];

Deno.test("libperfprof.so asks for no symbol newer than glibc 2.31's", async () => {
  const { stdout } = await new Deno.Command("objdump", { args: ["-T", LIBRARY] }).output();
  const wanted = [...new TextDecoder().decode(stdout).matchAll(/\(GLIBC_(\d+)\.(\d+)[\d.]*\)\s+(\S+)/g)];
  assert.ok(wanted.some(([, , , name]) => name === "pthread_create"), "the symbols are not read right");
  const newer = wanted.filter(([, major, minor]) => Number(major) > NEWEST[0]! || Number(minor) > NEWEST[1]!);
  assert.deepEqual(newer.map(([text]) => text), []);
});

Deno.test("libperfprof.so needs nothing but glibc", async () => {
  const { stdout } = await new Deno.Command("objdump", { args: ["-p", LIBRARY] }).output();
  const needed = [...new TextDecoder().decode(stdout).matchAll(/NEEDED\s+(\S+)/g)].map(([, name]) => name!);
  assert.deepEqual(needed.toSorted(), ["libc.so.6", "libdl.so.2", "libpthread.so.0"]);
});

const ROOT = fileURLToPath(new URL("../", import.meta.url));

/** Makes a root of what Debian 11 cannot do without, not configured. @returns Why it could not */
async function debian11(folder: string): Promise<string | undefined> {
  const script = 'command -v debootstrap >/dev/null || { echo "no debootstrap"; exit 1; }; ' +
    'timeout 120 debootstrap --variant=minbase --foreign bullseye "$1" 2>&1';
  const { success, stdout } = await new Deno.Command("sh", { args: ["-c", script, "sh", folder] }).output();
  return success ? undefined : new TextDecoder().decode(stdout).trimEnd().split("\n").at(-1);
}

/** The kernel's file systems, and perfprof in the root's /usr/bin. In a container debootstrap makes /proc a link. */
const ENTER = `cd "$1"; rm -f proc; mkdir -p proc
for fs in proc sys dev; do mount --rbind /$fs $fs; done
cp "$2" usr/bin/perfprof
exec chroot . /bin/sh -ec 'grep -q "^11" /etc/debian_version; cd /root; export HOME=/root PATH=/usr/bin:/bin
perfprof -e sched:sched_process_exec//stack/ -c "env true" h.ts; perfprof check -e sched:sched_switch h.ts'`;

const dir = new TempDir();
globalThis.addEventListener("unload", () => dir[Symbol.dispose]());
const root = `${dir.path}/root`;

live("dist/perfprof traces on Debian 11", async () => {
  const built = await new Child(Deno.execPath(), ["task", "-q", "build"], { cwd: ROOT }).end(300_000);
  assert.equal(built.code, 0, built.stderr);
  dir.write(
    "root/root/h.ts",
    `let stacks = 0;
export function __sample__(event: PerfEvent) { stacks += Number(event._callchain.length > 0); }
export function __exit__() { console.log(stacks); }
`,
  );
  const { stdout, stderr } = await new Child("unshare", ["-m", "sh", "-ec", ENTER, "sh", root, `${ROOT}dist/perfprof`]).end();
  // env, and what it becomes.
  assert.equal(stdout, "2\nh.ts: nothing is wrong\n", stderr);
}, await debian11(root));
