/** The order of delivery over CPUs: by time, whatever floods and whatever is idle. */

import assert from "node:assert/strict";
import { type Ended, lastJson, live, Stage } from "./harness.ts";

const FEW_CPUS = navigator.hardwareConcurrency < 2 ? "needs two CPUs" : undefined;

/** Counts the events that are older than one before them. */
const BACKWARDS = `
  let count = 0, backwards = 0, newest = 0;
  const cpus = new Set();
  export const __sample__ = ({ _time, _cpu }) => {
    count++;
    cpus.add(_cpu);
    if (_time < newest) backwards++;
    else newest = _time;
  };
  export const __exit__ = () => console.log(JSON.stringify({ count, backwards, cpus: cpus.size }));
`;

/** Floods two CPUs, with events of scheduler and interrupts between them. */
async function flood(...options: string[]): Promise<Ended> {
  using stage = new Stage();
  const events = [stage.event(), "sched:sched_switch", "sched:sched_wakeup", "irq:softirq_entry", "irq:softirq_exit"];
  return await stage.trace([...options, "-v", "-e", events.join(",")], BACKWARDS, async () => {
    await Promise.all([0, 1].map((cpu) => stage.emit("--cpu", cpu, "rate", 200_000, 0.5)));
  });
}

/** What -v says at the end. */
function totals({ stderr }: Ended): { delivered: number; lost: number; late: number } {
  const line = /^perfprof: (\d+) events delivered, (\d+) lost, (\d+) late$/m.exec(stderr);
  assert.ok(line, stderr);
  const [delivered, lost, late] = line.slice(1).map(Number) as [number, number, number];
  return { delivered, lost, late };
}

live("time never goes backwards, but for events that are counted as late", async () => {
  const ended = await flood();
  const { count, backwards, cpus } = lastJson(ended);
  const { delivered, lost, late } = totals(ended);
  assert.deepEqual({ delivered, lost, cpus }, { delivered: count, lost: 0, cpus: 2 });
  assert.ok(count >= 200_000);
  assert.equal(backwards, late);
  // A CPU of a virtual machine can be stopped within the writing of a record; not often.
  assert.ok(late <= count / 1000, `${late} of ${count} late`);
}, FEW_CPUS);

live("--no-order: the same flood comes ring by ring", async () => {
  const ended = await flood("--no-order");
  assert.ok(lastJson(ended).backwards > 0);
  assert.equal(totals(ended).late, 0);
}, FEW_CPUS);

live("no wake-up latency is negative", async () => {
  using stage = new Stage();
  const module = `
    const woken = new Map();
    let latencies = 0, negative = 0;
    const wake = ({ pid, _time }) => { if (!woken.has(pid)) woken.set(pid, _time); };
    export const sched__sched_wakeup = wake;
    export const sched__sched_wakeup_new = wake;
    export const sched__sched_switch = ({ next_pid, prev_pid, prev_state, _time }) => {
      const since = woken.get(next_pid);
      woken.delete(next_pid);
      // A task that is woken before it is off its CPU is not switched to.
      if (prev_state !== 0) woken.delete(prev_pid);
      if (since === undefined) return;
      latencies++;
      if (_time < since) negative++;
    };
    export const __exit__ = () => console.log(JSON.stringify({ latencies, negative }));`;
  const events = "sched:sched_wakeup,sched:sched_wakeup_new,sched:sched_switch";
  const ended = await stage.trace(["-v", "-e", events], module, async () => {
    await Promise.all([0, 1].map((cpu) => stage.emit("--cpu", cpu, "rate", 1000, 0.5)));
  });
  const { latencies, negative } = lastJson(ended);
  assert.ok(latencies > 100, `${latencies}`);
  assert.ok(negative <= totals(ended).late, `${negative} of ${latencies} are negative`);
}, FEW_CPUS);

live("an idle CPU holds nobody back", async () => {
  using stage = new Stage();
  const module = `export const __sample__ = ({ _cpu }) => console.log("delivered on", _cpu);`;
  const ended = await stage.trace(["-e", stage.event()], module, async (perfprof) => {
    for (const cpu of [0, 1]) {
      await stage.emit("--cpu", cpu, "calls", 1);
      await perfprof.saw(new RegExp(`^delivered on ${cpu}$`, "m"));
    }
  });
  assert.equal(ended.code, 0, ended.stderr);
}, FEW_CPUS);
