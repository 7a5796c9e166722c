/**
 * The library that handlers find on `perf_prof`: what each result prints, to the letter; its bounds; and that it says what was lost
 * in its window.
 */

import assert from "node:assert/strict";
import { makePerfProf } from "../lib/perf_prof.ts";
import { lastJson, live, Stage } from "./harness.ts";
import { Random } from "./random.ts";

const losses = { total: 0 };
const perf_prof = makePerfProf(["h.ts"], losses);
const SAMPLES = 20_000;

/** A generator of fractions from 0 to 1. */
function fractions(seed: number): () => number {
  const random = new Random(seed);
  return () => random.below(2 ** 30) / 2 ** 30;
}

/** The label of the only range that a value is in. */
function rangeOf(value: number | bigint, linear?: { min: number; max: number; step: number }): string {
  const hist = perf_prof.hist(linear && { linear });
  hist.add(value);
  return hist.toString().replace(/ +1 \|@+\|$/, "");
}

Deno.test("hist prints bars of at most 52 columns, in lines of 80, from the first range with values to the last", () => {
  const hist = perf_prof.hist({ unit: "ns" });
  hist.add(1024);
  hist.add(2047, 2);
  hist.add(4096, 12);
  const text = `ns                  count
[1K, 2K)                3 |@@@@@@@@@@@@@                                       |
[2K, 4K)                0 |                                                    |
[4K, 8K)               12 |@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@|`;
  assert.equal(hist.toString(), text);
  assert.equal(Deno.inspect(hist), text);
  hist.clear();
  assert.equal(hist.toString(), "(no values)");
});

Deno.test("hist's lines are as wide with counts that need more room", () => {
  const hist = perf_prof.hist();
  hist.add(0, 123_456_789_012);
  assert.equal(hist.toString(), `[0]              123456789012 |${"@".repeat(48)}|`);
});

Deno.test("hist has a range for every 64-bit value", () => {
  const cases: [number | bigint, string][] = [
    [-1, "(..., 0)"],
    [-1n, "(..., 0)"],
    [0, "[0]"],
    [0n, "[0]"],
    [0.9, "[0]"],
    [1, "[1]"],
    [1n, "[1]"],
    [2, "[2, 4)"],
    [3.9, "[2, 4)"],
    [1023, "[512, 1K)"],
    [1024, "[1K, 2K)"],
    [2 ** 31 - 1, "[1G, 2G)"],
    [2 ** 31, "[2G, 4G)"],
    [2 ** 32 - 1, "[2G, 4G)"],
    [2 ** 32, "[4G, 8G)"],
    [2n ** 32n - 1n, "[2G, 4G)"],
    [2n ** 32n, "[4G, 8G)"],
    [Number.MAX_SAFE_INTEGER, "[4P, 8P)"],
    [2n ** 53n, "[8P, 16P)"],
    // These two are the next power of two as numbers.
    [2n ** 63n - 1n, "[4E, 8E)"],
    [2n ** 64n - 1n, "[8E, 16E)"],
    [2n ** 64n, "[16E, ...)"],
    [Infinity, "[16E, ...)"],
  ];
  for (const [value, label] of cases) assert.equal(rangeOf(value), label, `${typeof value} ${value}`);
});

Deno.test("linear ranges hold what is from min to max; the rest is counted beside them", () => {
  const linear = { min: 10, max: 35, step: 10 };
  assert.equal(rangeOf(9.99, linear), "(..., 10)");
  assert.equal(rangeOf(10, linear), "[10, 20)");
  assert.equal(rangeOf(19n, linear), "[10, 20)");
  assert.equal(rangeOf(34, linear), "[30, 35)");
  assert.equal(rangeOf(35, linear), "[35, ...)");
  assert.equal(rangeOf(2n ** 64n, linear), "[35, ...)");
  assert.equal(rangeOf(-Infinity, linear), "(..., 10)");
  assert.equal(rangeOf(0.35, { min: 0, max: 1, step: 0.1 }), "[0.3, 0.4)");
});

Deno.test("what is no number, and what makes no ranges, is refused", () => {
  const hist = perf_prof.hist();
  // @ts-expect-error: a text
  assert.throws(() => hist.add("many"), { name: "TypeError", message: "Cannot add many: a number or a bigint is expected" });
  assert.throws(() => hist.add(NaN), TypeError);
  assert.throws(() => perf_prof.hist({ linear: { min: 0, max: 1, step: 1 } }).add(NaN), TypeError);
  for (const count of [0, -1, NaN]) assert.throws(() => hist.add(1, count), RangeError, `${count}`);
  for (const [min, max, step] of [[0, 10, 0], [10, 0, 1], [0, 1e6, 1], [0, Infinity, 1], [NaN, 1, 1], [0, 10, -1]]) {
    assert.throws(() => perf_prof.hist({ linear: { min: min!, max: max!, step: step! } }), RangeError, `${min} ${max} ${step}`);
  }
  assert.equal(hist.toString(), "(no values)");
});

