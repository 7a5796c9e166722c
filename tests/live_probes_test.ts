/**
 * Dynamic probes on real programs: N calls of a function are N events with the values that were passed, and whichever way perfprof
 * ends, the kernel has none of its probes afterwards.
 */

import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { Child, emittedNr, type Ended, lastJson, live, pause, perfprof, start, TempDir } from "./harness.ts";

const PROBED = fileURLToPath(new URL("../native/build/probed", import.meta.url));
const SOURCE = fileURLToPath(new URL("native/probed.c", import.meta.url));
const TRACEFS = "/sys/kernel/tracing";

function has(file: string): boolean {
  try {
    return Deno.statSync(`${TRACEFS}/${file}`).isFile;
  } catch {
    return false;
  }
}

const noUprobes = has("uprobe_events") ? undefined : "the kernel has no uprobes";
const noKprobes = has("kprobe_events") ? undefined : "the kernel has no kprobes";

/** The test program has markers where it was compiled with sys/sdt.h (systemtap-sdt-dev). */
const noMarkers = new TextDecoder().decode(new Deno.Command(PROBED).outputSync().stdout).includes(`"markers":true`)
  ? undefined
  : "no sys/sdt.h when the test program was built";

/** The probes of one perfprof, as the kernel lists them. */
function probesOf(pid: number): string[] {
  const lines = Deno.readTextFileSync(`${TRACEFS}/uprobe_events`).split("\n");
  return lines.filter((line) => line.includes(`:perfprof_${pid}_`));
}

const called = (file: string, rest = "") => `uprobe:probed_called@"${file}"${rest}`;

/** Writes each event's `_event`, `_pid` and own fields, as JSON at the end. */
const RECORDER = `const events = [];
export function __sample__(event) {
  const own = event.keys().filter((name) => !/^(_|common_)/.test(name));
  events.push([event._event, event._pid, ...own.map((name) => String(event[name]))]);
}
export function __exit__() { console.log(JSON.stringify(events)); }
`;

/** Runs perfprof on a command. @returns What the recorder saw, and the command's pid */
async function record(events: string[], command: string): Promise<{ events: string[][]; pid: number; ended: Ended }> {
  using dir = new TempDir();
  const ended = await perfprof([...events.flatMap((event) => ["-e", event]), "-q", "-c", command, dir.write("h.ts", RECORDER)]);
  assert.equal(ended.code, 0, ended.stderr);
  const pid = Number(/"pid":(\d+)/.exec(ended.stdout)?.[1]);
  return { events: lastJson(ended), pid, ended };
}

const numbers = (count: number) => Array.from({ length: count }, (_, i) => i);

live("N calls are N uprobe events, with the caller's pid and the arguments", async () => {
  const { events, pid } = await record([called(PROBED, "//number=$arg1:s32/square=$arg2/")], `${PROBED} 1000`);
  assert.deepEqual(events, numbers(1000).map((i) => ["uprobe:probed_called", pid, String(i), String(i * i)]));
  assert.deepEqual(probesOf(pid), []);
}, noUprobes);

live("what a function returns is exact, negative and of 64 bits", async () => {
  const { events } = await record([`uretprobe:probed_called@"${PROBED}"//value=$retval:s64/`], `${PROBED} 300`);
  assert.equal(events.length, 300);
  const values = numbers(300).map((i) => -(2 ** 40 + i + i * i));
  assert.deepEqual(events.map(([, , , value]) => value), values.map(String));
  assert.deepEqual(events.map(([, , ret]) => ret), values.map((value) => String(BigInt.asUintN(64, BigInt(value)))));
}, noUprobes);

