/** Direct profilers on real events: each test makes a known number of them, and exactly that number must come. */

import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { NativeMachine } from "../ffi/machine.ts";
import { genericEvents } from "../lib/profilers/generic_events.ts";
import { EMIT, emittedNr, type Ended, lastJson, live, perfprof, Stage, TempDir } from "./harness.ts";

/** tests/native/counted.c, and where its memory is. */
const COUNTED = fileURLToPath(new URL("../native/build/counted", import.meta.url));
const ADDRESS = 0x200000000n;

/** What counted.c says at its end. */
interface Counted {
  readonly tid: number;
  readonly count: number;
  readonly page: number;
}

/**
 * Runs perfprof on a program until that ends.
 *
 * @param module Body of a handler module that keeps `seen`; __exit__ writes it, bigints as text
 */
async function trace(event: string, command: string, module: string): Promise<{ seen: unknown; said: Counted; ended: Ended }> {
  using dir = new TempDir();
  const path = dir.write(
    "h.ts",
    `const seen = {};
${module}
export function __exit__() {
  console.log(JSON.stringify(seen, (_, value) => typeof value === "bigint" ? String(value) : value));
}
`,
  );
  const ended = await perfprof(["-q", "-e", event, "-c", command, path]);
  assert.equal(ended.code, 0, ended.stderr);
  const said = /^\{"(?:tid|calls)".*$/m.exec(ended.stdout);
  assert(said !== null, ended.stdout);
  return { seen: lastJson(ended), said: JSON.parse(said[0]), ended };
}

live("page-faults: 1,000 fresh pages, each with its address", async () => {
  const { seen, said } = await trace(
    "page-faults",
    `${COUNTED} faults 1000`,
    `seen.offsets = [];
export function page_faults({ addr, regs_user, ip }) {
  if (addr >= ${ADDRESS}n && addr < ${ADDRESS + 0x10000000n}n) seen.offsets.push(Number(addr - ${ADDRESS}n));
  if (addr === ${ADDRESS}n) seen.ip = regs_user.ip === ip;
}`,
  );
  assert.deepEqual(seen, { offsets: Array.from({ length: 1000 }, (_, i) => i * said.page), ip: true });
});

live("page-faults: --exclude-user leaves out those of user code", async () => {
  const { seen } = await trace(
    "page-faults/--exclude-user/",
    `${COUNTED} faults 100`,
    `seen.touched = 0;
export function page_faults({ addr }) {
  if (addr >= ${ADDRESS}n && addr < ${ADDRESS + 0x10000000n}n) seen.touched++;
}`,
  );
  assert.deepEqual(seen, { touched: 0 });
});

live("breakpoint: a variable that is written 500 times, as print shows it", async () => {
  const { seen, said } = await trace(
    "breakpoint/0x200000000/8:w -g/alias=watch/",
    `${COUNTED} writes 500`,
    `seen.hits = 0;
export function watch(event) {
  if (++seen.hits > 1) return;
  const { addr, tid, callchain, regs_intr } = event;
  seen.first = { addr, tid, innermost: callchain[0].addr === event.ip, ip: regs_intr.ip === event.ip };
  seen.text = event.to_text({ timestamp: false, callchain: false });
}`,
  ) as { seen: { hits: number; text: string; first: unknown }; said: Counted };
  assert.equal(seen.hits, 500);
  assert.deepEqual(seen.first, { addr: String(ADDRESS), tid: said.tid, innermost: true, ip: true });
  assert.match(seen.text, /: watch: 0x200000000\/8:W ip [0-9a-f]{16}$/);
});

live("breakpoint: two addresses are told apart", async () => {
  const { seen } = await trace(
    "breakpoint/0x200000000/4:w 0x200001000/1:rw/",
    `${COUNTED} faults 3`,
    `export function breakpoint({ addr }) {
  seen[addr] = (seen[addr] ?? 0) + 1;
}`,
  );
  assert.deepEqual(seen, { [String(ADDRESS)]: 1, [String(ADDRESS + 0x1000n)]: 1 });
});

live("context-switches: as many as the kernel counts for a thread", async () => {
  const { seen, said } = await trace(
    "context-switches",
    `${COUNTED} switches 300`,
    `seen.of = {};
export function context_switches({ tid, period }) {
  seen.of[tid] = (seen.of[tid] ?? 0) + period;
}`,
  ) as { seen: { of: Record<number, number> }; said: Counted };
  assert(said.count >= 300, `${said.count} switches`);
  assert.equal(seen.of[said.tid], said.count);
});

live("profile: 997 samples for each second of CPU time", async () => {
  const { seen, said, ended } = await trace(
    "profile/-F 997 -g/",
    `${COUNTED} spin 1000`,
    `seen.samples = 0;
seen.ns = 0;
export function profile(event) {
  seen.samples++;
  seen.ns += event.period;
  seen.text = event.to_text({ timestamp: false, callchain: false });
}`,
  ) as { seen: { samples: number; ns: number; text: string }; said: Counted; ended: Ended };
  const want = said.count / 1e9 * 997;
  console.log(`# ${seen.samples} samples, ${want.toFixed(1)} by the thread's clock`);
  assert(Math.abs(seen.samples - want) < want * 0.05, `${seen.samples} samples, ${want} by the thread's clock`);
  if (/cpu-clock instead of cycles/.test(ended.stderr)) assert.equal(Math.round(seen.ns / seen.samples), 1_003_009);
  assert.match(seen.text, /: profile: \d+ (?:cpu-clock|cpu-cycles)$/);
});

live("a period of software events is exact, and constant", async () => {
  const { seen } = await trace(
    "minor-faults:u/--period 100/",
    `${COUNTED} faults 1000`,
    `seen.samples = 0;
seen.periods = [];
export function minor_faults({ period, addr }) {
  if (addr < ${ADDRESS}n || addr >= ${ADDRESS + 0x10000000n}n) return;
  seen.samples++;
  if (!seen.periods.includes(period)) seen.periods.push(period);
}`,
  );
  // 1,000 faults one after the other have just ten hundredth ones among them.
  assert.deepEqual(seen, { samples: 10, periods: [100] });
});

live("trace: every event of its tracepoints, with the raw data", async () => {
  const event = `raw_syscalls:sys_enter/id==${emittedNr()}/,raw_syscalls:sys_exit/id==${emittedNr()}/`;
  const { seen } = await trace(
    `trace/-e '${event}'/`,
    `${EMIT} calls 500`,
    `seen.raw = {};
export function trace(event) {
  const type = event.raw[0] | event.raw[1] << 8;
  seen.raw[type] = (seen.raw[type] ?? 0) + 1;
  const text = event.to_text({ timestamp: false, callchain: false });
  seen.text ??= text.slice(text.indexOf(": trace: "));
  seen.keys ??= event.keys().join(" ");
}`,
  ) as { seen: { raw: Record<string, number>; text: string; keys: string } };
  assert.deepEqual(Object.values(seen.raw), [500, 500]);
  assert.match(seen.text, new RegExp(`^: trace: raw_syscalls:sys_enter: NR ${emittedNr()} \\(`));
  assert.equal(seen.keys, "_pid _tid _time _cpu _realtime _event pid tid time id cpu period raw");
});

live("a group: the leader's samples, with all its counters", async () => {
  const { seen } = await trace(
    `{minor-faults,raw_syscalls:sys_enter}/--period 50/`,
    `${EMIT} calls 500`,
    `seen.values = [];
export function minor_faults({ read, tid }) {
  seen.values.push(read.cntr.map(({ value }) => value));
}`,
  ) as { seen: { values: [number, number][] } };
  const faults = seen.values.map(([count]) => count);
  assert.deepEqual(faults, faults.map((_, i) => (i + 1) * 50));
  const calls = seen.values.map(([, count]) => count);
  assert.deepEqual(calls, calls.toSorted((a, b) => a - b));
  assert(calls.at(-1)! > 0);
});

live("hrcount: counts are those since the last event, and add up", async () => {
  const { seen, said } = await trace(
    `hrcount/-e "raw_syscalls:sys_enter,page-faults:u" --period 10ms/`,
    // On one CPU: what is counted on another before its timer has fired is in no event.
    `taskset -c 0 ${COUNTED} spin 300`,
    `seen.events = 0;
seen.sums = {};
seen.reads = {};
export function hrcount({ counts, read, tid, cpu }) {
  seen.events++;
  for (const [name, count] of Object.entries(counts)) seen.sums[name] = (seen.sums[name] ?? 0) + count;
  seen.reads[tid + " " + cpu] = read.cntr.map(({ value }) => value);
}`,
  ) as { seen: { events: number; sums: Record<string, number>; reads: Record<string, number[]> }; said: Counted };
  const totals = Object.values(seen.reads);
  const total = (i: number) => totals.reduce((sum, values) => sum + values[i]!, 0);
  assert.deepEqual(seen.sums, { "raw_syscalls:sys_enter": total(1), "page-faults:u": total(2) });
  assert(seen.sums["page-faults:u"]! > 0);
  const want = said.count / 10_000_000;
  assert(Math.abs(seen.events - want) <= 3, `${seen.events} events, ${want} by the thread's clock`);
});

live("hrcount: of CPUs, with counters of another kind than the timer's", async () => {
  using stage = new Stage();
  const ended = await stage.trace(
    ["-q", "-e", `hrcount/-e "${stage.event().split("/", 1)[0]},context-switches" --period 20ms/`],
    `const sums = { calls: 0, switches: 0 }, reads = {};
export function hrcount({ counts, read, cpu }) {
  sums.calls += counts["raw_syscalls:sys_enter"];
  sums.switches += counts["context-switches"];
  reads[cpu] = read.cntr.map(({ value }) => value);
}
export function __exit__() {
  console.log(JSON.stringify({ sums, reads }));
}`,
    async () => {
      // Until the timer has fired in the middle of it: on a CPU that idles it may not.
      await stage.emit("calls", 300_000);
    },
  );
  const { sums, reads } = lastJson(ended) as { sums: Record<string, number>; reads: Record<string, number[]> };
  const total = (i: number) => Object.values(reads).reduce((sum, values) => sum + values[i]!, 0);
  assert.deepEqual(sums, { calls: total(1), switches: total(2) });
  assert(sums.calls! > 1000 && sums.switches! > 0, JSON.stringify(sums));
});

live("hrtimer: the place where each CPU is", async () => {
  const { seen, said } = await trace(
    "hrtimer/-e cs --period 1ms -g/",
    `${COUNTED} spin 200`,
    `seen.tids = {};
seen.placed = 0;
export function hrtimer({ ip, tid, counts, callchain }) {
  if (callchain[0].addr === ip && counts.cs >= 0) seen.placed++;
  seen.tids[tid] = (seen.tids[tid] ?? 0) + 1;
}`,
  ) as { seen: { placed: number; tids: Record<number, number> }; said: Counted };
  const want = said.count / 1e6;
  assert.deepEqual(Object.keys(seen.tids), [String(said.tid)]);
  assert(Math.abs(seen.tids[said.tid]! - want) < want * 0.05, `${seen.tids[said.tid]} events, ${want} by the thread's clock`);
  assert.equal(seen.placed, seen.tids[said.tid]);
});

live("a fifth breakpoint is one too many", async () => {
  using dir = new TempDir();
  const path = dir.write("h.ts", "export function __sample__() {}\n");
  const four = [0, 1, 2, 3].map((page) => `0x${(ADDRESS + BigInt(page) * 0x1000n).toString(16)}`).join(" ");
  const { code, stderr } = await perfprof(["-e", `breakpoint/${four}/,breakpoint/0x200004000/alias=fifth/`, "-N", "1", path]);
  assert.equal(code, 1);
  assert.match(
    stderr,
    /^perfprof: opening breakpoint 0x200004000 cpu=\d+ failed: all debug registers of the CPU are in use\nhint: /,
  );
});

live("perfprof list has what perf list has", async () => {
  const { stdout } = await new Deno.Command("perf", { args: ["list", "--raw-dump", "hw", "sw", "cache", "pmu"] }).output();
  const names = new TextDecoder().decode(stdout).split(/\s+/).filter((name) => /^[\w-]+$|^\w+\/[\w-]+\/$/.test(name));
  const ours = new Set(genericEvents(new NativeMachine()).map(({ name }) => name));
  const lacking = names.filter((name) => !ours.has(name) && !TOOL_EVENTS.includes(name));
  assert(names.length > 10, names.join(" "));
  assert.deepEqual(lacking, []);
}, hasPerf() ? undefined : "no perf here");

/** What perf itself measures: no events of the kernel. */
const TOOL_EVENTS = ["duration_time", "user_time", "system_time"];

function hasPerf(): boolean {
  try {
    return new Deno.Command("perf", { args: ["--version"], stdout: "null", stderr: "null" }).outputSync().success;
  } catch {
    return false;
  }
}

/** Runs a ready handler on a program. @returns What both wrote */
async function runTemplate(name: string, event: string, command: string, intervalMs = 200): Promise<string> {
  const module = fileURLToPath(new URL(`../templates/${name}`, import.meta.url));
  const ended = await perfprof(["-q", "-e", event, "-i", String(intervalMs), "-c", command, module]);
  assert.equal(ended.code, 0, ended.stderr);
  return ended.stdout;
}

live("profile.ts: functions by their samples", async () => {
  const text = await runTemplate("profile.ts", "profile/-F 997 -g/", `${COUNTED} spin 700`);
  const rows = [...text.matchAll(/^\S.{39} +(\d+)$/gm)].map(([, count]) => Number(count));
  assert.match(text, /^FUNCTION {33} {3}COUNT\n-{49}$/m);
  const samples = rows.reduce((sum, count) => sum + count, 0);
  assert(samples > 300 && samples < 800, text);
});

live("combined.ts: wake-ups and samples", async () => {
  const text = await runTemplate("combined.ts", "sched:sched_wakeup,profile", `${COUNTED} spin 700`);
  const samples = [...text.matchAll(/^Wakeups: \d+, CPU samples: (\d+)$/gm)].map(([, count]) => Number(count));
  // 700 ms of CPU time are 69 samples; those of the last interval are not told.
  const sum = samples.reduce((all, count) => all + count, 0);
  assert(sum >= 30 && sum <= 72, text);
});

live("pagefaults.ts: the pages that a program touches", async () => {
  const text = await runTemplate("pagefaults.ts", "page-faults/-g --no-kernel-callchain/", `${COUNTED} faults 1000`);
  const said: Counted = JSON.parse(/^\{"tid".*$/m.exec(text)![0]);
  const [, faults, pages] = new RegExp(`^ *${said.tid} +(\\d+) +(\\d+)  \\S`, "m").exec(text)!;
  assert(Number(faults) >= 1000 && Number(pages) >= 1000, text);
});

live("watchpoint.ts: who writes", async () => {
  const text = await runTemplate("watchpoint.ts", "breakpoint/0x200000000/8:w -g/", `${COUNTED} writes 500`);
  assert.match(text, /^500 writes, threads: 1, before 0x[0-9a-f]+\n {4}main\+0x/m);
});
