/** Events of this machine through the command line: how many, which, when, and the end of a run. */

import assert from "node:assert/strict";
import { emittedNr, lastJson, live, pause, Stage } from "./harness.ts";

/** Counts the generator's events by the name in `_event`. */
const COUNTER = `
  const counts = {};
  export const __sample__ = (event) => { counts[event._event] = (counts[event._event] ?? 0) + 1; };
  export const __exit__ = () => console.log(JSON.stringify(counts));
`;
const SYS_ENTER = "raw_syscalls:sys_enter";
const WRITE_NR = Deno.build.arch === "aarch64" ? 64 : 1;

live("23 calls are 23 events, with the values of the calls", async () => {
  using stage = new Stage();
  const held = stage.hold("calls", 23);
  const ended = await stage.trace(
    ["-e", stage.event()],
    `const seen = [];
     export const raw_syscalls__sys_enter = ({ id, _pid, _tid, common_pid, _period }) => seen.push([id, _pid, _tid, _period]);
     export const __exit__ = () => console.log(JSON.stringify(seen));`,
    async () => {
      await held.tell("\n");
      await held.end();
    },
  );
  assert.equal(ended.code, 0, ended.stderr);
  assert.deepEqual(lastJson(ended), Array(23).fill([emittedNr(), held.pid, held.pid, 1]));
});

live("a handler without parameters is called once for each event, beside one that reads its own", async () => {
  using stage = new Stage();
  const counted = stage.event("alias=counted");
  const read = stage.event("alias=read", emittedNr() + 1);
  const ended = await stage.trace(
    ["-i", "5", "-e", counted, "-e", read],
    `const seen = { counted: 0, read: [], ticks: 0 };
     export const raw_syscalls__counted = () => { seen.counted++; };
     export const raw_syscalls__read = ({ id, _tid }) => seen.read.push([id, _tid]);
     export const __interval__ = () => { seen.ticks++; };
     export const __exit__ = () => console.log(JSON.stringify(seen));`,
    async () => {
      await Promise.all([stage.emit("calls", 20_000), stage.emit("calls", 300, emittedNr() + 1)]);
    },
  );
  const { counted: count, read: values, ticks } = lastJson(ended);
  assert.equal(count, 20_000);
  assert.deepEqual(values, Array(300).fill([emittedNr() + 1, values[0][1]]));
  assert.ok(ticks > 0);
});

live("an event that is alone is delivered within 100 ms, also while others are frequent", async () => {
  using stage = new Stage();
  const rare = stage.event("alias=rare");
  const frequent = stage.event("alias=frequent", emittedNr() + 1);
  const ended = await stage.trace(
    ["-e", rare, "-e", frequent],
    `const delays = [];
     export const raw_syscalls__rare = ({ _realtime }) => { delays.push(Date.now() - _realtime / 1e6); };
     export const raw_syscalls__frequent = () => {};
     export const __exit__ = () => console.log(JSON.stringify(delays));`,
    async () => {
      for (let i = 0; i < 5; i++) {
        await stage.emit("calls", 1);
        await pause(150);
      }
      for (let i = 0; i < 5; i++) {
        const others = stage.emit("calls", 20_000, emittedNr() + 1);
        await stage.emit("calls", 1);
        await others;
        await pause(150);
      }
    },
  );
  // The machine may be busy with other things when any one of them comes, but not at all of them.
  const delays: number[] = lastJson(ended);
  assert.equal(delays.length, 10);
  for (const some of [delays.slice(0, 5), delays.slice(5)]) {
    assert.ok(Math.min(...some) < 100, `${some} ms`);
    assert.ok(Math.max(...some) < 2000, `${some} ms`);
  }
});

live("one tracepoint twice: each alias has its own filter", async () => {
  using stage = new Stage();
  const ended = await stage.trace(
    ["-e", `${stage.event("alias=max")},${stage.event("alias=min", emittedNr() + 1)}`],
    COUNTER,
    async () => {
      await stage.emit("calls", 5);
      await stage.emit("calls", 7, emittedNr() + 1);
    },
  );
  assert.deepEqual(lastJson(ended), { "raw_syscalls:max": 5, "raw_syscalls:min": 7 });
});

