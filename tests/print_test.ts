/** The line of print(): columns, latency flags, wall clock. */

import assert from "node:assert/strict";
import { addHead, formatFrames, type Head, kernelVersion, latencyFlags, printable } from "../lib/print.ts";
import { makeEventClass } from "../lib/event_class.ts";
import type { Frame, Moment } from "../lib/event_services.ts";
import { SAMPLE_TYPE, SERVICES, view, WAKEUP, WAKEUP_RECORD } from "./fixtures/bytes.ts";
import { linesTo } from "../lib/text_bytes.ts";
import { added } from "./print_text.ts";

/** common_flags, common_preempt_count, kernel -> what trace_print_lat_fmt prints, but for its fifth column (migrate-disable). */
const FLAGS: readonly [number, number, readonly [number, number], string][] = [
  [0x00, 0x00, [6, 18], "...."],
  [0x01, 0x03, [6, 18], "d..3"],
  [0x25, 0x05, [6, 18], "dN.5"],
  [0x80, 0x00, [6, 18], "b..."],
  [0x81, 0x00, [6, 18], "D..."],
  [0x04, 0x00, [6, 18], ".n.."],
  [0x20, 0x00, [6, 18], ".p.."],
  [0x24, 0x00, [6, 18], ".N.."],
  [0x02, 0x00, [6, 18], ".l.."],
  [0x06, 0x00, [6, 18], ".b.."],
  [0x22, 0x00, [6, 18], ".L.."],
  [0x26, 0x00, [6, 18], ".B.."],
  [0x08, 0x00, [6, 18], "..h."],
  [0x10, 0x00, [6, 18], "..s."],
  [0x18, 0x00, [6, 18], "..H."],
  [0x40, 0x00, [6, 18], "..z."],
  [0x48, 0x00, [6, 18], "..Z."],
  [0x58, 0x00, [6, 18], "..Z."],
  [0x00, 0x1f, [6, 18], "...f"],
  [0x00, 0x20, [5, 15], "...."],
  [0x00, 0x1f, [5, 4], "...1f"],
  [0x02, 0x00, [6, 12], ".l.."],
  [0x02, 0x00, [6, 11], "X..."],
  [0x26, 0x00, [5, 10], "XN.."],
  [0x03, 0x00, [6, 1], "d..."],
  [0x02, 0x00, [7, 0], ".l.."],
];

Deno.test("latency flags are those of the kernel's trace, by its version", () => {
  for (const [flags, preemptCount, kernel, expected] of FLAGS) {
    assert.equal(
      latencyFlags(flags, preemptCount, kernel),
      expected,
      `0x${flags.toString(16)} ${preemptCount} on ${kernel.join(".")}`,
    );
  }
});

Deno.test("the kernel's version is read from its release", () => {
  assert.deepEqual(kernelVersion("6.18.44-fc-v445"), [6, 18]);
  assert.deepEqual(kernelVersion("5.4.0-150-generic"), [5, 4]);
  assert.deepEqual(kernelVersion("next"), [Infinity, 0]);
  assert.equal(latencyFlags(0x02, 0, kernelVersion("next")), ".l..");
});

/** A line: its head, and what the event says of itself. */
function formatLine(wall: Moment | undefined, head: Head, time: Moment, event: string): string {
  return added((text) => {
    addHead(text, wall, head, time);
    text.addString(event);
  })!;
}

const WALL: Moment = { seconds: new Date(2026, 10, 2, 9, 4, 7).getTime() / 1000, ns: 218_250_999 };
const HEAD: Head = { comm: "ppload", tid: 19131, flags: "dN.5", cpu: 1 };
const TIME: Moment = { seconds: 1107, ns: 99_999 };
const EVENT = ": sched:sched_wakeup: comm=pppeer pid=19133";

Deno.test("a line has wall clock, task, flags, CPU, time and event", () => {
  const line = "          ppload  19131 dN.5 [001] 1107.000099: sched:sched_wakeup: comm=pppeer pid=19133";
  assert.equal(formatLine(WALL, HEAD, TIME, EVENT), `2026-11-02 09:04:07.218250 ${line}`);
  assert.equal(formatLine(undefined, HEAD, TIME, EVENT), line);
});

