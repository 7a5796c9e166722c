/** What the kernel loses is counted to the event: sent = delivered + lost for each event and CPU, and none of it in silence. */

import assert from "node:assert/strict";
import { type Ended, lastJson, live, Stage } from "./harness.ts";

/** Small rings, and a handler that is too slow for what comes. */
const SMALL = ["-m", "8"];
const FEW_CPUS = navigator.hardwareConcurrency < 2 ? "needs two CPUs" : undefined;

/** A module that sleeps `ms` in every `every`th event, and at the end tells what it saw. */
const sleeper = (every: number, ms: number) => `
  const cell = new Int32Array(new SharedArrayBuffer(4));
  const delivered = {}, lost = {}, losses = [];
  let count = 0, first = Infinity, last = 0;
  export const __sample__ = ({ _event, _cpu, _time }) => {
    const place = \`\${_event} \${_cpu}\`;
    delivered[place] = (delivered[place] ?? 0) + 1;
    first = Math.min(first, _time);
    last = Math.max(last, _time);
    if (count++ % ${every} === 0) Atomics.wait(cell, 0, 0, ${ms});
  };
  export const __lost__ = (start, end, { count, cpu, event }) => {
    const place = \`\${event} \${cpu}\`;
    lost[place] = (lost[place] ?? 0) + count;
    losses.push({ start, end, count });
  };
  export const __exit__ = () => console.log(JSON.stringify({ delivered, lost, losses, first, last }));
`;

/** Samples by "event cpu". */
type Counts = Record<string, number>;

interface Seen {
  readonly delivered: Counts;
  readonly lost: Counts;
  readonly losses: { start: number; end: number; count: number }[];
  readonly first: number;
  readonly last: number;
}

/** The lines of the summary: what was sent, by "event cpu". */
function summary({ stderr }: Ended, seen: Seen): Counts {
  const sent: Counts = {};
  for (const match of stderr.matchAll(/^ {2}(\S+) +cpu (\d+): (\d+) sent = (\d+) delivered \+ (\d+) lost$/gm)) {
    const [, event, cpu, all, delivered, lost] = match;
    const place = `${event} ${cpu}`;
    sent[place] = Number(all);
    assert.equal(Number(all), Number(delivered) + Number(lost));
    assert.equal(Number(delivered), seen.delivered[place] ?? 0, place);
    assert.equal(Number(lost), seen.lost[place] ?? 0, `${place}: __lost__ was told less than the summary`);
  }
  return sent;
}

/** Monotonic time now, ns. */
const uptime = () => Number(Deno.readTextFileSync("/proc/uptime").split(" ")[0]) * 1e9;

live("two events on each of two CPUs: sent = delivered + lost", async () => {
  using stage = new Stage();
  const events = `${stage.event("alias=enter")},${stage.exitEvent("alias=exit")}`;
  const calls: number[] = [];
  const before = uptime() - 1e9;
  const ended = await stage.trace([...SMALL, "-e", events], sleeper(500, 20), async () => {
    calls.push(...await Promise.all([0, 1].map((cpu) => stage.emit("--cpu", cpu, "rate", 100_000, 1.5))));
  });
  const seen: Seen = lastJson(ended);
  assert.deepEqual(summary(ended, seen), {
    "raw_syscalls:enter 0": calls[0],
    "raw_syscalls:enter 1": calls[1],
    "raw_syscalls:exit 0": calls[0],
    "raw_syscalls:exit 1": calls[1],
  });
  // Every loss is told with times of the run, and told while it runs.
  for (const { start, end, count } of seen.losses) {
    assert.ok(before < start && start <= end && end < uptime() + 1e9 && count > 0);
  }
  assert.ok(seen.losses.length > 10, `${seen.losses.length} losses`);
  assert.equal(ended.code, 0);
}, FEW_CPUS);

live("what is lost at the very end of a run is counted, too", async () => {
  using stage = new Stage();
  let calls = 0;
  // The handler sleeps in its first event until long after the last: no record follows the loss.
  const ended = await stage.trace([...SMALL, "-e", stage.event()], sleeper(1_000_000, 1000), async () => {
    calls = await stage.emit("--cpu", 0, "flood", 100_000);
  });
  const seen: Seen = lastJson(ended);
  assert.deepEqual(summary(ended, seen), { "raw_syscalls:sys_enter 0": calls });
  assert.ok(seen.lost["raw_syscalls:sys_enter 0"]! > calls / 2);
  const { start, end } = seen.losses.at(-1)!;
  assert.ok(seen.first <= start && start <= end && end >= seen.last, JSON.stringify(seen));
});

live("losses of children and threads count for their process", async () => {
  using stage = new Stage();
  const held = stage.hold("--cpu", 0, "fork", 3, 50_000);
  const perfprof = await stage.start([...SMALL, "-p", `${held.pid}`, "-e", stage.event()], sleeper(500, 20));
  await held.tell("\n");
  const ended = await perfprof.end();
  assert.deepEqual(summary(ended, lastJson(ended)), { "raw_syscalls:sys_enter 0": 150_000 });
});

live("loss is said once a second, and --strict makes it a failure", async () => {
  using stage = new Stage();
  const began = performance.now();
  const ended = await stage.trace(["--strict", ...SMALL, "-e", stage.event()], sleeper(100, 10), async () => {
    await stage.emit("rate", 50_000, 2.5);
  });
  const seconds = (performance.now() - began) / 1000;
  const lines = [...ended.stderr.matchAll(/^perfprof: lost \d+ events \(raw_syscalls:sys_enter cpu /gm)];
  // One at once, one a second, and one for the rest at the end.
  assert.ok(lines.length >= 2 && lines.length <= seconds + 2, `${lines.length} lines in ${seconds} s:\n${ended.stderr}`);
  assert.equal(ended.code, 1);
});

live("nothing is said when nothing was lost, and --strict is content", async () => {
  using stage = new Stage();
  const ended = await stage.trace(["--strict", "-e", stage.event()], sleeper(1_000_000, 0), () => stage.emit("calls", 1000));
  assert.equal(ended.code, 0);
  assert.doesNotMatch(ended.stderr, /lost/);
  assert.deepEqual(lastJson(ended).losses, []);
});

/** Bytes that a ring has by default on a large machine; a small one has less, and loses more. */
const memory = Number(/^MemTotal:\s+(\d+) kB/m.exec(Deno.readTextFileSync("/proc/meminfo"))?.[1]) * 1024;
const lowMemory = memory / 32 / navigator.hardwareConcurrency < 2 ** 25 ? "rings are smaller on this machine" : undefined;

live("a handler that stalls for a second at 200,000 events/s loses nothing", async () => {
  using stage = new Stage();
  const module = `
    const cell = new Int32Array(new SharedArrayBuffer(4));
    let count = 0;
    export const __sample__ = () => { if (++count === 100_000) Atomics.wait(cell, 0, 0, 1000); };
    export const __exit__ = () => console.log(JSON.stringify(count));`;
  const ended = await stage.trace(["--strict", "-e", stage.event()], module, async () => {
    await stage.emit("--cpu", navigator.hardwareConcurrency - 1, "rate", 200_000, 3);
  });
  assert.equal(lastJson(ended), 600_000, ended.stderr);
  assert.equal(ended.code, 0, ended.stderr);
}, lowMemory);