live("a static function, a string, an offset, and a place in the file", async () => {
  const nm = new TextDecoder().decode(new Deno.Command("nm", { args: [PROBED] }).outputSync().stdout);
  const address = /^0*([0-9a-f]+) t probed_static$/m.exec(nm)?.[1];
  const { events } = await record([
    `uprobe:probed_static@"${PROBED}"//number=$arg1:s32/`,
    `uprobe:probed_text@"${PROBED}"//text=+0($arg1):string/`,
    // The text segment of a program as the linker lays it out lies in the file where it lies in memory.
    `uprobe:0x${address}@"${PROBED}"//alias=place/number=$arg1:s32/`,
    `uprobe:probed_text+0x0@"${PROBED}"`,
  ], `${PROBED} 3`);
  const own = (name: string) => events.filter(([event]) => event === name).map(([, , ...fields]) => fields);
  assert.deepEqual(own("uprobe:probed_static"), [["0"], ["1"], ["2"]]);
  assert.deepEqual(own("uprobe:probed_text"), [["text 0"], ["text 1"], ["text 2"]]);
  assert.deepEqual(own("uprobe:place"), [["0"], ["1"], ["2"]]);
  assert.deepEqual(own("uprobe:probed_text+0x0"), [[], [], []]);
}, noUprobes);

live("a function of a shared library that is named as the dynamic linker knows it, with a filter on an argument", async () => {
  const event = `uprobe:syscall@"libc.so.6"/nr==${emittedNr()}/nr=$arg1:s64/number=$arg2:s32/`;
  const { events } = await record([event], `${PROBED} 50`);
  assert.deepEqual(events.map(([, , nr, number]) => [nr, number]), numbers(50).map((i) => [String(emittedNr()), String(i)]));
}, noUprobes);

live("a file in the root of another process, behind a link that has no text of its own", async () => {
  const link = `/proc/${Deno.pid}/root${PROBED}`;
  const { events } = await record([called(link)], `${PROBED} 7`);
  assert.equal(events.length, 7);
}, noUprobes);

live("a program that is not position-independent", async () => {
  using dir = new TempDir();
  const program = `${dir.path}/probed`;
  const args = ["-D_GNU_SOURCE", "-O2", "-no-pie", "-o", program, SOURCE];
  assert.equal(new Deno.Command("cc", { args }).outputSync().code, 0);
  const { events } = await record([called(program, "/number>=90/number=$arg1:s32/")], `${program} 100`);
  assert.deepEqual(events.map(([, , number]) => number), numbers(100).slice(90).map(String));
}, noUprobes);

live("probes and a tracepoint come in one order of time", async () => {
  const { events } = await record([
    called(PROBED),
    `raw_syscalls:sys_enter/id==${emittedNr()}/`,
    `uretprobe:probed_text@"${PROBED}"`,
  ], `${PROBED} 200`);
  const round = ["uprobe:probed_called", "uretprobe:probed_text", "raw_syscalls:sys_enter"];
  assert.deepEqual(events.map(([name]) => name), numbers(200).flatMap(() => round));
}, noUprobes);

live("handlers are named after the function or the alias, and print says so", async () => {
  using dir = new TempDir();
  const path = dir.write(
    "h.ts",
    `export function uprobe__probed_called(event) { event.print({ timestamp: false }); }
     export function uprobe__text(event) { event.print({ timestamp: false }); }`,
  );
  const events = `${called(PROBED)},uprobe:probed_text@"${PROBED}"//alias=text/`;
  const { stdout } = await perfprof(["-q", "-e", events, "-c", `${PROBED} 1`, path]);
  assert.match(stdout, /: uprobe:probed_called: \([0-9a-f]+\)$/m);
  assert.match(stdout, /: uprobe:text: \([0-9a-f]+\)$/m);
  assert.doesNotMatch(stdout, /perfprof_/);
}, noUprobes);

live("markers fire with their arguments, at each of their places, and know that somebody listens", async () => {
  const { events, pid, ended } = await record([
    `usdt:probed:round@"${PROBED}"//text=+0($arg3):string/`,
    `usdt:probed:twice@"${PROBED}"`,
  ], `${PROBED} 100`);
  const own = (name: string) => events.filter(([event]) => event === name).map(([, ...fields]) => fields);
  assert.deepEqual(
    own("usdt:probed:round").map(([pid, first, second, , fourth, text]) => [pid, first, second, fourth, text]),
    numbers(100).map((i) => [pid, String(-i), String(i * 2 ** 32), "7", `text ${i}`]),
  );
  assert.deepEqual(own("usdt:probed:twice").map(([, arg]) => arg), numbers(100).flatMap((i) => [String(i), String(i + 1000)]));
  assert.match(ended.stdout, /"listened":100\b/);
  const alone = new TextDecoder().decode(new Deno.Command(PROBED, { args: ["5"] }).outputSync().stdout);
  assert.match(alone, /"listened":0\b/);
}, noUprobes ?? noMarkers);

