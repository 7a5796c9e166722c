/** Input that the profiler which perfprof is modelled on crashes at, drops or takes in silence, and what becomes of it here. */

import assert from "node:assert/strict";
import { shell } from "../command.ts";
import { lastJson, live, perfprof, Stage, TempDir } from "../harness.ts";

const HANDLER = "export function __sample__() {}\n";
/** One more than any machine has. */
const NO_CPU = "8191";

/** Every kind of mistake in -e. */
const WRONG_EVENTS = [
  "",
  ",",
  ":",
  "/",
  "sched",
  "sched:",
  ":sched_switch",
  "sched:nonesuch",
  "nonesuch:event",
  "sched:sched_switch/",
  "sched:sched_switch/prev_pid>/",
  "sched:sched_switch/nonesuch>1/",
  "sched:sched_switch/)(/",
  "sched:sched_switch//nonesuch/",
  "sched:sched_switch//alias=/",
  "sched:sched_switch//alias=1a/",
  "sched:sched_switch//cpus=x/",
  `sched:sched_switch//cpus=${NO_CPU}/`,
  "sched:sched_switch,,sched:sched_switch",
  "sched:sched_switch,sched:sched_switch",
  "sched:nonesuch*",
  "nonesuch-profiler",
  "ftrace:function",
  "a".repeat(100_000),
  "\u{10ffff}:\x1b[31m",
];

live("a bad -e is an error in words, and never a crash", async () => {
  using dir = new TempDir();
  const path = dir.write("h.ts", HANDLER);
  for (const event of WRONG_EVENTS) {
    const { code, stdout, stderr } = await perfprof(["-e", event, "-c", "true", path]);
    assert.ok(code === 1 || code === 2, `${event}: status ${code}`);
    assert.match(stderr, /^perfprof: \S.*\n/);
    assert.doesNotMatch(stderr, /unexpectedly|^\s+at /m);
    assert.equal(stdout, "");
  }
});

live("a CPU that is not there is an error", async () => {
  using dir = new TempDir();
  const { code, stderr } = await perfprof(["-C", `0,${NO_CPU}`, "-e", "sched:sched_switch", dir.write("h.ts", HANDLER)]);
  assert.equal(code, 1);
  assert.match(stderr, new RegExp(`^perfprof: option -C: CPU ${NO_CPU} is not online\nhint: online are [\\d,-]+\n$`));
});

live("a second -e is an event like the first", async () => {
  using stage = new Stage();
  const ended = await stage.trace(
    ["-q", "-e", stage.event("alias=first"), "-e", stage.exitEvent("alias=second")],
    `let first = 0, second = 0;
     export function raw_syscalls__first() { first++; }
     export function raw_syscalls__second() { second++; }
     export function __exit__() { console.log(JSON.stringify([first, second])); }`,
    () => stage.emit("calls", 31),
  );
  assert.deepEqual(lastJson(ended), [31, 31]);
});

live("an -o that cannot be written is an error", async () => {
  using dir = new TempDir();
  const path = dir.write("h.ts", HANDLER);
  for (const output of [`${dir.path}/none/log`, dir.path, "/proc/version", "/dev/full"]) {
    const { code, stderr } = await perfprof(["-o", output, "-e", "sched:sched_switch", "-c", "true", path]);
    assert.equal(code, 1, output);
    assert.match(stderr, new RegExp(`^perfprof: open ${output} failed: `));
  }
});

live("an option that would do nothing is not taken in silence", async () => {
  using dir = new TempDir();
  const path = dir.write("h.ts", HANDLER);
  const run = ["-e", "sched:sched_switch", "-c", "true"];
  const cases: [args: string[], code: number, says: RegExp][] = [
    [["--nonesuch", ...run, path], 2, /^perfprof: option --nonesuch is unknown\n/],
    [["-i", "10", ...run, path], 0, /^perfprof: warning: option -i: the module exports no __interval__$/m],
    [["list", "-C", "0"], 2, /^perfprof: the command 'list' takes no option -C\n/],
    [["-p", "1", ...run, path], 2, /^perfprof: options -p and -c exclude each other\n/],
    [["--strict=no", ...run, path], 2, /^perfprof: option --strict: it takes no value\n/],
  ];
  for (const [args, code, says] of cases) {
    const ended = await perfprof(args);
    assert.equal(ended.code, code, `${args}: ${ended.stderr}`);
    assert.match(ended.stderr, says);
  }
});

live("a module without handlers is an error", async () => {
  using dir = new TempDir();
  const path = dir.write("none.ts", "export const answer = 42;\n");
  const { code, stderr } = await perfprof(["-e", "sched:sched_switch", path]);
  assert.equal(code, 1);
  assert.match(
    stderr,
    /^perfprof: module \S+none\.ts has no handlers: it exports answer\nhint: export function sched__sched_switch/,
  );
});

const LOADED = "export function __init__() { console.log('mine'); }\nexport function __sample__() {}\n";

live("a script called like a standard module, with dots, without an extension or as - is the one that is loaded", async () => {
  using dir = new TempDir();
  const path = (name: string) => dir.write(name, LOADED);
  for (const name of ["json.ts", "fs.ts", "path.ts", "assert.ts", "a.b.ts"]) path(name);
  for (const name of ["./os", "./a.b", "./-"]) path(name.slice(2));
  const words = ["json", "fs", "path.ts", "./assert.ts", "a.b.ts", "a.b", "./a.b", "./os", "./-"];
  for (const word of words) {
    const { code, stdout, stderr } = await shell(dir, `perfprof -e sched:sched_switch -c true ${word}`);
    assert.deepEqual([code, stdout], [0, "mine\n"], `${word}: ${stderr}`);
    assert.ok(stderr.startsWith(`Loaded module: ${dir.path}/`), stderr);
  }
  const piped = await shell(dir, "perfprof -e sched:sched_switch -c true - < json.ts");
  assert.deepEqual([piped.code, piped.stdout], [0, "mine\n"], piped.stderr);
});

live("what help writes to a file is a module that runs", async () => {
  using dir = new TempDir();
  const { code, stderr } = await shell(
    dir,
    "perfprof -e sched:sched_switch,sched:sched_wakeup help > x && perfprof -q -e sched:sched_switch,sched:sched_wakeup -c true ./x",
  );
  assert.equal(code, 0, stderr);
});
