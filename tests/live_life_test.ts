/** The life of a run in its order: checks, events open, the module, `__init__`, the flow, the drain, `__exit__`, the summary. */

import assert from "node:assert/strict";
import { QUIET } from "./command.ts";
import { lastJson, live, perfprof, Stage, start, TempDir, until } from "./harness.ts";

const LOUD = `console.log("imported");\nexport function __init__() { console.log("init"); }\nexport function __sample__() {}\n`;

live("where an option, an event or a target is wrong, no line of the module runs", async () => {
  using dir = new TempDir();
  const path = dir.write("h.ts", LOUD);
  const wrong = [
    ["-i", "0", "-e", QUIET],
    ["-e", "sched:no_such_event"],
    ["-e", `${QUIET}/no_such_field>1/`],
    ["-p", "4194304", "-e", QUIET],
    ["-c", "no-such-command", "-e", QUIET],
  ];
  for (const options of wrong) {
    const { code, stdout, stderr } = await perfprof([...options, path]);
    assert.notEqual(code, 0, options.join(" "));
    assert.equal(stdout, "", options.join(" "));
    assert.doesNotMatch(stderr, /Loaded module/);
  }
});

live("events are open before the module is imported, and flow once __init__ has ended", async () => {
  using stage = new Stage();
  const module = `
    const emit = (calls) => new Deno.Command(${JSON.stringify(stage.emitter)}, { args: ["calls", String(calls)] }).outputSync();
    const openFiles = () => [...Deno.readDirSync("/proc/self/fd")]
      .filter(({ name }) => { try { return Deno.readLinkSync("/proc/self/fd/" + name).includes("perf_event"); } catch { return false; } });
    let count = 0;
    const opened = openFiles().length;
    emit(5);
    export function __init__() { emit(7); }
    export function raw_syscalls__sys_enter() { count++; }
    export function __exit__() { console.log(JSON.stringify({ opened: opened > 0, count })); }
    setTimeout(() => console.log("flows"), 0);`;
  const path = stage.dir.write("h.ts", module);
  const child = start(["-q", "-e", stage.event(), path]);
  await child.saw(/^flows$/m);
  // The timer runs in the first wait for events at the earliest: __init__ is not async.
  await stage.emit("calls", 11);
  child.kill("SIGINT");
  assert.deepEqual(lastJson(await child.end()), { opened: true, count: 11 });
});

live("the end: what the rings hold, no __interval__ for it, __exit__, the summary", async () => {
  using stage = new Stage();
  const log = `${stage.dir.path}/log`;
  const path = stage.dir.write(
    "h.ts",
    `let count = 0;
     export function __init__() { setTimeout(() => console.log("ready"), 0); }
     export function __interval__() { console.log("tick"); }
     export function __sample__() { if (++count === 10) throw new Error("the tenth"); }
     export async function __exit__() { await null; console.log("exit", count); }`,
  );
  // One file for stdout and stderr, so that their order is seen. The first tick would come after 1,000 s.
  const child = start(["-v", "-i", "1000000", "-o", log, "-e", stage.event(), path]);
  await until(() => /^ready$/m.test(readOr(log)));
  await stage.emit("calls", 10);
  child.kill("SIGTERM");
  assert.equal((await child.end()).code, 0);
  assert.deepEqual(
    Deno.readTextFileSync(log).split("\n").map((line) => line.replace(/ at .*/, "")).filter((line) => !/^ {4}|^ *$/.test(line)),
    [
      `Loaded module: ${path}`,
      "ready",
      "perfprof: __sample__ threw Error: the tenth",
      "exit 10",
      "perfprof: 1 exception: __sample__ 1",
      "perfprof: 10 events delivered, 0 lost, 0 late",
    ],
  );
});

function readOr(path: string): string {
  try {
    return Deno.readTextFileSync(path);
  } catch {
    return "";
  }
}

const SYSCALLS = "/sys/kernel/tracing/events/syscalls";
const enters = () => [...Deno.readDirSync(SYSCALLS)].map(({ name }) => name).filter((name) => name.startsWith("sys_enter_"));

/** Not on every kernel (CONFIG_FTRACE_SYSCALLS). */
function fewSyscalls(): string | undefined {
  try {
    return enters().length < 300 ? "fewer than 300 syscalls:sys_enter_* events" : undefined;
  } catch {
    return "no syscalls:* events";
  }
}

live("300 events are opened and closed within seconds", async () => {
  using dir = new TempDir();
  const events = enters().slice(0, 300).map((name) => `syscalls:${name}`).join(",");
  const path = dir.write(
    "h.ts",
    `let count = 0;\nexport function __sample__() { count++; }\n
    export function __exit__() { console.log(JSON.stringify(count)); }`,
  );
  const from = performance.now();
  const ended = await perfprof(["-q", "-e", events, "-c", "true", path]);
  const ms = performance.now() - from;
  assert.equal(ended.code, 0, ended.stderr);
  assert.ok(lastJson(ended) > 0);
  assert.ok(ms < 10_000, `${ms} ms`);
}, fewSyscalls());