Deno.test("top prints the greatest with their shares, and the others together", () => {
  const top = perf_prof.top(2);
  assert.equal(top.toString(), "(no keys)");
  top.add("sshd", 5);
  top.add("worker", 90n);
  top.add(7);
  top.add("sshd", 4);
  assert.equal(
    top.toString(),
    `worker    90  90.0%
sshd       9   9.0%
(others)   1   1.0%`,
  );
  assert.deepEqual(top.greatest()[0], { key: "worker", count: 90, share: 0.9 });
  top.clear();
  assert.deepEqual([top.total, top.greatest()], [0, []]);
});

Deno.test("top is exact for 8192 keys", () => {
  const top = perf_prof.top(1);
  for (let key = 0; key < 8192; key++) top.add(key);
  top.add(5);
  assert.deepEqual([top.error, top.greatest()[0]?.count], [0, 2]);
});

Deno.test("top misses no key that is frequent among any number, and says how far it is off", () => {
  const top = perf_prof.top(3);
  const next = fractions(3);
  const exact = new Map<number, number>();
  for (let i = 0; i < 200_000; i++) {
    // Three in ten are one of three keys; all others come once or twice.
    const key = next() < 0.3 ? Math.floor(next() * 3) : 3 + Math.floor(next() * 1e9);
    exact.set(key, (exact.get(key) ?? 0) + 1);
    top.add(key);
  }
  assert.ok(top.error > 0 && top.error <= top.total / 4097, `${top.error}`);
  assert.deepEqual(top.greatest().map(({ key }) => key).sort(), [0, 1, 2]);
  for (const { key, count } of top.greatest()) {
    const missing = exact.get(Number(key))! - count;
    assert.ok(missing >= 0 && missing <= top.error, `${key}: ${missing} of ${top.error}`);
  }
  assert.equal(top.toString().split("\n").at(-1), `(more than 8192 keys: each count may be up to ${top.error} too low)`);
});

Deno.test("top refuses what it cannot show or add", () => {
  for (const n of [0, 1001, 1.5, NaN]) assert.throws(() => perf_prof.top(n), RangeError, `${n}`);
  for (const by of [-1, NaN, -1n]) assert.throws(() => perf_prof.top(1).add("key", by), RangeError, `${by}`);
});

Deno.test("count counts keys together, greatest first", () => {
  const count = perf_prof.count();
  for (const [comm, cpu] of [["a", 1], ["b", 10], ["b", 10], ["b", 1]] as const) count.add(comm, cpu);
  assert.equal(
    count.toString(),
    `b  10  2
a   1  1
b   1  1`,
  );
  assert.deepEqual([count.get("b", 10), count.get("b"), count.get("c", 1), count.get()], [2, 0, 0, 0]);
  assert.deepEqual(count.entries()[0], [["b", 10], 2]);
  count.clear();
  assert.equal(count.toString(), "(no keys)");
});

Deno.test("count tells a number, a bigint and a text apart, and counts without keys", () => {
  const count = perf_prof.count();
  count.add(1);
  count.add(1n);
  count.add("1");
  count.add();
  assert.deepEqual(count.entries(), [[[], 1], [[1], 1], [[1n], 1], [["1"], 1]]);
});

Deno.test("stats prints one line", async () => {
  const stats = await perf_prof.stats({ unit: "µs" });
  assert.equal(stats.toString(), "(no values)");
  for (const value of [1, 2, 3, 4]) stats.add(value);
  const [p50, p90, p99] = [50, 90, 99].map((percent) => Number(stats.percentile(percent).toPrecision(4)));
  assert.equal(stats.toString(), `count 4  min 1  mean 2.5  stddev 1.118  p50 ${p50}  p90 ${p90}  p99 ${p99}  max 4 µs`);
  stats.clear();
  assert.deepEqual([stats.count, stats.min, stats.max, stats.mean, stats.stddev, stats.percentile(50)], [
    0,
    NaN,
    NaN,
    NaN,
    NaN,
    NaN,
  ]);
});

Deno.test("stats agrees with a naive computation; percentiles to 0.5 %", async () => {
  const next = fractions(11);
  const shapes: Record<string, () => number> = {
    "latencies": () => Math.floor(Math.exp(next() * 20)),
    "fractions around 0": () => (next() - 0.5) * 1e-3,
    "far from 0": () => 1e15 + Math.floor(next() * 100),
  };
  for (const [name, value] of Object.entries(shapes)) {
    const stats = await perf_prof.stats();
    const values = Float64Array.from({ length: SAMPLES }, value);
    for (const [index, value] of values.entries()) {
      stats.add(index % 2 === 0 && Number.isInteger(value) ? BigInt(value) : value);
    }
    const mean = values.reduce((sum, value) => sum + (value - values[0]!), 0) / SAMPLES + values[0]!;
    const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / SAMPLES;
    values.sort();
    close(stats.mean, mean, 1e-9, `${name}: mean`);
    close(stats.stddev, Math.sqrt(variance), 1e-3, `${name}: stddev`);
    assert.deepEqual([stats.count, stats.min, stats.max], [SAMPLES, values[0], values.at(-1)], name);
    for (const percent of [0, 1, 25, 50, 90, 99, 99.9, 100]) {
      close(stats.percentile(percent), values[Math.floor(percent / 100 * (SAMPLES - 1))]!, 0.00501, `${name}: p${percent}`);
    }
  }
});

