/** The analyses of the scheduler, each over a script of samples: what comes of them, event by event. */

import assert from "node:assert/strict";
import { oncpu } from "../lib/profilers/oncpu.ts";
import { onCpus } from "../lib/profilers/on_cpus.ts";
import type { Profiler } from "../lib/profilers/profiler.ts";
import { rundelay } from "../lib/profilers/rundelay.ts";
import { schedMigrate } from "../lib/profilers/sched_migrate.ts";
import { taskState } from "../lib/profilers/task_state.ts";
import { planOf, type Play, PlayedAnalysis } from "./fixtures/played_analysis.ts";
import { SCHED_FORMATS } from "./fixtures/samples.ts";

const R = 0, S = 1, D = 2, T = 4, ZOMBIE = 0x20, PREEMPTED = 0x100;

/** Processes 10 (threads 10 and 11) and 20 run before the trace. 0 is the idle task. */
const TASKS = [{ pid: 10, tid: 10, comm: "ten" }, { pid: 10, tid: 11, comm: "eleven" }, { pid: 20, tid: 20, comm: "twenty" }];
const PIDS = new Map(TASKS.map(({ pid, tid }) => [tid, pid]));

/** A scheduler that plays what it does, on CPU 0 unless it says another. */
class Scheduler extends PlayedAnalysis {
  constructor(profiler: Profiler, more: Pick<Play, "options" | "follows"> = {}) {
    super({ profiler, formats: SCHED_FORMATS, tasks: TASKS, ...more });
  }

