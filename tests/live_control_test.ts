/** The ends of a run: signals, stuck scripts, closed pipes, and what perfprof uses of the machine meanwhile. */

import assert from "node:assert/strict";
import { NativeMachine } from "../ffi/machine.ts";
import { parseEvents } from "../lib/event_spec.ts";
import { WAIT_WOKEN } from "../lib/source.ts";
import { stackOptions } from "../lib/stack_options.ts";
import { Trace } from "../lib/trace.ts";
import { QUIET, shell, startShell } from "./command.ts";
import { type Child, live, pause, Stage, start, TempDir, until } from "./harness.ts";
import { linesTo } from "../lib/text_bytes.ts";

const EXIT = `export function __exit__() { console.log("exit"); }\n`;

/** Ends a run with these signals, so many ms apart. @returns How it ended, and how long after the first */
async function ended(child: Child, signals: readonly Deno.Signal[] = ["SIGINT"], apartMs = 0) {
  const from = performance.now();
  for (const [i, signal] of signals.entries()) {
    if (i > 0) await pause(apartMs);
    child.kill(signal);
  }
  const end = await child.end();
  return { ...end, ms: performance.now() - from };
}

for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
  live(`${signal} delivers what the rings hold, calls __exit__ and ends with status 0`, async () => {
    using stage = new Stage();
    const child = await stage.start(
      ["-q", "-e", stage.event()],
      `let n = 0;\nexport function __sample__() { n++; }\nexport function __exit__() { console.log("exit", n); }`,
    );
    await stage.emit("calls", 1000);
    const { code, stdout, stderr } = await ended(child, [signal]);
    assert.deepEqual([code, stdout, stderr], [0, "ready\nexit 1000\n", ""]);
  });
}

live("SIGUSR1 and SIGUSR2 do no harm while perfprof starts", async () => {
  using dir = new TempDir();
  const child = start(["-e", QUIET, dir.write("h.ts", `export function __sample__() {}\n${EXIT}`)]);
  // Bits 9 and 11 of the mask are the signals 10 and 12. They are caught as soon as Deno runs the first line.
  for (let caught = 0n; (caught & 0xa00n) !== 0xa00n;) {
    caught = BigInt(`0x${/^SigCgt:\s+(\w+)/m.exec(Deno.readTextFileSync(`/proc/${child.pid}/status`))![1]}`);
    await pause(1);
  }
  child.kill("SIGUSR1");
  child.kill("SIGUSR2");
  await child.saw(/^perfprof: [\d.]+ s, 0 events/m);
  await child.saw(/^Loaded module/m);
  const { code, stdout } = await ended(child);
  assert.deepEqual([code, stdout], [0, "exit\n"]);
});

live("one SIGINT ends a run that traces its own system calls and prints each", async () => {
  using dir = new TempDir();
  dir.write(
    "h.ts",
    `export function __sample__(event) { console.log(String(event)); }\nexport function __exit__() { console.error("exit"); }`,
  );
  const child = startShell(dir, "exec perfprof -e raw_syscalls:sys_enter h.ts > /dev/null");
  await child.saw(/Loaded module/);
  await pause(1000);
  const { code, stderr, ms } = await ended(child);
  assert.equal(code, 0);
  assert.match(stderr, /^exit$/m);
  assert.ok(ms < 15_000, `${ms} ms`);
});

/** A module that is stuck, what stops it, and what perfprof says of it. */
const STUCK: [what: string, module: string, where: RegExp][] = [
  ["handler", "export function sched__sched_switch() { console.log('stuck'); for (;;); }", /sched__sched_switch/],
  ["__init__", "export function __init__() { console.log('stuck'); for (;;); }", /__init__/],
  ["module", `${EXIT}console.log("stuck"); for (;;);`, /the top level of \S+\/h\.ts/],
  ["timer", `${EXIT}setTimeout(() => { console.log("stuck"); for (;;); }, 50);`, /a timer or promise/],
];