Deno.test("frames are lines below", () => {
  const frames: Frame[] = [
    { addr: 0xffffffff813a83e5n, symbol: "ttwu_do_activate", offset: 0x175, kernel: true, dso: "[kernel.kallsyms]" },
    { addr: 0x7fb0n, symbol: "Unknown\x1b", offset: 0x10, kernel: false, dso: "/usr/lib/libc.so.6" },
  ];
  assert.equal(
    formatFrames(frames),
    "\n    ffffffff813a83e5 ttwu_do_activate+0x175 ([kernel.kallsyms])\n    0000000000007fb0 Unknown?+0x10 (/usr/lib/libc.so.6)",
  );
  assert.equal(formatFrames([]), "");
});

Deno.test("the wall clock follows from one second to the next, and back", () => {
  const at = (seconds: number, ns: number) =>
    formatLine({ seconds: WALL.seconds + seconds, ns }, HEAD, TIME, EVENT).slice(11, 26);
  assert.deepEqual([at(0, 218_250_999), at(1, 217_250_999), at(0, 999_999_999), at(1, 0), at(0, 999)], [
    "09:04:07.218250",
    "09:04:08.217250",
    "09:04:07.999999",
    "09:04:08.000000",
    "09:04:07.000000",
  ]);
});

Deno.test("columns keep their place, and longer values push", () => {
  const head = { comm: "a-comm-of-15-byt", tid: 4194304, cpu: 1024, flags: "dN.5" };
  assert.equal(formatLine(undefined, head, TIME, EVENT).slice(0, 36), "a-comm-of-15-byt 4194304 dN.5 [1024]");
});

Deno.test("every part of the head shows, also where only one has changed since the line before", () => {
  const heads: Head[] = [
    HEAD,
    { ...HEAD, comm: "other" },
    { ...HEAD, comm: "other", cpu: 2 },
    { ...HEAD, comm: "other", cpu: 2, flags: "...." },
    { ...HEAD, comm: "other", cpu: 2, flags: "....", tid: HEAD.tid + 1024 },
  ];
  const expected = heads.flatMap(({ comm, tid, flags, cpu }) =>
    [TIME.seconds, 1108].map((seconds) => `${comm.padStart(16)}  ${tid} ${flags} [00${cpu}] ${seconds}.000099: x`)
  );
  const lines = heads.flatMap((head) =>
    [TIME.seconds, 1108].map((seconds) => formatLine(undefined, head, { ...TIME, seconds }, ": x"))
  );
  assert.deepEqual(lines, expected);
});

Deno.test("names and texts that hold control characters stay one line and do not steer a terminal", () => {
  const head = { ...HEAD, comm: "\x1b[2Jx\r" };
  assert.equal(formatLine(undefined, head, TIME, ": x"), "          ?[2Jx?  19131 dN.5 [001] 1107.000099: x");
  assert.equal(printable("a\tb\nc\x9b1m"), "a\tb?c?1m");
});

Deno.test("both clocks of an event are exact to the µs, however old the machine is", () => {
  const type = makeEventClass({
    event: "sched:sched_wakeup",
    format: WAKEUP,
    sampleType: SAMPLE_TYPE,
    services: SERVICES,
    kernel: [6, 18],
    lines: linesTo(() => {}),
  });
  const record = view(WAKEUP_RECORD);
  const times = [0n, 999_999_999n, 298_025_999n, 1_105_245_325_610n, 2n ** 53n - 1n, 2n ** 53n + 1n, 2n ** 64n - 1n];
  for (let second = 8_900_000n; second < 9_000_000n; second += 9_973n) times.push(second * 1_000_000_000n - 1n);
  for (const timeNs of times) {
    record.setBigUint64(24, timeNs, true);
    const line = new type(record, 0).to_text();
    const wallNs = SERVICES.realtimeNs(timeNs);
    const micros = (ns: bigint) => String(ns % 1_000_000_000n / 1000n).padStart(6, "0");
    assert.equal(line.slice(19, 26), `.${micros(wallNs)}`, line);
    assert.equal(
      new Date(`${line.slice(0, 10)}T${line.slice(11, 19)}`).getTime(),
      Number(wallNs / 1_000_000_000n) * 1000,
      line,
    );
    assert.equal(/ (\d+\.\d{6}): /.exec(line)?.[1], `${timeNs / 1_000_000_000n}.${micros(timeNs)}`, line);
  }
});
