/**
 * The scheduler's profilers on a program that sleeps, waits, is stopped and moves in known numbers (tests/native/sched_states.c), and
 * on the kernel's own count of how often it left its CPU.
 */

import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { Child, lastJson, live, pause, perfprof, Stage, start, TempDir, until } from "./harness.ts";

const STATES = fileURLToPath(new URL("../native/build/sched_states", import.meta.url));

/** What the program says of itself. */
interface Told {
  readonly pid: number;
  readonly child: number;
  /** Between these it left its CPU so often. */
  readonly from: number;
  readonly to: number;
  readonly slept: number;
  readonly preempted: number;
}

/** An event, as the handler wrote it. */
type Seen = Readonly<Record<string, number | string>>;

/** A handler that writes all events at the end. */
const KEEP = `
const events = [];
export function __sample__(event) {
  events.push(event.to_dict());
}
export function __exit__() {
  console.log(JSON.stringify(events, (name, value) => typeof value === "bigint" ? String(value) : value));
}
`;

function toldIn(stdout: string): Told {
  return JSON.parse(/^\{"pid".*\}$/m.exec(stdout)![0]);
}

/** Traces a run of the program, as a command. */
async function traced(event: string, work: string): Promise<{ told: Told; events: Seen[] }> {
  using dir = new TempDir();
  const ended = await perfprof(["-q", "-e", event, "-c", `${STATES} ${work}`, dir.write("h.ts", KEEP)]);
  assert.deepEqual([ended.code, ended.stderr], [0, ""]);
  return { told: toldIn(ended.stdout), events: lastJson(ended) };
}

/**
 * Registers a test of exact numbers. A kernel that has been traced much may have tasks of which perf gets no samples any more (perf
 * record has none of them either), and where such a one comes before or after the program on its CPU, or wakes it, an event is
 * missing: so another run may tell.
 */
function exact(name: string, test: () => Promise<void>, unless?: string): void {
  live(name, async () => {
    for (let runs = 1;; runs++) {
      try {
        return await test();
      } catch (error) {
        if (!(error instanceof assert.AssertionError) || runs === 5) throw error;
      }
    }
  }, unless);
}

/** The program's own events of the time that it counted. */
const counted = ({ pid, from, to }: Told, events: readonly Seen[]) =>
  events.filter(({ tid, time }) => tid === pid && Number(time) > from && Number(time) < to);

/** Without times: two sessions read the clock one after the other. */
const untimed = (events: readonly Seen[]) =>
  events.map((event) => Object.fromEntries(Object.entries(event).filter(([name]) => !TIMES.includes(name))));
const TIMES = ["time", "_time", "_realtime", "duration", "delay", "runtime"];

const more = (ns: number) => ({ duration }: Seen) => Number(duration) >= ns;

exact("task-state has each sleep of a program, and as many waits as the kernel counts", async () => {
  const { told, events } = await traced("task-state", "--cpu 0 sleeps 20 2");
  const own = counted(told, events);
  const sleeps = own.filter(({ state }) => state === "S");
  assert.equal(sleeps.filter(more(2e6)).length, 20);
  assert.equal(own.filter(({ state }) => "SD".includes(String(state))).length, told.slept);
  assert.equal(own.filter(({ state }) => state === "R").length, told.slept);
  assert.equal(own.filter(({ state }) => state === "R+").length, told.preempted);
  assert.deepEqual([...new Set(own.map(({ pid, comm, _event }) => `${pid} ${comm} ${_event}`))], [
    `${told.pid} sched_states task-state`,
  ]);
  assert.ok(events.every(({ tid }) => tid === told.pid));
});

exact("task-state -D has the uninterruptible sleeps alone: those of a parent in vfork", async () => {
  const { told, events } = await traced("task-state/-D --than 3ms/", "--cpu 0 vforks 12 3");
  assert.deepEqual(counted(told, events).map(({ state }) => state), Array(12).fill("D"));
});

exact("task-state has the stops of a child, which is followed", async () => {
  const { told, events } = await traced("task-state", "--cpu 0 stops 7");
  const stops = events.filter(({ state }) => state === "T");
  assert.deepEqual(stops.map(({ pid, tid }) => [pid, tid]), Array(7).fill([told.child, told.child]));
  assert.ok(stops.every(more(1e6)));
});

exact("task-state -g shows in which call a task slept, also at the end of the run", async () => {
  const { told, events } = await traced("task-state/-S -g --than 2ms/", "--cpu 0 sleeps 5 2");
  const stacks = counted(told, events).map(({ callchain }) => JSON.stringify(callchain));
  assert.equal(stacks.length, 5);
  assert.ok(stacks.every((stack) => /"symbol":"(?:\w*_)?nanosleep\w*"/.test(stack)), stacks[0]);
});

exact("rundelay has as many waits as the kernel counts, with their wakers", async () => {
  const { told, events } = await traced("rundelay", "--cpu 0 rounds 300");
  const own = counted(told, events);
  const preempted = own.filter(({ waker_comm }) => waker_comm === "");
  assert.equal(preempted.length, told.preempted);
  assert.equal(own.length, told.slept + told.preempted);
  // On one CPU nobody but the child wakes it for a byte.
  assert.ok(own.some(({ waker_tid, waker_pid }) => waker_tid === told.child && waker_pid === told.child));
  assert.ok(own.every(({ delay }) => Number(delay) >= 0 && Number(delay) < told.to - told.from));
});

