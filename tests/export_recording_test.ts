/** `perfprof export`: its command line, what a timeline of a recording is, and recordings of perf with a known number of events. */

import assert from "node:assert/strict";
import { DuckDBInstance } from "npm:@duckdb/node-api@1.5.5-r.5";
import { exportRun } from "../lib/export/command.ts";
import { CpuTimeline } from "../lib/export/cpu_timeline.ts";
import { RECORDING_FORMATS } from "../lib/export/formats.ts";
import type { Instant, Slice } from "../lib/export/timeline.ts";
import type { AnyEvent } from "../lib/generated_class.ts";
import { Child, live, perfprof, Stage } from "./harness.ts";

const HANDLERS = new URL("../lib/export/recording.ts", import.meta.url).pathname;

Deno.test("export is a run of its handlers over the recording", () => {
  assert.equal(exportRun(["-h"]), undefined);
  assert.deepEqual(exportRun(["a.data", "--to", "html"]), ["-I", "a.data", "--", HANDLERS, "html", "a.data.html"]);
  assert.deepEqual(
    exportRun([
      "--to=csv",
      "-e",
      "a:b,c:d",
      "-e",
      "e:f",
      "-C",
      "0-1",
      "--time",
      "1,2",
      "--force",
      "-vv",
      "-q",
      "-",
      "-o",
      "out",
    ]),
    [
      "-I",
      "-",
      "-e",
      "a:b,c:d",
      "-e",
      "e:f",
      "-C",
      "0-1",
      "--time",
      "1,2",
      "--force",
      "-q",
      "-v",
      "-v",
      "--",
      HANDLERS,
      "csv",
      "out",
    ],
  );
});

Deno.test("without -o the file is beside the recording; formats with columns have one for each event", () => {
  const outputs = Object.keys(RECORDING_FORMATS).map((format) =>
    exportRun(["x/p", "--to", format])!.at(-1)!.slice("x/p.".length)
  );
  assert.deepEqual(outputs, [
    ...["html", "folded", "speedscope.json", "pb.gz"],
    ...["{event}.csv", "jsonl", "{event}.sqlite", "{event}.arrow", "{event}.parquet", "json"],
  ]);
  assert.equal(exportRun(["-", "--to", "html"])!.at(-1), "perf.data.html");
});

Deno.test("what is wrong on its command line is said", () => {
  const wrong: readonly (readonly [string[], RegExp, RegExp])[] = [
    [["a"], /needs a format: option --to is missing$/, /^--to html \| folded/],
    [["a", "--to", "parque"], /^option --to: 'parque' is no format$/, /^--to parquet$/],
    [["--to", "html"], /takes one FILE, not 0$/, /export -h$/],
    [["a", "b", "--to", "html"], /takes one FILE, not 2$/, /export -h$/],
    [["a", "--to", "html", "--x"], /^the command 'export': Unknown option '--x'/, /export -h$/],
  ];
  for (const [args, message, hint] of wrong) {
    assert.throws(() => exportRun(args), (error: Error & { hints: string[] }) => {
      assert.equal(error.name, "PerfprofError");
      assert.match(error.message, message);
      assert.match(error.hints[0]!, hint);
      return true;
    });
  }
});

/** An event, as far as a timeline looks at it. */
function event(name: string, cpu: number, timeNs: number, fields: Record<string, unknown>): AnyEvent {
  const items = () => Object.entries({ _pid: 1, common_type: 2, ...fields });
  return { _event: name, _cpu: cpu, _tid: 7, get_bigint: () => BigInt(timeNs), items, ...fields } as unknown as AnyEvent;
}

