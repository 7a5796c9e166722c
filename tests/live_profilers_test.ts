/** Profilers beside tracepoints in a run: names, options, counts, losses, errors. What each measures has tests of its own. */

import assert from "node:assert/strict";
import { lastJson, live, perfprof, Stage } from "./harness.ts";

/** A program that computes, sleeps and calls the kernel. */
const BUSY = ["-c", `sh -c 'i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done; sleep 0.05; true | true'`];

/** Counts events by handler and name, and what the named handlers saw of members. */
const COUNT = `
const counts = {};
const count = (handler, event) => {
  const key = handler + " " + event._event;
  counts[key] = (counts[key] ?? 0) + 1;
};
export function sched__sched_switch(event) { count("switch", event); }
export function profile(event) { count("profile", event); event.ip.toString(); }
export function slow(event) { count("slow", event); if (event.duration < 1e6) throw new Error("too short"); }
export function __sample__(event) { count("sample", event); }
export function __exit__() { console.log(JSON.stringify(counts)); }
`;

live("profilers and tracepoints in one run, each to its handler", async () => {
  using stage = new Stage();
  const path = stage.dir.write("h.ts", COUNT);
  const events = "sched:sched_switch,profile/-F 997/,task-state/--than 1ms/alias=slow/,oncpu";
  const { code, stdout, stderr } = await perfprof(["-q", "-e", events, ...BUSY, path]);
  assert.deepEqual([code, stderr], [0, ""]);
  const counts = lastJson({ code, stdout, stderr, signal: null });
  assert.deepEqual(Object.keys(counts).sort(), ["profile profile", "sample oncpu", "slow slow", "switch sched:sched_switch"]);
});

live("what a profiler has to say is said once at the start, and not with -q", async () => {
  using stage = new Stage();
  const path = stage.dir.write("h.ts", COUNT);
  const { stderr } = await perfprof(["-e", "profile", "-c", "true", path]);
  const quiet = await perfprof(["-q", "-e", "profile", "-c", "true", path]);
  assert.equal(quiet.stderr, "");
  const notes = stderr.split("\n").filter((line) => line.startsWith("perfprof: profile: "));
  assert.deepEqual(notes.length, hasPmu() ? 0 : 1, stderr);
});

function hasPmu(): boolean {
  return ["cpu", "cpu_core", "armv8_pmuv3_0"].some((name) => {
    try {
      return Deno.statSync(`/sys/bus/event_source/devices/${name}`).isDirectory;
    } catch {
      return false;
    }
  });
}

live("-N counts the events that an analysis emits", async () => {
  using stage = new Stage();
  const path = stage.dir.write(
    "h.ts",
    "let n = 0; export function syscalls() { n++; }\nexport function __exit__() { console.log(n); }",
  );
  for (const n of [1, 7]) {
    const { code, stdout } = await perfprof(["-q", "-e", "syscalls", "-N", String(n), ...BUSY, path]);
    assert.deepEqual([code, stdout], [0, `${n}\n`]);
  }
});

live("stacks of a profiler: its own -g, the attributes, perfprof's -g and its sides", async () => {
  using stage = new Stage();
  const path = stage.dir.write(
    "h.ts",
    `const seen = { stacks: 0, most: 0, user: 0, kernel: 0 };
    export function page_faults(event) {
      const stack = event.get("callchain", []);
      seen.stacks += stack.length > 0 ? 1 : 0;
      seen.most = Math.max(seen.most, stack.length);
      for (const { kernel } of stack) seen[kernel ? "kernel" : "user"]++;
    }
    export function __exit__() { console.log(JSON.stringify(seen)); }`,
  );
  const run = async (...args: string[]) => lastJson(await perfprof(["-q", ...args, "-c", "ls /", path]));
  assert.equal((await run("-e", "page-faults")).stacks, 0);
  for (const args of [["-e", "page-faults/-g/"], ["-e", "page-faults//stack/"], ["-g", "-e", "page-faults"]]) {
    const { user, kernel } = await run(...args);
    assert.ok(user > 0 && kernel > 0, `${args}: ${user} ${kernel}`);
  }
  assert.equal((await run("-e", "page-faults//max-stack=2/")).most, 2);
  const { user, kernel } = await run("--no-kernel-callchain", "--user-callchain", "-e", "page-faults");
  assert.ok(user > 0 && kernel === 0, `${user} ${kernel}`);
});

