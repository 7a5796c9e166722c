/** Exports of live runs: every event of a known number is a row, and the ready flame graph has a known stack. */

import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { DatabaseSync } from "node:sqlite";
import { emittedNr, live, perfprof, Stage } from "./harness.ts";
import { FRAME_POINTERS, getppid, Programs } from "./stack_programs.ts";

const FLAMEGRAPH = fileURLToPath(new URL("../templates/flamegraph.ts", import.meta.url));
const ROWS = 20_000;

live("a row for each event", async () => {
  using stage = new Stage();
  const path = `${stage.dir.path}/calls.sqlite`;
  const module = `
    const calls = await perf_prof.export.table("${path}");
    export function raw_syscalls__sys_enter(event: object) { calls.add(event); }
    export function __exit__() { calls.close(); console.log(calls.count); }`;
  const { code, stdout, stderr } = await stage.trace(["-q", "-e", stage.event()], module, () => stage.emit("calls", ROWS));
  assert.deepEqual([code, stdout, stderr], [0, `ready\n${ROWS}\n`, ""]);
  const database = new DatabaseSync(path);
  const sql = "SELECT count(*) AS n, min(id) AS least, max(id) AS most, count(DISTINCT _time) > 1 AS times FROM events";
  assert.deepEqual({ ...database.prepare(sql).get() }, { n: ROWS, least: emittedNr(), most: emittedNr(), times: 1 });
  database.close();
});

live("flamegraph.ts has every stack of a program with a known one", async () => {
  using programs = new Programs();
  const path = programs.compile("stacks", FRAME_POINTERS);
  const file = `${path}.folded`;
  const { stdout } = await perfprof([
    "-q",
    "-e",
    getppid(),
    "-g",
    "--user-callchain",
    "-c",
    `${path} tree 20`,
    FLAMEGRAPH,
    file,
  ]);
  assert.equal(stdout, `20 stacks in ${file}\n`);
  assert.match(Deno.readTextFileSync(file), /^stacks;(?:\S+;)?main;a;b;c;call_kernel;\S+_\[k\] 20\n$/);
});