Deno.test("a timeline has who runs on each CPU: not idleness, not what losses leave open, and until the last event", () => {
  const slices: unknown[] = [];
  const instants: Instant[] = [];
  const cpus = new CpuTimeline({
    slice: ({ group, track, name, startNs, durationNs, args }: Slice) =>
      slices.push([group, track, name, startNs, durationNs, args]),
    instant: (instant: Instant) => instants.push(instant),
  });
  const runs = (cpu: number, timeNs: number, next_comm: string, next_pid: number) =>
    cpus.add(event("sched:sched_switch", cpu, timeNs, { next_comm, next_pid }));
  runs(0, 100, "a", 10);
  runs(1, 110, "b", 11);
  runs(0, 150, "swapper/0", 0);
  runs(0, 180, "c", 12);
  cpus.forget(1);
  runs(1, 190, "d", 13);
  cpus.add(event("sched:sched_wakeup", 1, 200, { comm: "e", pid: 14 }));
  cpus.end();
  assert.deepEqual(slices, [
    ["CPUs", "CPU 0", "a", 100n, 50n, { pid: 10 }],
    ["CPUs", "CPU 0", "c", 180n, 20n, { pid: 12 }],
    ["CPUs", "CPU 1", "d", 190n, 10n, { pid: 13 }],
  ]);
  assert.deepEqual(instants, [
    { group: "Events", track: "CPU 1", name: "sched:sched_wakeup", timeNs: 200n, args: { pid: 14, comm: "e" } },
  ]);
});

const CALLS = 3000;

/** Records system calls of the generator by perf. */
async function recordCalls(stage: Stage): Promise<string> {
  const path = `${stage.dir.path}/perf.data`;
  const [, event, filter] = /^(.*?)\/(.*)\/$/.exec(stage.event())!;
  const args = [
    "record",
    "-q",
    "-g",
    "-m",
    "1024",
    "-e",
    event!,
    "--filter",
    filter!,
    "-o",
    path,
    stage.emitter,
    "calls",
    `${CALLS}`,
  ];
  const { code, stderr } = await new Child("perf", args).end();
  assert.equal(code, 0, stderr);
  return path;
}

const noPerf = (() => {
  try {
    return new Deno.Command("perf", { args: ["--version"] }).outputSync().success ? undefined : "perf does not run";
  } catch {
    return "no perf";
  }
})();

live("every event of a recording is a row, a stack, an instant", async () => {
  using stage = new Stage();
  const path = await recordCalls(stage);
  const out = (name: string) => `${stage.dir.path}/${name}`;
  const said = async (...args: string[]) => {
    const { code, stdout, stderr } = await perfprof(["export", path, "-q", ...args]);
    assert.deepEqual([code, stderr], [0, ""]);
    return stdout;
  };
  assert.equal(await said("--to", "parquet"), `${CALLS} rows in ${path}.{event}.parquet\n`);
  assert.equal(await said("--to", "jsonl", "-o", out("j")), `${CALLS} rows in ${out("j")}\n`);
  assert.equal(await said("--to", "folded", "-o", out("f")), `${CALLS} stacks in ${out("f")}\n`);
  assert.equal(await said("--to", "chrome", "-o", out("c")), `${CALLS} slices and instants in ${out("c")}\n`);

  const instance = await DuckDBInstance.create(":memory:");
  const connection = await instance.connect();
  const sql = `SELECT count(*) AS n, count(DISTINCT id) AS ids FROM '${path}.raw_syscalls_sys_enter.parquet'`;
  assert.deepEqual((await connection.runAndReadAll(sql)).getRowObjects(), [{ n: BigInt(CALLS), ids: 1n }]);
  connection.closeSync();
  instance.closeSync();
  const lines = Deno.readTextFileSync(out("j")).trimEnd().split("\n").map((line) => JSON.parse(line));
  assert.deepEqual([lines.length, lines[0]._event], [CALLS, "raw_syscalls:sys_enter"]);
  const weights = Deno.readTextFileSync(out("f")).matchAll(/ (\d+)$/gm);
  assert.equal(weights.reduce((sum, [, weight]) => sum + Number(weight), 0), CALLS);
  const { traceEvents }: { traceEvents: { ph: string }[] } = JSON.parse(Deno.readTextFileSync(out("c")));
  assert.equal(traceEvents.filter(({ ph }) => ph === "i").length, CALLS);
}, noPerf);
