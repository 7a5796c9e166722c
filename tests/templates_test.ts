/**
 * The handlers of templates/, on events written here: what each prints, to the letter.
 */
import assert from "node:assert/strict";
import * as callstacks from "../templates/callstacks.ts";
import * as counter from "../templates/counter.ts";
import * as folded from "../templates/folded.ts";
import * as latency from "../templates/latency.ts";
import * as offcpu from "../templates/offcpu.ts";
import * as wakeups from "../templates/wakeups.ts";
import { Child, live, perfprof, printed, Stage, TempDir } from "./harness.ts";
import { FRAME_POINTERS, getppid, Programs } from "./stack_programs.ts";

Deno.test("counter.ts counts each interval anew", () => {
  counter.__sample__();
  counter.__sample__();
  assert.equal(printed(counter.__interval__), "Events: 2");
  assert.equal(printed(counter.__interval__), "Events: 0");
  assert.equal(printed(counter.__exit__), "Done");
});

Deno.test("wakeups.ts lists the most woken tasks first, with their CPUs", () => {
  const wake = (comm: string, pid: number, target_cpu: number) => wakeups.sched__sched_wakeup({ comm, pid, target_cpu });
  wake("sshd", 812, 0);
  for (const cpu of [10, 9, 1]) wake("worker", 4242, cpu);
  // A thread that changed its name is another line, as it is another program.
  wake("bash", 4242, 1);
  wake("bash", 4242, 1);
  assert.equal(
    printed(wakeups.__interval__),
    `COMM                  PID    COUNT CPUS
worker               4242        3 1,9,10
bash                 4242        2 1
sshd                  812        1 0
`,
  );
  assert.equal(printed(wakeups.__interval__), "COMM                  PID    COUNT CPUS\n");
});

Deno.test("wakeups.ts shows ten tasks", () => {
  for (let pid = 1; pid <= 30; pid++) wakeups.sched__sched_wakeup({ comm: "many", pid, target_cpu: 0 });
  assert.equal(printed(wakeups.__interval__).match(/many/g)?.length, 10);
});

const wakeup = (pid: number, _time: number) => latency.sched__sched_wakeup({ pid, _time });
const switched = (prev_pid: number, next_pid: number, _time: number) =>
  latency.sched__sched_switch({ prev_pid, next_pid, _time });

Deno.test("latency.ts measures from the wake-up to the switch", () => {
  for (let i = 1; i <= 100; i++) {
    wakeup(100, i * 1_000_000);
    switched(0, 100, i * 1_000_000 + i * 1000);
  }
  assert.equal(
    printed(latency.__interval__),
    "     100 wake-ups  min      1.0  avg     50.5  p99     99.0  max    100.0 µs",
  );
});

Deno.test("latency.ts has a line for an interval without wake-ups", () => {
  assert.equal(
    printed(latency.__interval__),
    "       0 wake-ups  min      0.0  avg      0.0  p99      0.0  max      0.0 µs",
  );
});

Deno.test("latency.ts takes no wait from a task that was still running when it was woken", () => {
  wakeup(100, 1000);
  switched(100, 0, 2000);
  switched(0, 100, 9000);
  assert.match(printed(latency.__interval__), /^ {7}0 wake-ups/);
});

Deno.test("latency.ts takes no wait across lost events, and says how many were lost", () => {
  wakeup(100, 1000);
  latency.__lost__(1500, 1600, { count: 12 });
  switched(0, 100, 9000);
  assert.match(printed(latency.__interval__), /^ {7}0 wake-ups .* \(12 events lost\)$/);
  assert.doesNotMatch(printed(latency.__interval__), /lost/);
});

const template = (name: string) => new URL(`../templates/${name}`, import.meta.url).pathname;

live("counter.ts runs as it is", async () => {
  const { code, stdout } = await perfprof(["-e", "sched:sched_switch", "-N", "100", "-i", "1", template("counter.ts")]);
  assert.equal(code, 0);
  assert.match(stdout, /^(?:Events: \d+\n)+Done\n$/);
});

live("wakeups.ts runs as it is", async () => {
  const { code, stdout } = await perfprof(["-e", "sched:sched_wakeup", "-N", "100", "-i", "1", template("wakeups.ts")]);
  assert.equal(code, 0);
  assert.match(stdout, /^COMM +PID +COUNT CPUS\n(?:.{16} +\d+ +\d+ [\d,]+\n)+\n/m);
});

