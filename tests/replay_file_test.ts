/**
 * perfprof -I on what perf record has written: the text of every sample is that of perf script, in whichever form the recording
 * is; limits, losses of form and damage; no privileges; memory that does not grow with the file.
 *
 * @module
 */

import assert from "node:assert/strict";
import { asNobody, Child, EMIT, type Ended, lastJson, live, perfprof, TempDir } from "./harness.ts";
import { cannotRecord, emitted, output, perfLines, recordCalls, sampleLines } from "./recording_files.ts";

const PRINT = `export function __sample__(event) { console.log(event.to_text({ timestamp: false }).split("\\n")[0]); }`;
const COUNT = `
  const counts = {};
  export function __sample__({ _event }) { counts[_event] = (counts[_event] ?? 0) + 1; }
  export function __exit__() { console.log(JSON.stringify(counts)); }`;
const SCHED = ["-e", "sched:sched_switch,sched:sched_wakeup,sched:sched_process_exit"];
const CALLS = 500;

function recorded(name: string, test: (dir: TempDir) => Promise<void> | void): void {
  live(name, async () => {
    using dir = new TempDir();
    await test(dir);
  }, cannotRecord);
}

/** Runs a module over a recording. */
async function replay(dir: TempDir, module: string, ...options: string[]): Promise<Ended> {
  const ended = await perfprof([...options, dir.write("h.ts", module)]);
  assert.equal(ended.code, 0, ended.stderr);
  return ended;
}

for (
  const [form, options] of [
    ["several events", ["-a", ...SCHED, ...emitted()]],
    ["one event without an id", emitted()],
    ["compressed records", ["-a", "-z", ...SCHED, ...emitted()]],
    ["call chains", ["-g", ...emitted()]],
    ["copied stacks", ["-m", "4M", "--call-graph", "dwarf,1024", ...emitted()]],
    ["addresses, weights of nothing and periods", ["-d", "--sample-cpu", "-P", ...emitted()]],
  ] as const
) {
  recorded(`a recording with ${form} has the text that perf script shows`, async (dir) => {
    const path = `${dir.path}/perf.data`;
    recordCalls(path, options, CALLS);
    const lines = perfLines(path);
    const { stdout } = await replay(dir, PRINT, "-I", path);
    assert.ok(lines.length >= CALLS, `${lines.length}`);
    assert.deepEqual(sampleLines(stdout), lines);
  });
}

recorded("a pipe gives what its file gives, byte for byte", async (dir) => {
  const path = `${dir.path}/pipe.data`;
  const module = dir.write("h.ts", PRINT);
  const [main, runtime] = [new URL("../main.ts", import.meta.url).pathname, Deno.execPath()];
  const perf = `perf record -q -a ${SCHED.join(" ")} -o - -- ${EMIT} calls 10`;
  const piped = output("sh", ["-c", `${perf} | tee ${path} | ${runtime} run -A -q --no-lock ${main} -q -I - ${module}`]);
  const { stdout } = await perfprof(["-q", "-I", path, module]);
  assert.ok(piped.length > 0);
  assert.equal(stdout, piped);
  assert.deepEqual(sampleLines(stdout), perfLines(path));
});

recorded("samples that are no tracepoint's have their members", async (dir) => {
  const path = `${dir.path}/perf.data`;
  output("perf", ["record", "-q", "-e", "cpu-clock:u", "-c", "100000", "-g", "-o", path, "--", EMIT, "flood", "200000"]);
  const module = `const events = [];
    export function cpu_clock({ ip, period, callchain, _pid, cpu }) {
      events.push([_pid > 0, typeof ip, period, callchain.length > 0, cpu]);
    }
    export function __exit__() { console.log(JSON.stringify(events)); }`;
  const ended = await replay(dir, module, "-I", path);
  const events = lastJson(ended);
  assert.equal(events.length, output("perf", ["script", "-i", path, "-F", "event"]).match(/cpu-clock/g)!.length);
  assert.deepEqual(events[0], [true, "bigint", 100000, true, 0]);
  assert.match(ended.stderr, /cpu-clock:u was recorded without CPU/);
});

