/** WebAssembly modules that cannot be handlers: what is said of each, in one line, before an event flows. */

import assert from "node:assert/strict";
import { PerfprofError } from "../lib/errors.ts";
import { functionTypes, typeText } from "../lib/compiled/wasm_types.ts";
import { bytes } from "./fixtures/bytes.ts";
import { TempDir } from "./harness.ts";
import { assemble, loadBytes, ROOM } from "./wasm_modules.ts";

const HANDLER = "export function sched__sched_wakeup(record: usize): void {}\n";
const ABI = "export function perfprof_abi(): i32 { return 1; }\n";
const MEMORY = "export function perfprof_memory(size: i32): usize { return 0; }\n";

/** What the module is refused with; `FILE` stands for it. */
async function refusal(module: string | Uint8Array<ArrayBuffer>, options?: readonly string[]): Promise<string> {
  using dir = new TempDir();
  const content = typeof module === "string" ? await assemble(module, options) : module;
  try {
    await loadBytes(dir, content);
  } catch (error) {
    assert(error instanceof PerfprofError, `${error}`);
    assert.equal(error.exitCode, 1);
    return [error.message, ...error.hints].join("\n").replaceAll(`${dir.path}/h.wasm`, "FILE");
  }
  return "";
}

Deno.test("a module that is right is taken", async () => {
  assert.equal(await refusal(ROOM + HANDLER), "");
});

Deno.test("one that only counts needs no memory for events", async () => {
  assert.equal(await refusal(ABI + "export function sched__sched_wakeup(): void {}\n"), "");
});

Deno.test("what is no WebAssembly", async () => {
  const text = await refusal(bytes("23 21 2f 62 69 6e 2f 73 68 0a"));
  assert.match(text, /^module FILE cannot be loaded: it is no valid WebAssembly: expected magic word /);
  assert.match(await refusal(bytes("00 61 73 6d 01 00 00 00 01 7f")), /it is no valid WebAssembly: /);
  assert.match(await refusal(new Uint8Array()), /it is no valid WebAssembly: /);
});

/** Source -> how it is refused. */
const REFUSED: readonly [what: string, source: string, why: string | RegExp, options?: readonly string[]][] = [
  [
    "an import that is not there",
    ROOM + HANDLER + "export function __init__(): void { Math.random(); }",
    /^module FILE cannot be loaded: it imports the function env\.seed, which perfprof does not have\nit has perfprof\.find_event, /,
  ],
  [
    "an import that is misspelt",
    `@external("perfprof", "prind") declare function p(flags: i32): void;` + ROOM +
    "export function sched__sched_wakeup(record: usize): void { p(0); }",
    "module FILE cannot be loaded: it imports the function perfprof.prind, which perfprof does not have\n" +
    "did you mean perfprof.print?",
  ],
  [
    "an import of another type",
    `@external("perfprof", "realtime") declare function r(time: i32): i64;` + ROOM +
    "export function sched__sched_wakeup(record: usize): void { r(0); }",
    "module FILE cannot be loaded: it imports perfprof.realtime as (i32) -> i64; it is (i64) -> i64",
  ],
  [
    "a handler that takes something else",
    ROOM + "export function sched__sched_wakeup(record: i64): void {}",
    "module FILE cannot be used: its export sched__sched_wakeup takes (i64), and is called with (i32, i32)",
  ],
  [
    "a callback that takes too much",
    ROOM + HANDLER + "export function __interval__(n: i32): void {}",
    "module FILE cannot be used: its export __interval__ takes (i32), and is called without any",
  ],
  [
    "a __lost__ with times that are no i64",
    ROOM + HANDLER + "export function __lost__(start: f64): void {}",
    "module FILE cannot be used: its export __lost__ takes (f64), and is called with (i64, i64, i64, i32, i32)",
  ],
  [
    "no version",
    HANDLER,
    "module FILE cannot be used: it does not export perfprof_abi: it is not written for perfprof",
  ],
  [
    "another version",
    HANDLER + "export function perfprof_abi(): i32 { return 7; }",
    "module FILE cannot be used: it is written for version 7 of perfprof's layout, and this is 1",
  ],
  [
    "no room for events",
    ABI + HANDLER,
    "module FILE cannot be used: sched__sched_wakeup takes events, and there is no room for them: " +
    "it does not export memory and perfprof_memory",
  ],
  [
    "room that is not there",
    ABI + HANDLER + MEMORY.replace("0;", "65536 * 65535;"),
    "module FILE cannot be used: perfprof_memory(262144) gave 4294901760, and it has no such bytes at a multiple of 8 there",
  ],
  [
    "room at no multiple of 8",
    ABI + HANDLER + MEMORY.replace("0;", "(memory.grow(8) << 16) + 4;"),
    /^module FILE cannot be used: perfprof_memory\(262144\) gave \d+, and it has no such bytes at a multiple of 8 there$/,
  ],
  [
    "a memory of several threads",
    ROOM + HANDLER,
    "module FILE cannot be used: its memory is shared between threads",
    ["--enable", "threads", "--sharedMemory", "--maximumMemory", "64", "--initialMemory", "64"],
  ],
  [
    "a start that throws",
    ROOM + HANDLER + "unreachable();",
    /^module FILE cannot be loaded: its start threw RuntimeError: unreachable$/,
  ],
  [
    "a start that asks",
    `import { Field } from "./perfprof.ts";` + ROOM + HANDLER + `const pid = new Field("sched:sched_wakeup", "pid");`,
    "module FILE cannot be loaded: its start threw TypeError: nothing can be asked of perfprof while the module starts: " +
    "ask in __init__",
  ],
  [
    "no handlers",
    ABI + "export function foo(): void {}",
    "module FILE has no handlers: it exports perfprof_abi, foo, memory\n" +
    "export function sched__sched_wakeup(event) { ... }, or __sample__ for all events",
  ],
];

