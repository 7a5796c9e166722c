/** Addresses -> frames, with a symbolizer of the test's own: sides, caches, inlined functions, copied stacks, hostile records. */

import assert from "node:assert/strict";
import { Callchains } from "../lib/callchain.ts";
import { DecodeError } from "../lib/errors.ts";
import { makeEventClass } from "../lib/event_class.ts";
import { Frames } from "../lib/frames.ts";
import { Mappings } from "../lib/mappings.ts";
import { formatFrames } from "../lib/print.ts";
import type { Frame } from "../lib/event_services.ts";
import { UnknownFrames } from "../lib/unknown_frames.ts";
import { bytes, SERVICES, WAKEUP, WAKEUP_RECORD } from "./fixtures/bytes.ts";
import { comm, exit, fork, mmap2 } from "./fixtures/sideband.ts";
import { chain, DUMP_TYPE, FakeSymbolizer, KERNEL, STACK_TYPE, USER, userStack } from "./fixtures/symbols.ts";
import { pause } from "./harness.ts";
import { linesTo } from "../lib/text_bytes.ts";

/** Three registers are enough here. */
const REGS = 0b1011n;
const K = 0xffffffff81000000n;
const PROG = { start: 0x400000n, size: 0x10000n, pgoff: 0x1000n, path: "/prog" };

function stacks({ user = true, lines = false } = {}) {
  const symbolizer = new FakeSymbolizer();
  const mappings = new Mappings({ maps: () => "", root: () => "/" });
  const told: string[] = [];
  const unknown = new UnknownFrames(() => told.push("hidden"));
  const frames = new Frames(symbolizer, mappings, lines, unknown);
  const callchains = new Callchains({ symbolizer, frames, mappings, user, userRegs: REGS });
  const of = (pid: number, timeNs: number, ...addresses: bigint[]) =>
    callchains.frames(chain(...addresses), 0, pid, timeNs, -1);
  const told2 = (...records: DataView[]) => records.forEach((record) => mappings.record(record, 0));
  return { symbolizer, mappings, unknown, callchains, of, record: told2, told };
}

const text = (frames: readonly Frame[]) => formatFrames(frames).trimStart().split(/\n */);

Deno.test("callchain: markers tell the sides and are no frames", () => {
  const { of, record } = stacks();
  record(mmap2(1, 7, PROG));
  const frames = of(7, 5, KERNEL, K + 0x123n, K + 0x10205n, USER, 0x400010n, 0x400110n);
  assert.deepEqual(frames, [
    { addr: K + 0x123n, symbol: "k100", offset: 0x23, kernel: true, dso: "[kernel.kallsyms]" },
    { addr: K + 0x10205n, symbol: "k200", offset: 5, kernel: true, dso: "[ext4]" },
    { addr: 0x400010n, symbol: "prog1000", offset: 0x10, kernel: false, dso: "/prog" },
    { addr: 0x400110n, symbol: "prog1100", offset: 0x10, kernel: false, dso: "/prog" },
  ]);
  assert.deepEqual(text(frames), [
    "ffffffff81000123 k100+0x23 ([kernel.kallsyms])",
    "ffffffff81010205 k200+0x5 ([ext4])",
    "0000000000400010 prog1000+0x10 (/prog)",
    "0000000000400110 prog1100+0x10 (/prog)",
  ]);
  assert.deepEqual(of(7, 5), []);
  assert.deepEqual(of(7, 5, KERNEL, USER), []);
});

Deno.test("callchain: a stack that was seen is the same frozen array, and nobody is asked again", () => {
  const { of, record, symbolizer } = stacks();
  record(mmap2(1, 7, PROG));
  const first = of(7, 5, KERNEL, K, USER, 0x400010n);
  const { length } = symbolizer.asked;
  assert.equal(of(7, 6, KERNEL, K, USER, 0x400010n), first);
  assert.equal(symbolizer.asked.length, length);
  assert.ok(Object.isFrozen(first) && first.every((frame) => Object.isFrozen(frame)));
  // Another stack of the same frames asks nobody either.
  of(7, 6, KERNEL, K, K, USER, 0x400010n);
  assert.equal(symbolizer.asked.length, length);
  // The same addresses in another space are other frames.
  record(mmap2(10, 8, { ...PROG, path: "/other" }));
  assert.equal(of(8, 20, KERNEL, K, USER, 0x400010n)[1]?.symbol, "other1000");
});

