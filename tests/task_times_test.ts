/** What tasks do and since when, thread groups, and times in options: the parts that the scheduler's analyses are made of. */

import assert from "node:assert/strict";
import { type EndedState, type State, stateOf, TaskTimes } from "../lib/profilers/task_times.ts";
import { ThreadGroups } from "../lib/profilers/thread_groups.ts";
import { timeOption } from "../lib/profilers/time_option.ts";

/** prev_state of Linux 6.18 -> letter. */
const STATES: readonly [number | bigint, State][] = [
  [0, "R+"],
  [0x100, "R+"],
  [1, "S"],
  [2, "D"],
  [4, "T"],
  [8, "t"],
  [0x10, "X"],
  [0x20, "Z"],
  [0x40, "P"],
  [0x80, "I"],
  [0x80n, "I"],
  [0x30, "X"],
  [0x201, "S"],
];

for (const [bits, state] of STATES) {
  Deno.test(`prev_state 0x${bits.toString(16)} is ${state}`, () => assert.equal(stateOf(bits), state));
}

const ended = (state: State, ns: number, note?: string): EndedState<string> => ({ state, ns, note });
const times = (wanted = (_tid: number, _state: State) => true) => new TaskTimes<string>(wanted);

Deno.test("a sleep ends with the wakeup, a wait with the switch", () => {
  const tasks = times();
  tasks.switchedOut(7, "S", 100);
  assert.deepEqual(tasks.woken(7, 150), ended("S", 50));
  assert.deepEqual(tasks.switchedIn(7, 160), ended("R", 10));
  tasks.switchedOut(7, "R+", 170);
  assert.deepEqual(tasks.switchedIn(7, 170), ended("R+", 0));
  assert.equal(tasks.doubtful, 0);
});

Deno.test("a state without a known beginning is none", () => {
  const tasks = times();
  assert.equal(tasks.switchedIn(7, 100), undefined);
  assert.equal(tasks.woken(8, 100), undefined);
  assert.deepEqual(tasks.switchedIn(8, 130), ended("R", 30));
});

Deno.test("a wakeup of a task that runs begins no wait, one of a task that waits ends none", () => {
  const tasks = times();
  tasks.switchedIn(7, 100);
  tasks.woken(7, 110);
  tasks.switchedOut(7, "S", 120);
  assert.deepEqual(tasks.woken(7, 150), ended("S", 30));
  assert.equal(tasks.woken(7, 155), undefined);
  assert.deepEqual(tasks.switchedIn(7, 160), ended("R", 10));
});

Deno.test("a task that comes back without a wakeup has neither slept nor waited for a known time", () => {
  const tasks = times();
  tasks.switchedOut(7, "S", 100);
  assert.equal(tasks.switchedIn(7, 200), undefined);
  assert.equal(tasks.woken(7, 201), undefined);
  tasks.switchedOut(7, "D", 300);
  assert.deepEqual(tasks.woken(7, 310), ended("D", 10));
  assert.equal(tasks.doubtful, 0);
});

Deno.test("idle tasks have no state, ended ones are forgotten", () => {
  const tasks = times();
  tasks.switchedOut(0, "R", 100);
  assert.equal(tasks.switchedIn(0, 200), undefined);
  for (const state of ["Z", "X"] as const) {
    tasks.switchedOut(7, "S", 300);
    tasks.switchedOut(7, state, 310);
    assert.equal(tasks.woken(7, 320), undefined);
  }
});

Deno.test("what began before the end of a loss is given up and counted, what begins then is not", () => {
  const tasks = times((tid) => tid !== 9);
  for (const tid of [7, 8, 9]) tasks.switchedOut(tid, "S", 100);
  tasks.lost(200);
  tasks.lost(150);
  tasks.switchedOut(10, "S", 200);
  assert.equal(tasks.woken(7, 250), undefined);
  assert.equal(tasks.switchedIn(8, 250), undefined);
  assert.equal(tasks.woken(9, 250), undefined);
  assert.equal(tasks.doubtful, 2);
  assert.deepEqual(tasks.woken(10, 250), ended("S", 50));
  assert.deepEqual(tasks.switchedIn(7, 260), ended("R", 10));
  assert.equal(tasks.doubtful, 2);
});

