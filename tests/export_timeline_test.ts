/**
 * Timelines: the text itself, by the rules of the Trace Event Format, and what speedscope (as a reader of it) makes of one. What
 * Perfetto makes of them is in export_perfetto_test.ts.
 */

import assert from "node:assert/strict";
import { Timeline } from "../lib/export/timeline.ts";
import { CHROMIUM } from "./browser.ts";
import { TempDir } from "./harness.ts";
import { inSpeedscope } from "./speedscope.ts";

function textOf(dir: TempDir, fill: (timeline: Timeline) => void): string {
  const timeline = new Timeline(`${dir.path}/t.json`);
  fill(timeline);
  timeline.close();
  return Deno.readTextFileSync(`${dir.path}/t.json`);
}

Deno.test("slices, instants and counters on named tracks, times to the ns", () => {
  using dir = new TempDir();
  const text = textOf(dir, (timeline) => {
    timeline.slice({
      group: "CPUs",
      track: "CPU 0",
      name: "bash",
      startNs: 2n ** 60n + 1n,
      durationNs: 5,
      args: { pid: 2n ** 63n },
    });
    timeline.slice({ group: "CPUs", track: "CPU 1", name: 'a"</script>', startNs: 1500, durationNs: 0 });
    timeline.instant({ track: "CPU 0", name: "wake", timeNs: 1_000_000 });
    timeline.counter({ name: "queue", timeNs: 12, value: 3 });
    timeline.counter({ group: "CPUs", name: "queue", timeNs: -12, value: -1n });
    assert.equal(timeline.count, 5);
  });
  assert.deepEqual(text.split("\n"), [
    '{"displayTimeUnit":"ns","traceEvents":[',
    '{"ph":"M","pid":1,"tid":0,"name":"process_name","args":{"name":"CPUs"}},',
    '{"ph":"M","pid":1,"tid":1,"name":"thread_name","args":{"name":"CPU 0"}},',
    '{"ph":"X","pid":1,"tid":1,"ts":1152921504606846.977,"dur":0.005,"name":"bash","args":{"pid":"9223372036854775808"}},',
    '{"ph":"M","pid":1,"tid":2,"name":"thread_name","args":{"name":"CPU 1"}},',
    '{"ph":"X","pid":1,"tid":2,"ts":1.500,"dur":0.000,"name":"a\\"</script>","args":{}},',
    '{"ph":"M","pid":2,"tid":0,"name":"process_name","args":{"name":"perfprof"}},',
    '{"ph":"M","pid":2,"tid":1,"name":"thread_name","args":{"name":"CPU 0"}},',
    '{"ph":"i","s":"t","pid":2,"tid":1,"ts":1000.000,"name":"wake","args":{}},',
    '{"ph":"C","pid":2,"ts":0.012,"name":"queue","args":{"value":3}},',
    '{"ph":"C","pid":1,"ts":-0.012,"name":"queue","args":{"value":-1}},',
    '{"ph":"M","pid":1,"tid":0,"name":"process_sort_index","args":{"sort_index":1}},',
    '{"ph":"M","pid":1,"tid":1,"name":"thread_sort_index","args":{"sort_index":0}},',
    '{"ph":"M","pid":1,"tid":2,"name":"thread_sort_index","args":{"sort_index":1}},',
    '{"ph":"M","pid":2,"tid":0,"name":"process_sort_index","args":{"sort_index":2}},',
    '{"ph":"M","pid":2,"tid":1,"name":"thread_sort_index","args":{"sort_index":0}}',
    "]}",
    "",
  ]);
  assert.equal(JSON.parse(text).traceEvents.length, 15);
});

Deno.test("an empty one is one that opens", () => {
  using dir = new TempDir();
  assert.deepEqual(JSON.parse(textOf(dir, () => {})), { displayTimeUnit: "ns", traceEvents: [] });
});

Deno.test("what is no time is refused, and leaves nothing behind", () => {
  using dir = new TempDir();
  const text = textOf(dir, (timeline) => {
    assert.throws(() => timeline.slice({ track: "t", name: "s", startNs: 0, durationNs: -1 }), RangeError);
    assert.throws(() => timeline.slice({ track: "t", name: "s", startNs: 0, durationNs: NaN }), RangeError);
    assert.throws(() => timeline.instant({ track: "t", name: "s", timeNs: Infinity }), RangeError);
    assert.throws(() => timeline.counter({ name: "s", timeNs: NaN, value: 1 }), RangeError);
    assert.throws(() => timeline.counter({ name: "s", timeNs: 1, value: Infinity }), {
      name: "RangeError",
      message: "Cannot add a counter's value Infinity: a number is expected",
    });
  });
  assert.deepEqual(JSON.parse(text).traceEvents.filter(({ ph }: { ph: string }) => ph !== "M"), []);
});

Deno.test({
  name: `speedscope opens a timeline${CHROMIUM === undefined ? " (skipped: no Chromium)" : ""}`,
  ignore: CHROMIUM === undefined,
  fn: async () => {
    using dir = new TempDir();
    textOf(dir, (timeline) => {
      timeline.slice({ group: "CPUs", track: "CPU 0", name: "bash", startNs: 1000, durationNs: 3000 });
      timeline.slice({ group: "CPUs", track: "CPU 0", name: "deno", startNs: 5000, durationNs: 1000 });
    });
    const { table } = await inSpeedscope(`${dir.path}/t.json`);
    assert.match(table, /^3.00µs \(\d+%\)\t3.00µs \(\d+%\)\tbash/m);
  },
});
