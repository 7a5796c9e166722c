/** What perfprof says when the machine's limits or the user's rights are in its way. */

import assert from "node:assert/strict";
import { QUIET, shell } from "./command.ts";
import { asNobody, live, TempDir } from "./harness.ts";

const WAKEUP = "sched:sched_wakeup";
const HANDLER = "export function __sample__() {}\n";
const PARANOID = paranoid();

/** NaN where the kernel has no perf events, and live tests are skipped. */
function paranoid(): number {
  try {
    return Number(Deno.readTextFileSync("/proc/sys/kernel/perf_event_paranoid"));
  } catch {
    return NaN;
  }
}

live("too few open files", async () => {
  const events = Deno.readDirSync("/sys/kernel/tracing/events/sched").filter(({ isDirectory }) => isDirectory);
  const many = events.map(({ name }) => `sched:${name}`).take(20).toArray().join(",");
  using dir = new TempDir();
  dir.write("h.ts", HANDLER);
  const files = await shell(dir, `prlimit --nofile=40:40 perfprof -e ${many} h.ts`);
  assert.equal(files.code, 1);
  assert.match(
    files.stderr,
    /^perfprof: perf_event_open .* failed: too many open files \(at least \d+ are needed\)\nhint: ulimit -n 1048576\nhint: fewer events.*\n$/,
  );
});

live("ring memory beyond what may be locked: refused with -m, fewer pages without", async () => {
  using dir = new TempDir();
  dir.write("h.ts", HANDLER);
  const run = (options: string) =>
    shell(
      dir,
      `setpriv --bounding-set=-ipc_lock prlimit --memlock=4194304:4194304 perfprof -q ${options} -c true -e ${QUIET} h.ts`,
    );
  const refused = await run("-m 4096");
  assert.equal(refused.code, 1);
  const lines = refused.stderr.trimEnd().split("\n");
  assert.match(
    lines.shift()!,
    /^perfprof: mapping a ring of 4096 pages failed: operation not permitted \(perf_event_mlock_kb is \d+\)$/,
  );
  assert.deepEqual(lines, [
    "hint: -m with fewer pages (a power of two)",
    "hint: sysctl kernel.perf_event_mlock_kb=65536",
    "hint: ulimit -l unlimited",
  ]);
  const shrunk = await run("");
  assert.deepEqual([shrunk.code, shrunk.stderr], [0, ""]);
}, PARANOID < 0 ? "every user may lock what he likes here" : undefined);

const MOUNTS = Deno.uid() === 0 && new Deno.Command("unshare", { args: ["-m", "true"], stderr: "null" }).outputSync().success;

live("a tracefs that is mounted nowhere is mounted", async () => {
  using dir = new TempDir();
  dir.write("h.ts", `export function __init__() { console.log("runs"); }\n`);
  const line = `umount -al -t tracefs,debugfs; ls /sys/kernel/tracing; exec perfprof -q -c true -e ${QUIET} h.ts`;
  const { code, stdout, stderr } = await shell(dir, `exec unshare -m sh -c '${line}'`);
  assert.deepEqual([code, stdout, stderr], [0, "runs\n", ""]);
}, MOUNTS ? undefined : "no mount namespaces here");

const NO_USERS = PARANOID < 0 ? "every user may trace here" : MOUNTS ? undefined : "no mount namespaces here";

live("a user without rights is told which setting refuses him", async () => {
  using dir = new TempDir();
  Deno.chmodSync(dir.path, 0o755);
  const module = dir.write("h.ts", HANDLER);
  const hints = [
    "hint: run as root, or with CAP_PERFMON",
    "hint: sysctl kernel.perf_event_paranoid=-1   (lets every user trace everything)",
  ];
  const nobody = await asNobody(dir, ["-e", WAKEUP, module]);
  assert.deepEqual([nobody.code, nobody.stderr.trimEnd().split("\n")], [1, [
    `perfprof: reading /sys/kernel/tracing/events/sched failed: permission denied (perf_event_paranoid is ${PARANOID})`,
    ...hints,
    "hint: mount -o remount,mode=755 /sys/kernel/tracing",
  ]]);
  const line = `setpriv --bounding-set=-perfmon,-sys_admin perfprof -e ${WAKEUP} h.ts`;
  const root = await shell(dir, line);
  assert.deepEqual([root.code, root.stderr.trimEnd().split("\n")], [1, [
    `perfprof: perf_event_open ${WAKEUP} cpu=0 failed: permission denied (perf_event_paranoid is ${PARANOID})`,
    ...hints,
  ]]);
}, NO_USERS);
