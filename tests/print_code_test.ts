/** Compiled print formats: their text is libtraceevent's, to the byte; what they do not know they leave to it. */

import assert from "node:assert/strict";
import { Formats } from "../ffi/formats.ts";
import { compilePrint } from "../lib/print_code.ts";
import { hex, hex32, signed, unsigned } from "../lib/print_values.ts";
import { printed, written } from "./print_text.ts";
import { Random } from "./random.ts";

const FIELDS = `name: made
ID: 77
format:
	field:unsigned short common_type;	offset:0;	size:2;	signed:0;
	field:unsigned char common_flags;	offset:2;	size:1;	signed:0;
	field:unsigned char common_preempt_count;	offset:3;	size:1;	signed:0;
	field:int common_pid;	offset:4;	size:4;	signed:1;

	field:u32 a;	offset:8;	size:4;	signed:0;
	field:int i;	offset:12;	size:4;	signed:1;
	field:u64 b;	offset:16;	size:8;	signed:0;
	field:u8 c;	offset:24;	size:1;	signed:0;
	field:short s;	offset:26;	size:2;	signed:1;
	field:__data_loc char[] d;	offset:28;	size:4;	signed:0;
	field:char t[16];	offset:32;	size:16;	signed:0;
	field:unsigned long e[3];	offset:48;	size:24;	signed:0;

print fmt: `;
/** Of the fixed part. */
const SIZE = 72;

/** A record: numbers, and the two texts. */
interface Values {
  readonly a?: number;
  readonly i?: number;
  readonly b?: bigint;
  readonly c?: number;
  readonly s?: number;
  readonly t?: string;
  readonly d?: string;
  readonly e?: readonly bigint[];
}

/** Raw data with its u32 size before it. */
function rawData({ a = 0, i = 0, b = 0n, c = 0, s = 0, t = "", d = "\0", e = [] }: Values): DataView<ArrayBuffer> {
  const dynamic = new TextEncoder().encode(d);
  const bytes = new Uint8Array(4 + SIZE + dynamic.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, SIZE + dynamic.length, true);
  view.setUint16(4, 77, true);
  view.setUint32(12, a, true);
  view.setInt32(16, i, true);
  view.setBigUint64(20, b, true);
  view.setUint8(28, c);
  view.setInt16(30, s, true);
  view.setUint32(32, dynamic.length << 16 | SIZE, true);
  bytes.set(new TextEncoder().encode(t).subarray(0, 16), 36);
  e.forEach((value, k) => view.setBigUint64(52 + 8 * k, value, true));
  bytes.set(dynamic, 4 + SIZE);
  return view;
}

/** The compiled text, and libtraceevent's. */
function texts(printFormat: string, view: DataView<ArrayBuffer>): [compiled: string | undefined, reference: string] {
  const formats = new Formats("");
  const format = formats.parse("made", `${FIELDS}${printFormat}\n`);
  const tree = formats.printTree(77);
  const print = tree && compilePrint(format, tree, (address) => formats.printSymbol(address));
  return [print && printed(print, view, 4), formats.print(77, new Uint8Array(view.buffer, 4), 0).trimEnd()];
}

