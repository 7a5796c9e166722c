/** When the callbacks of a module are called, on real events, and what becomes of what they throw. */

import assert from "node:assert/strict";
import { QUIET } from "./command.ts";
import { type Ended, lastJson, live, perfprof, Stage, start, TempDir } from "./harness.ts";

const lines = ({ stdout }: Ended) => stdout.split("\n").filter((line) => line !== "" && line !== "ready");
const wait = "await new Promise((done) => setTimeout(done, 50));";

live("async __init__ and __exit__ are awaited, before and after all events", async () => {
  using stage = new Stage();
  const path = stage.dir.write(
    "h.ts",
    `export async function __init__() { console.log("init"); ${wait} console.log("init done"); setTimeout(() => console.log("ready")); }
     export function raw_syscalls__sys_enter() { console.log("event"); }
     export async function __exit__() { console.log("exit"); ${wait} console.log("exit done"); }`,
  );
  const child = start(["-q", "-N", "3", "-e", stage.event(), path]);
  await child.saw(/^ready$/m);
  await stage.emit("calls", 5);
  const ended = await child.end();
  assert.equal(ended.code, 0);
  assert.deepEqual(lines(ended), ["init", "init done", "event", "event", "event", "exit", "exit done"]);
});

live("an __init__ that throws ends the run with status 1, and nothing else is called", async () => {
  using dir = new TempDir();
  for (const init of ["function __init__", "async function __init__"]) {
    const path = dir.write(
      "h.ts",
      `export ${init}() {\n  throw new RangeError("no luck");\n}\nexport function __sample__() { console.log("event"); }\n` +
        `export function __exit__() { console.log("exit"); }\n`,
    );
    const { code, stdout, stderr } = await perfprof(["-e", "sched:sched_switch", path]);
    assert.equal(code, 1);
    assert.equal(stdout, "");
    assert.match(
      stderr,
      new RegExp(`^perfprof: __init__ threw RangeError: no luck\\n    at .*__init__ \\(${path}:2:9\\)\\n$`, "m"),
    );
    assert.doesNotMatch(stderr, /main\.ts|lib\//);
  }
});

live("what __exit__ throws is reported, and is an exception like any other", async () => {
  using dir = new TempDir();
  for (const [exit, strict] of [["function __exit__", 0], ["async function __exit__", 1]] as const) {
    const path = dir.write("h.ts", `export ${exit}() { throw new Error("at the end"); }\n`);
    const child = start([...(strict ? ["--strict"] : []), "-c", "true", "-e", QUIET, path]);
    const { code, stderr } = await child.end();
    assert.equal(code, strict);
    assert.match(stderr, /^perfprof: __exit__ threw Error: at the end\n.*h\.ts:1:\d+/m);
    assert.match(stderr, /^perfprof: 1 exception: __exit__ 1$/m);
  }
});

live("an __exit__ that never ends is waited for 10 s", async () => {
  using dir = new TempDir();
  const path = dir.write("h.ts", "export async function __exit__() { await new Promise(() => {}); }\n");
  const from = performance.now();
  const { code, stderr } = await perfprof(["-c", "true", "-e", QUIET, path]);
  assert.equal(code, 0);
  assert.match(stderr, /^perfprof: __exit__ threw Error: not done after 10 s: not waited for any longer$/m);
  assert.ok(performance.now() - from > 9_900);
});

live("__interval__ comes without events, and an async one is not entered again while it is pending", async () => {
  using dir = new TempDir();
  const path = dir.write(
    "h.ts",
    `let calls = 0;
     export async function __interval__() {
       console.log("in");
       await new Promise((done) => setTimeout(done, 130));
       console.log("out");
       if (++calls === 3) console.log("enough");
     }`,
  );
  const child = start(["-q", "-i", "20", "-e", QUIET, path]);
  await child.saw(/enough/);
  child.kill("SIGINT");
  const { code, stdout } = await child.end();
  assert.equal(code, 0);
  assert.match(stdout, /^(in\nout\n){3}enough\n/);
});

live("between two calls of __interval__ are the events of one interval, and no others", async () => {
  using stage = new Stage();
  const ended = await stage.trace(
    ["-q", "-i", "100", "-e", stage.event()],
    `let events = 0, ticks = 0, first = 0, widest = 0;
     export function raw_syscalls__sys_enter({ _time }) {
       events++;
       first ||= _time;
       widest = Math.max(widest, _time - first);
     }
     export function __interval__() { ticks++; first = 0; }
     export function __exit__() { console.log(JSON.stringify({ events, ticks, widest })); }`,
    async () => void await stage.emit("rate", 2000, 0.8),
  );
  const { events, ticks, widest } = lastJson(ended);
  assert.equal(events, 1600);
  assert.ok(ticks >= 5, `${ticks} ticks`);
  // Nearly the whole of an interval, and not one of the next.
  assert.ok(widest > 50e6 && widest <= 100e6, `${widest} ns`);
});

live("SIGUSR2 prints the status, then calls __print_stat__(4)", async () => {
  using stage = new Stage();
  const child = await stage.start(
    ["-e", stage.event()],
    `export function __print_stat__(indent) { console.error(" ".repeat(indent) + "mine", indent); }\nexport function __sample__() { console.log("got"); }`,
  );
  await stage.emit("calls", 7);
  await child.saw(/(got\n){7}/);
  child.kill("SIGUSR2");
  await child.saw(/mine/);
  child.kill("SIGINT");
  const { code, stderr } = await child.end();
  assert.equal(code, 0);
  assert.match(
    stderr,
    /^perfprof: [\d.]+ s, 7 events \(\d+\/s\), 0 lost\n {4}cpu [\d.]+%, rss .*\n {4}raw_syscalls:sys_enter {2}7 delivered, 0 lost\n {4}mine 4$/m,
  );
});

live("handlers are found by name and alias, and __sample__ gets the rest", async () => {
  using stage = new Stage();
  const ended = await stage.trace(
    ["-q", "-e", stage.event("alias=one"), "-e", stage.event(), "-e", stage.exitEvent("alias=other")],
    `const got = {};
     const add = (handler, event) => { const key = handler + " " + event._event; got[key] = (got[key] ?? 0) + 1; };
     export function raw_syscalls__one(event) { add("one", event); }
     export function raw_syscalls__sys_enter(event) { add("own", event); }
     export function __sample__(event) { add("sample", event); }
     export function __exit__() { console.log(JSON.stringify(got)); }`,
    async () => void await stage.emit("calls", 5),
  );
  assert.deepEqual(lastJson(ended), {
    "one raw_syscalls:one": 5,
    "own raw_syscalls:sys_enter": 5,
    "sample raw_syscalls:other": 5,
  });
});

live("a handler of no event that is opened, and a misspelt callback, are warnings", async () => {
  using dir = new TempDir();
  const path = dir.write(
    "h.ts",
    `export function sched__sched_swich() {}\nexport function __inteval__() {}\nexport function sched__sched_switch() {}\n`,
  );
  const { code, stderr } = await perfprof(["-c", "true", "-e", `sched:sched_switch,${QUIET}`, path]);
  assert.equal(code, 0);
  assert.match(stderr, /^perfprof: warning: export sched__sched_swich .*did you mean sched__sched_switch\?$/m);
  assert.match(stderr, /^perfprof: warning: export __inteval__ .*did you mean __interval__\?$/m);
  assert.match(stderr, /^perfprof: warning: no handler takes sched:sched_process_hang: export sched__sched_process_hang or/m);
});

live("an exception says where, is counted in a flood, and ends nothing", async () => {
  using stage = new Stage();
  const module = `let n = 0;
export function raw_syscalls__sys_enter(event) {
  n++;
  throw new Error("bad " + event.id);
}
export function __exit__() { console.log(n); }`;
  for (const strict of [false, true]) {
    const ended = await stage.trace(
      ["-i", "300", ...(strict ? ["--strict"] : []), "-e", stage.event()],
      module,
      async () => void await stage.emit("rate", 5000, 1),
    );
    const { code, stderr } = ended;
    assert.equal(code, strict ? 1 : 0);
    assert.equal(lines(ended).at(-1), "5000");
    assert.equal(stderr.match(/threw Error: bad/g)?.length, 1);
    assert.match(
      stderr,
      /^perfprof: raw_syscalls__sys_enter threw Error: bad \d+\n {4}at \S*raw_syscalls__sys_enter \(\S+h\.ts:5:9\)$/m,
    );
    const again = [...stderr.matchAll(/threw again, (\d+) times: Error: bad \d+ at \S+h\.ts:5:9/g)];
    assert.ok(again.length >= 1 && again.length <= 20, stderr);
    assert.match(stderr, /^perfprof: 5000 exceptions: raw_syscalls__sys_enter 5000$/m);
  }
});

live("rejected promises and throwing timers are exceptions too", async () => {
  using stage = new Stage();
  const ended = await stage.trace(
    ["-e", stage.event()],
    `export async function raw_syscalls__sys_enter() { await null; throw new Error("rejected"); }
     setTimeout(() => { throw new Error("timer"); }, 10);
     Promise.reject(new Error("stray"));
     let after = 0;
     setTimeout(() => after++, 100);
     export function __exit__() { console.log(after); }`,
    async (child) => {
      await stage.emit("calls", 1);
      await child.saw(/rejected/);
      await child.saw(/Error: timer/);
      await new Promise((done) => setTimeout(done, 300));
    },
  );
  assert.equal(ended.code, 0);
  assert.equal(lines(ended).at(-1), "1");
  assert.match(ended.stderr, /raw_syscalls__sys_enter threw Error: rejected\n.*h\.ts:2:/);
  assert.match(ended.stderr, /threw Error: timer\n.*h\.ts:3:/);
  assert.match(ended.stderr, /threw Error: stray\n.*h\.ts:4:/);
  assert.match(ended.stderr, /^perfprof: 3 exceptions: /m);
});

live("what is rejected at the very end is counted, and --strict makes it status 1", async () => {
  using stage = new Stage();
  const module = stage.dir.write("h.ts", "export async function __exit__() { await null; Promise.reject(new Error('no')); }");
  const ended = await perfprof(["-q", "--strict", "-e", QUIET, "-c", "true", module]);
  assert.equal(ended.code, 1, ended.stderr);
  assert.match(ended.stderr, /^perfprof: a promise threw Error: no\n.*\nperfprof: 1 exception: a promise 1\n$/);
});

live("a Deno.exitCode of the script is the status of a run that ends well, and of no other", async () => {
  using stage = new Stage();
  const module = stage.dir.write("h.ts", "export function __exit__() { Deno.exitCode = 4; throw new Error('no'); }");
  const run = ["-q", "-e", QUIET, "-c", "true"];
  assert.equal((await perfprof([...run, module])).code, 4);
  assert.equal((await perfprof([...run, "--strict", module])).code, 1);
});

live("Deno.exit(7) in a handler ends at once with status 7", async () => {
  using stage = new Stage();
  const child = await stage.start(
    ["-e", stage.event()],
    `export function __sample__() { Deno.exit(7); }\nexport function __exit__() { console.log("exit"); }`,
  );
  await stage.emit("calls", 1);
  const ended = await child.end();
  assert.equal(ended.code, 7);
  assert.deepEqual(lines(ended), []);
});
