/** Samples of profilers over bytes written by hand: every member, alone and in every neighbourhood that moves it. */

import assert from "node:assert/strict";
import { ABI } from "../ffi/abi.ts";
import { MEMBER_TYPES } from "../lib/declaration_text.ts";
import type { AnyEvent, EventClass } from "../lib/generated_class.ts";
import { PERF_SAMPLE } from "../lib/layout.ts";
import { describeMembers, MEMBERS } from "../lib/profilers/members.ts";
import { PERF_FORMAT } from "../lib/profilers/read_format.ts";
import { BASE, classOf, eventOf, fieldsOf, MEMBER_BYTES, recordOf, type SampleBit } from "./fixtures/members.ts";
import { bytes } from "./fixtures/bytes.ts";
import { Random } from "./random.ts";

/** Those whose length a record tells. */
const VARIABLE: readonly SampleBit[] = ["CALLCHAIN", "RAW", "BRANCH_STACK", "REGS_USER", "STACK_USER", "REGS_INTR", "AUX"];
const WITHOUT_TWIN = MEMBER_BYTES.map(({ bit }) => bit).filter((bit) => bit !== "WEIGHT_STRUCT");

function membersOf(event: AnyEvent): Record<string, unknown> {
  return Object.fromEntries(event.items().filter(([name]) => !name.startsWith("_")));
}

/** Every way to read says what the bytes of these members mean. */
function check(bits: readonly SampleBit[], type: EventClass = classOf(bits)): void {
  const expected = fieldsOf(bits);
  const event = eventOf(type, recordOf(bits));
  const what = bits.join(" ");
  assert.deepEqual(membersOf(event), expected, what);
  assert.deepEqual(event.keys().slice(6), Object.keys(expected), what);
  for (const [name, value] of Object.entries(expected)) assert.deepEqual(event[name], value, `${name} of ${what}`);
}

Deno.test("every member alone", () => {
  for (const { bit } of MEMBER_BYTES) check([...BASE, bit]);
});

Deno.test("every member behind every other", () => {
  for (const first of WITHOUT_TWIN) for (const second of WITHOUT_TWIN) check([...BASE, first, second]);
  for (const other of VARIABLE) check([...BASE, other, "WEIGHT_STRUCT"]);
});

Deno.test("all members together, and with each one missing", () => {
  check(WITHOUT_TWIN);
  check([...WITHOUT_TWIN.filter((bit) => bit !== "WEIGHT"), "WEIGHT_STRUCT"]);
  for (const missing of WITHOUT_TWIN) if (!BASE.includes(missing)) check(WITHOUT_TWIN.filter((bit) => bit !== missing));
});

Deno.test("any combination", () => {
  const random = new Random(11);
  for (let round = 0; round < 300; round++) check(WITHOUT_TWIN.filter((bit) => BASE.includes(bit) || random.below(2) === 0));
});

Deno.test("variable members that are empty take their head alone", () => {
  const empty = { CALLCHAIN: "00 ".repeat(8), RAW: "00 ".repeat(4), BRANCH_STACK: "00 ".repeat(8), REGS_USER: "00 ".repeat(8) };
  const rest = { STACK_USER: "00 ".repeat(8), REGS_INTR: "00 ".repeat(8), AUX: "00 ".repeat(8) };
  const bits = [...BASE, ...VARIABLE, "CODE_PAGE_SIZE"] as const;
  const event = eventOf(classOf(bits), recordOf(bits, { ...empty, ...rest }));
  const none = new Uint8Array(8);
  assert.deepEqual(membersOf(event), {
    ...fieldsOf([...BASE]),
    callchain: [],
    raw: new Uint8Array(0),
    branch_stack: none,
    regs_user: { abi: 0 },
    stack_user: none,
    regs_intr: { abi: 0 },
    code_page_size: 2_097_152,
    aux: none,
  });
});

Deno.test("a branch stack has its hardware index and its counters where they were asked for", () => {
  const bits: readonly SampleBit[] = [...BASE, "BRANCH_STACK", "CGROUP"];
  const entry = "aa ".repeat(24), index = "11 00 00 00 00 00 00 00 ", counters = "22 ".repeat(8);
  for (
    const [branchSampleType, table] of [
      [1 << 17, `01 00 00 00 00 00 00 00 ${index} ${entry}`],
      [1 << 19, `01 00 00 00 00 00 00 00 ${entry} ${counters}`],
      [1 << 17 | 1 << 19 | 1 << 3, `01 00 00 00 00 00 00 00 ${index} ${entry} ${counters}`],
    ] as const
  ) {
    const event = eventOf(classOf(bits, { branchSampleType }), recordOf(bits, { BRANCH_STACK: table }));
    assert.deepEqual([event.branch_stack, event.cgroup], [bytes(table), 77n], String(branchSampleType));
  }
});

