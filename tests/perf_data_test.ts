/**
 * What stands around a recording's records, to the byte. (perf itself reads whole files in live_record_test.ts.)
 */

import assert from "node:assert/strict";
import { ByteWriter } from "../lib/byte_writer.ts";
import { fileHead, streamHead } from "../lib/perf_data.ts";
import { buildIdOf, featuresOf } from "../lib/perf_data_features.ts";
import { RecordProgress } from "../lib/record_progress.ts";
import type { SourceState } from "../lib/source.ts";
import { taskRecords } from "../lib/task_records.ts";
import { writeTracingData } from "../lib/write_tracing_data.ts";

const ATTR_SIZE = 112;
const attr = Uint8Array.from({ length: ATTR_SIZE }, (_, i) => i);
const events = [{ name: "a:b", attr, ids: [5n, 6n] }, { name: "dummy:u", attr, ids: [7n] }];
const features = new Map([["hostname", Uint8Array.of(1, 2, 3)], ["cmdline", Uint8Array.of(4)]] as const);

const viewOf = (bytes: Uint8Array) => new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
const u64s = (bytes: Uint8Array, at: number, count: number) =>
  Array.from({ length: count }, (_, i) => Number(viewOf(bytes).getBigUint64(at + i * 8, true)));
const textOf = (bytes: Uint8Array) => new TextDecoder().decode(bytes);

/** Type, misc and size of each record. */
function recordsOf(bytes: Uint8Array): { type: number; misc: number; at: number; size: number }[] {
  const view = viewOf(bytes);
  const records = [];
  for (let at = 0, size; at < bytes.length; at += size) {
    size = view.getUint16(at + 6, true);
    assert.ok(size >= 8 && at + size <= bytes.length, `record at ${at}`);
    records.push({ type: view.getUint32(at, true), misc: view.getUint16(at + 4, true), at, size });
  }
  return records;
}

Deno.test("a writer grows, whatever is written when it is full", () => {
  const out = new ByteWriter();
  for (let i = 0; i < 5000; i++) out.u8(i & 255).u64(BigInt(i));
  const bytes = out.take();
  assert.equal(bytes.length, 45_000);
  assert.ok(Array.from({ length: 5000 }, (_, i) => i).every((i) => u64s(bytes, i * 9 + 1, 1)[0] === i));
});

Deno.test("the head of a file: header, ids, attrs, contents; then the table", () => {
  const { head, table, offsets } = fileHead(events, features);
  assert.equal(textOf(head.subarray(0, 8)), "PERFILE2");
  const attrs = 104 + 3 * 8;
  const contents = attrs + 2 * (ATTR_SIZE + 16);
  assert.deepEqual(u64s(head, 8, 8), [104, ATTR_SIZE + 16, attrs, 2 * (ATTR_SIZE + 16), contents + 16, 0, 0, 0]);
  assert.deepEqual(u64s(head, 72, 4), [1 << 3 | 1 << 11, 0, 0, 0]);
  assert.deepEqual(u64s(head, 104, 3), [5, 6, 7]);
  assert.deepEqual(head.subarray(attrs, attrs + ATTR_SIZE), attr);
  assert.deepEqual(u64s(head, attrs + ATTR_SIZE, 2), [104, 16]);
  assert.deepEqual(u64s(head, contents - 16, 2), [120, 8]);
  assert.deepEqual([...head.subarray(contents)], [1, 2, 3, 0, 0, 0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0]);
  assert.deepEqual(u64s(table, 0, 4), [contents, 3, contents + 8, 1]);
  assert.deepEqual([...offsets], [["hostname", contents], ["cmdline", contents + 8]]);
});

Deno.test("the head of a pipe: the same as records, features to the byte", () => {
  const stream = streamHead(events, new Map([...features, ["tracingData", Uint8Array.of(9, 9, 9)]]));
  assert.equal(textOf(stream.subarray(0, 8)), "PERFILE2");
  assert.deepEqual(u64s(stream, 8, 1), [16]);
  const [first, second, tracing] = recordsOf(stream.subarray(16, 16 + 8 + ATTR_SIZE + 16 + 8 + ATTR_SIZE + 8 + 16));
  assert.deepEqual([first?.type, first?.size, second?.type, second?.size], [64, 8 + ATTR_SIZE + 16, 64, 8 + ATTR_SIZE + 8]);
  assert.deepEqual([tracing?.type, tracing?.size], [66, 16]);
  const rest = stream.subarray(16 + tracing!.at + tracing!.size);
  assert.deepEqual([...rest.subarray(0, 8)], [9, 9, 9, 0, 0, 0, 0, 0]);
  assert.deepEqual(recordsOf(rest.subarray(8)).map(({ type, size }) => [type, size]), [[80, 19], [80, 17], [80, 16]]);
});

Deno.test("more ids than a pipe's record can hold are refused, and no problem of a file's", () => {
  const many = [{ name: "a:b", attr, ids: Array.from({ length: 9000 }, (_, i) => BigInt(i)) }];
  assert.throws(
    () => streamHead(many, new Map()),
    /^PerfprofError: recording a:b to a pipe failed: it is opened 9000 times, and 8176 can/,
  );
  assert.equal(fileHead(many, new Map()).head.length, 104 + 9000 * 8 + ATTR_SIZE + 16);
});

