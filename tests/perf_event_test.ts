/** PerfEvent over bytes written by hand: every type, every protocol, hostile lengths. */

import assert from "node:assert/strict";
import { DecodeError } from "../lib/errors.ts";
import { type AnyEvent, type EventClass, makeCaller, makeEventClass } from "../lib/event_class.ts";
import { PERF_SAMPLE } from "../lib/layout.ts";
import { hash, PerfEvent } from "../lib/perf_event.ts";
import { HELP, makePerfProf } from "../lib/perf_prof.ts";
import type { EventServices } from "../lib/event_services.ts";
import type { FormatField, TracepointFormat } from "../lib/format.ts";
import { bytes, field, format, SAMPLE_TYPE, SERVICES, view, WAKEUP, WAKEUP_RECORD } from "./fixtures/bytes.ts";
import { linesTo } from "../lib/text_bytes.ts";

const written: string[] = [];

function classOf(fields: TracepointFormat, sampleType: number = SAMPLE_TYPE): EventClass {
  return makeEventClass({
    event: `sched:${fields.name}`,
    format: fields,
    sampleType,
    services: SERVICES,
    kernel: [6, 18],
    lines: linesTo((text) => written.push(text)),
  });
}

const Wakeup = classOf(WAKEUP);
const wakeup = new Wakeup(view(WAKEUP_RECORD, 24, 24), 24);
/** All of its fields, in order. */
const WAKEUP_FIELDS = {
  _pid: 19131,
  _tid: 19132,
  _time: 1105245325610,
  _cpu: 1,
  _period: 1,
  common_type: 374,
  common_flags: 37,
  common_preempt_count: 5,
  common_pid: 19131,
  _realtime: 1795339354947299600,
  _callchain: [],
  _event: "sched:sched_wakeup",
  comm: "pppeer",
  pid: 19133,
  prio: 120,
  target_cpu: 1,
};

/** A sample with this raw data after the common fields, between records of 0xee bytes. */
function sample(
  type: EventClass,
  raw: string,
  { rawSize, size, chain = "" }: { rawSize?: number; size?: number; chain?: string } = {},
) {
  const fields = bytes(raw);
  const addresses = bytes(chain);
  const record = new Uint8Array(Math.ceil((48 + addresses.length + 4 + 8 + fields.length) / 8) * 8);
  const header = new DataView(record.buffer);
  header.setUint16(6, size ?? record.length, true);
  record.set(addresses, 48);
  header.setUint32(48 + addresses.length, rawSize ?? record.length - 52 - addresses.length, true);
  record.set(fields, 60 + addresses.length);
  return new type(view(record, 16, 64), 16);
}

/** The value of the one field `f` whose raw bytes these are. */
function decoded(type: string, more: Partial<FormatField>, raw: string, printFormat = '""'): unknown {
  const size = more.size ?? bytes(raw).length;
  return sample(classOf(format("one", [field("f", type, 8, size, more)], printFormat)), raw).f;
}