live("an endless loop is ended 3 s after one SIGINT, with the name of what ran", async () => {
  await Promise.all(STUCK.map(async ([what, module, where]) => {
    using dir = new TempDir();
    const child = start(["-q", "-e", "sched:sched_switch", dir.write("h.ts", module)]);
    await child.saw(/stuck/);
    // Twice at nearly the same time: so it comes from timeout(1) and task runners, and counts once.
    const { code, stderr, ms } = await ended(child, ["SIGINT", "SIGINT"], 20);
    assert.equal(code, 130, what);
    assert.match(stderr, new RegExp(`^(perfprof: warning: .*\n)*perfprof: stopped while ${where.source} was running\n$`));
    assert.ok(ms > 2500, `${what} after ${ms} ms`);
  }));
});

live("an endless loop is ended 3 s after SIGTERM, also in __exit__", async () => {
  using dir = new TempDir();
  const module = "export function __sample__() {}\nexport function __exit__() { console.log('stuck'); for (;;); }";
  const child = start(["-e", QUIET, dir.write("h.ts", module)]);
  await child.saw(/Loaded module/);
  child.kill("SIGINT");
  await child.saw(/stuck/);
  const { code, stderr, ms } = await ended(child, ["SIGTERM"]);
  assert.equal(code, 143);
  assert.match(stderr, /^perfprof: stopped while __exit__ was running$/m);
  assert.ok(ms > 2500, `${ms} ms`);
});

live("a second SIGINT ends an endless loop at once", async () => {
  using dir = new TempDir();
  const child = start(["-q", "-e", "sched:sched_switch", dir.write("h.ts", STUCK[0]![1])]);
  await child.saw(/stuck/);
  const { code, stderr, ms } = await ended(child, ["SIGINT", "SIGINT"], 400);
  assert.deepEqual([code, stderr], [130, "perfprof: stopped while sched__sched_switch was running\n"]);
  assert.ok(ms < 2900, `${ms} ms`);
});

live("a second SIGINT ends an __exit__ that waits for ever, by its name", async () => {
  using dir = new TempDir();
  const module =
    "export function __sample__() {}\nexport async function __exit__() { console.log('here'); await new Promise(() => {}); }";
  const child = start(["-e", QUIET, dir.write("h.ts", module)]);
  await child.saw(/Loaded module/);
  child.kill("SIGINT");
  await child.saw(/here/);
  await pause(400);
  const { code, stderr, ms } = await ended(child);
  assert.equal(code, 130);
  assert.match(stderr, /^perfprof: stopped while __exit__ was running$/m);
  assert.ok(ms < 2900, `${ms} ms`);
});

live("SIGINT ends a module and an __init__ that wait for ever", async () => {
  using dir = new TempDir();
  for (const line of ["await new Promise(() => {});", "export async function __init__() { await new Promise(() => {}); }"]) {
    const path = dir.write("h.ts", `console.log("here");\n${line}\nexport function __sample__() {}\n`);
    const child = start(["-q", "-e", QUIET, path]);
    await child.saw(/here/);
    const { code, stderr, ms } = await ended(child);
    assert.deepEqual([code, stderr], [0, ""]);
    assert.ok(ms < 2900, `${ms} ms`);
  }
});

live("one SIGINT ends a handler that sleeps for a second at each event", async () => {
  using stage = new Stage();
  const child = await stage.start(
    ["-e", stage.event()],
    `let n = 0;
     const cell = new Int32Array(new SharedArrayBuffer(4));
     export function __sample__() { if (n++ === 0) console.log("asleep"); Atomics.wait(cell, 0, 0, 1000); }
     export function __exit__() { console.log(n, "handled"); }`,
  );
  await stage.emit("calls", 500);
  await child.saw(/asleep/);
  const { code, stdout, stderr, ms } = await ended(child);
  assert.equal(code, 0);
  const handled = Number(/^(\d+) handled$/m.exec(stdout)?.[1]);
  const skipped = Number(/^perfprof: (\d+) events were not delivered/m.exec(stderr)?.[1]);
  assert.equal(handled + skipped, 500);
  assert.ok(ms < 15_000, `${ms} ms`);
});

