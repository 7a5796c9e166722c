/** tests/golden/attr_*.txt: a command line, and the perf_event_attr of each event with the reason for every field. */

import assert from "node:assert/strict";
import {
  type AttrOptions,
  clockId,
  describeAttr,
  detectFeatures,
  encodeAttr,
  PERF,
  sidebandAttr,
  tracepointAttr,
} from "../lib/attr.ts";
import { parseEvents } from "../lib/event_spec.ts";
import { parseCommandLine } from "../lib/options.ts";

const GOLDEN = new URL("golden/", import.meta.url);
const FORMAT_ID = 316;
const RING_BYTES = 4 * 1024 * 1024;

/** `$ perfprof WORDS`, perhaps with ` (Linux 5.4)` behind it -> the attrs of its events, and of the side-band event. */
function attrText(prompt: string): string {
  const [, words = "", old] = /^\$ perfprof (.*?)( {2}\(Linux 5\.4\))?$/.exec(prompt) ?? [];
  const line = parseCommandLine(words.split(" "));
  assert(line.kind === "run");
  const options: AttrOptions = { ...line, ringBytes: RING_BYTES, features: { formatLost: old === undefined } };
  const texts = parseEvents(line.events).map((
    { eventName },
  ) => [eventName, ...describeAttr(tracepointAttr(FORMAT_ID, options))]);
  const all = [...texts, ["side-band", ...describeAttr(sidebandAttr(options))]];
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
    flags: ["disabled", "comm", "task", "watermark", "sample_id_all", "comm_exec", "use_clockid"],
    wakeup: 0x10000,
    clockid: 11,
  });
  const want = [
    "02000000 70000000", // type, size
    "3c010000 00000000", // config
    "01000000 00000000", // sample_period
    "00040100 00000000", // sample_type: bits 10 and 16
    "10000000 00000000", // read_format
    "01620403 00000000", // disabled 0, comm 9, task 13, watermark 14, sample_id_all 18, comm_exec 24, use_clockid 25
    "00000100 00000000", // wakeup_watermark, bp_type
    ..."0".repeat(4).split("").map(() => "00000000 00000000"), // config1, config2, branch_sample_type, sample_regs_user
    "00000000 0b000000", // sample_stack_user, clockid
    "00000000 00000000", // sample_regs_intr
    "00000000 00000000", // aux_watermark, sample_max_stack
  ];
  assert.equal(bytes.toHex(), want.join("").replaceAll(" ", ""));
  assert.equal(bytes.length, PERF.PERF_ATTR_SIZE_VER5);
});

Deno.test("attr: a watermark is at least a byte", () => {
  const options: AttrOptions = { clock: "monotonic", watermarkPercent: 1, ringBytes: 64, features: { formatLost: true } };
  assert.equal(tracepointAttr(1, options).wakeup, 1);
  assert.equal(tracepointAttr(1, { ...options, watermarkPercent: 100 }).wakeup, 64);
});

Deno.test("attr: ids of the clocks", () => {
  const ids = (["realtime", "monotonic", "boottime", "tai", "perf"] as const).map(clockId);
  assert.deepEqual(ids, [0, 1, 7, 11, -1]);
});

/** A kernel that refuses read_format bits it does not know. */
function kernel(readFormats: number): { tried: number[]; accepts(attr: Uint8Array): boolean } {
  const tried: number[] = [];
  return {
    tried,
    accepts(attr) {
      const readFormat = new DataView(attr.buffer).getUint32(32, true);
      tried.push(readFormat);
      return (readFormat & ~readFormats) === 0;
    },
  };
}

Deno.test("attr: features of new and old kernels", () => {
  const now = kernel(0x1f);
  assert.deepEqual(detectFeatures(now.accepts), { formatLost: true });
  const old = kernel(0x0f);
  assert.deepEqual(detectFeatures(old.accepts), { formatLost: false });
  assert.deepEqual([now.tried, old.tried], [[PERF.PERF_FORMAT_LOST], [PERF.PERF_FORMAT_LOST]]);
});
