/**
 * The benchmark itself, with few events: that it counts them to the event, says what it could not measure, and leaves nothing
 * behind. Times are never asserted.
 */
import assert from "node:assert/strict";
import type { Measured, Results, Spread } from "../bench/results.ts";
import { Child, type Ended, live, TempDir, until } from "./harness.ts";

const ROOT = new URL("../", import.meta.url).pathname;

function start(...args: string[]): Child {
  return new Child(Deno.execPath(), ["run", "-A", "-q", "--no-lock", `${ROOT}bench/main.ts`, ...args]);
}

async function build(): Promise<void> {
  const { code, stderr } = await new Child("make", ["-s", "-C", `${ROOT}bench`]).end();
  assert.equal(code, 0, stderr);
}

function widest(text: string): number {
  return Math.max(...text.split("\n").map((line) => line.length));
}

function assertSpread({ median, min, max }: Spread): void {
  assert.ok(min <= median && median <= max, `${min} <= ${median} <= ${max}`);
}

live("bench: two consumers, counted to the event", async () => {
  using dir = new TempDir();
  const file = `${dir.path}/results.json`;
  await build();
  const ended = await start("--calls", "20000", "--runs", "2", "--only", "perfprof-count,perfprof-print", "--json", file).end();
  assert.equal(ended.code, 0, ended.stderr);
  const { rows, calls, rounds }: Results = JSON.parse(Deno.readTextFileSync(file));
  assert.deepEqual({ calls, rounds }, { calls: 20000, rounds: 2 });
  assert.deepEqual(rows.filter((row) => "missing" in row), []);
  const measured = rows.filter((row) => "nsPerEvent" in row);
  assert.deepEqual(measured.map((row) => [row.tool, row.work, row.calls, row.lost.max, row.ringMb > 0]), [
    ["C floor", "count", 20000, 0, true],
    ["perfprof", "count", 20000, 0, true],
    ["perfprof", "print", 20000, 0, true],
  ]);
  for (const { nsPerEvent, traced } of measured) [nsPerEvent, ...Object.values(traced ?? {})].forEach(assertSpread);
});

live("bench: a recording is read to the event, and nobody is traced meanwhile", async () => {
  using dir = new TempDir();
  const file = `${dir.path}/results.json`;
  await build();
  const ended = await start("--calls", "20000", "--runs", "1", "--only", "perfprof-replay,perf-script-replay", "--json", file)
    .end();
  assert.equal(ended.code, 0, ended.stderr);
  const { rows }: Results = JSON.parse(Deno.readTextFileSync(file));
  const readers = rows.filter((row) => "nsPerEvent" in row && row.work === "replay") as Measured[];
  assert.deepEqual(readers.map((row) => [row.tool, row.calls, row.lost.max, row.ringMb, row.traced]), [
    ["perfprof", 20000, 0, 0, undefined],
    ["perf script", 2000, 0, 0, undefined],
  ]);
});

/** Pids of a process's children, whichever of its threads started them. */
function childrenOf(pid: number): string[] {
  const tasks = [...Deno.readDirSync(`/proc/${pid}/task`)];
  return tasks.flatMap(({ name }) => Deno.readTextFileSync(`/proc/${pid}/task/${name}/children`).split(" ").filter(Boolean));
}

live("bench: Ctrl-C ends all of it", async () => {
  await build();
  const bench = start("--calls", "5000000", "--runs", "1", "--only", "perfprof-count");
  await bench.saw(/c-floor-count/);
  let children: string[] = [];
  try {
    // The floor, and the generator beside it.
    await until(() => (children = childrenOf(bench.pid)).length === 2);
  } finally {
    bench.kill("SIGINT");
  }
  const { code, stdout, stderr } = await bench.end();
  const last = stderr.trimEnd().split("\n").at(-1);
  assert.deepEqual({ code, stdout, last }, { code: 130, stdout: "", last: "bench: stopped by SIGINT" });
  for (const pid of children) assert.throws(() => Deno.statSync(`/proc/${pid}`), Deno.errors.NotFound);
});