live("-N ends the run after exactly so many events", async () => {
  using stage = new Stage();
  const child = await stage.start(["-v", "-N", "100", "-e", stage.event()], COUNTER);
  await stage.emit("calls", 1000);
  const ended = await child.end();
  assert.equal(ended.code, 0, ended.stderr);
  assert.deepEqual(lastJson(ended), { [SYS_ENTER]: 100 });
  assert.match(ended.stderr, /^perfprof: 100 events delivered, 0 lost, 0 late$/m);
});

for (
  const options of [["--watermark", "0"], ["--watermark", "100"], ["--no-order"], ["-m", "1"], ["-m", "64K"], ["-m", "4M"]]
) {
  live(`every event is delivered with ${options.join(" ")}`, async () => {
    using stage = new Stage();
    let status = "";
    // 30 records of the event fit in a page.
    const ended = await stage.trace([...options, "-e", stage.event()], COUNTER, async (perfprof) => {
      await stage.emit("calls", 30);
      perfprof.kill("SIGUSR2");
      [status] = await perfprof.saw(/rings .*/);
    });
    assert.deepEqual(lastJson(ended), { [SYS_ENTER]: 30 }, ended.stderr);
    const size = { "1": "0.0 MiB", "64K": "0.1 MiB", "4M": "4 MiB" }[options[1] ?? ""];
    if (size !== undefined && options[0] === "-m") assert.match(status, new RegExp(`^rings \\d+ x ${size}$`));
  });
}

live("without an order of its own a run delivers all of all CPUs", async () => {
  using stage = new Stage();
  let calls = 0;
  const ended = await stage.trace(["--no-order", "-e", stage.event()], COUNTER, async () => {
    const each = [0, navigator.hardwareConcurrency - 1].map((cpu) => stage.emit("--cpu", cpu, "rate", 20_000, 0.5));
    for (const made of await Promise.all(each)) calls += made;
  });
  assert.deepEqual(lastJson(ended), { [SYS_ENTER]: calls }, ended.stderr);
});

live("the counts of the intervals add up to the total", async () => {
  using stage = new Stage();
  const ended = await stage.trace(
    ["-i", "50", "-e", stage.event()],
    `const sums = [];
     let count = 0;
     export const raw_syscalls__sys_enter = () => { count++; };
     export const __interval__ = () => { sums.push(count); count = 0; };
     export const __exit__ = () => console.log(JSON.stringify([...sums, count]));`,
    () => stage.emit("rate", 4000, 1),
  );
  const sums: number[] = lastJson(ended);
  assert.equal(sums.reduce((a, b) => a + b), 4000, `${sums}`);
  // Ticks may coalesce on a busy machine, but neither does one come for nothing nor does the work wait for the end.
  assert.ok(sums.filter((sum) => sum > 0).length >= 3, `${sums}`);
});

live("--exclude-self: a handler that prints makes no events of its own", async () => {
  using stage = new Stage();
  const module = `
    let own = 0, others = 0;
    export const raw_syscalls__sys_enter = ({ _pid }) => {
      _pid === Deno.pid ? own++ : others++;
      console.log(_pid);
    };
    export const __exit__ = () => console.log(JSON.stringify({ own, others }));`;
  const run = async (...options: string[]) =>
    lastJson(
      await stage.trace([...options, "-e", `${SYS_ENTER}/id==${WRITE_NR}/`], module, async (perfprof) => {
        await stage.emit("calls", 5, WRITE_NR);
        await perfprof.saw(/^\d+$/m);
      }),
    );
  const excluded = await run("--exclude-self");
  assert.equal(excluded.own, 0);
  assert.ok(excluded.others >= 5, `${excluded.others}`);
  assert.ok((await run()).own > 0);
});