recorded("call chains have the addresses that perf script shows", async (dir) => {
  const path = `${dir.path}/perf.data`;
  recordCalls(path, ["-g", ...emitted()], 20);
  const module = `export function __sample__({ _callchain }) {
    console.log(_callchain.map(({ addr }) => (addr & 0xfffn).toString(16)).join(" "));
  }`;
  const { stdout } = await replay(dir, module, "-I", path);
  const shown = output("perf", ["script", "-i", path, "-F", "ip"]).trim().split(/\n\s*\n/);
  assert.equal(shown.length, 20);
  // perf script shows addresses in files as bytes of the file: their places in a page are the same.
  const places = (chain: string) => chain.trim().split(/\s+/).map((ip) => (BigInt(`0x${ip}`) & 0xfffn).toString(16)).join(" ");
  assert.deepEqual(stdout.trim().split("\n"), shown.map(places));
});

recorded("copied stacks are unwound by the files with the recorded build ids", async (dir) => {
  const path = `${dir.path}/perf.data`;
  recordCalls(path, ["--call-graph", "dwarf", ...emitted()], 5);
  const module =
    `export function __sample__({ _callchain }) { console.log(_callchain.map(({ symbol }) => symbol).join(" ")); }`;
  const { stdout } = await replay(dir, module, "-I", path);
  assert.match(stdout, /\bsyscall call main\b/);
});

recorded("-e chooses and renames, -C and --time limit", async (dir) => {
  const path = `${dir.path}/perf.data`;
  recordCalls(path, ["-a", ...SCHED, ...emitted()], CALLS);
  const lines = perfLines(path);
  const chosen = await replay(dir, COUNT, "-I", path, "-e", "raw_syscalls:sys_enter//alias=call/");
  assert.deepEqual(lastJson(chosen), { "raw_syscalls:call": CALLS });
  const cpu = await replay(dir, PRINT, "-I", path, "-C", "0");
  assert.deepEqual(sampleLines(cpu.stdout), lines.filter((line) => / 000 \d+\.\d+ /.test(line)));
  // perf script shows microseconds, cut off.
  const at = (i: number) => / (\d+\.\d{6}) /.exec(lines[i]!)![1]!;
  const [from, to] = [at(Math.floor(lines.length / 3)), at(Math.floor(lines.length / 2))];
  const time = await replay(dir, PRINT, "-I", path, "--time", `${from},${to}999`);
  assert.deepEqual(
    sampleLines(time.stdout),
    lines.filter((line) => {
      const [, shown] = / (\d+\.\d{6}) /.exec(line)!;
      return Number(shown) >= Number(from) && Number(shown) <= Number(to);
    }),
  );
});

recorded("__interval__ is called in the time of the events", async (dir) => {
  const path = `${dir.path}/perf.data`;
  output("perf", ["record", "-q", ...emitted(), "-o", path, "--", EMIT, "rate", "1000", "0.5"]);
  const module = `let events = 0; const ticks = [];
    export function __sample__() { events++; }
    export function __interval__() { ticks.push(events); events = 0; }
    export function __exit__() { console.log(JSON.stringify(ticks)); }`;
  const times = perfLines(path).map((line) => Number(/ (\d+\.\d{6}) /.exec(line)![1]));
  const ticks: number[] = lastJson(await replay(dir, module, "-i", "100", "-I", path, "--time", `${times[0]},`));
  assert.equal(ticks.length, Math.floor((times.at(-1)! - times[0]!) / 0.1));
  assert.equal(ticks[0], times.filter((time) => time < times[0]! + 0.1).length);
});

recorded("profilers analyse what was recorded", async (dir) => {
  const path = `${dir.path}/perf.data`;
  const events = "sched:sched_switch,sched:sched_wakeup,sched:sched_wakeup_new,task:task_newtask";
  // Perf has been seen to lose the switches of an idle task: here the CPU is never idle.
  const busy = new Child(EMIT, ["--cpu", "0", "flood", "3s"]);
  output("perf", ["record", "-q", "-a", "-e", events, "-o", path, "--", EMIT, "--cpu", "0", "rate", "100", "0.2"]);
  await busy.end();
  const module = `let slept = 0;
    export function task_state({ comm, state, duration }) { if (comm === "emit" && state === "S") slept += duration; }
    export function __exit__() { console.log(JSON.stringify(slept)); }`;
  const slept = lastJson(await replay(dir, module, "-I", path, "-e", "task-state"));
  assert.ok(slept > 1e8 && slept < 1e9, `${slept} ns`);
});