Deno.test("tracing data: formats by system, sizes of 64 bits but for the kernel's texts", () => {
  const files: Record<string, string> = {
    "events/header_page": "page",
    "events/a/b/format": "format b",
    "events/a/c/format": "format c",
    "printk_formats": "0x1 : x",
    "saved_cmdlines": "1 init",
  };
  const read = (path: string) => files[path] === undefined ? undefined : new TextEncoder().encode(files[path]);
  const want = new ByteWriter().bytes(Uint8Array.of(23, 8, 68)).text("tracing0.6\0").u8(0).u8(8).u32(4096)
    .text("header_page\0").u64(4).text("page").text("header_event\0").u64(0)
    .u32(0).u32(1).text("a\0").u32(2).u64(8).text("format b").u64(8).text("format c")
    .u32(0).u32(7).text("0x1 : x").u64(6).text("1 init");
  assert.deepEqual(writeTracingData(["a:b", "a:c"], 4096, read), want.take());
});

Deno.test("a build id among notes, also where they make no sense", () => {
  const note = (type: number, id: number[]) =>
    new ByteWriter().u32(4).u32(id.length).u32(type).text("GNU\0").bytes(Uint8Array.from(id)).zeros(-id.length & 3).take();
  const bytes = new ByteWriter().bytes(note(1, [9, 9])).bytes(note(3, [1, 2, 3, 4, 5])).take();
  assert.deepEqual(buildIdOf(bytes), Uint8Array.of(1, 2, 3, 4, 5));
  for (let size = 0; size < bytes.length - 3; size++) assert.equal(buildIdOf(bytes.subarray(0, size)), undefined);
  assert.equal(buildIdOf(new Uint8Array(64).fill(255)), undefined);
});

Deno.test("what a machine does not tell is left out", () => {
  const nothing = () => undefined;
  const told = featuresOf({
    events,
    commandLine: ["perfprof"],
    version: "1",
    tracingData: undefined,
    clock: { clockNs: 7n, realtimeNs: 8n, clockid: -1 },
    level: 0,
    text: nothing,
    bytes: nothing,
    folder: () => [],
  });
  assert.deepEqual([...told.keys()], ["version", "arch", "cmdline", "eventDesc", "sampleTime", "clockData"]);
  assert.deepEqual(told.get("clockData"), new ByteWriter().u32(1).u32(0xffffffff).u64(8).u64(7).take());
});

Deno.test("tasks that were there: parent, name and mappings, each with the side-band's id", () => {
  const files: Record<string, string> = {
    "/proc/kallsyms": "ffffffff81000000 T _text\nffffffff82000000 T _etext\n",
    "/proc/modules": "ext4 8192 1 - Live 0xffffffffc0000000\n",
    "/proc/7/status": "Name:\tx\nPPid:\t1\n",
    "/proc/7/maps": "1000-3000 r-xp 00001000 08:01 42    /bin/x\n3000-4000 r--p 00000000 08:01 42    /bin/x\n",
  };
  const bytes = taskRecords({
    tasks: [{ pid: 7, tid: 7, comm: "x" }, { pid: 7, tid: 8, comm: "thread" }, { pid: 9, tid: 9, comm: "other" }],
    mapped: new Set([7]),
    read: (path) => files[path],
    root: () => "/",
    buildId: () => Uint8Array.of(0xab, 0xcd),
    id: 77n,
  });
  const records = recordsOf(bytes);
  assert.deepEqual(records.map(({ type }) => type), [1, 1, 7, 3, 7, 3, 10, 7, 3]);
  assert.ok(records.every(({ at, size }) => size % 8 === 0 && u64s(bytes, at + size - 8, 1)[0] === 77));
  const view = viewOf(bytes);
  const [kernel, module, fork, , thread, , mapping] = records;
  assert.equal(view.getBigUint64(kernel!.at + 16, true), 0xffffffff81000000n);
  assert.equal(view.getBigUint64(kernel!.at + 24, true), 0x1000000n);
  assert.match(textOf(bytes.subarray(module!.at + 40, module!.at + module!.size)), /^\[ext4\]\0/);
  assert.deepEqual(u64s(bytes, fork!.at + 8, 2), [7 + 1 * 2 ** 32, 7 + 1 * 2 ** 32]);
  assert.deepEqual(u64s(bytes, thread!.at + 8, 2), [7 + 7 * 2 ** 32, 8 + 7 * 2 ** 32]);
  assert.deepEqual(u64s(bytes, mapping!.at + 16, 3), [0x1000, 0x2000, 0x1000]);
  assert.equal(mapping!.misc, 2 | 1 << 14);
  assert.deepEqual([...bytes.subarray(mapping!.at + 40, mapping!.at + 47)], [2, 0, 0, 0, 0xab, 0xcd, 0]);
  assert.match(textOf(bytes.subarray(mapping!.at + 72, mapping!.at + mapping!.size)), /^\/bin\/x\0/);
});

Deno.test("progress: a line once a second, with the rate since the last one", () => {
  let nowMs = 0;
  const lines: string[] = [];
  const state = { delivered: 0, lost: 3 };
  const recorded = { bytes: 1500, dataBytes: 2_500_000, firstTimeNs: 0n, lastTimeNs: 0n };
  const progress = new RecordProgress(state as SourceState, () => recorded, (line) => lines.push(line), () => nowMs);
  for (nowMs = 100; nowMs <= 2000; nowMs += 100) {
    state.delivered += 10;
    progress.show();
  }
  progress.end();
  assert.deepEqual(lines, ["100 events, 1.5 KB, 100/s, 3 lost", "200 events, 1.5 KB, 100/s, 3 lost", ""]);
  assert.equal(progress.summary(), "200 events, 1.5 KB (2.5 MB before compression)");
});