/** C type, what else the format says, bytes -> value. */
const VALUES: readonly [string, Partial<FormatField>, string, unknown][] = [
  ["unsigned char", {}, "ff", 255],
  ["s8", { signed: true }, "ff", -1],
  ["unsigned short", {}, "fe ff", 65534],
  ["short", { signed: true }, "fe ff", -2],
  ["u32", {}, "ff ff ff ff", 4294967295],
  ["int", { signed: true }, "ff ff ff ff", -1],
  ["dev_t", {}, "01 00 80 00", 0x800001],
  ["bool", {}, "00", false],
  ["bool", {}, "02", true],
  ["u64", {}, "2a 00 00 00 00 00 00 00", 42],
  ["u64", {}, "ff ff ff ff ff ff 1f 00", Number.MAX_SAFE_INTEGER],
  ["u64", {}, "00 00 00 00 00 00 20 00", 2n ** 53n],
  ["u64", {}, "ff ff ff ff ff ff ff ff", 2n ** 64n - 1n],
  ["long", { signed: true }, "ff ff ff ff ff ff ff ff", -1],
  ["long", { signed: true }, "01 00 00 00 00 00 e0 ff", Number.MIN_SAFE_INTEGER],
  ["long", { signed: true }, "00 00 00 00 00 00 e0 ff", -(2n ** 53n)],
  ["long", { signed: true }, "ff ff ff ff ff ff 1f 00", Number.MAX_SAFE_INTEGER],
  ["long", { signed: true }, "00 00 00 00 00 00 20 00", 2n ** 53n],
  ["long", { signed: true }, "00 00 00 00 00 00 00 80", -(2n ** 63n)],
  ["void *", {}, "00 10 00 81 ff ff ff ff", 0xffffffff81001000n],
  ["void *", {}, "00 00 00 00 00 00 00 00", 0n],
  ["char", { array: true, count: 8 }, "61 62 63 00 64 65 66 67", "abc"],
  ["char", { array: true, count: 4 }, "61 62 63 64", "abcd"],
  ["char", { array: true, count: 4 }, "ff c3 a9 00", "\ufffd\u00e9"],
  ["char", { array: true, count: 4 }, "ef bb bf 61", "\ufeffa"],
  ["char", { array: true, count: 16 }, "6b 77 6f 72 6b 65 72 2f 30 3a 31 00 00 00 00 00", "kworker/0:1"],
  ["char", { array: true, count: 16 }, "c3 a9 e2 82 ac 61 61 61 61 61 61 61 61 61 61 e2", "é€aaaaaaaaaa\ufffd"],
  ["char", { array: true, count: 16 }, "00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00", ""],
  ["char", { array: true, count: 28 }, "61 ".repeat(28), "a".repeat(28)],
  ["__data_loc char[]", { dynamic: true, size: 4 }, "0c 00 04 00  68 69 00 78", "hi"],
  ["__data_loc char[]", { dynamic: true, size: 4 }, "0c 00 00 00", ""],
  ["__rel_loc char[]", { dynamic: true, relative: true, size: 4 }, "00 00 03 00  68 69 00 00", "hi"],
  ["__data_loc u8[]", { dynamic: true, size: 4 }, "0d 00 02 00  01 02 03 04", Uint8Array.of(2, 3)],
  [
    "__data_loc unsigned long[]",
    { dynamic: true, size: 4 },
    "0c 00 08 00  ff ff ff ff ff ff ff ff",
    BigUint64Array.of(2n ** 64n - 1n),
  ],
  ["__data_loc int[]", { dynamic: true, size: 4, signed: true }, "0c 00 08 00  ff ff ff ff 02 00 00 00", Int32Array.of(-1, 2)],
  ["__u8", { array: true, count: 6 }, "02 42 ac 11 00 02", Uint8Array.of(2, 0x42, 0xac, 0x11, 0, 2)],
  ["u16", { array: true, count: 3 }, "01 00 02 00 ff ff", Uint16Array.of(1, 2, 65535)],
  [
    "long",
    { array: true, count: 2, signed: true },
    "ff ff ff ff ff ff ff ff 01 00 00 00 00 00 00 00",
    BigInt64Array.of(-1n, 1n),
  ],
  ["u64", { array: true, count: 40 }, "01 00 00 00 00 00 00 00 ".repeat(40), new BigUint64Array(40).fill(1n)],
  ["u32", { array: true, size: 0 }, "01 00 00 00 02 00 00 00 03 00 00 00", Uint32Array.of(1, 2, 3)],
  ["struct pair", {}, "01 02 03 04 05 06 07 08 09", Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8, 9)],
];

Deno.test("bytes of every kind of field become their values", () => {
  for (const [type, more, raw, expected] of VALUES) {
    assert.deepEqual(decoded(type, more, raw), expected, `${type} ${JSON.stringify(more)}: ${raw}`);
  }
});

Deno.test("a 64-bit field shown with %p is a bigint also when it is small", () => {
  assert.equal(decoded("unsigned long", {}, "2a 00 00 00 00 00 00 00", '"%pS", (void *)REC->f'), 42n);
});

