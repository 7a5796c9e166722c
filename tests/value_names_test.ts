/** The names that print formats give to values, and the constants that they are written with. */

import assert from "node:assert/strict";
import { constantValue } from "../lib/c_constant.ts";
import { valueNames } from "../lib/value_names.ts";

const CONSTANTS: [text: string, value: bigint | undefined][] = [
  ["0", 0n],
  [" 0x1F ", 31n],
  ["1UL", 1n],
  ["-1", -1n],
  ["'H'", 72n],
  ["(1 << 0) | (1 << 2)", 5n],
  ["1 | 2 & 2 ^ 1", 3n],
  ["7 - 2 - 1", 4n],
  ["2 + 3 * 4", 14n],
  ["((0x10 + 1) << 1) - 1", 33n],
  ["( unsigned long)((( gfp_t)((((1UL))) << (22))))", 0x400000n],
  ["((( gfp_t)0x6) & ~(( gfp_t)0x2))", 4n],
  // Not more than the machine's word, however much a format asks for.
  ["1 << 100000000", 1n],
  ["IOPRIO_CLASS_RT", undefined],
  ["(IOPRIO_CLASS_RT)", undefined],
  ["f(1)", undefined],
  ["1 +", undefined],
  ["(1", undefined],
  ["1)", undefined],
  ["", undefined],
];
for (const [text, value] of CONSTANTS) {
  Deno.test(`constants: ${text || "nothing"}`, () => assert.equal(constantValue(text), value));
}

/** In short: `field|expression|flags: text=name ...`. */
function short(printFormat: string): string[] {
  return valueNames(printFormat).map(({ field, expression, flags, values }) =>
    `${field}|${expression}|${flags}: ${values.map(({ text, name }) => `${text}=${name}`).join(" ")}`
  );
}

const FORMATS: [what: string, printFormat: string, want: string[]][] = [
  ["symbols", '"%s", __print_symbolic(REC->load, {0, "unload"}, { 1, "load" })', ["load|load|false: 0=unload 1=load"]],
  [
    "flags are hexadecimal",
    '"%s", __print_flags(REC->f, "|", { (1 << 4), "A" }, { 32, "B" })',
    ["f|f|true: 0x10=A 0x20=B"],
  ],
  ["a separator with a bracket", '"%s", __print_flags(REC->f, ")", { 1, "(" })', ["f|f|true: 0x1=("]],
  [
    "a part of the field",
    '"%s %s", __print_symbolic((REC->dm >> 8 & 0x7), { 0x0, "Fixed" }), __print_symbolic(REC->r & (0x10000 - 1), { 1, "x" })',
    ["dm|dm >> 8 & 0x7|false: 0x0=Fixed", "r|r & 0xffff|false: 1=x"],
  ],
  ["a mask from the top", '"%s", __print_flags(REC->r & ~0xffff, " ", { 0x80000000, "F" })', [
    "r|r & ~0xffff|true: 0x80000000=F",
  ]],
  [
    "names in pieces, an end mark, and an enum without a value",
    '"%s", __print_symbolic(REC->e, { 0x20, "APIC_" "ID" }, { SOME_ENUM, "some" }, { 0, ((void *)0) })',
    ["e|e|false: 0x20=APIC_ID undefined=some"],
  ],
  ["64 bits", '"%s", __print_symbolic_u64(REC->v, { -1, "none" })', ["v|v|false: -1=none"]],
  ["a dynamic field", '"%s", __print_symbolic(__get_sa(kind), { 1, "one" })', ["kind|kind|false: 1=one"]],
  ["nothing named", '"pid=%d", REC->pid', []],
  ["not closed", '"%s", __print_symbolic(REC->a, { 1, "x"', []],
];
for (const [what, printFormat, want] of FORMATS) {
  Deno.test(`names of values: ${what}`, () => assert.deepEqual(short(printFormat), want));
}
