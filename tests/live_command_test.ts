/** -c: a command that is traced from its first event to its end. */

import assert from "node:assert/strict";
import { lastJson, live, perfprof, Stage } from "./harness.ts";

const COUNTER = `
  const tids = new Set();
  let count = 0;
  export const __sample__ = ({ _tid }) => { count++; tids.add(_tid); };
  export const __exit__ = () => console.log(JSON.stringify({ count, tids: tids.size }));
`;

/** Runs a command under perfprof until one of them ends. */
async function trace(stage: Stage, command: string, event: string, module = COUNTER, ...options: string[]) {
  return await perfprof([...options, "-e", event, "-c", command, stage.dir.write("h.ts", module)]);
}

live("the exec of the command is its first event, and there is one", async () => {
  using stage = new Stage();
  const module = `
    const execs = [];
    export const sched__sched_process_exec = ({ filename, _pid }) => execs.push({ filename, _pid });
    export const __exit__ = () => console.log(JSON.stringify(execs));`;
  const ended = await trace(stage, `${stage.emitter} fork 2 3`, "sched:sched_process_exec", module);
  assert.equal(ended.code, 0, ended.stderr);
  assert.deepEqual(lastJson(ended).map(({ filename }: { filename: string }) => filename), [stage.emitter]);
});

for (const [what, tids] of [["calls 15", 1], ["threads 3 5", 3], ["fork 3 5", 3]] as const) {
  live(`the command's events are all there: ${what}`, async () => {
    using stage = new Stage();
    const ended = await trace(stage, `${stage.emitter} ${what}`, stage.event());
    assert.equal(ended.code, 0, ended.stderr);
    assert.deepEqual(lastJson(ended), { count: 15, tids });
    assert.match(ended.stderr, /the command exited with status 0$/m);
  });
}

live("the command's exit status and signal are reported", async () => {
  using stage = new Stage();
  const exited = await trace(stage, "true; exit 3", stage.event());
  assert.equal(exited.code, 0, exited.stderr);
  assert.match(exited.stderr, /^perfprof: the command exited with status 3$/m);
  const killed = await trace(stage, "kill -9 $$", stage.event());
  assert.match(killed.stderr, /^perfprof: the command was ended by signal 9$/m);
});

live("a command that is not there is an error before anything runs", async () => {
  using stage = new Stage();
  const ended = await trace(stage, "/nowhere/to-be-found -x", stage.event());
  assert.equal(ended.code, 1);
  assert.match(ended.stderr, /^perfprof: .*\/nowhere\/to-be-found failed: command not found$/m);
  assert.equal(ended.stdout, "");
});

/** Says so when it is asked to end, and would go on for ever otherwise. */
const UNENDING = (stage: Stage) =>
  `trap "echo asked to end; exit 0" TERM; ${stage.emitter} calls 10; while :; do sleep 0.05; done`;

live("-N ends a command that still runs", async () => {
  using stage = new Stage();
  const ended = await trace(stage, UNENDING(stage), stage.event(), COUNTER, "-N", "10");
  assert.equal(ended.code, 0, ended.stderr);
  assert.match(ended.stdout, /^\{"count":10,"tids":1\}$/m);
  assert.match(ended.stdout, /^asked to end$/m);
});

live("SIGINT ends a command that still runs", async () => {
  using stage = new Stage();
  const ended = await stage.trace(["-e", stage.event(), "-c", UNENDING(stage)], COUNTER, (child) => child.saw(/"calls":10/));
  assert.equal(ended.code, 0, ended.stderr);
  assert.match(ended.stdout, /^\{"count":10,"tids":1\}$/m);
  assert.match(ended.stdout, /^asked to end$/m);
});