const spread = (median: number): Spread => ({ median, min: median * 0.9, max: median * 1.1 });

const row: Measured = {
  work: "count",
  tool: "C floor",
  calls: 4_000_000,
  nsPerEvent: spread(12.34),
  goalNs: 40,
  ratio: 1,
  traced: { nsPerCall: spread(1150), addedNs: spread(1000), totalNs: spread(1012) },
  lost: spread(0),
  twice: 0,
  peakRssMb: 63.21,
  ringMb: 64,
  firstMs: spread(1234.5),
};

const RESULTS: Results = {
  machine: "2 x A & B",
  versions: ["Linux 6.18"],
  calls: 4_000_000,
  rounds: 5,
  untracedNs: spread(150),
  rows: [
    row,
    { ...row, tool: "perf + Python", work: "to_dict", nsPerEvent: spread(22_345.6), lost: spread(123_456), twice: 3 },
    { work: "stacks", tool: "perfprof", missing: "-g is <refused>" },
  ],
  steady: { asked: 1_000_000, perSecond: spread(850_000), lost: spread(0) },
};

async function render(results: Results): Promise<{ readonly ended: Ended; readonly svg: string }> {
  using dir = new TempDir();
  const from = dir.write("results.json", JSON.stringify(results));
  const ended = await start("--from", from, "--svg", `${dir.path}/chart.svg`).end();
  assert.equal(ended.code, 0, ended.stderr);
  return { ended, svg: Deno.readTextFileSync(`${dir.path}/chart.svg`) };
}

Deno.test("bench: the tables fit a terminal, and say what is not measured", async () => {
  const { ended: { stdout } } = await render(RESULTS);
  const [, costs, others, ...rest] = stdout.trimEnd().split("\n\n");
  assert.equal(
    costs,
    `\
work     by                       CPU ns/event  x floor  goal  + traced  total
count    C floor              12.3 (11.1-13.6)        1    40     1,000  1,012
to_dict  perf + Python  22,346 (20,111-24,580)        1    40     1,000  1,012
stacks   perfprof                 not measured`,
  );
  assert.equal(
    others,
    `\
work     by                 calls     lost  ns/call  RSS MB  rings MB  first ms
         nobody                                 150
count    C floor        4,000,000        0    1,150      63        64     1,235
to_dict  perf + Python  4,000,000  123,456    1,150      63        64     1,235`,
  );
  assert.ok(widest(`${costs}\n${others}`) <= 80);
  const [rate, ...lines] = rest;
  assert.match(rate ?? "", /^At 1,000,000 calls\/s/);
  assert.deepEqual(lines, [
    "perf record wrote some events twice, in these runs: to_dict by perf + Python 3.",
    "stacks by perfprof is not measured: -g is <refused>",
  ]);
});

Deno.test("bench: the picture has every row, and its text is text", async () => {
  const { svg } = await render(RESULTS);
  assert.ok(svg.startsWith("<svg ") && svg.endsWith("</svg>\n"));
  const texts = [...svg.matchAll(/<text [^>]*>([^<]*)<\/text>/g)].map(([, content]) => content);
  for (const shown of ["C floor", "perf + Python", "22,346", "not measured"]) assert.ok(texts.includes(shown), shown);
  assert.ok(texts.some((shown) => shown?.startsWith("2 x A &amp; B; ")));
});

Deno.test("bench: wrong usage is one line", async () => {
  const wrong = [
    [["--foo"], /^bench: Unknown option '--foo'\n$/],
    [["--calls", "1e3"], /^bench: --calls takes a whole number from 1 to 999999999, not "1e3"\n$/],
    [["--only", "perfpro"], /^bench: --only: there is no row "perfpro"; rows: .*\n$/],
    [["--update", "--only", "perfprof"], /^bench: --update takes all rows: leave out --only\n$/],
  ] as const;
  for (const [args, message] of wrong) {
    const { code, stderr } = await start(...args).end();
    assert.match(stderr, message);
    assert.equal(code, 2);
  }
});