exact("oncpu has as many slices as the kernel counts, and all of the time that the program used", async () => {
  const { told, events } = await traced("oncpu", "--cpu 0 spins 40");
  assert.equal(counted(told, events).length, told.slept + told.preempted);
  const total = events.reduce((sum, { runtime }) => sum + Number(runtime), 0);
  assert.ok(total >= 40e6 && total < 1e9, `${total}`);
});

exact("sched-migrate has each move of a program", async () => {
  const { told, events } = await traced("sched-migrate", "moves 25");
  const own = counted(told, events);
  const [{ orig_cpu, dest_cpu } = { orig_cpu: -1, dest_cpu: -1 }] = own;
  const there = [orig_cpu, dest_cpu], back = [dest_cpu, orig_cpu];
  assert.notEqual(orig_cpu, dest_cpu);
  assert.deepEqual(own.map((event) => [event.orig_cpu, event.dest_cpu]), Array(25).fill([there, back]).flat());
}, navigator.hardwareConcurrency < 2 ? "needs two CPUs" : undefined);

exact("with -p an analysis has the process and the children that it makes, and nobody else", async () => {
  using stage = new Stage();
  const program = new Child(STATES, ["--wait", "--cpu", "0", "rounds", "100"], { stdin: "piped" });
  let stdout = "";
  const ended = await stage.trace(["-q", "-e", "rundelay,oncpu,task-state", "-p", `${program.pid}`], KEEP, async () => {
    await program.tell("\n");
    ({ stdout } = await program.end());
  });
  assert.equal(ended.stderr, "");
  const told = toldIn(stdout);
  const events: Seen[] = lastJson(ended);
  assert.deepEqual([...new Set(events.map(({ tid }) => tid))].sort(), [told.pid, told.child].sort());
  const own = counted(told, events);
  const times = told.slept + told.preempted;
  const count = (name: string) => own.filter(({ _event }) => _event === name).length;
  assert.deepEqual([count("rundelay"), count("oncpu"), count("task-state")], [times, times, times + told.slept]);
});

const THREE = "rundelay,oncpu,task-state";

exact("over a recording with -p an analysis has what it has live, and nobody else", async () => {
  using stage = new Stage();
  const program = new Child(STATES, ["--wait", "--cpu", "0", "rounds", "100"], { stdin: "piped" });
  const file = `${stage.dir.path}/r.data`;
  const words = ["-q", "-e", THREE, "-p", `${program.pid}`];
  const recorder = start(["record", ...words, "-o", file]);
  await until(() => [...Deno.readDirSync(stage.dir.path)].some(({ name }) => name === "r.data"));
  await pause(500);
  let stdout = "";
  const ended = await stage.trace(words, KEEP, async () => {
    await program.tell("\n");
    ({ stdout } = await program.end());
  });
  assert.equal((await recorder.end()).code, 0);
  const told = toldIn(stdout);
  const direct: Seen[] = lastJson(ended);
  const module = stage.dir.write("keep.ts", KEEP);
  // The recording has each sample once for each of them, and a run takes it once.
  for (const name of THREE.split(",")) {
    const events: Seen[] = lastJson(await perfprof(["-q", "-I", file, "-e", name, module]));
    assert.deepEqual([...new Set(events.map(({ tid }) => tid))].sort(), [told.pid, told.child].sort());
    const expected = untimed(counted(told, direct).filter(({ _event }) => _event === name));
    assert.ok(expected.length >= told.slept + told.preempted);
    assert.deepEqual(untimed(counted(told, events)), expected);
  }
});

exact("over a recording with -c an analysis has the command and its children, as often as the kernel counts", async () => {
  using dir = new TempDir();
  const file = `${dir.path}/r.data`;
  const { stdout } = await perfprof(["record", "-q", "-o", file, "-e", THREE, "-c", `${STATES} --cpu 0 rounds 100`]);
  const told = toldIn(stdout);
  const events: Seen[] = lastJson(await perfprof(["-q", "-I", file, "-e", "task-state", dir.write("h.ts", KEEP)]));
  assert.deepEqual([...new Set(events.map(({ tid }) => tid))].sort(), [told.pid, told.child].sort());
  assert.equal(counted(told, events).length, 2 * told.slept + told.preempted);
});

exact("with -C an analysis still sees what begins on other CPUs, and tells of what ends on those", async () => {
  using dir = new TempDir();
  const run = (cpus: string) =>
    perfprof(["-q", "-C", cpus, "-e", "task-state", "-c", `${STATES} --cpu 0 sleeps 20 2`, dir.write("h.ts", KEEP)]);
  const ended = await run("0");
  const told = toldIn(ended.stdout);
  const own = counted(told, lastJson(ended));
  assert.deepEqual(["S", "R"].map((letter) => own.filter(({ state }) => state === letter).length), [20, told.slept]);
  assert.ok(own.every(({ cpu }) => cpu === 0));
  const elsewhere = await run("1");
  assert.deepEqual(counted(toldIn(elsewhere.stdout), lastJson(elsewhere)).filter(({ state }) => state === "R"), []);
}, navigator.hardwareConcurrency < 2 ? "needs two CPUs" : undefined);
