/** Names of threads at a time, from side-band records. */

import assert from "node:assert/strict";
import { Tasks } from "../lib/tasks.ts";
import { view } from "./fixtures/bytes.ts";

/** sample_id of a record at time `t` (one byte): u32 pid, tid; u64 time; u32 cpu, res; u64 id. */
const trailer = (t: string) => `
  64 00 00 00  64 00 00 00
  ${t} 00 00 00 00 00 00 00
  00 00 00 00  00 00 00 00
  07 00 00 00 00 00 00 00`;

/** Thread 100 of process 100 calls itself `comm` (8 bytes). */
const comm = (name: string, t: string) => `
  03 00 00 00  00 00  38 00                 # PERF_RECORD_COMM, 56 bytes
  64 00 00 00  64 00 00 00                  # pid 100, tid 100
  ${name}                                   # comm
  ${trailer(t)}`;

/** Thread 100 makes thread 101. */
const fork = (t: string) => `
  07 00 00 00  00 00  40 00                 # PERF_RECORD_FORK, 64 bytes
  65 00 00 00  64 00 00 00                  # pid 101, ppid 100
  65 00 00 00  64 00 00 00                  # tid 101, ptid 100
  ${t} 00 00 00 00 00 00 00                 # time
  ${trailer(t)}`;

const exit = (tid: string, t: string) => `
  04 00 00 00  00 00  40 00                 # PERF_RECORD_EXIT, 64 bytes
  ${tid} 00 00 00  01 00 00 00
  ${tid} 00 00 00  01 00 00 00
  ${t} 00 00 00 00 00 00 00
  ${trailer(t)}`;

const ALPHA = "61 6c 70 68 61 00 00 00";
const BETA = "62 65 74 61 00 00 00 00";

const nobody = () => undefined;

Deno.test("a thread has the name that it had at the time", () => {
  const tasks = new Tasks([{ pid: 100, tid: 100, comm: "first" }], nobody);
  tasks.record(view(comm(ALPHA, "10"), 8, 8), 8);
  tasks.record(view(comm(BETA, "20")), 0);
  const names = [0, 15, 16, 31, 32, 1e9].map((time) => tasks.comm(100, time));
  assert.deepEqual(names, ["first", "first", "alpha", "alpha", "beta", "beta"]);
});

Deno.test("a child has its parent's name of that moment, and a name stays after the end", () => {
  const tasks = new Tasks([{ pid: 100, tid: 100, comm: "shell" }], nobody);
  tasks.record(view(fork("10")), 0);
  tasks.record(view(comm(ALPHA, "11")), 0);
  tasks.record(view(exit("65", "20")), 0);
  assert.equal(tasks.comm(101, 0x18), "shell");
  assert.equal(tasks.comm(101, 1e9), "shell");
  assert.equal(tasks.comm(100, 0x18), "alpha");
});

Deno.test("the idle task is swapper; a thread that nobody told of is asked for once; one that nobody knows is <...>", () => {
  const asked: number[] = [];
  const tasks = new Tasks([], (tid) => {
    asked.push(tid);
    return tid === 5 ? "five" : undefined;
  });
  assert.deepEqual([0, 5, 5, 6].map((tid) => tasks.comm(tid, 1)), ["swapper", "five", "five", "<...>"]);
  assert.deepEqual(asked, [5, 6]);
});

Deno.test("a child of a parent that nobody knows is not given a name", () => {
  const tasks = new Tasks([], nobody);
  tasks.record(view(fork("10")), 0);
  assert.equal(tasks.comm(101, 0x20), "<...>");
});

Deno.test("records that are cut short, or of another type, change nothing", () => {
  const tasks = new Tasks([{ pid: 100, tid: 100, comm: "first" }], nobody);
  const whole = comm(ALPHA, "10");
  tasks.record(view(whole.replace("38 00", "2f 00")), 0);
  tasks.record(view(whole.replace("38 00", "40 00")), 0);
  tasks.record(view(whole.replace("03 00 00 00", "0a 00 00 00")), 0);
  tasks.record(view(fork("10").replace("40 00", "3f 00")), 0);
  assert.equal(tasks.comm(100, 1e9), "first");
  assert.equal(tasks.comm(101, 1e9), "<...>");
});

Deno.test("memory is bounded: the thread that ended first is forgotten first, and of one thread the oldest name", () => {
  const running = Array.from({ length: 65536 }, (_, i) => ({ pid: 1, tid: 1000 + i, comm: `t${i}` }));
  const tasks = new Tasks([{ pid: 102, tid: 102, comm: "ended" }, ...running.slice(1)], nobody);
  tasks.record(view(exit("66", "10")), 0);
  tasks.record(view(comm(ALPHA, "11")), 0);
  assert.equal(tasks.comm(102, 1e9), "<...>");
  assert.equal(tasks.comm(1001, 1e9), "t1");
  assert.equal(tasks.comm(100, 1e9), "alpha");

  for (let t = 0x20; t < 0x2a; t++) tasks.record(view(comm(t % 2 ? ALPHA : BETA, t.toString(16))), 0);
  assert.equal(tasks.comm(100, 0x22), "beta");
  assert.equal(tasks.comm(100, 0x29), "alpha");
  assert.equal(tasks.comm(100, 0), "beta");
});
