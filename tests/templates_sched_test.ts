/** The handlers of templates/ for the scheduler's profilers: on events written here to the letter, and on real ones. */

import assert from "node:assert/strict";
import * as migrations from "../templates/migrations.ts";
import * as oncpu from "../templates/oncpu.ts";
import * as rundelay from "../templates/rundelay.ts";
import * as taskstate from "../templates/taskstate.ts";
import { live, perfprof, printed } from "./harness.ts";

Deno.test("taskstate.ts lists those first that waited longest", () => {
  const state = (comm: string, tid: number, state: string, duration: number) =>
    taskstate.task_state({ comm, tid, state, duration });
  state("sleeper", 1, "S", 900_000_000);
  state("sh", 2, "R", 1_000_000);
  state("worker", 2, "R+", 500_000);
  state("disk", 3, "D", 2_000_000);
  assert.equal(
    printed(taskstate.__interval__),
    `COMM                  TID          D          R          S
disk                    3       2.00       0.00       0.00
worker                  2       0.00       1.50       0.00
sleeper                 1       0.00       0.00     900.00
`,
  );
  assert.equal(printed(taskstate.__interval__).split("\n").length, 2);
});

Deno.test("rundelay.ts shows the delays by powers of two, and the longest", () => {
  const delay = (us: number, waker_comm: string) =>
    rundelay.rundelay({ comm: "worker", tid: 7, cpu: 1, delay: us * 1000, waker_comm });
  assert.equal(printed(rundelay.__exit__), "");
  for (let i = 0; i < 4; i++) delay(0.5, "a");
  delay(5, "b");
  delay(6, "");
  delay(3, "c");
  assert.equal(
    printed(rundelay.__exit__),
    `        < 1 µs        4 ########################################
        < 2 µs        0
        < 4 µs        1 ##########
        < 8 µs        2 ####################
longest: worker (7) on CPU 1, 6.0 µs, preempted
`,
  );
  assert.equal(printed(rundelay.__interval__), "");
});

Deno.test("oncpu.ts lists those first that had most time", () => {
  const slice = (comm: string, tid: number, ms: number) => oncpu.oncpu({ comm, tid, runtime: ms * 1e6 });
  slice("small", 1, 1);
  // It is another program by then.
  for (const [comm, ms] of [["sh", 2], ["large", 4], ["large", 0.5]] as const) slice(comm, 2, ms);
  assert.equal(
    printed(oncpu.__interval__),
    `COMM                   TID        MS    SLICES   LONGEST
large                    2      6.50         3      4.00
small                    1      1.00         1      1.00
`,
  );
  assert.equal(printed(oncpu.__exit__), "");
});

Deno.test("migrations.ts lists those first that moved most, with their ways", () => {
  const move = (tid: number, orig_cpu: number, dest_cpu: number) =>
    migrations.sched_migrate({ comm: "worker", tid, orig_cpu, dest_cpu });
  assert.equal(printed(migrations.__exit__), "");
  move(1, 0, 1);
  for (const [from, to] of [[0, 1], [1, 2], [0, 1]] as const) move(2, from, to);
  assert.equal(
    printed(migrations.__exit__),
    `COMM                  TID    MOVES FROM>TO
worker                  2        3 0>1:2 1>2:1
worker                  1        1 0>1:1
`,
  );
});

const STATES = new URL("../native/build/sched_states", import.meta.url).pathname;

/** Template, its event, what ends the run, and what its lines look like. */
const RUNS: readonly [name: string, event: string, end: readonly string[], lines: RegExp][] = [
  ["taskstate.ts", "task-state", ["-N", "100"], /^COMM .*\n(?:.{16} +\d+(?: +[\d.]+){3}\n)+\n/m],
  [
    "rundelay.ts",
    "rundelay",
    ["-N", "100"],
    /^(?: +< \d+ µs +\d+(?: #+)?\n)+longest: .+ on CPU \d+, [\d.]+ µs, (?:preempted|woken by .+)\n\n/m,
  ],
  ["oncpu.ts", "oncpu", ["-N", "100"], /^COMM .*\n(?:.{16} +\d+ +[\d.]+ +\d+ +[\d.]+\n)+\n/m],
  [
    "migrations.ts",
    "sched-migrate",
    ["-c", `${STATES} moves 100`],
    /^COMM .*\n(?:.{16} +\d+ +\d+ (?:\d+>\d+:\d+ ?)+\n)+\n/m,
  ],
];

for (const [name, event, end, lines] of RUNS) {
  live(`${name} runs as it is`, async () => {
    const template = new URL(`../templates/${name}`, import.meta.url).pathname;
    const { code, stdout, stderr } = await perfprof(["-q", "-e", event, ...end, "-i", "1", template]);
    assert.deepEqual([code, stderr], [0, ""]);
    assert.match(stdout, lines);
  }, name === "migrations.ts" && navigator.hardwareConcurrency < 2 ? "needs two CPUs" : undefined);
}