recorded("a recording needs no privileges", async (dir) => {
  const path = `${dir.path}/perf.data`;
  recordCalls(path, emitted(), CALLS);
  const module = dir.write("h.ts", COUNT);
  Deno.chmodSync(dir.path, 0o755);
  Deno.chmodSync(path, 0o644);
  const ended = await asNobody(dir, ["-q", "-I", path, module]);
  assert.equal(ended.code, 0, ended.stderr);
  assert.deepEqual(lastJson(ended), { "raw_syscalls:sys_enter": CALLS });
});

recorded("a damaged recording is an error with the place; --force reads the rest", async (dir) => {
  const path = `${dir.path}/perf.data`;
  recordCalls(path, emitted(), CALLS);
  const whole = Deno.readFileSync(path);
  Deno.writeFileSync(path, whole.subarray(0, Math.floor(whole.length / 2)));
  const module = dir.write("h.ts", COUNT);
  const refused = await perfprof(["-I", path, module]);
  assert.equal(refused.code, 1);
  assert.match(refused.stderr, /^perfprof: read .*: at byte \d+ .*$/m);
  assert.match(refused.stderr, /^hint: --force reads what can be read$/m);
});

recorded("memory does not grow with the recording", async (dir) => {
  const path = `${dir.path}/perf.data`;
  const module = `let events = 0;
    export function __sample__() { events++; }
    export function __exit__() { console.log(JSON.stringify([events, Deno.memoryUsage().rss])); }`;
  const rss: number[] = [];
  for (const calls of [50_000, 1_000_000]) {
    recordCalls(path, ["-m", "1M", ...emitted()], calls);
    const [events, bytes] = lastJson(await replay(dir, module, "-I", path));
    const lines = output("perf", ["report", "-i", path, "--stats"]);
    assert.equal(events, Number(/SAMPLE events:\s+(\d+)/.exec(lines)?.[1]));
    rss.push(bytes);
  }
  assert.ok(rss[1]! - rss[0]! < 32 << 20, `${rss} bytes`);
});

for (
  const [what, args, expected] of [
    ["what is no recording", ["-I", "/proc/version"], /^perfprof: read \/proc\/version: it is no perf\.data$/m],
    ["a file that is not there", ["-I", "/nonexistent"], /^perfprof: open \/nonexistent failed: no such file or directory$/m],
    ["a target", ["-I", "x", "-p", "1"], /^perfprof: option -p: a recording is as it was recorded$/m],
    ["a range that is none", ["-I", "x", "--time", "5,1"], /^perfprof: option --time: '5,1' ends before it begins$/m],
    ["--time without a recording", ["-e", "a:b", "--time", "1,5"], /^perfprof: option --time: it is about a recording$/m],
  ] as const
) {
  Deno.test(`-I refuses ${what}`, async () => {
    using dir = new TempDir();
    const { code, stderr } = await perfprof([...args, dir.write("h.ts", COUNT)]);
    assert.notEqual(code, 0);
    assert.match(stderr, expected);
  });
}

recorded("-e refuses what the recording does not have, and filters", async (dir) => {
  const path = `${dir.path}/perf.data`;
  recordCalls(path, emitted(), 1);
  const module = dir.write("h.ts", COUNT);
  const unknown = await perfprof(["-I", path, "-e", "sched:sched_switch", module]);
  assert.match(unknown.stderr, /^perfprof: event 'sched:sched_switch' is unknown/m);
  const filtered = await perfprof(["-I", path, "-e", "raw_syscalls:sys_enter/id>1/", module]);
  assert.match(filtered.stderr, /filters are the kernel's, which is not asked when a recording is read/);
});