Deno.test("callchain: a kept event has the frames of its own time", () => {
  const { of, record } = stacks();
  record(mmap2(10, 7, PROG), comm(20, 7, "new", true), mmap2(21, 7, { ...PROG, path: "/new" }), exit(30, 7));
  assert.equal(of(7, 25, USER, 0x400010n)[0]?.symbol, "new1000");
  assert.equal(of(7, 15, USER, 0x400010n)[0]?.symbol, "prog1000");
  assert.equal(of(7, 5, USER, 0x400010n)[0]?.symbol, "Unknown");
});

Deno.test("callchain: what is unknown keeps its dso, and says why", () => {
  const { of, record, told } = stacks();
  record(mmap2(1, 7, { ...PROG, path: "/unknown" }), mmap2(2, 7, { start: 0x9000n, size: 0x1000n, path: "//anon" }));
  assert.deepEqual(of(7, 5, KERNEL, 0xffffffff00000000n, USER, 0x400010n, 0x9008n, 0x77777n), [
    {
      addr: 0xffffffff00000000n,
      symbol: "Unknown",
      offset: 0x77,
      kernel: true,
      dso: "[kernel.kallsyms]",
      reason: "kernel addresses are hidden",
    },
    {
      addr: 0x400010n,
      symbol: "Unknown",
      offset: 0x1010,
      kernel: false,
      dso: "/unknown",
      reason: "the file is stripped",
      build_id: "abcd",
    },
    { addr: 0x9008n, symbol: "Unknown", offset: 8, kernel: false, dso: "/tmp/perf-7.map", reason: "no JIT map" },
    { addr: 0x77777n, symbol: "Unknown", offset: 0, kernel: false, dso: "[unknown]", reason: "nothing is mapped there" },
  ]);
  assert.deepEqual(told, ["hidden"]);
});

Deno.test("callchain: code of a JIT compiler is asked for again, as its map grows", async () => {
  const { of, record, symbolizer } = stacks();
  record(mmap2(2, 7, { start: 0x9000n, size: 0x1000n, path: "//anon" }), fork(3, 8, 7));
  const first = of(7, 5, USER, 0x9008n);
  assert.equal(first[0]?.symbol, "Unknown");
  symbolizer.jitMap.set(0x9008n, "later");
  await pause(110);
  assert.equal(of(7, 6, USER, 0x9008n)[0]?.symbol, "later");
  // A forked child runs the code of its parent's map.
  const [frame] = of(8, 6, USER, 0x9010n);
  assert.deepEqual([frame?.dso, symbolizer.asked.at(-1)], ["/tmp/perf-7.map", "jit 7 9010"]);
});

Deno.test("callchain: a file is looked for where its process sees it, or one that lives", () => {
  const { of, record, symbolizer } = stacks();
  record(mmap2(1, 5, PROG), fork(2, 6, 5), comm(3, 6, "p", true), mmap2(4, 6, { ...PROG, path: "/child" }), exit(9, 6));
  of(6, 8, USER, 0x400010n);
  assert.deepEqual(symbolizer.files.map(({ path, pid, parent }) => [path, pid, parent]), [["/child", 6, 5]]);
  record(fork(10, 7, 5));
  of(7, 20, USER, 0x400010n);
  assert.deepEqual(symbolizer.files.slice(1).map(({ path, pid, parent }) => [path, pid, parent]), [["/prog", 5, 7]]);
});

Deno.test("callchain: without a user side the process is of no matter", () => {
  const { of, symbolizer } = stacks({ user: false });
  assert.equal(of(1, 1, KERNEL, K), of(2, 2, KERNEL, K));
  assert.deepEqual(symbolizer.asked, [`kernel ${K.toString(16)}`]);
});

Deno.test("callchain: source lines are those of the call, and inlined functions have frames of their own", () => {
  const { of, record, symbolizer } = stacks({ lines: true });
  record(mmap2(1, 7, PROG));
  const line = (name: string, line: number, inlined: boolean) => ({ function: name, file: "/s.c", line, inlined });
  symbolizer.sourceLines.set(0x1010n, [line("prog1000", 3, false)]);
  symbolizer.sourceLines.set(0x110fn, [line("in", 7, true), line("mid", 8, true), line("prog1100", 9, false)]);
  const frames = of(7, 5, USER, 0x400010n, 0x400110n);
  assert.deepEqual(text(frames), [
    "0000000000400010 prog1000+0x10 (/prog)",
    "/s.c:3",
    "0000000000400110 in (inlined)",
    "/s.c:7",
    "0000000000400110 mid (inlined)",
    "/s.c:8",
    "0000000000400110 prog1100+0x10 (/prog)",
    "/s.c:9",
  ]);
  assert.deepEqual(frames[1], {
    addr: 0x400110n,
    symbol: "in",
    offset: 0,
    kernel: false,
    dso: "/prog",
    file: "/s.c",
    line: 7,
    inlined: true,
  });
});

