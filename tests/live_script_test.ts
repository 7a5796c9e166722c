/** What a script does besides its handlers, its timers, fetches, processes and signals, lives while events flow and while none do. */

import assert from "node:assert/strict";
import { lastJson, live, Stage } from "./harness.ts";

const SCRIPT = `
const late = [], signalled = [], done = new Set();
let events = 0, next, sent;
export function __sample__() { events++; }
setInterval(() => {
  const now = performance.now();
  if (next !== undefined) late.push(Math.max(0, now - next));
  next = now + 20;
  if (sent !== undefined) return;
  sent = performance.now();
  Deno.kill(Deno.pid, "SIGWINCH");
}, 20);
const server = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen() {} }, () => new Response("served"));
Deno.addSignalListener("SIGWINCH", () => {
  signalled.push(performance.now() - sent);
  sent = undefined;
});
setTimeout(work, 300, server.addr.port);
async function work(port) {
  await Promise.resolve().then(() => done.add("promise"));
  const response = await fetch("http://127.0.0.1:" + port);
  if (await response.text() === "served") done.add("fetch");
  const { stdout } = await new Deno.Command("echo", { args: ["child"] }).output();
  if (new TextDecoder().decode(stdout) === "child\\n") done.add("child");
  const during = events;
  setTimeout(() => console.log("worked", during), 500);
}
export function __exit__() {
  const spread = (ms) => ({ count: ms.length, median: ms.sort((a, b) => a - b)[ms.length >> 1], most: ms.at(-1) });
  console.log(JSON.stringify({ done: [...done].sort(), timers: spread(late), signals: spread(signalled) }));
}`;

/** How late something came, ms. */
interface Spread {
  readonly count: number;
  readonly median: number;
  readonly most: number;
}

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
      const { done, timers, signals } = lastJson(ended);
      assert.deepEqual(done, ["child", "fetch", "promise"]);
      for (const [what, { count, median, most }] of Object.entries<Spread>({ timers, signals })) {
        assert.ok(count >= 10, `${count} ${what}`);
        assert.ok(median < 50, `${what} are late by ${median} ms`);
        // Whatever else this machine does in between.
        assert.ok(most < 2000, `${what} are late by ${most} ms at most`);
      }
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
