/** `read` by every read_format, registers of every machine, and what damaged records give. */

import assert from "node:assert/strict";
import { DecodeError } from "../lib/errors.ts";
import type { EventClass } from "../lib/generated_class.ts";
import { PERF_FORMAT } from "../lib/profilers/read_format.ts";
import { BASE, classOf, eventOf, MEMBER_BYTES, recordOf, type SampleBit } from "./fixtures/members.ts";
import { view } from "./fixtures/bytes.ts";
import { Random } from "./random.ts";

const { TOTAL_TIME_ENABLED, TOTAL_TIME_RUNNING, ID, GROUP, LOST } = PERF_FORMAT;

function u64(...values: (number | bigint)[]): string {
  return values.map((value) => BigInt(value).toString(16).padStart(16, "0").match(/../g)!.reverse().join(" ")).join(" ");
}

const READ_BITS: readonly SampleBit[] = [...BASE, "READ", "CGROUP"];

/** What a read_format makes of its u64, and the member behind. */
function decodeRead(readFormat: number, values: readonly (number | bigint)[]): [unknown, unknown] {
  const event = eventOf(classOf(READ_BITS, { readFormat }), recordOf(READ_BITS, { READ: u64(...values) }));
  return [event.read, event.cgroup];
}

/** Every combination of the bits but GROUP. */
const COMBINATIONS = Array.from({ length: 16 }, (_, i) => ({
  bits: (i & 1 ? TOTAL_TIME_ENABLED : 0) | (i & 2 ? TOTAL_TIME_RUNNING : 0) | (i & 4 ? ID : 0) | (i & 8 ? LOST : 0),
  times: { ...(i & 1 && { time_enabled: 900 }), ...(i & 2 && { time_running: 2n ** 60n }) },
  own: { ...(i & 4 && { id: 43n }), ...(i & 8 && { lost: 5 }) },
}));

function numbers(...parts: object[]): (number | bigint)[] {
  return parts.flatMap((part) => Object.values(part));
}

Deno.test("read has the keys of its read_format, in the kernel's order", () => {
  for (const { bits, times, own } of COMBINATIONS) {
    const expected = { value: 7, ...times, ...own };
    const [read, next] = decodeRead(bits, numbers(expected));
    assert.deepEqual([read, next], [expected, 77n], `read_format ${bits}`);
    assert.deepEqual(Object.keys(read as object), Object.keys(expected), `read_format ${bits}`);
  }
});

Deno.test("read of a group has them for the group and for each counter", () => {
  for (const { bits, times, own } of COMBINATIONS) {
    for (const nr of [0, 1, 3]) {
      const cntr = Array.from({ length: nr }, (_, i) => ({ value: i + 1, ...own }));
      const expected = { nr, ...times, cntr };
      const [read, next] = decodeRead(bits | GROUP, numbers({ nr }, times, ...cntr));
      assert.deepEqual([read, next], [expected, 77n], `read_format ${bits} and GROUP, ${nr} counters`);
      assert.deepEqual(Object.keys(read as object), Object.keys(expected));
    }
  }
});

Deno.test("read: an id is a bigint, other values are numbers when that is exact", () => {
  assert.deepEqual(decodeRead(ID | LOST, [2n ** 53n, 1, 2n ** 53n - 1n])[0], { value: 2n ** 53n, id: 1n, lost: 2 ** 53 - 1 });
});

Deno.test("a read_format with an unknown bit is refused", () => {
  assert.throws(() => classOf(READ_BITS, { readFormat: 0x24 }), /^RangeError: read_format 0x24: no layout for 0x20$/);
});

const REGS_BITS: readonly SampleBit[] = [...BASE, "REGS_USER", "CGROUP"];

function decodeRegisters(arch: "x86_64" | "aarch64", regsUser: bigint, values: readonly (number | bigint)[]): unknown {
  const event = eventOf(classOf(REGS_BITS, { regsUser }, { arch }), recordOf(REGS_BITS, { REGS_USER: u64(...values) }));
  assert.equal(event.cgroup, 77n);
  return event.regs_user;
}

