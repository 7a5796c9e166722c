/** Where each value sits in a record, and what kind of value it is. */

import assert from "node:assert/strict";
import { PERF_SAMPLE, rawLayout, sampleLayout, typeName } from "../lib/layout.ts";
import { pointerFields } from "../lib/print_format.ts";
import type { FormatField } from "../lib/format.ts";
import { field, format, SAMPLE_TYPE } from "./fixtures/bytes.ts";

Deno.test("sample members follow the header in the kernel's order, not in that of their bits", () => {
  const { IDENTIFIER, IP, TID, TIME, ADDR, ID, STREAM_ID, CPU, PERIOD, CALLCHAIN, RAW, REGS_USER, STACK_USER } = PERF_SAMPLE;
  const all = sampleLayout(
    IDENTIFIER | IP | TID | TIME | ADDR | ID | STREAM_ID | CPU | PERIOD | CALLCHAIN | RAW | REGS_USER | STACK_USER,
  );
  assert.deepEqual(all, {
    fixed: { IDENTIFIER: 8, IP: 16, TID: 24, TIME: 32, ADDR: 40, ID: 48, STREAM_ID: 56, CPU: 64, PERIOD: 72 },
    callchain: 80,
    rawSize: 88,
    userStack: true,
  });
  assert.deepEqual(sampleLayout(BigInt(SAMPLE_TYPE)), {
    fixed: { IDENTIFIER: 8, TID: 16, TIME: 24, CPU: 32, PERIOD: 40 },
    callchain: undefined,
    rawSize: 48,
    userStack: false,
  });
  assert.deepEqual(sampleLayout(TID), { fixed: { TID: 8 }, callchain: undefined, rawSize: undefined, userStack: false });
  assert.throws(() => sampleLayout(TID | RAW | REGS_USER), /REGS_USER and STACK_USER come together, after RAW/);
  assert.throws(() => sampleLayout(TID | REGS_USER | STACK_USER), /REGS_USER and STACK_USER come together, after RAW/);
});

Deno.test("a sample_type bit whose member is not known is refused: it would move what follows", () => {
  assert.throws(() => sampleLayout(SAMPLE_TYPE | PERF_SAMPLE.READ), /^RangeError: sample_type 0x10596: no layout for 0x10$/);
  assert.throws(() => sampleLayout(1n << 40n), RangeError);
});

/** [C type, size, what else the format says] -> TypeScript type. */
const TYPES: readonly [string, number, Partial<FormatField>, string][] = [
  ["int", 4, { signed: true }, "number"],
  ["unsigned char", 1, {}, "number"],
  ["char", 1, {}, "number"],
  ["short", 2, { signed: true }, "number"],
  ["dev_t", 4, {}, "number"],
  ["gfp_t", 4, {}, "number"],
  ["enum zone_type", 4, {}, "number"],
  ["enum xfs_group_type", 1, {}, "number"],
  ["const enum landlock_rule_type", 8, {}, "number | bigint"],
  ["bool", 1, {}, "boolean"],
  ["_Bool", 1, {}, "boolean"],
  ["bool", 8, {}, "number | bigint"], // an argument of a system call
  ["void *", 8, {}, "bigint"],
  ["const void*", 8, {}, "bigint"],
  ["const char *const *", 8, {}, "bigint"],
  ["struct file *", 8, {}, "bigint"],
  ["unsigned long", 8, {}, "number | bigint"],
  ["long", 8, { signed: true }, "number | bigint"],
  ["xfs_lsn_t", 8, { signed: true }, "number | bigint"],
  ["char", 16, { array: true, count: 16, elementSize: 1 }, "string"],
  ["const char", 16, { array: true, count: 16, elementSize: 1 }, "string"],
  ["char", 16, { array: true }, "string"], // [TASK_COMM_LEN]: the kernel did not put in the number
  ["char", 0, { array: true }, "string"],
  ["__data_loc char[]", 4, { array: true, dynamic: true, elementSize: 1 }, "string"],
  ["__rel_loc char[]", 4, { array: true, dynamic: true, relative: true }, "string"],
  ["unsigned char", 6, { array: true, count: 6, elementSize: 1, string: true }, "Uint8Array"],
  ["__u8", 6, { array: true, count: 6, elementSize: 1, string: true }, "Uint8Array"],
  ["signed char", 6, { array: true, count: 6, elementSize: 1, signed: true }, "Int8Array"],
  ["u16", 8, { array: true, count: 4, elementSize: 2 }, "Uint16Array"],
  ["int", 8, { array: true, count: 2, elementSize: 4, signed: true }, "Int32Array"],
  ["unsigned long", 48, { array: true, count: 6, elementSize: 8 }, "BigUint64Array"],
  ["long", 24, { array: true, count: 3, elementSize: 8, signed: true }, "BigInt64Array"],
  ["unsigned long", 64, { array: true }, "BigUint64Array"],
  ["xfs_ino_t", 16, { array: true, count: 2, elementSize: 8 }, "BigUint64Array"],
  ["void *", 32, { array: true, count: 4, elementSize: 8 }, "BigUint64Array"],
  ["unsigned long", 0, { array: true }, "BigUint64Array"],
  ["__data_loc unsigned int[]", 4, { array: true, dynamic: true }, "Uint32Array"],
  ["__data_loc unsigned long[]", 4, { array: true, dynamic: true }, "BigUint64Array"],
  ["__data_loc u8[]", 4, { array: true, dynamic: true }, "Uint8Array"],
  ["__data_loc cpumask_t", 4, { dynamic: true, elementSize: 4 }, "Uint8Array"],
  ["__data_loc sockaddr_t[]", 4, { array: true, dynamic: true, elementSize: 8 }, "Uint8Array"],
  ["__data_loc a_typedef_t[]", 4, { array: true, dynamic: true }, "Uint8Array"],
  ["struct timespec", 8, {}, "Uint8Array"],
  ["struct pair", 16, { array: true, count: 2, elementSize: 8 }, "Uint8Array"],
  ["guid_t", 16, {}, "Uint8Array"],
];