Deno.test("a recorded sample has all its fields, in order", () => {
  assert.deepEqual(wakeup.to_dict(), WAKEUP_FIELDS);
  assert.deepEqual(wakeup.keys(), Object.keys(WAKEUP_FIELDS));
  assert.deepEqual(Wakeup.keys, wakeup.keys());
  assert.deepEqual(wakeup.values(), Object.values(WAKEUP_FIELDS));
  assert.deepEqual(wakeup.items(), Object.entries(WAKEUP_FIELDS));
  assert.deepEqual([...wakeup], wakeup.items());
  for (const [name, value] of wakeup) assert.deepEqual(wakeup[name], value);
  assert.equal(Wakeup.timeOffset, 24);
});

Deno.test("fields are read by property, by index, by get and by destructuring", () => {
  const { comm, pid, _cpu } = wakeup;
  assert.deepEqual([comm, pid, _cpu], ["pppeer", 19133, 1]);
  assert.equal(wakeup["target_cpu"], 1);
  assert.equal(wakeup.get("comm", "x"), "pppeer");
  assert.equal(wakeup.get("none", -1), -1);
  assert.equal(wakeup.get("none"), undefined);
  assert.equal(wakeup.get("toString"), undefined);
});

Deno.test("get_bigint is exact for every integer, and refuses what is none", () => {
  assert.equal(wakeup.get_bigint("prio"), 120n);
  assert.equal(wakeup.get_bigint("_realtime"), 1795339354947299611n);
  assert.throws(() => wakeup.get_bigint("comm"), /^TypeError: sched:sched_wakeup: field 'comm' is no integer$/);
  assert.throws(() => wakeup.get_bigint("prioo"), /^TypeError: sched:sched_wakeup has no field 'prioo'; did you mean 'prio'\?/);
  const late = bytes(WAKEUP_RECORD);
  new DataView(late.buffer).setBigUint64(24, 2n ** 60n + 1n, true);
  const event = new Wakeup(view(late), 0);
  assert.equal(event.get_bigint("_time"), 2n ** 60n + 1n);
  assert.equal(event._time, 2 ** 60);
});

Deno.test("an unknown name is a TypeError with the nearest name and all fields", () => {
  const fields = Object.keys(WAKEUP_FIELDS).join(", ");
  assert.throws(() => wakeup.com, {
    name: "TypeError",
    message: `sched:sched_wakeup has no field 'com'; did you mean 'comm'? Fields: ${fields}`,
  });
  assert.throws(() => wakeup.xyzzyxyzzy, {
    name: "TypeError",
    message: `sched:sched_wakeup has no field 'xyzzyxyzzy'; Fields: ${fields}`,
  });
});

Deno.test("`in` is true for fields only", () => {
  for (const name of Object.keys(WAKEUP_FIELDS)) assert.ok(name in wakeup, name);
  for (const name of ["com", "print", "get", "to_dict", "constructor", "toString", "__proto__"]) {
    assert.ok(!(name in wakeup), name);
  }
});

Deno.test("an event cannot be changed", () => {
  assert.throws(() => Object.assign(wakeup, { comm: "x" }), TypeError);
  assert.throws(
    () => Object.assign(wakeup, { mine: 1 }),
    /^TypeError: sched:sched_wakeup: cannot set 'mine': an event is read-only/,
  );
  assert.equal(wakeup.comm, "pppeer");
});

