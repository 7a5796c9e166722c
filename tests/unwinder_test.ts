/**
 * User stacks unwound and source lines, by libdw through the C library: of tests/native/stack_sample, which samples itself, and of
 * a program that is compiled here.
 *
 * @module
 */

import assert from "node:assert/strict";
import { basename } from "node:path";
import { call, cString } from "../ffi/library.ts";
import { NativeSymbolizer } from "../ffi/symbolizer.ts";
import type { MappedFile, UnwindModule } from "../lib/symbolizer.ts";
import { TempDir } from "./harness.ts";

const STACK_SAMPLE = new URL("../native/build/stack_sample", import.meta.url).pathname;
const MOST = 100;
/** Exit status of stack_sample where this machine has no such events. */
const SKIPPED = 77;

function run(command: string, ...args: string[]): string {
  const { code, stdout, stderr } = new Deno.Command(command, { args, stdout: "piped", stderr: "piped" }).outputSync();
  const text = new TextDecoder().decode(stdout);
  assert.equal(code, 0, `${command} ${args.join(" ")}\n${text}${new TextDecoder().decode(stderr)}`);
  return text;
}

const cannotSample = new Deno.Command(STACK_SAMPLE, { args: ["calls"], stdout: "null" }).outputSync().code === SKIPPED;

/** A file that nobody told more of than its path. */
function fileAt(path: string, start = 0n, end = 1n << 32n, pgoff = 0n, inode = 0n, major = 0, minor = 0): MappedFile {
  return { start, end, pgoff, inode, major, minor, pid: Deno.pid, parent: 0, buildId: new Uint8Array(), path };
}

/** What stack_sample prints, as Symbolizer takes it. */
function sample(kind: string, program = STACK_SAMPLE) {
  const lines = run(program, kind).trimEnd().split("\n").map((line) => line.split(" "));
  const words = (name: string) => lines.find(([first]) => first === name)!.slice(1);
  const [mask, ...regs] = words("regs").map((text) => BigInt(`0x${text}`));
  const files = lines.filter(([first]) => first === "module").map(([, start, end, pgoff, inode, major, minor, ...path]) =>
    fileAt(path.join(" "), BigInt(`0x${start}`), BigInt(`0x${end}`), BigInt(`0x${pgoff}`), BigInt(inode!), +major!, +minor!)
  );
  return {
    mask: mask!,
    regs: BigUint64Array.from(regs),
    stack: Uint8Array.fromHex(words("stack")[0]!),
    expected: words("expected").map((text) => BigInt(`0x${text}`)),
    files,
  };
}

/** The names of the functions that return addresses are of. */
function names(symbolizer: NativeSymbolizer, modules: readonly UnwindModule[], addresses: BigUint64Array) {
  return Array.from(addresses, (address, i) => {
    const at = i === 0 ? address : address - 1n;
    const module = modules.find(({ start, end }) => start <= at && at < end);
    return module && symbolizer.fileSymbol(module.dso, at - module.start + module.pgoff).name;
  });
}

function modulesOf(symbolizer: NativeSymbolizer, files: readonly MappedFile[]): UnwindModule[] {
  return files.map((file) => ({ start: file.start, end: file.end, pgoff: file.pgoff, dso: symbolizer.openFile(file) }));
}

Deno.test({
  name: "a stack without frame pointers is unwound whole, or as far as its copy goes",
  ignore: cannotSample,
  fn() {
    const symbolizer = new NativeSymbolizer(false);
    const { mask, regs, stack, expected, files } = sample("calls");
    const modules = modulesOf(symbolizer, files);
    const whole = symbolizer.unwind(modules, regs, mask, stack, MOST);
    assert.equal(whole.end, "whole");
    assert.deepEqual([...whole.addresses].slice(1, 1 + expected.length), expected);
    const called = names(symbolizer, modules, whole.addresses);
    assert.deepEqual(called.slice(0, 5), ["touch", "innermost", "middle", "outermost", "main"]);
    assert.equal(called.at(-1), "_start");

    const cut = symbolizer.unwind(modules, regs, mask, stack.subarray(0, 64), MOST);
    assert.equal(cut.end, "cut");
    assert.deepEqual(cut.addresses, whole.addresses.subarray(0, cut.addresses.length));
    const few = symbolizer.unwind(modules, regs, mask, stack, 2);
    assert.deepEqual(few, { addresses: whole.addresses.slice(0, 2), end: "cut" });
  },
});

Deno.test({
  name: "the address space is the one of the call, also with two symbolizers by turns",
  ignore: cannotSample,
  fn() {
    const { mask, regs, stack, files } = sample("calls");
    const [one, two] = [new NativeSymbolizer(false), new NativeSymbolizer(true)];
    const modules = modulesOf(one, files);
    modulesOf(two, files);
    const whole = one.unwind(modules, regs, mask, stack, MOST);
    assert.deepEqual(one.unwind([], regs, mask, stack, MOST), { addresses: whole.addresses.slice(0, 1), end: "lost" });
    assert.deepEqual(two.unwind(modules, regs, mask, stack, MOST), whole);
    assert.deepEqual(one.unwind(modules, regs, mask, stack, MOST), whole);
    assert.throws(() => one.unwind(modules, regs.subarray(1), mask, stack, MOST), RangeError);
  },
});

