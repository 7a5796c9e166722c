/**
 * The text of every format of this machine, compiled, against libtraceevent's: for records of zeros, of ones and of random bytes
 * that look like values, names and addresses. And what print() writes, among what a script writes itself.
 */

import assert from "node:assert/strict";
import { Formats } from "../ffi/formats.ts";
import { NativeMachine } from "../ffi/machine.ts";
import { compilePrint } from "../lib/print_code.ts";
import type { TracepointFormat } from "../lib/format.ts";
import { EMIT, emittedNr, live, perfprof, TempDir } from "./harness.ts";
import { Random } from "./random.ts";
import { printed } from "./print_text.ts";

const EVENTS = "/sys/kernel/tracing/events";
/** Records of a format. */
const ROUNDS = 8;

const machine = new NativeMachine();
const formats = new Formats("/sys/kernel/tracing");

/** Bytes for one fixed field, as the kernel might write them, or not. */
function fill(
  bytes: DataView,
  { offset, size, array, string, signed }: TracepointFormat["fields"][number],
  random: Random,
): void {
  const kind = random.below(6);
  for (let i = offset; i < offset + size; i++) bytes.setUint8(i, random.below(256));
  if (kind === 0) return;
  if (array && string) {
    for (let i = offset; i < offset + size; i++) bytes.setUint8(i, 32 + random.below(95));
    if (kind > 1) bytes.setUint8(offset + random.below(size), 0);
  } else if (!array) {
    for (let i = offset + 1; i < offset + size; i++) bytes.setUint8(i, kind === 1 && signed ? 0xff : 0);
    if (kind === 2 && size === 8) bytes.setUint8(offset + 5, random.below(256));
    if (kind === 3 && size === 8) bytes.setBigUint64(offset, addressNear(random), true);
  }
}

const addresses = ["schedule", "kmem_cache_alloc_noprof", "vfs_read", "__wake_up"].flatMap((name) => {
  const [, address] = new RegExp(`^([0-9a-f]+) [tT] ${name}$`, "m").exec(kallsyms()) ?? [];
  return address === undefined ? [] : [BigInt(`0x${address}`)];
});

function kallsyms(): string {
  return machine.kernelFile("/proc/kallsyms") ?? "";
}

function addressNear(random: Random): bigint {
  return (addresses[random.below(Math.max(1, addresses.length))] ?? 0n) + BigInt(random.below(64));
}

/** Raw data of a format with its u32 size before it; dynamic data lies behind the fixed fields, some of it unterminated. */
function record({ id, fields }: TracepointFormat, round: number, random: Random): DataView<ArrayBuffer> {
  const size = Math.max(8, ...fields.map(({ offset, size }) => offset + size));
  const dynamic = fields.filter(({ dynamic }) => dynamic).map((field) => ({ field, length: random.below(5) * 8 }));
  const bytes = new Uint8Array(4 + size + dynamic.reduce((sum, { length }) => sum + length, 0)).fill(round === 1 ? 0xff : 0);
  const raw = new DataView(bytes.buffer, 4);
  if (round > 1) { for (const field of fields) fill(raw, field, random); }
  raw.setUint16(0, id, true);
  let end = size;
  for (const { field, length } of dynamic) {
    raw.setUint32(field.offset, length << 16 | end - (field.relative ? field.offset + 4 : 0), true);
    for (let i = 0; i < length; i++) raw.setUint8(end + i, round === 2 ? random.below(256) : 32 + random.below(95));
    if (length > 0 && round % 3 > 0) raw.setUint8(end + random.below(length), 0);
    end += length;
  }
  new DataView(bytes.buffer).setUint32(0, bytes.length - 4, true);
  return new DataView(bytes.buffer);
}

live("most formats of this machine compile, and their text is libtraceevent's", () => {
  const random = new Random(17);
  let all = 0, compiled = 0, records = 0;
  for (
    const [system, name] of machine.systems().flatMap((system) => machine.names(system).map((name) => [system, name] as const))
  ) {
    const format = formats.parse(system, Deno.readTextFileSync(`${EVENTS}/${system}/${name}/format`));
    const tree = formats.printTree(format.id);
    const print = tree && compilePrint(format, tree, (address) => formats.printSymbol(address));
    all++;
    if (print === undefined) continue;
    compiled++;
    for (let round = 0; round < ROUNDS; round++) {
      const view = record(format, round, random);
      const text = printed(print, view, 4);
      if (text === undefined) continue;
      records++;
      assert.equal(
        text,
        formats.print(format.id, new Uint8Array(view.buffer, 4), 0).trimEnd(),
        `${system}:${name}, round ${round}`,
      );
    }
  }
  console.log(`${compiled} of ${all} formats compile; ${records} records of ${compiled * ROUNDS} print alike`);
  assert.ok(compiled > all * 0.8, `only ${compiled} of ${all} formats compile`);
  assert.ok(records > compiled * ROUNDS * 0.8, `only ${records} records are compared`);
});

const CALLS = 300;

/** Each event: two lines of print() between two of the script's own, written in the ways that its arguments name. */
const MIXED = `
const encoder = new TextEncoder();
const ways = {
  log: (text) => console.log(text),
  writeSync: (text) => Deno.stdout.writeSync(encoder.encode(text + "\\n")),
  process: (text) => process.stdout.write(text + "\\n"),
  error: (text) => console.error(text),
  child: (text) => new Deno.Command("/bin/echo", { args: [text], stdout: "inherit" }).outputSync(),
};
let n = 0;
export function __sample__(event) {
  const way = ways[Deno.args[n % Deno.args.length]];
  way("before " + n);
  event.print({ timestamp: false });
  event.print({ timestamp: false });
  way("after " + n++);
}
`;

/** The lines in order, those of print() as `printed`. */
function kinds(text: string): string[] {
  const lines = text.split("\n").filter((line) => /^(before|after) |: raw_syscalls:sys_enter: NR /.test(line));
  return lines.map((line) => /^(before|after) \d+$/.test(line) ? line : "printed");
}

live("print() keeps its place among all else that a script writes, to a pipe and to the file of -o", async () => {
  using dir = new TempDir();
  const module = dir.write("h.ts", MIXED);
  const file = `${dir.path}/out`;
  const run = (before: readonly string[], calls: number, ways: readonly string[]) =>
    perfprof(
      [...before, "-q", "-e", `raw_syscalls:sys_enter/id==${emittedNr()}/`, "-c", `${EMIT} calls ${calls}`, module, ...ways],
    );
  const expected = (calls: number) =>
    Array.from({ length: calls }, (_, n) => [`before ${n}`, "printed", "printed", `after ${n}`]).flat();
  const piped = await run([], 20, ["log", "writeSync", "process", "child"]);
  assert.deepEqual(kinds(piped.stdout), expected(20), piped.stderr);
  const toFile = await run(["-o", file], CALLS, ["log", "error", "writeSync", "process"]);
  assert.deepEqual(kinds(Deno.readTextFileSync(file)), expected(CALLS), toFile.stderr);
});

live("what was printed before Deno.exit is written", async () => {
  using dir = new TempDir();
  const module = dir.write(
    "h.ts",
    "let n = 0; export function __sample__(event) { event.print(); if (++n === 3) Deno.exit(5); }",
  );
  const { code, stdout } = await perfprof(
    ["-q", "-e", `raw_syscalls:sys_enter/id==${emittedNr()}/`, "-c", `${EMIT} calls ${CALLS}`, module],
  );
  assert.equal(code, 5);
  assert.equal(stdout.match(/: raw_syscalls:sys_enter: NR /g)?.length, 3);
});