// ---- removal ----

/** Starts a run on a probe and waits until the kernel has it. */
async function startRun(dir: TempDir, module: string): Promise<Child> {
  const ready = `export function __init__() { setTimeout(() => console.log("ready"), 0); }\n`;
  const child = start(["-q", "-e", called(PROBED), "-e", "sched:sched_process_exit", dir.write("h.ts", ready + module)]);
  await child.saw(/^ready$/m);
  assert.equal(probesOf(child.pid).length, 1);
  return child;
}

const IDLE = "export function uprobe__probed_called() {}\n";

for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
  live(`${signal} leaves no probe`, async () => {
    using dir = new TempDir();
    const child = await startRun(dir, IDLE);
    child.kill(signal);
    assert.equal((await child.end()).code, 0);
    assert.deepEqual(probesOf(child.pid), []);
  }, noUprobes);
}

live("the second Ctrl-C, on a handler that is stuck, leaves no probe", async () => {
  using dir = new TempDir();
  const child = await startRun(dir, `export function uprobe__probed_called() { console.log("stuck"); for (;;); }\n`);
  new Child(PROBED, ["1"]);
  await child.saw(/^stuck$/m);
  child.kill("SIGINT");
  // Sooner it would count as the same Ctrl-C.
  await pause(400);
  child.kill("SIGINT");
  const { code, stderr } = await child.end();
  assert.equal(code, 130, stderr);
  assert.deepEqual(probesOf(child.pid), []);
}, noUprobes);

live("a script's Deno.exit leaves no probe", async () => {
  using dir = new TempDir();
  const child = await startRun(dir, "export function uprobe__probed_called() { Deno.exit(7); }\n");
  new Child(PROBED, ["1"]);
  assert.equal((await child.end()).code, 7);
  assert.deepEqual(probesOf(child.pid), []);
}, noUprobes);

live("a start that fails after probes were created leaves none", async () => {
  using dir = new TempDir();
  const path = dir.write("h.ts", IDLE);
  const failures: [string[], RegExp][] = [
    [["-e", called(PROBED, "/no_such_field>1/")], /^perfprof: filter "no_such_field>1" of uprobe:probed_called failed/],
    [["-e", called(PROBED), "-e", `uprobe:nothing@"${PROBED}"`], /has no function 'nothing'$/m],
    [["-e", called(PROBED), "-c", "no-such-command"], /command not found/],
    [
      ["-e", `uprobe:0xffffffff@"${PROBED}"`],
      /^perfprof: opening uprobe:0xffffffff failed: the kernel cannot put a probe there/,
    ],
  ];
  for (const [options, message] of failures) {
    const child = start([...options, path]);
    const { code, stderr } = await child.end();
    assert.equal(code, 1);
    assert.match(stderr, message);
    assert.deepEqual(probesOf(child.pid), []);
  }
  assert.equal((await perfprof(["-e", called(PROBED), dir.write("bad.ts", "throw new Error('no')")])).code, 1);
  assert.doesNotMatch(Deno.readTextFileSync(`${TRACEFS}/uprobe_events`), /probed_called/);
}, noUprobes);

live("show, types and the template leave no probe, and know the arguments", async () => {
  const event = called(PROBED, "//number=$arg1:s32/alias=seen/");
  for (const args of [["show", event], ["types", event], ["-e", event, "help"]]) {
    const child = start(args);
    const { code, stdout, stderr } = await child.end();
    assert.equal(code, 0, stderr);
    assert.match(stdout, args[0] === "show" ? /^ {2}number +s32 +number +4$/m : /readonly number: number;/);
    assert.doesNotMatch(stdout, /perfprof_\d/);
    assert.deepEqual(probesOf(child.pid), []);
  }
}, noUprobes);