live("latency.ts ends the run after as many lines as it was asked for", async () => {
  const events = "sched:sched_wakeup,sched:sched_switch";
  const { code, stdout } = await perfprof(["-e", events, "-i", "50", template("latency.ts"), "2"]);
  assert.equal(code, 0);
  assert.match(stdout, /^(?: +\d+ wake-ups {2}min +[\d.]+ {2}avg +[\d.]+ {2}p99 +[\d.]+ {2}max +[\d.]+ µs\n){2,}$/);
});

live("events.ts counts each event by its name, and has all of them at the end", async () => {
  using stage = new Stage();
  const events = `${stage.event("alias=first")},${stage.exitEvent("alias=second")}`;
  const { code, stdout, stderr } = await perfprof(
    ["-q", "-e", events, "-c", `${stage.emitter} calls 123`, template("events.ts")],
  );
  assert.deepEqual([code, stderr], [0, ""]);
  // What the generator says of itself stands on the same stdout.
  assert.match(stdout, /^raw_syscalls:first +123\nraw_syscalls:second +123\n$/m);
});

live("events.ts starts each interval at 0", async () => {
  using stage = new Stage();
  const { stdout } = await perfprof(
    ["-q", "-i", "20", "-e", stage.event("alias=a"), "-c", `${stage.emitter} rate 1000 0.3`, template("events.ts")],
  );
  const counts = [...stdout.matchAll(/^raw_syscalls:a {2}(\d+)$/gm)].map(([, count]) => Number(count));
  assert.ok(counts.length > 2, stdout);
  assert.equal(counts.reduce((a, b) => a + b, 0), JSON.parse(/^\{.*\}$/m.exec(stdout)![0]).calls);
});

live("state.ts goes on from what the last run wrote, and can be told not to", async () => {
  using stage = new Stage();
  const file = `${stage.dir.path}/state.json`;
  const run = (calls: number, ...args: string[]) =>
    perfprof(
      ["-q", "-e", stage.event(), "-c", `${stage.emitter} --cpu 0 calls ${calls}`, template("state.ts"), ...args],
      { cwd: stage.dir.path },
    );
  for (const [calls, total, ...args] of [[20, 20, file], [5, 25, "state.json"], [7, 7, "--reset", file]] as const) {
    const { code, stdout, stderr } = await run(calls, ...args);
    assert.deepEqual([code, stderr], [0, ""]);
    assert.match(stdout, new RegExp(`^${total} events in `, "m"));
    assert.deepEqual(JSON.parse(Deno.readTextFileSync(file)), { total, by_cpu: { 0: total } });
  }
  assert.equal((await run(3)).code, 0);
  assert.equal(JSON.parse(Deno.readTextFileSync(`${stage.dir.path}/stats.json`)).total, 3);
  // Whole files, and nothing beside them.
  const left = [...Deno.readDirSync(stage.dir.path)].map(({ name }) => name).filter((name) => /\.(json|tmp)/.test(name));
  assert.deepEqual(left.sort(), ["state.json", "stats.json"]);
});

live("state.ts writes over no file that is none of its own", async () => {
  using stage = new Stage();
  const file = stage.dir.write("notes.json", '"mine"');
  const { code, stderr } = await perfprof(["-q", "-e", stage.event(), "-c", "true", template("state.ts"), file]);
  assert.equal(code, 1);
  assert.match(stderr, /notes\.json cannot be gone on from\n/);
  assert.equal(Deno.readTextFileSync(file), '"mine"');
});

const frame = (symbol: string, kernel: boolean, more: { dso?: string; reason?: string; inlined?: true } = {}) => ({
  symbol,
  kernel,
  dso: kernel ? "[kernel.kallsyms]" : "/lib/libc.so",
  ...more,
});

/** An event with these fields. */
const sampled = (fields: Readonly<Record<string, unknown>>) => ({ get: (name: string) => fields[name] });