live("a closed pipe ends the run quietly, whichever way the script prints", async () => {
  using dir = new TempDir();
  dir.write("print.ts", "export function __sample__(event) { event.print(); }");
  dir.write("log.ts", "export function __sample__(event) { console.log(String(event)); }");
  dir.write("sync.ts", "export function __sample__(e) { Deno.stdout.writeSync(new TextEncoder().encode(`${e}\\n`)); }");
  for (const name of ["print", "log", "sync"]) {
    const { stdout, stderr } = await shell(
      dir,
      `{ perfprof -q -e sched:sched_switch ${name}.ts; echo $? > status; } | head -2`,
    );
    assert.deepEqual([stdout.split("\n").length, stderr], [3, ""], name);
    assert.equal(Deno.readTextFileSync(`${dir.path}/status`), "0\n");
  }
});

live("waiting takes next to no CPU, also with stdin at its end", async () => {
  using dir = new TempDir();
  const child = start(["-q", "-e", QUIET, dir.write("h.ts", `export function __sample__() {}\nconsole.log("here");`)]);
  await child.saw(/here/);
  await pause(500);
  // utime and stime of proc_pid_stat(5), in 1/100 s.
  const used = () => {
    const fields = Deno.readTextFileSync(`/proc/${child.pid}/stat`).split(") ")[1]!.split(" ");
    return Number(fields[11]) + Number(fields[12]);
  };
  const before = used();
  await pause(2000);
  const hundredths = used() - before;
  assert.equal((await ended(child)).code, 0);
  assert.ok(hundredths < 40, `${hundredths / 100} s of CPU in 2 s`);
});

live("-o takes all output, and SIGUSR1 opens it anew", async () => {
  using dir = new TempDir();
  const path = dir.write(
    "h.ts",
    `let n = 0;\nexport function __interval__() { console.log("tick", ++n); console.error("tock", n); }\n${EXIT}`,
  );
  const log = `${dir.path}/log`;
  const read = (name: string) => {
    try {
      return Deno.readTextFileSync(`${dir.path}/${name}`);
    } catch {
      return "";
    }
  };
  const grown = (pattern: RegExp) => until(() => pattern.test(read("log")));
  const child = start(["-i", "20", "-o", log, "-e", QUIET, path]);
  await grown(/tick 2/);
  Deno.renameSync(log, `${log}.1`);
  child.kill("SIGUSR1");
  await grown(/tick \d+/);
  const { code, stdout, stderr } = await ended(child);
  assert.deepEqual([code, stdout, stderr], [0, "", ""]);
  const all = read("log.1") + read("log");
  assert.match(read("log.1"), /^Loaded module: .*\nperfprof: warning: .*\ntick 1\ntock 1\ntick 2\n/);
  assert.match(read("log"), /exit\n$/);
  const ticks = all.match(/^tick \d+$/gm)!;
  assert.deepEqual(ticks, ticks.map((_, i) => `tick ${i + 1}`));
});

live("--usage-self prints lines", async () => {
  using dir = new TempDir();
  const child = start(["--usage-self", "50", "-e", QUIET, dir.write("h.ts", EXIT)]);
  await child.saw(/(^perfprof: cpu [\d.]+% user [\d.]+% sys, rss \d+ MiB \(peak \d+ MiB\)\n){3}/m);
  assert.equal((await ended(child)).code, 0);
});

live("a source that is closed ends the wait that another thread is in", async () => {
  const options = {
    cpus: undefined,
    target: { kind: "all" },
    ring: undefined,
    watermarkPercent: 50,
    order: true,
    clock: "monotonic",
    excludeSelf: false,
    stacks: stackOptions({ demangle: true }),
  } as const;
  const { source } = new Trace(new NativeMachine(), parseEvents([QUIET]), options, { lines: linesTo(() => {}) });
  const from = performance.now();
  const wait = source.wait(20_000, true);
  source.close();
  source.close();
  assert.equal(await wait, WAIT_WOKEN);
  assert.ok(performance.now() - from < 10_000);
  await assert.rejects(source.wait(1, true), TypeError);
});
