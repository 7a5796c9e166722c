/** What is kept stays as it was, and what is not kept costs no memory. */

import assert from "node:assert/strict";
import { lastJson, live, perfprof, Stage } from "./harness.ts";

const MiB = 2 ** 20;

live("10,000 events of a flood that are kept are the same later, and after the session is closed", async () => {
  using stage = new Stage();
  const module = `
    const kept = [], then = [];
    const values = (event) => perf_prof.hash(event) + " " + JSON.stringify(event);
    export const raw_syscalls__sys_enter = (event) => {
      if (kept.length === 10_000) return;
      kept.push(event);
      then.push(values(event));
    };
    const same = () => kept.filter((event, i) => values(event) === then[i]).length;
    let atExit;
    export const __exit__ = () => {
      atExit = same();
      globalThis.addEventListener("unload", () => {
        const [text] = kept.map((event) => event.to_text());
        console.log(JSON.stringify({ different: new Set(then).size, atExit, closed: same(), text }));
      });
    };`;
  const ended = await stage.trace(["-e", stage.event()], module, () => stage.emit("flood", 300_000));
  const { text, ...counts } = lastJson(ended);
  assert.deepEqual(counts, { different: 10_000, atExit: 10_000, closed: 10_000 }, ended.stderr);
  assert.match(text, / raw_syscalls:sys_enter: NR \d+ \(0, /);
});

live("a kept event holds at most 32 KiB of others", async () => {
  using stage = new Stage();
  const module = `
    const kept = [];
    let count = 0, before = 0;
    export const raw_syscalls__sys_enter = (event) => {
      if (before === 0) before = Deno.memoryUsage().rss;
      if (count++ % 1024 === 0) kept.push(event);
    };
    export const __exit__ = () => {
      const grown = Deno.memoryUsage().rss - before;
      console.log(JSON.stringify({ count, kept: kept.length, grown }));
    };`;
  const ended = await stage.trace(["-e", stage.event()], module, () => stage.emit("rate", 1_000_000, 1.5));
  const { count, kept, grown } = lastJson(ended);
  assert.ok(count >= 1_000_000, `${count} events`);
  // What the collector has not come to, and V8's own growth from the start.
  const slack = 48 * MiB;
  assert.ok(grown < kept * 32 * 1024 + slack, `${kept} kept, ${grown / MiB} MiB`);
});

live("events that nobody keeps cost no memory", async () => {
  using stage = new Stage();
  const module = `
    let count = 0;
    export const raw_syscalls__sys_enter = ({ id, _time, _tid }) => { if (id + _time + _tid > 0) count++; };
    export const __exit__ = () => {
      const peak = /^VmHWM:\\s+(\\d+) kB/m.exec(Deno.readTextFileSync("/proc/self/status"))[1] / 1024;
      console.log(JSON.stringify({ count, peak }));
    };`;
  const ended = await stage.trace(["-e", stage.event()], module, () => stage.emit("rate", 1_000_000, 2));
  const { count, peak } = lastJson(ended);
  assert.ok(count >= 1_500_000, `${count} events`);
  // MiB; rings are not counted in it.
  assert.ok(peak < 120, `${peak} MiB`);
});

/** Calls kill(2) under two names, one after the other, and ends. */
const RENAMED = `printf before > /proc/$$/comm; kill -0 $$; printf after > /proc/$$/comm; kill -0 $$`;

live("an event is printed with the name that its task had then, also when the task has ended", async () => {
  using stage = new Stage();
  const module = `
    const kept = [];
    export const __sample__ = (event) => { kept.push(event); };
    export const __exit__ = () => console.log(JSON.stringify(kept.map((event) => event.to_text({ timestamp: false }))));`;
  const kill = `raw_syscalls:sys_enter/id==${Deno.build.arch === "aarch64" ? 129 : 62}/`;
  const ended = await perfprof(["-e", kill, "-c", RENAMED, stage.dir.write("h.ts", module)]);
  const names = lastJson(ended).map((line: string) => line.trim().split(/\s+/)[0]);
  assert.deepEqual(names, ["before", "after"], ended.stderr);
});