Deno.test("callstacks.ts shows the five innermost kernel functions, by interval and of all", () => {
  const deep = ["a", "b", "c", "d", "e", "f"].map((symbol) => frame(symbol, true));
  for (let i = 0; i < 2; i++) callstacks.__sample__(sampled({ _callchain: [...deep, frame("main", false)] }));
  for (let i = 0; i < 3; i++) callstacks.__sample__(sampled({ callchain: [frame("x", true)] }));
  callstacks.__sample__(sampled({ _callchain: [frame("main", false)] }));
  callstacks.__sample__(sampled({}));
  assert.equal(printed(callstacks.__interval__), "\n=== Top stacks ===\n     3  x\n     2  a <- b <- c <- d <- e");
  assert.equal(printed(callstacks.__interval__), "\n=== Top stacks ===");
  assert.equal(printed(callstacks.__exit__), "\n=== Top stacks of all ===\n     3  x\n     2  a <- b <- c <- d <- e");
});

Deno.test("folded.ts writes a line for each stack, outermost first", () => {
  const unknown = { reason: "the file is stripped" };
  const _callchain = [
    frame("sys_read", true),
    frame("std::map<int, a;b>", false, { inlined: true }),
    frame("Unknown", false, unknown),
    frame("main", false),
  ];
  const to_text = () => "       my worker  12345 d... [001] 1.000001: a:b: ";
  for (let i = 0; i < 3; i++) folded.__sample__({ ...sampled({ _callchain }), to_text });
  folded.__sample__({ ...sampled({ callchain: [..._callchain] }), to_text });
  folded.__sample__({ ...sampled({ _callchain: [frame("Unknown", true, unknown)] }), to_text });
  assert.equal(
    printed(folded.__exit__),
    "my_worker;[kernel.kallsyms]_[k] 1\nmy_worker;main;[libc.so];std::map<int,_a:b>_[i];sys_read_[k] 4",
  );
});

Deno.test("offcpu.ts adds up the waits of a task by stack", () => {
  const callchain = [frame("schedule", true), frame("main", false)];
  const waited = (comm: string, us: number, frames: typeof callchain | undefined = callchain) =>
    offcpu.task_state({ comm, duration: us * 1000, get: (_name, otherwise) => frames ?? otherwise });
  waited("w", 250);
  waited("w", 100, [...callchain]);
  waited("w", 0.4, []);
  waited("v;", 7);
  assert.equal(printed(offcpu.__exit__), "v:;main;schedule_[k] 7\nw;main;schedule_[k] 350");
});

live("callstacks.ts runs as it is", async () => {
  const { code, stdout } = await perfprof([
    "-e",
    "sched:sched_wakeup",
    "-g",
    "-N",
    "100",
    "-i",
    "1",
    template("callstacks.ts"),
  ]);
  assert.equal(code, 0);
  assert.match(stdout, /^=== Top stacks of all ===\n(?: +\d+ {2}\w+(?: <- [\w.]+)*\n)+$/m);
});

live("folded.ts has every stack of a program with a known one", async () => {
  using programs = new Programs();
  const path = programs.compile("stacks", FRAME_POINTERS);
  const { stdout } = await perfprof(
    ["-q", "-e", getppid(), "-g", "--user-callchain", "-c", `${path} tree 20`, template("folded.ts")],
  );
  assert.match(stdout, /^stacks;(?:\S+;)?main;a;b;c;call_kernel;\S+_\[k\] 20\n$/);
});

live("offcpu.ts finds where a command slept, and how long", async () => {
  using dir = new TempDir();
  const name = `w${Deno.pid}`;
  Deno.copyFileSync("/bin/sleep", `${dir.path}/${name}`);
  // It comes back from another task, not from idleness, whose switches some virtual machines do not tell of.
  const busy = new Child("taskset", ["-c", "0", "sh", "-c", "while :; do :; done"]);
  const command = `taskset -c 0 ${dir.path}/${name} 0.3`;
  const { stdout } = await perfprof(["-q", "-e", "task-state/-g/", "-c", command, template("offcpu.ts")]);
  busy.kill("SIGKILL");
  await busy.end();
  const waits = stdout.matchAll(new RegExp(`^${name};\\S*nanosleep\\S* (\\d+)$`, "gm"));
  const us = [...waits].reduce((sum, [, count]) => sum + Number(count), 0);
  assert.ok(us > 290_000 && us < 2_000_000, stdout);
});