/** { abi, first: 1n, second: 2n, ... } */
function counted(abi: number, names: readonly string[]): Record<string, number | bigint> {
  return Object.fromEntries([["abi", abi], ...names.map((name, i) => [name, BigInt(i + 1)])]);
}

const ONE_TO_33 = Array.from({ length: 33 }, (_, i) => i + 1);
const I386 = "ax bx cx dx si di bp sp ip flags cs ss ds es fs gs".split(" ");

Deno.test("registers of x86_64, of a 32-bit task there, and of arm64", () => {
  const x86 = [...I386, ..."r8 r9 r10 r11 r12 r13 r14 r15".split(" ")];
  const arm = [...Array.from({ length: 30 }, (_, i) => `x${i}`), "lr", "sp", "pc"];
  assert.deepEqual(decodeRegisters("x86_64", 0xffffffn, [2, ...ONE_TO_33.slice(0, 24)]), counted(2, x86));
  assert.deepEqual(decodeRegisters("x86_64", 0xffffn, [1, ...ONE_TO_33.slice(0, 16)]), counted(1, I386));
  assert.deepEqual(decodeRegisters("aarch64", 0x1ffffffffn, [2, ...ONE_TO_33]), counted(2, arm));
  assert.deepEqual(decodeRegisters("aarch64", 0x3n, [1, 1, 2]), counted(1, ["x0", "x1"]));
});

Deno.test("registers are those of the mask, in its order", () => {
  assert.deepEqual(decodeRegisters("x86_64", 0xff0fffn, [2, ...ONE_TO_33.slice(0, 20)]), {
    ...counted(2, [...I386.slice(0, 12), ..."r8 r9 r10 r11 r12 r13 r14 r15".split(" ")]),
  });
  assert.deepEqual(decodeRegisters("x86_64", 1n << 8n, [2, 2n ** 64n - 1n]), { abi: 2, ip: 2n ** 64n - 1n });
  assert.deepEqual(Object.keys(decodeRegisters("aarch64", 1n << 46n | 1n << 32n | 1n, [2, 1, 2, 3]) as object), [
    "abi",
    "x0",
    "pc",
    "vg",
  ]);
});

Deno.test("no registers: abi 0, and nothing behind it", () => {
  assert.deepEqual(decodeRegisters("x86_64", 0xffffffn, [0]), { abi: 0 });
  assert.deepEqual(decodeRegisters("aarch64", 0n, [2]), { abi: 2 });
});

Deno.test("a bit without a name is regN; r8 is none of a 32-bit task", () => {
  assert.deepEqual(decodeRegisters("x86_64", 1n << 24n | 1n << 31n, [2, 1, 2]), { abi: 2, reg24: 1n, reg31: 2n });
  assert.deepEqual(decodeRegisters("x86_64", 1n << 16n | 1n, [1, 1, 2]), { abi: 1, ax: 1n, reg16: 2n });
  assert.deepEqual(decodeRegisters("aarch64", 1n << 33n | 1n << 63n, [2, 1, 2]), { abi: 2, reg33: 1n, reg63: 2n });
});

Deno.test("both halves of an XMM register are one bigint of 128 bits; one half is regN", () => {
  const registers = decodeRegisters("x86_64", 1n | 3n << 32n | 3n << 62n | 1n << 35n, [
    2,
    9,
    1,
    2,
    5,
    2n ** 64n - 1n,
    2n ** 63n,
  ]);
  assert.deepEqual(registers, { abi: 2, ax: 9n, xmm0: 2n << 64n | 1n, reg35: 5n, xmm15: 2n ** 127n + 2n ** 64n - 1n });
});