Deno.test("C types become TypeScript types", () => {
  for (const [type, size, more, expected] of TYPES) {
    const [, , , , layout] = rawLayout(format("x", [field("f", type, 8, size, more)])).fields;
    assert.equal(typeName(layout!), expected, `${type}, ${size} bytes, ${JSON.stringify(more)}`);
  }
});

Deno.test("a 64-bit field that the print format shows as a pointer is an address", () => {
  const fields = [field("ip", "unsigned long", 8, 8), field("len", "unsigned long", 16, 8), field("flags", "u32", 24, 4)];
  const { fields: layouts } = rawLayout(format("x", fields, '"%pS %lu %p", (void *)REC->ip, REC->len, REC->flags'));
  assert.deepEqual(layouts.slice(4).map(typeName), ["bigint", "number | bigint", "number"]);
});

Deno.test("the fixed part of the raw data ends with its last fixed field", () => {
  assert.equal(rawLayout(format("x", [])).fixedSize, 8);
  assert.equal(rawLayout(format("x", [field("a", "u64", 8, 8), field("rest", "u32", 16, 0, { array: true })])).fixedSize, 16);
});

/** Print formats -> the fields shown as pointers. */
const PRINT_FORMATS: readonly [string, readonly string[]][] = [
  ['"call_site=%pS ptr=%p n=%zu", (void *)REC->call_site, REC->ptr, REC->n', ["call_site", "ptr"]],
  ['"%d %s", REC->a, ({ f(REC->b, "%p,"); })', []],
  ['"%d%% %pS", REC->a, (void *)REC->b', ["b"]],
  ['"%*d %-*.*s %pK", REC->w, REC->a, REC->w, REC->p, REC->s, REC->ptr', ["ptr"]],
  ['"a, %s" "b \\"%p\\"", __print_flags(REC->x, "|", { 1, "," }, { 2, "(" }), REC->y', ["y"]],
  ["\"%pISpc %c %p\", __get_sockaddr(addr), ',', __get_str(name)", ["addr", "name"]],
  ['"%p %px", ((void *)((unsigned long)(REC -> a))), REC->b ? REC->c : REC->d', ["a", "b", "c", "d"]],
  ['"page=%p pfn=0x%lx", REC->pfn != -1UL ? (vmemmap_base + (REC->pfn)) : ((void *)0), REC->pfn', []],
  ['"%p"', []],
  ["", []],
  ['"%p unclosed, REC->a', []],
  ['"%p", ((((', []],
  ["%p, REC->a", []],
];

Deno.test("print formats are read for their pointers, and broken ones throw nothing", () => {
  for (const [text, expected] of PRINT_FORMATS) assert.deepEqual([...pointerFields(text)].sort(), expected, text);
});