function close(actual: number, expected: number, part: number, what: string): void {
  assert.ok(Math.abs(actual - expected) <= Math.abs(expected) * part + 1e-12, `${what}: ${actual} is not ${expected}`);
}

Deno.test("stats takes a value several times, and refuses what is none", async () => {
  const stats = await perf_prof.stats();
  stats.add(10, 3);
  stats.add(2);
  assert.deepEqual([stats.count, stats.mean, stats.stddev], [4, 8, Math.sqrt(12)]);
  for (const value of [NaN, Infinity]) assert.throws(() => stats.add(value), TypeError);
  assert.throws(() => stats.add(1, 0), RangeError);
  assert.throws(() => stats.percentile(101), RangeError);
  assert.equal(stats.count, 4);
});

Deno.test("stats names one version of what it loads, and not so that Deno fetches it for every handler", () => {
  const text = Deno.readTextFileSync(new URL("../lib/results/statistics.ts", import.meta.url));
  const specifiers = [...text.matchAll(/"(npm:[^"]+)"/g)].map(([, specifier]) => specifier);
  assert.equal(new Set(specifiers).size, 1);
  assert.doesNotMatch(text, /await import\(["'`]/);
});

Deno.test("table aligns numbers at the right and text at the left", () => {
  const rows = [{ comm: "sshd", pid: 812, share: "1.5%" }, { comm: "worker", pid: 18446744073709551615n }];
  assert.equal(
    perf_prof.table(rows),
    `comm                     pid  share
sshd                     812   1.5%
worker  18446744073709551615`,
  );
  assert.equal(perf_prof.table(rows, { columns: ["pid", "comm"] }).split("\n")[1], "                 812  sshd");
  assert.equal(perf_prof.table([], { columns: ["pid"] }), "pid");
  assert.equal(perf_prof.table([]), "");
  // @ts-expect-error: not a column of these rows
  assert.equal(perf_prof.table(rows, { columns: ["pd"] }), "pd\n\n");
});

Deno.test("table knows how wide a character is, and lets none move the cursor", () => {
  const names = ["数据库", "e\u0301te\u0301", "👩‍💻", "\x1b[2J", "abcdef", "ｱ"];
  assert.equal(
    perf_prof.table(names.map((name) => ({ name, x: "|" }))),
    `name     x
数据库   |
e\u0301te\u0301      |
👩‍💻       |
\\x1b[2J  |
abcdef   |
ｱ        |`,
  );
});

Deno.test("a result says what was lost since it was made, or last cleared", async () => {
  losses.total = 5;
  const results = [perf_prof.hist(), perf_prof.top(1), perf_prof.count(), await perf_prof.stats()];
  for (const result of results) assert.doesNotMatch(result.toString(), /lost/);
  losses.total += 1;
  for (const result of results) assert.equal(result.toString().split("\n").at(-1), "(lost 1 event so far)");
  for (const result of results) result.clear();
  for (const result of results) assert.doesNotMatch(result.toString(), /lost/);
  losses.total += 1234;
  for (const result of results) {
    assert.equal(result.toString().split("\n").at(-1), "(lost 1234 events since the last clear)");
    assert.equal(result.lost, 1234);
  }
});

live("in a run, results have its events, and what it lost", async () => {
  using stage = new Stage();
  const module = `
    const cell = new Int32Array(new SharedArrayBuffer(4));
    const [hist, top, count, stats] = [perf_prof.hist(), perf_prof.top(3), perf_prof.count(), await perf_prof.stats()];
    let lost = 0;
    export function __sample__(event) {
      hist.add(event._time);
      top.add(event._event);
      count.add(event._cpu);
      stats.add(event._time);
      if (stats.count % 2000 === 1) Atomics.wait(cell, 0, 0, 100);
    }
    export const __lost__ = (start, end, info) => lost += info.count;
    export function __exit__() {
      for (const result of [hist, top, count, stats]) result.print();
      console.log(JSON.stringify({ total: top.total, lost, lostBy: [hist, top, count, stats].map((result) => result.lost) }));
    }`;
  let calls = 0;
  const ended = await stage.trace(
    ["-m", "8", "-e", stage.event()],
    module,
    async () => calls = await stage.emit("rate", 100_000, 1),
  );
  const { total, lost, lostBy } = lastJson(ended);
  assert.ok(lost > 0, "the rings of this test are too large");
  assert.equal(total + lost, calls);
  assert.deepEqual(lostBy, [lost, lost, lost, lost]);
  assert.equal(ended.stdout.match(new RegExp(`^\\(lost ${lost} events so far\\)$`, "gm"))?.length, 4);
});