Deno.test("numbers that a double cannot hold are bigints, and small addresses as well", () => {
  const bits: readonly SampleBit[] = [...BASE, "IP", "PERIOD", "WEIGHT", "PHYS_ADDR", "DATA_PAGE_SIZE"];
  const most = "ff ".repeat(8), one = "01 00 00 00 00 00 00 00";
  const typeNames = (table: string) => {
    const event = eventOf(
      classOf(bits),
      recordOf(bits, Object.fromEntries(bits.filter((bit) => bit !== "CPU").map((bit) => [bit, table]))),
    );
    return ["ip", "pid", "tid", "time", "cpu", "period", "weight", "phys_addr", "data_page_size"].map((name) =>
      typeof event[name]
    );
  };
  assert.deepEqual(typeNames(one), "bigint number number number number number number bigint number".split(" "));
  assert.deepEqual(typeNames(most), "bigint number number bigint number bigint bigint bigint bigint".split(" "));
});

Deno.test("a task that has ended is -1", () => {
  const event = eventOf(classOf(BASE), recordOf(BASE, { TID: "ff ".repeat(8) }));
  assert.deepEqual([event._pid, event._tid, event.pid, event.tid], [-1, -1, -1, -1]);
});

Deno.test("members are shown as asked for; pid, tid, time and cpu always", () => {
  const shown = PERF_SAMPLE.IP | PERF_SAMPLE.CGROUP;
  const event = eventOf(classOf(WITHOUT_TWIN, {}, { shown }), recordOf(WITHOUT_TWIN));
  assert.deepEqual(membersOf(event), fieldsOf([...BASE, "IP", "CGROUP"]));
  assert.throws(() => event.identifier, /^TypeError: probe has no field 'identifier'/);
  assert.deepEqual(describeMembers(shown).map(({ name }) => name), event.keys().slice(6));
});

Deno.test("a sample_type with an unknown bit, both weights, or without what all samples have is refused", () => {
  for (const [bit, text] of [[2 ** 25, "0x2000000"], [2 ** 40, "0x10000000000"]] as const) {
    const attr = { sampleType: bit + PERF_SAMPLE.TID };
    assert.throws(() => classOf(BASE, attr), new RegExp(`^RangeError: sample_type 0x.*: no layout for ${text}$`));
  }
  assert.throws(
    () => classOf([...BASE, "WEIGHT", "WEIGHT_STRUCT"]),
    /^RangeError: .*: WEIGHT and WEIGHT_STRUCT exclude each other$/,
  );
  for (const missing of BASE) assert.throws(() => classOf(BASE.filter((bit) => bit !== missing)), RangeError, missing);
});

Deno.test("the table has every member of the kernel's header, at its bit", () => {
  const constants: Readonly<Record<string, number>> = ABI.constants;
  for (const [name, bit] of Object.entries(PERF_SAMPLE)) assert.equal(bit, constants[`PERF_SAMPLE_${name}`], name);
  for (const [name, bit] of Object.entries(PERF_FORMAT)) assert.equal(bit, constants[`PERF_FORMAT_${name}`], name);
  assert.deepEqual(new Set(MEMBERS.map(({ bit }) => bit)), new Set(Object.keys(PERF_SAMPLE)));
  assert.equal(Object.keys(PERF_SAMPLE).length, 25);
});

Deno.test("help has the TypeScript type of every member", () => {
  const all = Object.values(PERF_SAMPLE).reduce<number>((bits, bit) => bits | bit, 0);
  const types = new Map(describeMembers(all).map(({ name, type }) => [name, type]));
  const event = eventOf(classOf(WITHOUT_TWIN), recordOf(WITHOUT_TWIN));
  const named = { Uint8Array: Uint8Array, "readonly Frame[]": Array, Registers: Object, CounterRead: Object };
  for (const [name, value] of Object.entries(membersOf(event))) {
    const type = types.get(name)!;
    const constructor = named[type as keyof typeof named];
    if (constructor === undefined) assert.ok(type.split(" | ").includes(typeof value), `${name}: ${type}`);
    else assert.equal((value as object).constructor, constructor, name);
  }
  assert.equal(types.size, 25);
  assert.deepEqual(describeMembers(PERF_SAMPLE.READ, PERF_FORMAT.GROUP).at(-1)?.type, "GroupRead");
});

Deno.test("the declarations for scripts are those of the decoders", () => {
  const interfaces = (text: string) =>
    Object.fromEntries(
      [...text.replace(/\/\*\*[\s\S]*?\*\//g, "").matchAll(/^(?:export )?interface ([\w ,]+)\{([^}]*)\}/gm)]
        .map(([, head, body]) => [head!.trim(), body!.split("\n").map((line) => line.trim()).filter((line) => line !== "")]),
    );
  const sources = ["read_format", "registers"].map((name) =>
    Deno.readTextFileSync(new URL(`../lib/profilers/${name}.ts`, import.meta.url))
  );
  const { ReadFormat, Register, RegisterSet, ...decoded } = interfaces(sources.join("\n"));
  assert.ok(ReadFormat && Register && RegisterSet); // not for scripts
  assert.deepEqual(interfaces(MEMBER_TYPES), decoded);
  const types = describeMembers(PERF_SAMPLE.READ | PERF_SAMPLE.REGS_INTR).map(({ type }) => type);
  for (const type of [...types, "GroupRead"]) {
    assert.ok(/^(number|bigint)\b/.test(type) || MEMBER_TYPES.includes(`interface ${type} `), type);
  }
});
