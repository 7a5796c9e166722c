/** What a script does besides its handlers, its timers, fetches, processes and signals, lives while events flow and while none do. */

import assert from "node:assert/strict";
import { lastJson, live, Stage } from "./harness.ts";

const SCRIPT = `
const late = [], done = new Set();
let events = 0, next;
export function __sample__() { events++; }
setInterval(() => {
  const now = performance.now();
  if (next !== undefined) late.push(Math.max(0, now - next));
  next = now + 20;
}, 20);
const server = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen() {} }, () => new Response("served"));
Deno.addSignalListener("SIGWINCH", () => done.add("signal"));
setTimeout(work, 300, server.addr.port);
async function work(port) {
  Deno.kill(Deno.pid, "SIGWINCH");
  await Promise.resolve().then(() => done.add("promise"));
  const response = await fetch("http://127.0.0.1:" + port);
  if (await response.text() === "served") done.add("fetch");
  const { stdout } = await new Deno.Command("echo", { args: ["child"] }).output();
  if (new TextDecoder().decode(stdout) === "child\\n") done.add("child");
  const during = events;
  setTimeout(() => console.log("worked", during), 500);
}
export function __exit__() {
  late.sort((a, b) => a - b);
  console.log(JSON.stringify({ done: [...done].sort(), turns: late.length, median: late[late.length >> 1], most: late.at(-1) }));
}`;

for (const flood of [true, false]) {
  live(
    `timers, promises, fetch, subprocesses and signals of a script live ${flood ? "in a flood" : "without events"}`,
    async () => {
      using stage = new Stage();
      const ended = await stage.trace(["-q", "-e", stage.event()], SCRIPT, async (child) => {
        const work = child.saw(/^worked (\d+)$/m);
        if (flood) await stage.emit("flood", "2.5s");
        const [, during] = await work;
        assert.equal(Number(during) > 0, flood);
      });
      assert.equal(ended.code, 0);
      const { done, turns, median, most } = lastJson(ended);
      assert.deepEqual(done, ["child", "fetch", "promise", "signal"]);
      assert.ok(turns >= 10, `${turns} turns`);
      assert.ok(median < 50, `a timer of 20 ms is late by ${median} ms`);
      assert.ok(most < 2000, `a timer of 20 ms is late by ${most} ms at most`);
    },
  );
}

live("the script's own listener for SIGINT is called beside perfprof's", async () => {
  using stage = new Stage();
  const ended = await stage.trace(
    ["-q", "-e", stage.event()],
    `Deno.addSignalListener("SIGINT", () => console.log("mine"));\nexport function __exit__() { console.log("exit"); }`,
    () => {},
  );
  assert.equal(ended.code, 0);
  assert.match(ended.stdout, /^mine$/m);
  assert.match(ended.stdout, /^exit$/m);
});