/** Print format, record -> text. */
const TEXTS: readonly [string, Values, string][] = [
  [
    String.raw`"a=%d %u %x %X %o\n", REC->a, REC->a, REC->a, REC->a, REC->a`,
    { a: 0xfffffffe },
    "a=-2 4294967294 fffffffe FFFFFFFE 37777777776",
  ],
  // A field is read as unsigned: this is what the kernel would not print.
  [`"%d %ld %llx", REC->i, REC->i, REC->i`, { i: -2 }, "-2 4294967294 fffffffe"],
  [
    `"%lld %llu %llx %p", REC->b, REC->b, REC->b, REC->b`,
    { b: 2n ** 64n - 2n },
    "-2 18446744073709551614 fffffffffffffffe 0xfffffffffffffffe",
  ],
  [`"%lu %d %p", REC->b, REC->b, (void *)REC->a`, { b: 2n ** 53n + 1n }, "9007199254740993 1 (nil)"],
  [`"[%5d|%-5d|%05d|%08llx|%#x|%#010x|%03d]", REC->i, REC->i, REC->i, REC->b, REC->a, REC->a, REC->c`, {
    i: -42,
    b: 0xabcn,
    a: 255,
    c: 7,
  }, "[  -42|-42  |-0042|00000abc|0xff|0x000000ff|007]"],
  [`"%#x %hu %hhx %zu", REC->a, REC->i, REC->i, REC->b`, { i: -1, b: 2n ** 32n }, "0 65535 ff 4294967296"],
  [`"%d%%", (u8)REC->a + (unsigned int)REC->b`, { a: 0x1ff, b: 0x1_0000_0001n }, "256%"],
  [`"%llx %llx", REC->a - REC->c, ~REC->a`, { a: 1, c: 2 }, "ffffffffffffffff fffffffffffffffe"],
  [`"%u:%u %llu", ((unsigned int) ((REC->a) >> 20)), ((unsigned int) ((REC->a) & ((1U << 20) - 1))), REC->b >> 9`, {
    a: 0x800001,
    b: 2n ** 63n,
  }, "8:1 18014398509481984"],
  [`"%llu %llu %d", REC->b << 3, REC->b * 4096, REC->b > REC->a`, { b: 2n ** 62n + 1n }, "8 4096 1"],
  [`"%d%u%s%lld%x", REC->a, REC->c, REC->t, REC->b, REC->a`, { a: 12, c: 3, b: 4n }, "1234c"],
  [`"%d", REC->a`, { a: 5 }, "5"],
  [`"%d %d %d %d", REC->a && REC->c, REC->a || REC->c, !REC->a, REC->a != REC->c`, { c: 3 }, "0 1 1 1"],
  [`"%llu %d", REC->a ? REC->b : REC->c, REC->c ? 1 : 2`, { a: 1, b: 2n ** 60n }, "1152921504606846976 2"],
  [`"%d %d", REC->a / 10, REC->b % 1000`, { a: 99, b: 2n ** 64n - 1n }, "9 615"],
  [`"%lx %lx", REC->e[0], REC->e[2]`, { e: [1n, 2n, 2n ** 63n] }, "1 8000000000000000"],
  [
    `"%s|%-8s|%8s|%.2s", REC->t, REC->t, __get_str(d), __get_str(d)`,
    { t: "bash\0x", d: "file\0" },
    "bash|bash    |    file|fi",
  ],
  [`"%s %s", REC->c ? "yes" : "no", REC->c == 1 ? REC->t : "x"`, { c: 1, t: "sixteen-bytes-16" }, "yes sixteen-bytes-16"],
  [`"%s.", __print_flags(REC->a, "|", { 1, "A" }, { 6, "BC" }, { 8, "D" })`, { a: 0x17 }, "A|BC|0x10."],
  [`"%s.", __print_flags(REC->a, "|", { 1, "A" })`, {}, "."],
  [
    `"%s %4s", __print_symbolic(REC->a, { 1, "one" }, { 2, "two" }), __print_symbolic(REC->i, { 1, "one" })`,
    { a: 2, i: 1 },
    "two  one",
  ],
  [`"%s", __print_symbolic(REC->b, { 1ULL, "one" }, { -1, "all" })`, { b: 2n ** 64n - 1n }, "all"],
  [`"%s", __print_symbolic(REC->b, { 1, "one" })`, { b: 2n ** 64n - 1n }, "0xffffffffffffffff"],
  [`"%s end", REC->t`, { t: 'a " \\ ${x} `b`\t' }, 'a " \\ ${x} `b`\t end'],
  [String.raw`"a \"quoted\" ${"${1+1}"} \\ '%s'", REC->t`, { t: "x" }, "a \"quoted\" ${1+1} \\ 'x'"],
  [`"%pS %ps", (void *)REC->b, (void *)REC->b`, { b: 0x1000n }, "0x1000 0x1000"],
  [`"%s ", REC->t`, {}, ""],
];