/** A sched_wakeup with a stack, and with `dump` a copy of the user's stack behind its raw data. */
function record(addresses: DataView, dump?: Uint8Array): DataView {
  const plain = bytes(WAKEUP_RECORD);
  const parts = [
    plain.subarray(0, 48),
    new Uint8Array(addresses.buffer),
    plain.subarray(48),
    ...(dump === undefined ? [] : [dump]),
  ];
  const made = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    made.set(part, at);
    at += part.length;
  }
  new DataView(made.buffer).setUint16(6, made.length, true);
  return new DataView(made.buffer);
}

function classOf(callchains: Callchains, sampleType: number, maxStack?: number) {
  return makeEventClass({
    event: "sched:sched_wakeup",
    format: WAKEUP,
    sampleType,
    userRegs: 3,
    maxStack,
    services: { ...SERVICES, callchain: (...sample) => callchains.frames(...sample) },
    kernel: [6, 18],
    lines: linesTo(() => {}),
  });
}

Deno.test("callchain: of an event, lazily, in to_dict, in text and in JSON", () => {
  const { callchains, symbolizer, record: told } = stacks();
  told(mmap2(1, 19131, PROG));
  const Wakeup = classOf(callchains, STACK_TYPE);
  const event = new Wakeup(record(chain(KERNEL, K + 0x10n, USER, 0x400020n)), 0);
  assert.deepEqual(symbolizer.asked, []);
  assert.equal(event.prio, 120);
  assert.equal(event._callchain, event._callchain);
  assert.equal(event.to_dict()._callchain, event._callchain);
  assert.deepEqual(structuredClone(event.to_dict())._callchain, event._callchain);
  assert.deepEqual(event._callchain.map(({ symbol }) => symbol), ["k0", "prog1000"]);
  assert.match(JSON.stringify(event), /"_callchain":\[\{"addr":18446744071578845200,"symbol":"k0","offset":16,"kernel":true,/);
  const want = `\n    ffffffff81000010 k0+0x10 ([kernel.kallsyms])\n    0000000000400020 prog1000+0x20 (/prog)`;
  assert.ok(event.to_text().endsWith(want));
  assert.equal(event.to_text({ callchain: false }).includes("\n"), false);
});

Deno.test("callchain: a copied stack is unwound behind the kernel's frames, once", () => {
  const { callchains, symbolizer, record: told } = stacks();
  told(mmap2(1, 19131, PROG), mmap2(2, 19131, { start: 0x9000n, size: 0x1000n, path: "//anon" }));
  const Wakeup = classOf(callchains, DUMP_TYPE);
  symbolizer.unwound = { addresses: BigUint64Array.of(0x400000n, 0x400100n), end: "cut" };
  const dump = userStack(2n, [1n, 2n, 3n], [1, 2, 3, 4, 5, 6, 7, 8], 5);
  const event = new Wakeup(record(chain(KERNEL, K + 0x10n), dump), 0);
  assert.deepEqual(event._callchain, [
    { addr: K + 0x10n, symbol: "k0", offset: 0x10, kernel: true, dso: "[kernel.kallsyms]" },
    { addr: 0x400000n, symbol: "prog1000", offset: 0, kernel: false, dso: "/prog" },
    // A return address is that of the next function here: the call was in the one before.
    { addr: 0x400100n, symbol: "prog1000", offset: 0x100, kernel: false, dso: "/prog", cut: true },
  ]);
  assert.equal(event._callchain, event.to_dict()._callchain);
  assert.deepEqual(symbolizer.unwindings, [{ modules: 1, regs: BigUint64Array.of(1n, 2n, 3n), stack: [1, 2, 3, 4, 5] }]);
  assert.equal(event.comm, "pppeer");
});

Deno.test("callchain: max-stack bounds a stack with an unwound side as well", () => {
  const { callchains, symbolizer } = stacks();
  symbolizer.unwound = { addresses: BigUint64Array.of(0x400000n), end: "cut" };
  const sample = record(chain(KERNEL, K, K + 1n), userStack(2n, [1n, 2n, 3n], [1, 2, 3, 4, 5, 6, 7, 8]));
  const lengths = [undefined, 0, 3, 2].map((maxStack) => {
    const Wakeup = classOf(callchains, DUMP_TYPE, maxStack);
    return new Wakeup(sample, 0)._callchain.length;
  });
  assert.deepEqual([lengths, symbolizer.mosts], [[3, 3, 3, 2], [127, 127, 1]]);
});

Deno.test("callchain: a task without a user side, and one of 32 bits, have no user frames", () => {
  const { callchains, symbolizer } = stacks();
  const Wakeup = classOf(callchains, DUMP_TYPE);
  symbolizer.unwound = { addresses: BigUint64Array.of(0x400000n), end: "whole" };
  for (const dump of [userStack(0n, [], []), userStack(1n, [1n, 2n, 3n], [1, 2, 3, 4, 5, 6, 7, 8])]) {
    assert.deepEqual(new Wakeup(record(chain(KERNEL, K), dump), 0)._callchain.map(({ kernel }) => kernel), [true]);
  }
  assert.deepEqual(new Wakeup(record(chain(KERNEL, K), userStack(2n, [1n, 2n, 3n], [])), 0)._callchain.length, 2);
  assert.deepEqual(symbolizer.unwindings.map(({ stack }) => stack), [[]]);
});

Deno.test("callchain: a record that is cut anywhere, or says what it has not, is refused or read within its bounds", () => {
  const { callchains } = stacks();
  const Wakeup = classOf(callchains, DUMP_TYPE);
  const whole = record(chain(KERNEL, K, K + 1n), userStack(2n, [1n, 2n, 3n], [1, 2, 3, 4, 5, 6, 7, 8]));
  assert.ok(new Wakeup(whole, 0));
  for (let size = 0; size < whole.byteLength; size += 4) {
    const cut = new DataView(whole.buffer.slice(0));
    cut.setUint16(6, size, true);
    assert.throws(() => new Wakeup(cut, 0), DecodeError, `${size} bytes`);
  }
  const { byteLength } = whole;
  for (const at of [48, byteLength - 8 - 8 - 8]) { // nr, and the size of the stack's copy
    for (const value of [0xffffffff, 0x10000000, 0x7fff, 1000]) {
      const lying = new DataView(whole.buffer.slice(0));
      lying.setUint32(at, value, true);
      assert.throws(() => new Wakeup(lying, 0), DecodeError, `${value} at ${at}`);
    }
  }
  // dyn_size beyond the copy: no more than the copy is taken.
  const lying = new DataView(whole.buffer.slice(0));
  lying.setBigUint64(byteLength - 8, 1n << 60n, true);
  assert.ok(new Wakeup(lying, 0)._callchain.length >= 2);
});

Deno.test("unknown frames: a command is made of a plain path alone", () => {
  const hintOf = (dso: string) => {
    const unknown = new UnknownFrames(() => {});
    const frame = { addr: 1n, symbol: "Unknown", offset: 1, kernel: false, dso, reason: "the file is stripped" as const };
    unknown.add(frame);
    return unknown.lines()[0]!.replace(/^.*; hint: /, "");
  };
  const dbgsym = (path: string) => `apt install $(dpkg -S '*${path}' | cut -d: -f1)-dbgsym   (from debian-debug)`;
  assert.equal(hintOf("/usr/bin/ls"), dbgsym("/bin/ls"));
  assert.equal(hintOf("/lib/x86_64-linux-gnu/libstdc++.so.6"), dbgsym("/lib/x86_64-linux-gnu/libstdc++.so.6"));
  for (const path of ["/libc.so.6", "/libm-2.31.so", "/ld-linux-x86-64.so.2"]) {
    assert.equal(hintOf(`/usr/lib/x86_64-linux-gnu${path}`), "apt install libc6-dbg", path);
  }
  for (const path of ["/usr/bin/x';reboot;'", "/usr/bin/$(reboot)", "/usr/bin/a\nb", "/home/me/prog"]) {
    assert.equal(hintOf(path).replace("\n", "?"), "build it without -s and do not strip it", path);
  }
});

Deno.test("unknown frames are told of by file when they are many, with what would bring them", () => {
  const { of, record, unknown } = stacks();
  record(
    mmap2(1, 7, { start: 0x10000n, size: 0x10000n, path: "/usr/bin/foo" }),
    mmap2(2, 7, { start: 0x20000n, size: 0x10000n, path: "/unknown" }),
  );
  for (let i = 0; i < 97; i++) of(7, 5, USER, 0x10000n + BigInt(i));
  for (let i = 0; i < 3; i++) of(7, 5, USER, 0x20000n + BigInt(i));
  assert.deepEqual(unknown.lines(), []);
  for (let i = 0; i < 9; i++) of(7, 5, USER, 0x20010n + BigInt(i), 0x5n);
  const [first, second, ...more] = unknown.lines();
  assert.equal(
    first,
    "perfprof: /unknown: 12 of 12 frames unknown: the file is stripped; hint: build it without -s and do not strip it",
  );
  assert.match(
    second ?? "",
    /^perfprof: \[unknown\]: 9 of 9 frames unknown: nothing is mapped there; hint: --call-graph dwarf/,
  );
  assert.deepEqual(more, []);
});