live(
  "what a SIGKILL leaves behind is found and removed by the doctor; the probes of one that lives are left alone",
  async () => {
    using dir = new TempDir();
    const killed = await startRun(dir, IDLE);
    const alive = await startRun(dir, IDLE);
    killed.kill("SIGKILL");
    await killed.end();
    const [left] = probesOf(killed.pid);
    assert.match(left!, /^p:perfprof_\d+_1\/probed_called /);

    const found = await perfprof(["doctor"]);
    const line = new RegExp(`^warn  old probes .*perfprof_${killed.pid}_1/probed_called`, "m");
    assert.match(found.stdout, line);
    assert.match(found.stdout, /^ +sudo perfprof doctor --remove-probes$/m);
    assert.doesNotMatch(found.stdout, new RegExp(`perfprof_${alive.pid}_`));

    const removed = await perfprof(["doctor", "--remove-probes"]);
    assert.match(removed.stdout, /^[1-9]\d* probes? removed$/m);
    assert.equal(removed.code, 0, removed.stdout);
    assert.deepEqual(probesOf(killed.pid), []);
    assert.equal(probesOf(alive.pid).length, 1);
    alive.kill("SIGINT");
    assert.equal((await alive.end()).code, 0);
    assert.deepEqual(probesOf(alive.pid), []);
  },
  noUprobes,
);

// ---- errors ----

/** Each: what -e has, and all that stderr says. */
const ERRORS: [what: string, event: string, stderr: string][] = [
  ["no such function", `uprobe:probed_caled@"${PROBED}"`, `has no function 'probed_caled'\nhint: did you mean probed_called?`],
  ["no such file", `uprobe:f@"/no/such/file"`, "perfprof: probing '/no/such/file' failed: there is no such file"],
  ["not ELF", `uprobe:f@"${SOURCE}"`, `perfprof: probing uprobe:f@"${SOURCE}" failed: ${SOURCE} is no ELF file`],
  ["a folder", `uprobe:f@"/etc"`, `perfprof: probing uprobe:f@"/etc" failed: /etc is no regular file`],
];

live("errors are a line and a hint", async () => {
  using dir = new TempDir();
  const path = dir.write("h.ts", IDLE);
  for (const [what, event, expected] of ERRORS) {
    const { code, stdout, stderr } = await perfprof(["-e", event, path]);
    assert.equal(code, 1, what);
    assert.equal(stdout, "", what);
    assert.ok(stderr.trimEnd().endsWith(expected), `${what}: ${stderr}`);
  }
}, noUprobes);

live("what the kernel refuses is shown with its caret", async () => {
  using dir = new TempDir();
  const { stderr } = await perfprof(["-e", called(PROBED, "//n=%no/"), dir.write("h.ts", IDLE)]);
  const [first, command, caret, hint] = stderr.split("\n");
  assert.match(first!, /^perfprof: probing uprobe:probed_called@".*" failed: the kernel refuses it: Invalid register name$/);
  assert.equal(command!.slice(caret!.indexOf("^")), "%no");
  assert.match(hint!, /^hint: an argument is NAME=\$argN/);
}, noUprobes);

live("a kernel without kprobes says so", async () => {
  using dir = new TempDir();
  const { code, stderr } = await perfprof(["-e", "kprobe:vfs_read", dir.write("h.ts", IDLE)]);
  assert.equal(code, 1);
  assert.match(stderr, /^perfprof: probing kprobe:vfs_read failed: the kernel was built without CONFIG_KPROBE_EVENTS\nhint: /);
}, noKprobes === undefined ? "the kernel has kprobes" : undefined);

live("a kprobe and a kretprobe fire for each call", async () => {
  const events = ["kprobe:__x64_sys_sched_get_priority_max", "kretprobe:__x64_sys_sched_get_priority_max"];
  const seen = await record(events, `${PROBED} 100`);
  assert.equal(seen.events.filter(([name]) => name!.startsWith("kprobe:")).length, 100);
  assert.equal(seen.events.filter(([name]) => name!.startsWith("kretprobe:")).length, 100);
}, noKprobes ?? (Deno.build.arch === "x86_64" ? undefined : "the name is that of x86_64"));
