/** tests/golden/attr_*.txt: a command line, and the perf_event_attr of each event with the reason for every field. */

import assert from "node:assert/strict";
import {
  type AttrOptions,
  clockId,
  completeAttr,
  detectFeatures,
  encodeAttr,
  PERF,
  plannedTracepoint,
  sidebandAttr,
  USER_REGS,
} from "../lib/attr.ts";
import { describeAttr } from "../lib/attr_text.ts";
import { parseEvents } from "../lib/event_spec.ts";
import { parseCommandLine } from "../lib/options.ts";
import { stackAttrs } from "../lib/stacks.ts";

const GOLDEN = new URL("golden/", import.meta.url);
const FORMAT_ID = 316;
const RING_BYTES = 4 * 1024 * 1024;

/** `$ perfprof WORDS`, perhaps with ` (Linux 5.4)` behind it -> the attrs of its events, and of the side-band event. */
function attrText(prompt: string): string {
  const [, words = "", old] = /^\$ perfprof (.*?)( {2}\(Linux 5\.4\))?$/.exec(prompt) ?? [];
  const line = parseCommandLine(words.split(" "));
  assert(line.kind === "run");
  const isNew = old === undefined;
  const options: AttrOptions = { ...line, ringBytes: RING_BYTES, features: { formatLost: isNew, buildId: isNew } };
  const specs = parseEvents(line.events);
  const stacks = stackAttrs(specs, line.stacks);
  const texts = specs.map(({ eventName }, i) => [
    eventName,
    ...describeAttr(completeAttr(plannedTracepoint(FORMAT_ID), options, stacks[i])),
  ]);
  const mappings = stacks.some((stack) => stack?.user);
  const all = [...texts, ["side-band", ...describeAttr(sidebandAttr(options, mappings))]];
  return [prompt, ...all.map((lines) => `\n${lines.join("\n")}`)].join("\n") + "\n";
}

for (const { name } of [...Deno.readDirSync(GOLDEN)].filter(({ name }) => name.startsWith("attr_"))) {
  Deno.test(`attr: golden ${name}`, () => {
    const want = Deno.readTextFileSync(new URL(name, GOLDEN));
    assert.equal(attrText(want.split("\n", 1)[0]!), want);
  });
}

Deno.test("attr: bytes", () => {
  const bytes = encodeAttr({
    type: PERF.PERF_TYPE_TRACEPOINT,
    config: 0x13c,
    samplePeriod: 1,
    sampleType: PERF.PERF_SAMPLE_IDENTIFIER | PERF.PERF_SAMPLE_RAW,
    readFormat: PERF.PERF_FORMAT_LOST,
    flags: ["disabled", "comm", "task", "watermark", "sample_id_all", "comm_exec", "use_clockid", "build_id"],
    wakeup: 0x10000,
    clockid: 11,
    regsUser: USER_REGS.x86_64,
    stackUser: 0x2000,
    maxStack: 0x1ff,
  });
  const want = [
    "02000000 70000000", // type, size
    "3c010000 00000000", // config
    "01000000 00000000", // sample_period
    "00040100 00000000", // sample_type: bits 10 and 16
    "10000000 00000000", // read_format
    "01620403 04000000", // disabled 0, comm 9, task 13, watermark 14, sample_id_all 18, comm_exec 24, use_clockid 25, build_id 34
    "00000100 00000000", // wakeup_watermark, bp_type
    ..."0".repeat(3).split("").map(() => "00000000 00000000"), // config1, config2, branch_sample_type
    "ff0fff00 00000000", // sample_regs_user: AX to SS, R8 to R15
    "00200000 0b000000", // sample_stack_user, clockid
    "00000000 00000000", // sample_regs_intr
    "00000000 ff010000", // aux_watermark, sample_max_stack
  ];
  assert.equal(bytes.toHex(), want.join("").replaceAll(" ", ""));
  assert.equal(bytes.length, PERF.PERF_ATTR_SIZE_VER5);
});

Deno.test("attr: a watermark is at least a byte", () => {
  const options: AttrOptions = {
    clock: "monotonic",
    watermarkPercent: 1,
    ringBytes: 64,
    features: { formatLost: true, buildId: true },
  };
  assert.equal(completeAttr(plannedTracepoint(1), options).wakeup, 1);
  assert.equal(completeAttr(plannedTracepoint(1), { ...options, watermarkPercent: 100 }).wakeup, 64);
});

Deno.test("attr: ids of the clocks", () => {
  const ids = (["realtime", "monotonic", "boottime", "tai", "perf"] as const).map(clockId);
  assert.deepEqual(ids, [0, 1, 7, 11, -1]);
});

/** A kernel that refuses the read_format bits and flags it does not know. */
function kernel(readFormats: number, flags: bigint): { tried: number; accepts(attr: Uint8Array): boolean } {
  return {
    tried: 0,
    accepts(attr) {
      this.tried++;
      const view = new DataView(attr.buffer);
      return (view.getUint32(32, true) & ~readFormats) === 0 && (view.getBigUint64(40, true) & ~flags) === 0n;
    },
  };
}

Deno.test("attr: features of new and old kernels", () => {
  const upToBuildId = (1n << 35n) - 1n;
  const upToClockId = (1n << 26n) - 1n;
  const detected = [kernel(0x1f, upToBuildId), kernel(0x0f, upToBuildId), kernel(0x0f, upToClockId)].map((one) => {
    const features = detectFeatures((attr) => one.accepts(attr));
    return { ...features, tried: one.tried };
  });
  assert.deepEqual(detected, [
    { formatLost: true, buildId: true, tried: 1 },
    { formatLost: false, buildId: true, tried: 2 },
    { formatLost: false, buildId: false, tried: 2 },
  ]);
});