live("lost samples of an analysis: named by both, pairs given up and said", async () => {
  using stage = new Stage();
  const { code, stdout, stderr } = await stage.trace(
    ["-m", "8", "-e", "syscalls"],
    `const cell = new Int32Array(new SharedArrayBuffer(4));
    const lost = new Set();
    let n = 0;
    export function syscalls() { if (n++ % 500 === 0) Atomics.wait(cell, 0, 0, 200); }
    export function __lost__(start, end, { event }) { lost.add(event); }
    export function __exit__() { console.log(JSON.stringify([...lost].sort())); }`,
    () => stage.emit("flood", 200_000),
  );
  assert.equal(code, 0);
  const names = JSON.parse(stdout.trimEnd().split("\n").at(-1)!);
  assert.deepEqual(names, ["syscalls (raw_syscalls:sys_enter)", "syscalls (raw_syscalls:sys_exit)"]);
  assert.match(stderr, /^ {2}syscalls \(raw_syscalls:sys_exit\) +cpu \d+: \d+ sent = \d+ delivered \+ \d+ lost$/m);
  assert.match(stderr, /^perfprof: syscalls: \d+ pairs? given up because events were lost$/m);
});

live("the status names the parts of an analysis", async () => {
  using stage = new Stage();
  const { stderr } = await stage.trace(
    ["-e", "task-state"],
    "export function task_state() {}",
    async (perfprof) => {
      perfprof.kill("SIGUSR2");
      await perfprof.saw(/task-state \(sched:sched_switch\) +\d+ delivered, \d+ lost/);
    },
  );
  assert.match(stderr, /^ {4}task-state \(sched:sched_wakeup\)/m);
});

const ERRORS: [args: string[], code: number, stderr: RegExp][] = [
  [["-e", "profil"], 2, /^perfprof: option -e: 'profil' is no profiler.*\n.*\n.*\nhint: did you mean profile\?\n$/],
  [["-e", "sched"], 2, /\nhint: did you mean sched:\*\?\n$/],
  [["-e", "sched_wakeup"], 2, /\nhint: did you mean sched:sched_wakeup\?\n$/],
  [["-e", "sched_wakup"], 2, /\nhint: did you mean sched:sched_wakeup\b/],
  [["-e", "profile,profile"], 2, /event 'profile' is given twice\n.*\n.*\nhint: tell them apart: profile\/\/alias=NAME\/\n$/],
  [["-e", "profile,oncpu//stack/"], 2, /attribute 'stack': oncpu has no call stacks\n/],
  [["-e", "sched:sched_switch//key=pid/"], 2, /attribute 'key': sched:sched_switch pairs no events\n/],
  [["--cgroups", "/sys/fs/cgroup", "-e", "task-state"], 1, /^perfprof: option --cgroups: task-state pairs events of all tasks/],
  [["--srcline", "-e", "profile"], 2, /^perfprof: option --srcline: no event has call stacks\n/],
];
for (const [args, code, want] of ERRORS) {
  live(`profilers: ${args.join(" ")} is refused`, async () => {
    using stage = new Stage();
    const ended = await perfprof([...args, stage.dir.write("h.ts", COUNT)]);
    assert.deepEqual([ended.code, ended.stdout], [code, ""]);
    assert.match(ended.stderr, want);
  });
}

live("an event of a profiler that no handler takes is said", async () => {
  using stage = new Stage();
  const path = stage.dir.write("h.ts", "export function profile() {}");
  const { stderr } = await perfprof(["-e", "profile,task-state,cpu-clock//alias=c/", "-c", "true", path]);
  assert.match(stderr, /^perfprof: warning: no handler takes task-state: export task_state or __sample__$/m);
  assert.match(stderr, /^perfprof: warning: no handler takes c: export c or __sample__$/m);
});