Deno.test("an event is a PerfEvent to instanceof, inspect, String and JSON", () => {
  assert.ok(wakeup instanceof PerfEvent);
  assert.equal(wakeup.constructor, PerfEvent);
  assert.equal(Deno.inspect(wakeup), "<PerfEvent sched:sched_wakeup cpu=1 pid=19131 time=1105245325610>");
  assert.equal(Deno.inspect([wakeup]), `[ ${Deno.inspect(wakeup)} ]`);
  const text = "{_pid: 19131, _tid: 19132, _time: 1105245325610, _cpu: 1, _period: 1, common_type: 374, common_flags: 37, " +
    "common_preempt_count: 5, common_pid: 19131, _realtime: 1795339354947299600, _callchain: [], " +
    '_event: "sched:sched_wakeup", comm: "pppeer", pid: 19133, prio: 120, target_cpu: 1}';
  assert.equal(String(wakeup), text);
  assert.equal(`${wakeup}`, text);
  assert.deepEqual(JSON.parse(JSON.stringify({ wakeup })), { wakeup: WAKEUP_FIELDS });
  assert.deepEqual({ ...wakeup.to_dict() }, WAKEUP_FIELDS);
});

Deno.test("bigints go into text and JSON to the last digit, arrays as arrays", () => {
  const fields = [
    field("ptr", "void *", 8, 8),
    field("args", "unsigned long", 16, 16, { array: true, count: 2 }),
    field("mac", "u8", 32, 2, { array: true, count: 2 }),
  ];
  const event = sample(
    classOf(format("exact", fields)),
    "01 10 00 81 ff ff ff ff  ff ff ff ff ff ff ff ff  02 00 00 00 00 00 00 00  0a 0b",
  );
  assert.match(JSON.stringify(event), /"ptr":18446744071578849281,"args":\[18446744073709551615,2\],"mac":\[10,11\]\}$/);
  assert.match(String(event), /ptr: 18446744071578849281n, args: \[18446744073709551615n, 2n\], mac: \[10, 11\]\}$/);
});

Deno.test("an event passes through await, and through a test's deepEqual of what it holds", async () => {
  const passed = await (() => Promise.resolve(wakeup))();
  assert.equal(passed, wakeup);
  assert.equal((wakeup as { asymmetricMatch?: unknown }).asymmetricMatch, undefined);
  assert.deepEqual(structuredClone(passed.to_dict()), WAKEUP_FIELDS);
});

Deno.test("methods win over fields of the same name, which get, in and keys still reach", () => {
  const names = ["print", "get", "toString", "constructor", "__proto__", "then"];
  const fields = names.map((name, i) => field(name, "int", 8 + 4 * i, 4, { signed: true }));
  const event = sample(classOf(format("clash", fields)), names.map((_, i) => `0${i} 00 00 00`).join(" "));
  assert.equal(typeof event.print, "function");
  assert.equal(typeof event.toString, "function");
  assert.ok(event instanceof PerfEvent);
  names.forEach((name, i) => {
    assert.equal(event.get(name), i);
    assert.ok(name in event, name);
  });
  assert.deepEqual(event.keys().slice(-6), names);
  assert.deepEqual(event.values().slice(-6), [0, 1, 2, 3, 4, 5]);
  assert.equal(Object.getPrototypeOf(event.to_dict()), Object.prototype);
});