for (const [what, source, why, options] of REFUSED) {
  Deno.test(`refused: ${what}`, async () => {
    const text = await refusal(source, options);
    if (typeof why === "string") assert.equal(text, why);
    else assert.match(text, why);
  });
}

Deno.test("the types of functions, behind imports of every kind", () => {
  const module = bytes(`
    00 61 73 6d 01 00 00 00
    01 0f 02                      # types
       60 05 7e 7e 7f 7d 7c 00    #   (i64, i64, i32, f32, f64)
       60 01 7b 02 70 6f          #   (v128) -> funcref, externref
    00 82 80 00 01 78             # a custom section, its size in three bytes
    02 24 05                      # imports
       01 61 01 66 00 01          #   a.f: function of type 1
       01 61 01 74 01 70 01 01 02 #   a.t: a table with a most
       01 61 01 6d 02 00 81 01    #   a.m: a memory of 129 pages
       01 61 01 67 03 7f 00       #   a.g: a global
       01 61 00 00 00             #   a.: function of type 0
    03 02 01 00                   # one function of type 0
    07 0d 03                      # exports
       01 67 03 00                #   the global
       01 65 00 00                #   the imported function
       01 68 00 02                #   the own one
  `);
  const types = functionTypes(module)!;
  const texts = (map: ReadonlyMap<string, Parameters<typeof typeText>[0]>) =>
    [...map].map(([name, type]) => [name, typeText(type)]);
  const long = "(i64, i64, i32, f32, f64)", odd = "(v128) -> funcref, externref";
  assert.deepEqual(texts(types.imports), [["a.f", odd], ["a.", long]]);
  assert.deepEqual(texts(types.exports), [["e", odd], ["h", long]]);
});

Deno.test("types that are not known here are not compared", () => {
  const head = "00 61 73 6d 01 00 00 00";
  assert.equal(functionTypes(bytes(`${head} 01 04 01 5f 00 00`)), undefined); // a struct
  assert.equal(functionTypes(bytes(`${head} 01 06 01 60 01 63 6e 00`)), undefined); // (anyref)
  assert.equal(functionTypes(bytes(`${head} 02 06 01 01 61 00 04 00`)), undefined); // a tag
});
