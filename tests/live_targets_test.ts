/** Whose events are traced: CPUs, processes, threads, cgroups and commands, each with an exact count of what is in and out. */

import assert from "node:assert/strict";
import { callsOf, Child, type Ended, lastJson, live, Stage, until } from "./harness.ts";

/** Counts by event, CPU and number of tasks. */
const COUNTER = `
  const counts = {}, cpus = {}, tids = new Set();
  export const __sample__ = ({ _event, _cpu, _tid }) => {
    counts[_event.split(":")[1]] = (counts[_event.split(":")[1]] ?? 0) + 1;
    cpus[_cpu] = (cpus[_cpu] ?? 0) + 1;
    tids.add(_tid);
  };
  export const __exit__ = () => console.log(JSON.stringify({ counts, cpus, tids: tids.size }));
`;
const FEW_CPUS = navigator.hardwareConcurrency < 2 ? "needs two CPUs" : undefined;

/** Lets a held generator go, and waits for its end. */
async function release(held: Child): Promise<number> {
  await held.tell("\n");
  return callsOf(await held.end());
}

/** The threads of a process once it has so many. */
async function threads(pid: number, count: number): Promise<number[]> {
  const tids = () => [...Deno.readDirSync(`/proc/${pid}/task`)].map(({ name }) => Number(name));
  await until(() => tids().length >= count);
  return tids().sort((a, b) => a - b);
}

/** Waits for the end of a run that ends by itself. */
async function endOf(perfprof: Child): Promise<Ended> {
  const ended = await perfprof.end();
  assert.equal(ended.code, 0, ended.stderr);
  return ended;
}

live("-C takes the events of these CPUs only", async () => {
  using stage = new Stage();
  const ended = await stage.trace(["-C", "1", "-e", stage.event()], COUNTER, async () => {
    await stage.emit("--cpu", 0, "calls", 11);
    await stage.emit("--cpu", 1, "calls", 13);
  });
  assert.deepEqual(lastJson(ended).cpus, { "1": 13 });
}, FEW_CPUS);

live("cpus= is for one event", async () => {
  using stage = new Stage();
  const events = [stage.event("alias=zero/cpus=0"), stage.event("alias=both/cpus=0,1")];
  const ended = await stage.trace(["-C", "1", "-e", events.join(",")], COUNTER, async () => {
    await stage.emit("--cpu", 0, "calls", 11);
    await stage.emit("--cpu", 1, "calls", 13);
  });
  assert.deepEqual(lastJson(ended).counts, { zero: 11, both: 24 });
}, FEW_CPUS);

live("-p takes all threads that a process has, and not those of others", async () => {
  using stage = new Stage();
  const held = stage.hold("crowd", 4, 25);
  await threads(held.pid, 5);
  const perfprof = await stage.start(["-p", `${held.pid}`, "-e", stage.event()], COUNTER);
  await stage.emit("calls", 9);
  await release(held);
  const { counts, tids } = lastJson(await endOf(perfprof));
  assert.deepEqual({ counts, tids }, { counts: { sys_enter: 100 }, tids: 4 });
});

for (const what of ["threads", "fork"]) {
  live(`-p takes what a process bears later: ${what}`, async () => {
    using stage = new Stage();
    const held = stage.hold(what, 5, 7);
    const perfprof = await stage.start(["-p", `${held.pid}`, "-e", stage.event()], COUNTER);
    await release(held);
    const { counts, tids } = lastJson(await endOf(perfprof));
    assert.deepEqual({ counts, tids }, { counts: { sys_enter: 35 }, tids: 5 });
  });
}

live("-p does not follow children that exist already, and lasts until the last process has ended", async () => {
  using stage = new Stage();
  // A shell that waits for its child, which is held, and has another one later.
  const shell = new Child("/bin/sh", ["-c", `${stage.emitter} --wait calls 7; ${stage.emitter} calls 5`], { stdin: "piped" });
  const other = stage.hold("calls", 3);
  const children = `/proc/${shell.pid}/task/${shell.pid}/children`;
  await until(() => Deno.readTextFileSync(children) !== "");
  const perfprof = await stage.start(["-p", `${shell.pid},${other.pid}`, "-e", stage.event()], COUNTER);
  await shell.tell("\n");
  await shell.end();
  await release(other);
  assert.deepEqual(lastJson(await endOf(perfprof)).counts, { sys_enter: 8 });
});

live("-t takes just these threads", async () => {
  using stage = new Stage();
  const crowd = stage.hold("crowd", 4, 25);
  const [, first, second] = await threads(crowd.pid, 5);
  // The threads of this one are born later.
  const mother = stage.hold("threads", 3, 5);
  const perfprof = await stage.start(["-t", `${first},${second},${mother.pid}`, "-e", stage.event()], COUNTER);
  await release(mother);
  await release(crowd);
  const { counts, tids } = lastJson(await endOf(perfprof));
  assert.deepEqual({ counts, tids }, { counts: { sys_enter: 50 }, tids: 2 });
});

/** Traces a cgroup under `mount` with a generator below it and one outside. What is named more than once still counts once. */
async function traceCgroup(mount: string): Promise<void> {
  using stage = new Stage();
  const cgroup = Deno.makeTempDirSync({ dir: mount, prefix: "perfprof-test-" });
  const below = `${cgroup}/below`;
  try {
    Deno.mkdirSync(below);
    const inside = stage.hold("fork", 2, 8);
    Deno.writeTextFileSync(`${below}/cgroup.procs`, `${inside.pid}`);
    const ended = await stage.trace(["--cgroups", `${below},${cgroup},${below}/..`, "-e", stage.event()], COUNTER, async () => {
      await stage.emit("calls", 9);
      await release(inside);
    });
    assert.deepEqual(lastJson(ended).counts, { sys_enter: 16 }, ended.stderr);
  } finally {
    Deno.removeSync(below);
    Deno.removeSync(cgroup);
  }
}

/** Where cgroups are mounted, by their type and an option that the mount has. */
function cgroupMount(type: string, option = ""): string | undefined {
  const mounts = Deno.readTextFileSync("/proc/self/mounts").split("\n").map((line) => line.split(" "));
  return mounts.find(([, , has, options]) => has === type && `,${options},`.includes(option))?.[1];
}

const v1 = cgroupMount("cgroup", ",perf_event,");
const v2 = cgroupMount("cgroup2");
/** A controller is in one hierarchy at a time: 0 is that of version 2 (cgroups(7)). */
const inV2 = /^perf_event\t0\t/m.test(Deno.readTextFileSync("/proc/cgroups"));

live(
  "--cgroups takes the tasks of a cgroup",
  () => traceCgroup(v2!),
  v2 === undefined || !inV2 ? "perf_event is in no cgroup2 mount" : undefined,
);

live(
  "--cgroups takes the tasks of a version 1 cgroup",
  () => traceCgroup(v1!),
  v1 === undefined ? "no version 1 mount has perf_event" : undefined,
);