Deno.test("no name of a format gets into the generated code", () => {
  for (const name of ["a b", 'x"]:1}', "1a", "", "a-b", "é"]) {
    assert.throws(() => classOf(format("bad", [field(name, "int", 8, 4)])), /^TypeError: a field's name is no C identifier/);
  }
  const event = makeEventClass({
    ...{ format: WAKEUP, sampleType: SAMPLE_TYPE, services: SERVICES, kernel: [6, 18] },
    event: 'a"`\n*/',
    lines: linesTo(() => {}),
  });
  assert.equal(new event(view(WAKEUP_RECORD), 0)._event, 'a"`\n*/');
});

Deno.test("a sample_type without a member that every event has is refused", () => {
  for (const missing of ["TID", "TIME", "CPU", "PERIOD", "RAW"] as const) {
    assert.throws(() => classOf(WAKEUP, SAMPLE_TYPE & ~PERF_SAMPLE[missing]), RangeError, missing);
  }
});

Deno.test("with a call chain the raw data is behind the addresses", () => {
  const type = classOf(format("chain", [field("f", "int", 8, 4)]), SAMPLE_TYPE | PERF_SAMPLE.CALLCHAIN);
  const two = "02 00 00 00 00 00 00 00  80 ff ff ff ff ff ff ff  00 10 00 81 ff ff ff ff";
  assert.equal(sample(type, "2a 00 00 00", { chain: two }).f, 42);
  assert.equal(sample(type, "2a 00 00 00", { chain: "00 00 00 00 00 00 00 00" }).f, 42);
  for (
    const nr of ["03 00 00 00 00 00 00 00", "ff ff ff ff 00 00 00 00", "ff ff ff ff ff ff ff ff", "00 00 00 20 00 00 00 00"]
  ) {
    assert.throws(() => sample(type, "2a 00 00 00", { chain: nr }), DecodeError, nr);
  }
});

Deno.test("a record that does not hold its fixed part is a DecodeError", () => {
  const type = classOf(format("fixed", [field("f", "u64", 8, 8)]));
  const whole = "01 02 03 04 05 06 07 08";
  assert.equal(sample(type, whole).get_bigint("f"), 0x0807060504030201n);
  for (const size of [0, 7, 48, 51, 60, 65504]) assert.throws(() => sample(type, whole, { size }), DecodeError, `size ${size}`);
  for (const rawSize of [0, 15, 21, 0x7fffffff, 0xffffffff]) {
    assert.throws(() => sample(type, whole, { rawSize }), DecodeError, `raw ${rawSize}`);
  }
  assert.throws(() => new type(view("09 00 00 00"), 0), DecodeError);
});

Deno.test("a locator that leaves the raw data is a DecodeError of that field alone", () => {
  const fields = [
    field("name", "__data_loc char[]", 8, 4, { dynamic: true }),
    field("rel", "__rel_loc u8[]", 12, 4, { dynamic: true, relative: true }),
    field("ok", "int", 16, 4),
  ];
  const type = classOf(format("locators", fields));
  const event = sample(type, "14 00 09 00  0d 00 00 00  07 00 00 00  61 62 63 64"); // 24 bytes of fields, 4 of padding
  assert.throws(() => event.name, {
    name: "DecodeError",
    message: "sched:locators: field 'name': bytes 20 to 29 are outside of the 28 bytes of raw data",
  });
  assert.equal(event.ok, 7);
  assert.throws(() => event.rel, /^DecodeError: sched:locators: field 'rel': bytes 29 to 29 are outside/);
});

Deno.test("damaged records give values or a DecodeError, never bytes of a neighbour", () => {
  const fields = [
    field("s", "__data_loc char[]", 8, 4, { dynamic: true }),
    field("a", "__rel_loc u64[]", 12, 4, { dynamic: true, relative: true }),
    field("n", "u64", 16, 8),
  ];
  const type = classOf(format("hostile", fields), SAMPLE_TYPE | PERF_SAMPLE.CALLCHAIN);
  const good = bytes(
    "09 00 00 00 00 00 70 00" + " 00".repeat(40) + " 01 00 00 00 00 00 00 00" + " 00".repeat(8) + " 2c 00 00 00" +
      " 00".repeat(8) +
      " 18 00 08 00 10 00 08 00" + " 00".repeat(24) + " 00 00 00 00",
  );
  let seed = 1;
  const random = (below: number) => (seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0) % below;
  let refused = 0;
  for (let round = 0; round < 20_000; round++) {
    const record = good.slice();
    for (let k = 1 + random(4); k > 0; k--) {
      record[[6, 7, 48, 49, 64, 65, 66, 76, 77, 78, 79, 80, 81, 82, 83, 51][random(16)]!] = random(256);
    }
    try {
      // A neighbour's bytes are 0xee: no value of this record can contain them.
      const { s, a, n } = new type(view(record, 8, 256), 8) as AnyEvent & { s: string; a: BigUint64Array; n: number };
      assert.ok(!s.includes("\ufffd\ufffd") && !a.includes(0xeeeeeeeeeeeeeeeen) && n !== 0xeeeeeeeeeeeeeeee);
    } catch (error) {
      assert.ok(error instanceof DecodeError, String(error));
      refused++;
    }
  }
  assert.ok(refused > 5_000 && refused < 20_000, `${refused} refused`);
});

Deno.test("a kept event and what was read from it do not change with the caller's objects", () => {
  const type = classOf(format("copies", [field("a", "u64", 8, 16, { array: true, count: 2 })]));
  const event = sample(type, "01 00 00 00 00 00 00 00 02 00 00 00 00 00 00 00");
  const first = event.a as BigUint64Array<ArrayBuffer>;
  first[0] = 99n;
  assert.deepEqual(event.a, BigUint64Array.of(1n, 2n));
  structuredClone(first.buffer, { transfer: [first.buffer] });
  assert.deepEqual(event.a, BigUint64Array.of(1n, 2n));
});

Deno.test("hash is 64-bit FNV-1a of the record, from its header to its end", () => {
  let expected = 0xcbf29ce484222325n;
  for (const byte of bytes(WAKEUP_RECORD)) expected = BigInt.asUintN(64, (expected ^ BigInt(byte)) * 0x100000001b3n);
  assert.equal(hash(wakeup), expected);
  assert.throws(() => hash(wakeup.to_dict() as unknown as PerfEvent), /^TypeError: hash takes an event/);
});

Deno.test("print writes what to_text returns", () => {
  written.length = 0;
  wakeup.print({ timestamp: false });
  assert.deepEqual(written, [wakeup.to_text({ timestamp: false })]);
  assert.equal(written[0], "      task-19132  19132 dN.5 [001] 1105.245325: sched:sched_wakeup: format 374, 36 bytes, cpu 1");
});

Deno.test("a line that cannot be made leaves nothing behind", () => {
  const lines: string[] = [];
  const told = linesTo((line) => lines.push(line));
  let fails = true;
  const printText: EventServices["printText"] = (...values) => {
    if (fails) throw new DecodeError("no record of the event");
    return SERVICES.printText(...values);
  };
  const Event = makeEventClass({
    ...{ event: "sched:sched_wakeup", format: WAKEUP, sampleType: SAMPLE_TYPE, kernel: [6, 18], lines: told },
    services: { ...SERVICES, printText },
  });
  const event = new Event(view(WAKEUP_RECORD, 24, 24), 24);
  assert.throws(() => event.print(), DecodeError);
  assert.throws(() => event.to_text(), DecodeError);
  assert.equal(told.text.used, 0);
  fails = false;
  event.print();
  assert.deepEqual(lines, [wakeup.to_text()]);
  assert.equal(event.to_text(), lines[0]);
});

Deno.test("a caller makes the event and returns what its handler returns", () => {
  const call = makeCaller(Wakeup, (event) => [event._event, event.comm]);
  assert.deepEqual(call(view(WAKEUP_RECORD, 8), 8), ["sched:sched_wakeup", "pppeer"]);
});

Deno.test("perf_prof has the arguments, the class, hash and a help of one screen", () => {
  const perfProf = makePerfProf(["/x/h.ts", "a"], { total: 0 });
  assert.deepEqual(perfProf.argv, ["/x/h.ts", "a"]);
  assert.equal(perfProf.PerfEvent, PerfEvent);
  assert.equal(perfProf.hash(wakeup), hash(wakeup));
  const methods = Object.getOwnPropertyNames(PerfEvent.prototype).filter((name) =>
    !/^(constructor|toString|toJSON)$/.test(name)
  );
  for (const method of methods) assert.ok(HELP.includes(`${method}(`), method);
  assert.ok(HELP.split("\n").length <= 50);
});

Deno.test("a type that is misused does not compile", () => {
  // @ts-expect-error: no such method
  assert.throws(() => (wakeup as PerfEvent).prnt(), TypeError);
  // @ts-expect-error: fields are read-only
  assert.throws(() => wakeup._pid = 1, TypeError);
  // @ts-expect-error: a field's value is not known to be a number
  const pid: number = wakeup.pid;
  assert.equal(pid, 19133);
});