/** Members whose length grows with a count. */
const COUNTED: readonly SampleBit[] = ["READ", "CALLCHAIN", "RAW", "BRANCH_STACK", "STACK_USER", "AUX"];

Deno.test("a count that the record cannot hold is a DecodeError in words, whatever its size", () => {
  for (const bit of COUNTED) {
    const bits = [...BASE, bit];
    const type = classOf(bits, { readFormat: GROUP });
    for (const nr of [2n ** 64n - 1n, 2n ** 61n, 2n ** 32n, 2n ** 32n - 1n, 0x10000n, 40n]) {
      const table = bit === "RAW" ? u64(nr).slice(0, 12) + " 00".repeat(20) : u64(nr, 0, 0, 0);
      if (bit === "RAW" && nr % 2n ** 32n === 0n) continue; // its size has 32 bits
      const event = eventOf(type, recordOf(bits, { [bit]: table }));
      const name = bit.toLowerCase();
      assert.throws(() => event[name], {
        name: "DecodeError",
        message: /^probe: member '\w+': with a count of \d+ the sample leaves the \d+ bytes that its record has$/,
      }, `${name} ${nr}`);
      assert.throws(() => event.to_dict(), DecodeError);
      assert.equal(event.pid, 1000);
    }
  }
});

Deno.test("a record that ends within any member is a DecodeError of that member", () => {
  const bits = MEMBER_BYTES.map(({ bit }) => bit).filter((bit) => bit !== "WEIGHT_STRUCT");
  const type = classOf(bits);
  const whole = recordOf(bits);
  for (let size = 0; size < whole.length; size++) {
    const cut = whole.slice();
    new DataView(cut.buffer).setUint16(6, size, true);
    assert.throws(() => eventOf(type, cut).to_dict(), DecodeError, `${size} bytes`);
    assert.throws(() => eventOf(type, cut).aux, DecodeError, `${size} bytes`);
    assert.throws(() => new type(view(whole.slice(0, size)), 0).to_dict(), DecodeError, `a view of ${size} bytes`);
  }
});

/**
 * All that can be read of a record. Its view ends where it ends, so that a read behind it throws no DecodeError; a copy from further
 * on in the buffer would have bytes of `around`.
 */
function everything(type: EventClass, record: Uint8Array, around: number): unknown[] {
  const buffer = new Uint8Array(16 + record.length + 70_000).fill(around);
  buffer.set(record, 16);
  const event = new type(new DataView(buffer.buffer, 0, 16 + record.length), 16);
  return [...type.keys.map((name) => () => event.get(name)), () => event.to_dict(), () => String(event)].map(orMessage);
}

function orMessage(read: () => unknown): unknown {
  try {
    return read();
  } catch (error) {
    if (error instanceof DecodeError) return error.message;
    throw error;
  }
}

Deno.test("of a damaged record come values of its own bytes or DecodeErrors: what is around it changes nothing", () => {
  const bits = MEMBER_BYTES.map(({ bit }) => bit).filter((bit) => bit !== "WEIGHT");
  const type = classOf(bits, { readFormat: GROUP | ID, branchSampleType: 1 << 17 });
  const good = recordOf(bits, { READ: u64(2, 1, 2, 3, 4), BRANCH_STACK: u64(1, 9, 1, 2, 3) });
  const heads = Array.from({ length: good.length - 8 }, (_, i) => i + 8);
  const random = new Random(5);
  let refused = 0;
  for (let round = 0; round < 3_000; round++) {
    const record = good.slice();
    for (let left = 1 + random.below(4); left > 0; left--) {
      record[heads[random.below(heads.length)]!] = [0, 1, 0xff, random.below(256)][random.below(4)]!;
    }
    const values = everything(type, record, 0xee);
    assert.deepEqual(values, everything(type, record, 0x11));
    if (values.some((value) => typeof value === "string" && value.includes("with a count of"))) refused++;
  }
  assert.ok(refused > 300 && refused < 2_900, `${refused} refused`);
});