Deno.test({
  name: "unwind information that is in .debug_frame alone",
  ignore: cannotSample,
  fn() {
    using dir = new TempDir();
    const program = `${dir.path}/stack_sample`;
    const source = new URL("native/stack_sample.c", import.meta.url).pathname;
    const flags = ["-std=gnu11", "-D_GNU_SOURCE", "-O2", "-g", "-fno-asynchronous-unwind-tables", "-pthread"];
    run("cc", ...flags, "-o", program, source);
    const { mask, regs, stack, expected, files } = sample("calls", program);
    const symbolizer = new NativeSymbolizer(false);
    const whole = symbolizer.unwind(modulesOf(symbolizer, files), regs, mask, stack, MOST);
    assert.equal(whole.end, "whole");
    assert.deepEqual([...whole.addresses].slice(1, 1 + expected.length), expected);
  },
});

const INLINED = `volatile int sink;
static inline __attribute__((always_inline)) void inner(int x)
{
  sink = x;
}
static inline __attribute__((always_inline)) void middle(int x)
{
  inner(x + 1);
}
__attribute__((noinline)) void outer(int x)
{
  middle(x);
}
int main(void)
{
  outer(sink);
  return 0;
}
`;
const INNERMOST = [
  { function: "inner", file: "inlined.c", line: 4, inlined: true },
  { function: "middle", file: "inlined.c", line: 8, inlined: true },
  { function: "outer", file: "inlined.c", line: 12, inlined: false },
];

/** The lines at the first byte of function `name` that has the most of them; of files the last part. */
function deepestLines(path: string, name: string, mangled = false) {
  const symbolizer = new NativeSymbolizer(mangled);
  const dso = symbolizer.openFile(fileAt(path));
  const offset = new BigUint64Array(1);
  call((library, error) => library.pp_elf_find(cString(path), cString(name), new Uint8Array(offset.buffer), error));
  const all = Array.from({ length: 16 }, (_, i) => symbolizer.lines(dso, offset[0]! + BigInt(i)));
  const deepest = all.reduce((most, lines) => lines.length > most.length ? lines : most);
  return deepest.map((line) => ({ ...line, file: basename(line.file) }));
}

Deno.test("lines: inlined functions, the innermost first", () => {
  using dir = new TempDir();
  const program = `${dir.path}/program`;
  const source = dir.write("inlined.c", INLINED);
  for (const version of ["-gdwarf-4", "-gdwarf-5"]) {
    run("cc", "-O2", "-g", version, "-o", program, source);
    assert.deepEqual(deepestLines(program, "outer"), INNERMOST, version);
  }
  run("cc", "-O2", "-g", "-gz", "-o", program, source);
  assert.deepEqual(deepestLines(program, "outer"), INNERMOST, "compressed");
  run("objcopy", "--remove-section=.debug_aranges", program, `${program}-clang`);
  assert.deepEqual(deepestLines(`${program}-clang`, "outer"), INNERMOST, "without .debug_aranges");
});

Deno.test("lines: functions of C++ are demangled, or as the file has them", () => {
  using dir = new TempDir();
  const program = `${dir.path}/program`;
  run("c++", "-O2", "-g", "-o", program, dir.write("inlined.cc", INLINED));
  const functions = (mangled: boolean) => deepestLines(program, "_Z5outeri", mangled).map(({ function: name }) => name);
  // Functions that no other file can call have no names but those of the source.
  assert.deepEqual([functions(false), functions(true)], [["inner", "middle", "outer"], ["inner", "middle", "_Z5outeri"]]);
});

Deno.test("lines: of a file of debug information that was split off; none without", () => {
  using dir = new TempDir();
  const program = `${dir.path}/program`;
  run("cc", "-O2", "-g", "-o", program, dir.write("inlined.c", INLINED));
  run("objcopy", "--only-keep-debug", program, `${program}.debug`);
  run("objcopy", "--strip-debug", `--add-gnu-debuglink=${program}.debug`, program);
  assert.deepEqual(deepestLines(program, "outer"), INNERMOST);
  Deno.removeSync(`${program}.debug`);
  assert.deepEqual(deepestLines(program, "outer"), []);
});

Deno.test("lines: names of files may hold any bytes", () => {
  using dir = new TempDir();
  const program = `${dir.path}/program`;
  const source = dir.write("inlined.c", INLINED.replace("volatile", `#line 1 "we\\"ird\\\\\\t\\303\\244\\377.c"\nvolatile`));
  run("cc", "-O2", "-g", "-o", program, source);
  assert.deepEqual(
    deepestLines(program, "outer"),
    INNERMOST.map((line) => ({ ...line, file: 'we"ird\\\t\u00e4\ufffd.c' })),
  );
});
