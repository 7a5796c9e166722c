/** The line of print(): columns, latency flags, wall clock. */

import assert from "node:assert/strict";
import { formatLine, kernelVersion, latencyFlags, type Line } from "../lib/print.ts";

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

const LINE: Line = {
  realtimeNs: BigInt(new Date(2026, 10, 2, 9, 4, 7).getTime()) * 1_000_000n + 218_250_999n,
  comm: "ppload",
  tid: 19131,
  flags: "dN.5",
  cpu: 1,
  timeNs: 1_107_000_099_999n,
  event: "sched:sched_wakeup",
  text: "comm=pppeer pid=19133",
  frames: [
    { addr: 0xffffffff813a83e5n, symbol: "ttwu_do_activate", offset: 0x175, kernel: true, dso: "[kernel.kallsyms]" },
    { addr: 0x7fb0n, symbol: "Unknown", offset: 0x10, kernel: false, dso: "/usr/lib/libc.so.6" },
  ],
};

Deno.test("a line has wall clock, task, flags, CPU, time, event, text, and its frames below", () => {
  const task = "          ppload  19131 dN.5 [001] 1107.000099: sched:sched_wakeup: comm=pppeer pid=19133";
  const frames =
    "\n    ffffffff813a83e5 ttwu_do_activate+0x175 ([kernel.kallsyms])\n    0000000000007fb0 Unknown+0x10 (/usr/lib/libc.so.6)";
  assert.equal(formatLine(LINE), `2026-11-02 09:04:07.218250 ${task}${frames}`);
  assert.equal(formatLine(LINE, { callchain: false }), `2026-11-02 09:04:07.218250 ${task}`);
  assert.equal(formatLine(LINE, { timestamp: false }), task + frames);
});

Deno.test("the wall clock follows from one second to the next, and back", () => {
  const at = (ns: bigint) => formatLine({ ...LINE, realtimeNs: LINE.realtimeNs + ns }, { callchain: false }).slice(11, 26);
  assert.deepEqual([0n, 999_000_000n, 781_749_000n, 781_749_001n, 0n].map(at), [
    "09:04:07.218250",
    "09:04:08.217250",
    "09:04:07.999999",
    "09:04:08.000000",
    "09:04:07.218250",
  ]);
});

Deno.test("columns keep their place, and longer values push", () => {
  const columns = { ...LINE, comm: "a-comm-of-15-byt", tid: 4194304, cpu: 1024, frames: [] };
  assert.equal(formatLine(columns, { timestamp: false }).slice(0, 36), "a-comm-of-15-byt 4194304 dN.5 [1024]");
});

Deno.test("names and texts that hold control characters stay one line and do not steer a terminal", () => {
  const line = { ...LINE, comm: "\x1b[2Jx\r", text: "a\tb\nc\x9b1m\n", frames: [] };
  assert.equal(
    formatLine(line, { timestamp: false }),
    "          ?[2Jx?  19131 dN.5 [001] 1107.000099: sched:sched_wakeup: a\tb?c?1m",
  );
});