  /** Thread `from` leaves the CPU in the state, for thread `to`. */
  switch(timeNs: number, from: number, state: number, to: number, { cpu = 0, chain = [0x1n] } = {}): this {
    const values = { prev_comm: `c${from}`, prev_pid: from, prev_state: state, next_comm: `c${to}`, next_pid: to };
    this.take("sched:sched_switch", this.#by(from, timeNs, cpu), values, chain);
    return this;
  }

  /** Thread `by` wakes `tid`: the wakeup begins, and ends after so many ns. */
  wake(timeNs: number, by: number, tid: number, { cpu = 0, endsAfter = 0, chain = [0x2n] } = {}): this {
    this.take("sched:sched_waking", this.#by(by, timeNs, cpu), { comm: `c${tid}`, pid: tid }, chain);
    this.take("sched:sched_wakeup", this.#by(by, timeNs + endsAfter, cpu), { comm: `c${tid}`, pid: tid }, chain);
    return this;
  }

  /** Thread `by` makes `tid`, and lets it go after 1 ns. */
  born(timeNs: number, by: number, tid: number, flags: number): this {
    this.take("task:task_newtask", this.#by(by, timeNs, 0), { pid: tid, clone_flags: flags });
    this.take("sched:sched_wakeup_new", this.#by(by, timeNs + 1, 0), { comm: `c${tid}`, pid: tid }, [0x3n]);
    return this;
  }

  migrate(timeNs: number, by: number, tid: number, from: number, to: number, chain = [0x4n]): this {
    const values = { comm: `c${tid}`, pid: tid, orig_cpu: from, dest_cpu: to };
    this.take("sched:sched_migrate_task", this.#by(by, timeNs, 1), values, chain);
    return this;
  }

  lost(name: string, cpu: number, startNs: number, endNs: number): this {
    this.analysis.lost(this.indexOf(name), cpu, startNs, endNs);
    return this;
  }

  #by(tid: number, timeNs: number, cpu: number) {
    return { pid: PIDS.get(tid) ?? tid, tid, timeNs, cpu };
  }
}

const STATE = ["tid", "state", "duration", "time"];

Deno.test("task-state: every state that ends, in order", () => {
  const played = new Scheduler(taskState)
    .switch(1000, 10, S, 0)
    .wake(1500, 0, 10)
    .switch(1520, 0, R, 10)
    .switch(1600, 10, PREEMPTED, 20)
    .switch(1700, 20, D, 10)
    .wake(1900, 10, 20)
    .switch(2000, 10, R, 20)
    .switch(2100, 20, T, 10)
    .wake(2200, 10, 20);
  assert.deepEqual(played.all(...STATE), [
    [10, "S", 500, 1500],
    [10, "R", 20, 1520],
    [10, "R+", 100, 1700],
    [20, "D", 200, 1900],
    [20, "R", 100, 2000],
    [10, "R+", 100, 2100],
    [20, "T", 100, 2200],
  ]);
  assert.equal(played.analysis.doubtful, 0);
});

Deno.test("task-state: an event is that of the task itself, where its state ended", () => {
  const played = new Scheduler(taskState).switch(1000, 11, S, 0).wake(1500, 20, 11, { cpu: 1 });
  assert.deepEqual(played.events.map((event) => event.to_dict()), [{
    _pid: 10,
    _tid: 11,
    _time: 1500,
    _cpu: 1,
    _realtime: 1795338249701975500,
    _event: "task-state",
    pid: 10,
    tid: 11,
    time: 1500,
    cpu: 1,
    comm: "c11",
    state: "S",
    duration: 500,
  }]);
  const [event] = played.events;
  assert.match(event!.to_text({ timestamp: false }), /\[001\] .*: task-state: comm=c11 state=S duration=500 \[ns\]$/);
});

Deno.test("task-state: -S, -D and --than choose", () => {
  const play = (options: string) =>
    new Scheduler(taskState, { options })
      .switch(1000, 10, S, 0).wake(2000, 0, 10).switch(5000, 0, R, 10)
      .switch(5100, 10, D, 0).wake(7100, 0, 10)
      .all("state", "duration");
  assert.deepEqual(play("-S"), [["S", 1000]]);
  assert.deepEqual(play("-D"), [["D", 2000]]);
  assert.deepEqual(play("-SD"), [["S", 1000], ["D", 2000]]);
  assert.deepEqual(play("--than 2us"), [["R", 3000], ["D", 2000]]);
  assert.deepEqual(play("-S --than 1001"), []);
});

Deno.test("task-state: a new task waits from its birth on, in its creator's process where it is a thread", () => {
  const CLONE_THREAD = 0x10000;
  const played = new Scheduler(taskState)
    .born(1000, 11, 12, CLONE_THREAD).switch(1101, 11, S, 12)
    .born(1200, 12, 13, 0).switch(1301, 12, S, 13);
  assert.deepEqual(played.all("pid", "tid", "state", "duration"), [[10, 12, "R", 100], [13, 13, "R", 100]]);
});

Deno.test("task-state: a number that lives again has no state of the one before", () => {
  const played = new Scheduler(taskState)
    .switch(1000, 20, ZOMBIE, 0)
    .wake(1100, 0, 20);
  assert.deepEqual(played.events, []);
});

Deno.test("task-state: of -p only those tasks, whoever wakes them", () => {
  const played = new Scheduler(taskState, { follows: [10] })
    .switch(1000, 10, S, 20)
    .switch(1100, 20, S, 0)
    .wake(1200, 0, 20).wake(1300, 20, 10);
  assert.deepEqual(played.all(...STATE), [[10, "S", 300, 1300]]);
});

Deno.test("task-state: what a loss makes doubtful is given up and counted", () => {
  const played = new Scheduler(taskState, { follows: [10, 11] })
    .switch(1000, 10, S, 20)
    .switch(1100, 20, S, 11)
    .lost("sched:sched_wakeup", 1, 1150, 1200)
    .wake(1300, 11, 10)
    .wake(1310, 11, 20)
    .switch(1400, 11, R, 10);
  assert.deepEqual(played.all(...STATE), [[10, "R", 100, 1400]]);
  assert.equal(played.analysis.doubtful, 1);
  // Births say nothing of states.
  played.lost("task:task_newtask", 1, 1450, 1500).switch(1600, 10, R, 11);
  assert.deepEqual(played.all(...STATE).at(-1), [11, "R+", 200, 1600]);
});

Deno.test("task-state: -g has the stack with which the task left its CPU, also when it is read later", () => {
  const played = new Scheduler(taskState, { options: "-g" })
    .switch(1000, 10, S, 0, { chain: [0xan, 0xbn] })
    .wake(1500, 20, 10)
    .switch(1520, 0, R, 10)
    .switch(1600, 10, PREEMPTED, 20, { chain: [0xcn] })
    .switch(1700, 20, S, 10)
    .born(1800, 10, 30, 0).switch(1900, 10, S, 30);
  const chains = played.events.map((event) => (event.callchain as { addr: bigint }[]).map(({ addr }) => addr));
  assert.deepEqual(played.all("tid", "state"), [[10, "S"], [10, "R"], [10, "R+"], [30, "R"]]);
  assert.deepEqual(chains, [[0xan, 0xbn], [0xan, 0xbn], [0xcn], []]);
  assert.equal("callchain" in new Scheduler(taskState).switch(1, 10, S, 0).wake(2, 0, 10).events[0]!, false);
});

const DELAY = ["tid", "delay", "waker_pid", "waker_tid", "waker_comm", "time"];

Deno.test("rundelay: from the wakeup or the preemption to the switch, and who woke", () => {
  const played = new Scheduler(rundelay)
    .switch(1000, 11, S, 0)
    .wake(1500, 20, 11, { cpu: 1 })
    .switch(1600, 0, R, 11)
    .switch(1700, 11, PREEMPTED, 10)
    .switch(1900, 10, R, 11)
    .switch(1950, 11, S, 10)
    .wake(2000, 0, 11)
    .switch(2300, 10, S, 11);
  assert.deepEqual(played.all(...DELAY), [
    [11, 100, 20, 20, "task-20", 1600],
    [11, 200, 0, 0, "", 1900],
    [10, 50, 0, 0, "", 1950],
    [11, 300, 0, 0, "task-0", 2300],
  ]);
  assert.equal(played.analysis.doubtful, 0);
});

Deno.test("rundelay: an event is that of the task that waited, where it got its CPU", () => {
  const played = new Scheduler(rundelay).switch(1000, 11, S, 0).wake(1500, 20, 11).switch(1600, 0, R, 11, { cpu: 1 });
  assert.deepEqual(played.events.map((event) => event.to_dict()), [{
    _pid: 10,
    _tid: 11,
    _time: 1600,
    _cpu: 1,
    _realtime: 1795338249701975600,
    _event: "rundelay",
    pid: 10,
    tid: 11,
    time: 1600,
    cpu: 1,
    comm: "c11",
    delay: 100,
    waker_pid: 20,
    waker_tid: 20,
    waker_comm: "task-20",
  }]);
  assert.match(
    played.events[0]!.to_text({ timestamp: false }),
    /: rundelay: comm=c11 delay=100 \[ns\] waker_comm=task-20 waker_tid=20$/,
  );
});

Deno.test("rundelay: a wakeup may begin while the task is still on its way to sleep", () => {
  const played = new Scheduler(rundelay)
    .switch(900, 20, S, 10);
  // The waker waits for the switch before the task can run.
  played.take("sched:sched_waking", { pid: 20, tid: 20, timeNs: 990, cpu: 1 }, { comm: "c10", pid: 10 });
  played.switch(1000, 10, S, 0);
  played.take("sched:sched_wakeup", { pid: 0, tid: 0, timeNs: 1010, cpu: 0 }, { comm: "c10", pid: 10 });
  played.switch(1050, 0, R, 10);
  assert.deepEqual(played.all(...DELAY), [[10, 40, 20, 20, "task-20", 1050]]);
});

Deno.test("rundelay: -g has the waker's stack, none after a preemption", () => {
  const played = new Scheduler(rundelay, { options: "-g" })
    .switch(1000, 10, S, 0).wake(1500, 20, 10, { chain: [0xan, 0xbn] }).switch(1600, 0, R, 10)
    .switch(1700, 10, PREEMPTED, 20).switch(1800, 20, S, 10)
    .born(1900, 10, 30, 0).switch(2000, 10, S, 30);
  const chains = played.events.map((event) => (event.callchain as { addr: bigint }[]).map(({ addr }) => addr));
  assert.deepEqual(played.all("tid", "waker_tid"), [[10, 20], [10, 0], [30, 10]]);
  assert.deepEqual(chains, [[0xan, 0xbn], [], [0x3n]]);
});

Deno.test("rundelay: --than, -p and losses", () => {
  const played = new Scheduler(rundelay, { options: "--than 100ns", follows: [10] })
    .switch(1000, 10, S, 20)
    .wake(1500, 20, 10).switch(1599, 20, R, 10)
    .switch(1600, 10, PREEMPTED, 20).switch(1700, 20, R, 10)
    .switch(1800, 10, PREEMPTED, 20)
    .lost("sched:sched_switch", 1, 1810, 1820)
    .switch(2000, 20, R, 10)
    .switch(2100, 10, PREEMPTED, 20).switch(2200, 20, R, 10);
  assert.deepEqual(played.all("tid", "delay", "time"), [[10, 100, 1700], [10, 100, 2200]]);
  assert.equal(played.analysis.doubtful, 1);
});

const SLICE = ["tid", "comm", "runtime", "cpu", "time"];

Deno.test("oncpu: each slice of each CPU", () => {
  const played = new Scheduler(oncpu)
    .switch(1000, 0, R, 10)
    .switch(1100, 0, R, 20, { cpu: 1 })
    .switch(1300, 10, S, 11)
    .switch(1350, 11, PREEMPTED, 0)
    .switch(1400, 20, S, 0, { cpu: 1 })
    .switch(1500, 0, R, 11, { cpu: 1 });
  assert.deepEqual(played.all(...SLICE), [
    [10, "c10", 300, 0, 1300],
    [11, "c11", 50, 0, 1350],
    [20, "c20", 300, 1, 1400],
  ]);
  assert.deepEqual(played.all("pid", "_pid", "_tid"), [[10, 10, 10], [10, 10, 11], [20, 20, 20]]);
  assert.match(played.events[0]!.to_text({ timestamp: false }), /: oncpu: comm=c10 runtime=300 \[ns\]$/);
});

Deno.test("oncpu: --than, -p, and a thread that ended with its number given back", () => {
  const played = new Scheduler(oncpu, { options: "--than 100", follows: [11, 12] })
    .switch(1000, 0, R, 10).switch(1200, 10, S, 11).switch(1299, 11, S, 10)
    .born(1300, 11, 12, 0x10000).switch(1400, 10, S, 12);
  const values = { prev_comm: "c12", prev_pid: 12, prev_state: 0x10, next_comm: "c0", next_pid: 0 };
  played.take("sched:sched_switch", { pid: -1, tid: -1, timeNs: 1500, cpu: 0 }, values);
  assert.deepEqual(played.all("pid", ...SLICE), [[10, 12, "c12", 100, 0, 1500]]);
});

Deno.test("oncpu: a loss puts the slice of its own CPU in doubt", () => {
  const played = new Scheduler(oncpu)
    .switch(1000, 0, R, 10).switch(1000, 0, R, 20, { cpu: 1 })
    .lost("sched:sched_switch", 0, 1050, 1100)
    .switch(1200, 10, S, 11).switch(1200, 20, S, 0, { cpu: 1 })
    .switch(1300, 11, S, 0);
  assert.deepEqual(played.all(...SLICE), [[20, "c20", 200, 1, 1200], [11, "c11", 100, 0, 1300]]);
  // Of the idle task nothing is told, so nothing is in doubt.
  played.lost("sched:sched_switch", 0, 1310, 1320);
  assert.equal(played.analysis.doubtful, 1);
});

Deno.test("sched-migrate: the task that is moved, not the one that moves it", () => {
  const played = new Scheduler(schedMigrate, { options: "-g" }).migrate(1000, 20, 11, 0, 1, [0xan]);
  const [event] = played.events;
  assert.deepEqual(played.all("pid", "tid", "cpu", "time", "comm", "orig_cpu", "dest_cpu"), [[10, 11, 1, 1000, "c11", 0, 1]]);
  assert.deepEqual((event!.callchain as { addr: bigint }[]).map(({ addr }) => addr), [0xan]);
  assert.match(event!.to_text({ timestamp: false, callchain: false }), /: sched-migrate: comm=c11 orig_cpu=0 dest_cpu=1$/);
});

Deno.test("sched-migrate: of -p only those tasks, also threads that are born later", () => {
  const played = new Scheduler(schedMigrate, { follows: [12] })
    .born(900, 10, 12, 0x10000)
    .migrate(1000, 12, 11, 0, 1)
    .migrate(1100, 20, 12, 1, 0);
  assert.deepEqual(played.all("pid", "tid", "orig_cpu"), [[10, 12, 1]]);
});

for (const profiler of [taskState, rundelay, oncpu, schedMigrate]) {
  Deno.test(`${profiler.name}: its events are of all tasks, and its members as it says`, () => {
    for (const options of profiler === oncpu ? [""] : ["", "-g"]) {
      const play = { profiler, options, formats: SCHED_FORMATS };
      const plan = planOf(play);
      assert.ok(plan.opens.every(({ everyTask }) => everyTask));
      const played = new Scheduler(profiler, { options }).switch(1, 0, R, 10).switch(2, 10, S, 20).wake(3, 20, 10)
        .switch(4, 20, S, 10).migrate(5, 10, 20, 0, 1);
      assert.deepEqual(played.events.at(-1)!.keys(), [
        ...["_pid", "_tid", "_time", "_cpu", "_realtime", "_event", "pid", "tid", "time", "cpu"],
        ...plan.members.map(({ name }) => name),
      ]);
    }
  });
}

Deno.test("with -C only what ends on those CPUs is told", () => {
  class OnCpu1 extends Scheduler {
    override readonly analysis = onCpus(new Scheduler(oncpu).analysis, [1]);
  }
  const played = new OnCpu1(oncpu)
    .switch(1000, 0, R, 10).switch(1000, 0, R, 20, { cpu: 1 })
    .switch(1200, 10, S, 0).switch(1300, 20, S, 0, { cpu: 1 })
    .switch(1400, 0, R, 10, { cpu: 1 }).lost("sched:sched_switch", 1, 1410, 1420);
  assert.deepEqual(played.all(...SLICE), [[20, "c20", 300, 1, 1300]]);
  assert.equal(played.analysis.doubtful, 1);
});

Deno.test("a wrong --than has a caret", () => {
  assert.throws(() => planOf({ profiler: oncpu, options: "--than soon", formats: SCHED_FORMATS }), (error: Error) => {
    assert.match(error.message, /'soon' is not a time/);
    return true;
  });
});
