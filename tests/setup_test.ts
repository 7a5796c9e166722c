/**
 * native/setup.sh on machines that lack something: a mount namespace hides the library's header and tracefs from a copy of native/,
 * and an apt-get of the test's own stands in for Debian's. The machine itself is not changed.
 */
import assert from "node:assert/strict";

const NATIVE = new URL("../native/", import.meta.url).pathname;
const HIDE_TRACEFS = "while umount -l -a -t tracefs && grep -q ' tracefs ' /proc/self/mounts; do :; done";
const HIDE_LIBRARY = "mount -t tmpfs none /usr/include/traceevent";
const AS_NOBODY = "setpriv --reuid=65534 --regid=65534 --clear-groups --inh-caps=-all";

interface Result {
  readonly status: number;
  readonly stderr: string;
}

async function shell(script: string, env: Record<string, string> = {}): Promise<Result> {
  const { code, stdout, stderr } = await new Deno.Command("unshare", { args: ["-m", "sh", "-ec", script], env }).output();
  assert.equal(new TextDecoder().decode(stdout), "");
  return { status: code, stderr: new TextDecoder().decode(stderr) };
}

function mayUnshare(): boolean {
  return Deno.uid() === 0 && new Deno.Command("unshare", { args: ["-m", "true"], stderr: "null" }).outputSync().success;
}

/** Runs `body` with a copy of native/ that is not built and that anyone may write; one source file in it, to be quick. */
async function withCopy(body: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await Deno.mkdir(`${folder}/native`);
    await shell(`cd ${NATIVE}; cp -p Makefile setup.sh perfprof.map error.c *.h ${folder}/native; chmod -R a+rwX ${folder}`);
    await body(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** An apt-get that writes its arguments to apt.log and fails `failures` times. */
async function fakeApt(folder: string, failures: number): Promise<{ PATH: string }> {
  const script = `#!/bin/sh
echo "$*" >>${folder}/apt.log
[ "$(grep -c . ${folder}/apt.log)" -gt ${failures} ] || { echo "E: Unable to locate package"; exit 100; }
umount /usr/include/traceevent 2>/dev/null || :
`;
  await Deno.mkdir(`${folder}/bin`);
  await Deno.writeTextFile(`${folder}/bin/apt-get`, script, { mode: 0o755 });
  return { PATH: `${folder}/bin:${Deno.env.get("PATH")}` };
}

/** The packages that each call of apt-get was to install, or its command. */
async function aptCalls(folder: string): Promise<string[]> {
  const log = await Deno.readTextFile(`${folder}/apt.log`);
  return log.trimEnd().split("\n").map((line) => line.match(/(?:update|install .*)$/)![0]);
}

function setupTest(name: string, body: () => Promise<void>): void {
  Deno.test({ name: `setup ${name}`, ignore: !mayUnshare(), fn: body });
}

setupTest("says nothing when there is nothing to do", () =>
  withCopy(async (folder) => {
    await shell(`sh ${folder}/native/setup.sh`);
    assert.deepEqual(await shell(`sh ${folder}/native/setup.sh`), { status: 0, stderr: "" });
  }));

setupTest("mounts tracefs for root", () =>
  withCopy(async (folder) => {
    await shell(`sh ${folder}/native/setup.sh`);
    const { status, stderr } = await shell(
      `${HIDE_TRACEFS}; sh ${folder}/native/setup.sh; test -e /sys/kernel/tracing/events/sched`,
    );
    assert.deepEqual({ status, stderr }, { status: 0, stderr: "setup: mounting tracefs\n" });
  }));

setupTest("installs the library, then builds", () =>
  withCopy(async (folder) => {
    const env = await fakeApt(folder, 0);
    const { status, stderr } = await shell(`${HIDE_LIBRARY}; sh ${folder}/native/setup.sh`, env);
    assert.deepEqual(stderr, "setup: installing libtraceevent-dev\nsetup: building libperfprof.so\n");
    assert.equal(status, 0);
    assert.deepEqual(await aptCalls(folder), ["install --no-install-recommends libtraceevent-dev"]);
    assert.ok(Deno.statSync(`${folder}/native/build/libperfprof.so`).isFile);
  }));

setupTest("fetches the package lists only when the package is not found without", () =>
  withCopy(async (folder) => {
    const env = await fakeApt(folder, 1);
    const { status } = await shell(`${HIDE_LIBRARY}; sh ${folder}/native/setup.sh`, env);
    assert.equal(status, 0);
    const install = "install --no-install-recommends libtraceevent-dev";
    assert.deepEqual(await aptCalls(folder), [install, "update", install]);
  }));

setupTest("shows what apt-get said when it fails", () =>
  withCopy(async (folder) => {
    const env = await fakeApt(folder, 9);
    const { status, stderr } = await shell(`${HIDE_LIBRARY}; sh ${folder}/native/setup.sh`, env);
    assert.equal(status, 1);
    assert.match(stderr, /^setup: installing libtraceevent-dev failed:\nE: Unable to locate package$/m);
  }));

setupTest("tells a user without root the one command that root must run", () =>
  withCopy(async (folder) => {
    const { status, stderr } = await shell(`${HIDE_LIBRARY}; ${HIDE_TRACEFS}; ${AS_NOBODY} sh ${folder}/native/setup.sh`);
    assert.equal(status, 1);
    assert.deepEqual(stderr.split("\n").filter((line) => line.includes("root")), [
      "setup: run as root: apt-get update && apt-get install -y libtraceevent-dev && mount -t tracefs nodev /sys/kernel/tracing",
    ]);
  }));

setupTest("builds without root", () =>
  withCopy(async (folder) => {
    const { status, stderr } = await shell(`${AS_NOBODY} sh ${folder}/native/setup.sh`);
    assert.deepEqual({ status, stderr }, { status: 0, stderr: "setup: building libperfprof.so\n" });
  }));