Deno.test("compiled formats print what libtraceevent prints", () => {
  for (const [printFormat, values, expected] of TEXTS) {
    const [compiled, reference] = texts(printFormat, rawData(values));
    assert.equal(compiled, expected, printFormat);
    assert.equal(reference, expected, `libtraceevent: ${printFormat}`);
  }
});

/** Formats that are not compiled: whole ones. */
const REFUSED = [
  `"%*d", REC->a, REC->c`,
  `"%c", REC->c`,
  `"%pU", REC->t`,
  `"% d", REC->a`,
  `"%1000d", REC->a`,
  `"%s", REC->b`,
  `"%d", REC->t`,
  `"%s", __print_hex(__get_dynamic_array(d), 1)`,
  `"%llu", REC->b / REC->a`,
  `"%d", 1 << REC->a`,
  `"%lx", REC->e[3]`,
  `"%s", __print_symbolic(REC->a, { TIMER_SOFTIRQ, "TIMER" })`,
  String.raw`"two\nlines %d", REC->a`,
  `"%d", REC->a, REC->c`,
];

Deno.test("formats beyond the subset are left to libtraceevent", () => {
  for (const printFormat of REFUSED) assert.equal(texts(printFormat, rawData({}))[0], undefined, printFormat);
});

Deno.test("records that are not plain are left to libtraceevent", () => {
  const print = `"%s %s %d", REC->t, __get_str(d), REC->s`;
  const plain = { t: "ok", d: "ok\0" };
  assert.deepEqual(texts(print, rawData(plain)), ["ok ok 0", "ok ok 0"]);
  for (
    const values of [{ t: "\x1b[2J" }, { t: "a\nb" }, { t: "é" }, { t: "\x7f" }, { d: "€\0" }, { d: "no end" }, { d: "" }, {
      s: -1,
    }]
  ) {
    assert.equal(texts(print, rawData({ ...plain, ...values }))[0], undefined, JSON.stringify(values));
  }
  const formats = new Formats("");
  const format = formats.parse("made", `${FIELDS}"%d", REC->a\n`);
  const compiled = compilePrint(format, formats.printTree(77)!, () => undefined)!;
  const outside = rawData(plain);
  outside.setUint16(34, 4, true); // a byte more than there are
  assert.equal(printed(compiled, outside, 4), undefined);
  const other = rawData(plain);
  other.setUint16(4, 78, true); // another event's type
  assert.equal(printed(compiled, other, 4), undefined);
});

Deno.test("64-bit integers become text without a BigInt, exactly", () => {
  const random = new Random(11);
  const words = [0, 1, 2, 999_999_999, 1_000_000_000, 0x7fffffff, 0x80000000, 0xffffffff, 0x1fffff, 0x200000];
  for (let i = 0; i < 200; i++) words.push(random.below(2 ** 32));
  for (const high of words) {
    for (const low of words) {
      const value = BigInt(high) << 32n | BigInt(low);
      assert.equal(written(unsigned, high, low), String(value));
      assert.equal(written(signed, high, low), String(BigInt.asIntN(64, value)));
    }
  }
});

Deno.test("hexadecimal numbers of every length are those of toString(16)", () => {
  for (let bits = 0; bits < 32; bits++) {
    for (const value of [2 ** bits - 1, 2 ** bits, 2 ** bits + 2 ** bits / 3 >>> 0, 2 ** 32 - 2 ** bits]) {
      assert.equal(written(hex32, value), value.toString(16));
      assert.equal(written(hex, value, 2 ** bits), (BigInt(value) << 32n | BigInt(2 ** bits)).toString(16));
    }
  }
});
