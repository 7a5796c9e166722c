/**
 * The handlers of templates/, on events written here: what each prints, to the letter.
 */
import assert from "node:assert/strict";
import * as counter from "../templates/counter.ts";
import * as latency from "../templates/latency.ts";
import * as wakeups from "../templates/wakeups.ts";
import { live, perfprof } from "./harness.ts";

/** What `body` prints with console.log. */
function printed(body: () => void): string {
  const { log } = console;
  const lines: string[] = [];
  console.log = (...data: unknown[]) => lines.push(data.join(" "));
  try {
    body();
  } finally {
    console.log = log;
  }
  return lines.join("\n");
}

Deno.test("counter.ts counts each interval anew", () => {
  counter.__sample__();
  counter.__sample__();
  assert.equal(printed(counter.__interval__), "Events: 2");
  assert.equal(printed(counter.__interval__), "Events: 0");
  assert.equal(printed(counter.__exit__), "Done");
});

Deno.test("wakeups.ts lists the most woken tasks first, with their CPUs", () => {
  const wake = (comm: string, pid: number, target_cpu: number) => wakeups.sched__sched_wakeup({ comm, pid, target_cpu });
  wake("sshd", 812, 0);
  for (const cpu of [10, 9, 1]) wake("worker", 4242, cpu);
  // A thread that changed its name is another line, as it is another program.
  wake("bash", 4242, 1);
  wake("bash", 4242, 1);
  assert.equal(
    printed(wakeups.__interval__),
    `COMM                  PID    COUNT CPUS
worker               4242        3 1,9,10
bash                 4242        2 1
sshd                  812        1 0
`,
  );
  assert.equal(printed(wakeups.__interval__), "COMM                  PID    COUNT CPUS\n");
});

Deno.test("wakeups.ts shows ten tasks", () => {
  for (let pid = 1; pid <= 30; pid++) wakeups.sched__sched_wakeup({ comm: "many", pid, target_cpu: 0 });
  assert.equal(printed(wakeups.__interval__).match(/many/g)?.length, 10);
});

const wakeup = (pid: number, _time: number) => latency.sched__sched_wakeup({ pid, _time });
const switched = (prev_pid: number, next_pid: number, _time: number) =>
  latency.sched__sched_switch({ prev_pid, next_pid, _time });

Deno.test("latency.ts measures from the wake-up to the switch", () => {
  for (let i = 1; i <= 100; i++) {
    wakeup(100, i * 1_000_000);
    switched(0, 100, i * 1_000_000 + i * 1000);
  }
  assert.equal(
    printed(latency.__interval__),
    "     100 wake-ups  min      1.0  avg     50.5  p99     99.0  max    100.0 µs",
  );
});

Deno.test("latency.ts has a line for an interval without wake-ups", () => {
  assert.equal(
    printed(latency.__interval__),
    "       0 wake-ups  min      0.0  avg      0.0  p99      0.0  max      0.0 µs",
  );
});

Deno.test("latency.ts takes no wait from a task that was still running when it was woken", () => {
  wakeup(100, 1000);
  switched(100, 0, 2000);
  switched(0, 100, 9000);
  assert.match(printed(latency.__interval__), /^ {7}0 wake-ups/);
});

Deno.test("latency.ts takes no wait across lost events, and says how many were lost", () => {
  wakeup(100, 1000);
  latency.__lost__(1500, 1600, { count: 12 });
  switched(0, 100, 9000);
  assert.match(printed(latency.__interval__), /^ {7}0 wake-ups .* \(12 events lost\)$/);
  assert.doesNotMatch(printed(latency.__interval__), /lost/);
});

const template = (name: string) => new URL(`../templates/${name}`, import.meta.url).pathname;

live("counter.ts runs as it is", async () => {
  const { code, stdout } = await perfprof(["-e", "sched:sched_switch", "-N", "100", "-i", "1", template("counter.ts")]);
  assert.equal(code, 0);
  assert.match(stdout, /^(?:Events: \d+\n)+Done\n$/);
});

live("wakeups.ts runs as it is", async () => {
  const { code, stdout } = await perfprof(["-e", "sched:sched_wakeup", "-N", "100", "-i", "1", template("wakeups.ts")]);
  assert.equal(code, 0);
  assert.match(stdout, /^COMM +PID +COUNT CPUS\n(?:.{16} +\d+ +\d+ [\d,]+\n)+\n/m);
});

live("latency.ts ends the run after as many lines as it was asked for", async () => {
  const events = "sched:sched_wakeup,sched:sched_switch";
  const { code, stdout } = await perfprof(["-e", events, "-i", "50", template("latency.ts"), "2"]);
  assert.equal(code, 0);
  assert.match(stdout, /^(?: +\d+ wake-ups {2}min +[\d.]+ {2}avg +[\d.]+ {2}p99 +[\d.]+ {2}max +[\d.]+ µs\n){2,}$/);
});