Deno.test("a time that goes backwards makes no event", () => {
  const tasks = times();
  tasks.switchedOut(7, "S", 100);
  assert.equal(tasks.woken(7, 99), undefined);
  assert.equal(tasks.doubtful, 1);
});

Deno.test("states that are not wanted are not told", () => {
  const tasks = times((_tid, state) => state === "D");
  tasks.switchedOut(7, "S", 100);
  assert.equal(tasks.woken(7, 150), undefined);
  assert.equal(tasks.switchedIn(7, 160), undefined);
  tasks.switchedOut(7, "D", 170);
  assert.deepEqual(tasks.woken(7, 180), ended("D", 10));
});

Deno.test("a note stays until the task runs again", () => {
  const tasks = times();
  tasks.switchedOut(7, "S", 100, "out");
  assert.deepEqual(tasks.woken(7, 110), ended("S", 10, "out"));
  assert.deepEqual(tasks.switchedIn(7, 120), ended("R", 10, "out"));
  tasks.note(7, "on its way");
  tasks.switchedOut(7, "S", 200);
  assert.deepEqual(tasks.woken(7, 210), ended("S", 10, "on its way"));
  tasks.switchedIn(7, 220);
  tasks.switchedOut(7, "S", 300);
  assert.deepEqual(tasks.woken(7, 310), ended("S", 10));
});

Deno.test("of more tasks than are kept the one known longest is forgotten", () => {
  const tasks = times();
  for (let tid = 1; tid <= 65537; tid++) tasks.switchedOut(tid, "S", 100);
  assert.deepEqual(tasks.woken(2, 150), ended("S", 50));
  assert.deepEqual(tasks.woken(65537, 150), ended("S", 50));
  assert.equal(tasks.woken(1, 150), undefined);
});

Deno.test("a thread's process is known from the start, its birth, or its own samples", () => {
  const groups = new ThreadGroups([{ pid: 10, tid: 10 }, { pid: 10, tid: 11 }]);
  assert.equal(groups.of(11), 10);
  assert.equal(groups.of(12), 12);
  groups.saw(10, 12);
  assert.equal(groups.of(12), 10);
  groups.saw(-1, 12);
  assert.equal(groups.of(12), 10);
  groups.born(12, 12);
  assert.equal(groups.of(12), 12);
  groups.born(13, 10);
  assert.equal(groups.of(13), 10);
});

const ENDED = new Error("made by options.fail");
/** What the option is, and what was said of it where it is refused. */
function read(than: string | true | undefined): { ns: number | undefined; said: string } {
  let said = "";
  const fail = (what: string | undefined, why: string) => {
    said = `${what}: ${why}`;
    return ENDED;
  };
  try {
    const given = than === undefined ? {} : { than };
    return { ns: timeOption({ given, words: [], modifiers: "", fail }, "than"), said };
  } catch (error) {
    assert.equal(error, ENDED);
    return { ns: undefined, said };
  }
}

Deno.test("times have units, and are whole ns", () => {
  const texts = {
    "0": 0,
    "17": 17,
    "500ns": 500,
    "10us": 1e4,
    "10µs": 1e4,
    "1ms": 1e6,
    "1.5ms": 1.5e6,
    "2s": 2e9,
    "1.2345us": 1235,
  };
  for (const [text, ns] of Object.entries(texts)) assert.deepEqual(read(text), { ns, said: "" });
  assert.deepEqual(read(undefined), { ns: undefined, said: "" });
});

Deno.test("what is no time is refused with its option", () => {
  for (const text of ["", "ms", "1 ms", "1m", "-1ms", "1e3", "0x10", "1,5ms", ".5s", "1ms2"]) {
    assert.deepEqual(read(text), { ns: undefined, said: `than: '${text}' is not a time` });
  }
  assert.deepEqual(read("9007199255s"), { ns: undefined, said: "than: the time '9007199255s' is too long" });
});
