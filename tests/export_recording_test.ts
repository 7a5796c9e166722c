/** `perfprof export`: its command line, what a timeline of a recording is, and recordings of perf with a known number of events. */

import assert from "node:assert/strict";
import { DuckDBInstance } from "npm:@duckdb/node-api@1.5.5-r.5";
import { exportRun } from "../lib/export/command.ts";
import { CpuTimeline } from "../lib/export/cpu_timeline.ts";
import { RECORDING_FORMATS } from "../lib/export/formats.ts";
import type { Instant, Slice } from "../lib/export/timeline.ts";
import type { AnyEvent } from "../lib/generated_class.ts";
import { Child, EMIT, live, MAIN, perfprof, start, TempDir, until } from "./harness.ts";
import { cannotRecord, emitted, recordCalls } from "./recording_files.ts";

Deno.test("export is a run of its handlers over the recording", () => {
  assert.equal(exportRun(["-h"]), undefined);
  assert.deepEqual(exportRun(["a.data", "--to", "html"]), ["-I", "a.data", "--", "export", "a.data", "html", "a.data.html"]);
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
      "export",
      "-",
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
    [["a", "--to", "html", "-o", "-"], /^option -o: '-' is no file, and an export is one$/, /^-o a\.html$/],
    [["a", "--to", "csv", "--output="], /^option -o: '' is no file, and an export is one$/, /^-o a\.\{event\}\.csv$/],
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

/** perf's own recording of a program that is waited for. */
const RECORDING = new URL("recordings/offcpu.perf.data", import.meta.url).pathname;

Deno.test("a place where no file can be is said before the recording is read", async () => {
  for (const format of Object.keys(RECORDING_FORMATS)) {
    const { code, stdout, stderr } = await perfprof(["export", RECORDING, "-q", "--to", format, "-o", "/no/such/file"]);
    assert.deepEqual([code, stdout, stderr], [1, "", "perfprof: writing /no/such/file failed: no such file or directory\n"]);
  }
});

Deno.test("an export says what it wrote, and nothing of perfprof's own files", async () => {
  using dir = new TempDir();
  const { code, stdout, stderr } = await perfprof(["export", RECORDING, "--to", "folded", "-o", `${dir.path}/out`]);
  assert.deepEqual([code, stdout, stderr], [0, `122 stacks in ${dir.path}/out\n`, ""]);
});

Deno.test("a recording is not replaced by what is made of it", async () => {
  using dir = new TempDir();
  const copy = `${dir.path}/perf.data`;
  Deno.copyFileSync(RECORDING, copy);
  const { code, stderr } = await perfprof(["export", copy, "-q", "--to", "csv", "-o", `${dir.path}/./perf.data`]);
  assert.equal(code, 1);
  assert.match(stderr, /^perfprof: writing \S+\/perf\.data failed: it is the recording\nhint: -o with another name\n$/);
  assert.deepEqual(Deno.readFileSync(copy), Deno.readFileSync(RECORDING));
});

const MOUNTS = Deno.uid() === 0 && new Deno.Command("unshare", { args: ["-m", "true"], stderr: "null" }).outputSync().success;

live("what does not fit on the disk is an error of one line and status 1, and leaves nothing there", async () => {
  using dir = new TempDir();
  const script = 'mount -t tmpfs -o size=4k none "$0" && "$@"; status=$?; ls -A "$0"; exit $status';
  for (const format of ["html", "csv", "jsonl", "sqlite", "arrow", "parquet", "chrome"]) {
    const words = [Deno.execPath(), "run", "-A", "-q", "--no-lock", MAIN, "export", RECORDING, "-q", "--to", format];
    const child = new Child("unshare", ["-m", "sh", "-c", script, dir.path, ...words, "-o", `${dir.path}/out`]);
    const { code, stdout, stderr } = await child.end();
    assert.deepEqual([code, stdout], [1, ""], format);
    assert.match(stderr, /^perfprof: writing \S+\/out failed: (no space left on device|database or disk is full)\n$/);
  }
}, MOUNTS ? undefined : "no mount namespaces here");

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

live("every event of a recording is a row, a stack, an instant", async () => {
  using dir = new TempDir();
  const path = `${dir.path}/perf.data`;
  recordCalls(path, ["-g", "-m", "1024", ...emitted()], CALLS);
  const out = (name: string) => `${dir.path}/${name}`;
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
}, cannotRecord);

live("events with different fields want a file each: said where the columns of one come too late", async () => {
  using dir = new TempDir();
  const { path } = dir;
  recordCalls(`${path}/perf.data`, [...emitted(), "-e", "sched:sched_process_exit"], 2000);
  const exported = (output: string) =>
    perfprof(["export", `${path}/perf.data`, "-q", "--to", "csv", "-o", `${path}/${output}`]);
  const { code, stdout, stderr } = await exported("all.csv");
  assert.deepEqual([code, stdout], [1, ""]);
  assert.deepEqual(stderr.trimEnd().split("\n"), [
    `perfprof: writing ${path}/all.csv failed: its events have different fields`,
    `hint: -o '${path}/all.{event}.csv'`,
    "hint: -e EVENT for one of them",
    "hint: --to jsonl",
  ]);
  assert.deepEqual(filesIn(dir), ["perf.data"]);
  assert.deepEqual((await exported("all.{event}.csv")).stdout, `2001 rows in ${path}/all.{event}.csv\n`);
  assert.deepEqual(filesIn(dir), ["all.raw_syscalls_sys_enter.csv", "all.sched_sched_process_exit.csv", "perf.data"]);
}, cannotRecord);

function filesIn({ path }: TempDir): string[] {
  return [...Deno.readDirSync(path)].map(({ name }) => name).sort();
}

/** Waits until a file grows there that is not yet in its place. */
async function untilGrowing(dir: TempDir): Promise<void> {
  await until(() => filesIn(dir).some((name) => name.endsWith(".tmp") && Deno.statSync(`${dir.path}/${name}`).size > 0));
}

live("an export that is interrupted leaves no half of a file", async () => {
  using dir = new TempDir();
  recordCalls(`${dir.path}/perf.data`, ["-m", "4096", ...emitted()], 200_000);
  for (const [signal, status] of [["SIGINT", 130], ["SIGTERM", 143]] as const) {
    const child = start(["export", `${dir.path}/perf.data`, "-q", "--to", "jsonl", "-o", `${dir.path}/out`]);
    await untilGrowing(dir);
    child.kill(signal);
    const { code, stdout, stderr } = await child.end();
    assert.deepEqual([code, stdout, stderr], [status, "", ""]);
    assert.deepEqual(filesIn(dir), ["perf.data"]);
  }
}, cannotRecord);

live("of a recording that comes through a pipe, an interrupt is the end: what came is there", async () => {
  using dir = new TempDir();
  const words = ["run", "-A", "-q", "--no-lock", MAIN, "export", "-", "-q", "--to", "jsonl", "-o", `${dir.path}/out`];
  const child = new Child(Deno.execPath(), words, { stdin: "piped" });
  const perf = new Deno.Command("perf", { args: ["record", "-q", "-o", "-", ...emitted(), "--", EMIT, "calls", `${CALLS}`] });
  const writer = child.process.stdin.getWriter();
  await writer.write((await perf.output()).stdout);
  await untilGrowing(dir);
  child.kill("SIGINT");
  const { code, stdout } = await child.end();
  await writer.close().catch(() => {});
  const rows = Deno.readTextFileSync(`${dir.path}/out`).split("\n").length - 1;
  assert.ok(rows > 0);
  assert.deepEqual([code, stdout], [0, `${rows} rows in ${dir.path}/out\n`]);
}, cannotRecord);
