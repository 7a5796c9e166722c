/**
 * native/perfprof.h is the contract; ffi/abi.ts, ffi/symbols.ts, the library's exported symbols and lib/'s own copies of constants
 * must say the same.
 *
 * @module
 */

import assert from "node:assert/strict";
import { ABI } from "../ffi/abi.ts";
import { readAbi } from "../ffi/generate_abi.ts";
import { LIBRARY_PATH } from "../ffi/library_path.ts";
import { SYMBOLS } from "../ffi/symbols.ts";
import { ATTR_FLAGS, CLOCK_IDS, PERF } from "../lib/attr.ts";
import * as source from "../lib/source.ts";
import { UNKNOWN } from "../lib/symbolizer.ts";

const headerText = (name: string) =>
  Deno.readTextFileSync(new URL(`../native/${name}`, import.meta.url)).replaceAll(/\/\*[\s\S]*?\*\//g, " ");
const header = headerText("perfprof.h");
/** Of both sides: that of ffi/ and that of compiled handlers. */
const headers = header + headerText("perfprof_handler.h");

interface Declaration {
  readonly name: string;
  readonly result: string;
  readonly parameters: readonly string[];
}

/** Every PP_API function of the header; parameters as types without names: `const char *`. */
function declarations(): Declaration[] {
  const found = header.matchAll(/PP_API\s+([\w\s]+?[\s*]+)(pp_\w+)\(([^)]*)\);/g);
  return [...found].map(([, result, name, parameters]) => ({
    name: name!,
    result: result!.replaceAll(/\s+/g, " ").trim(),
    parameters: parameters!.trim() === "void"
      ? []
      : parameters!.split(",").map((text) => text.replaceAll(/\s+/g, " ").trim().replace(/\w+$/, "").trim()),
  }));
}

/** The FFI type that a C type must have. */
function ffiType(type: string, isResult: boolean): string {
  const plain: Record<string, string> = { void: "void", int32_t: "i32", uint32_t: "u32", uint64_t: "u64" };
  if (Object.hasOwn(plain, type)) return plain[type]!;
  if (!type.endsWith("*")) throw new Error(`no FFI type is known for ${type}`);
  return isResult || /^struct pp_(session|recorder|replay|formats|symbolizer|handlers) \*$/.test(type) ? "pointer" : "buffer";
}

Deno.test("ffi/abi.ts is what the library says of itself", () => {
  assert.deepEqual(readAbi(), ABI, "deno task abi was not run");
});

Deno.test("ffi/symbols.ts has every declaration of perfprof.h, with its types", () => {
  const expected = declarations().map(({ name, result, parameters }) => [
    name,
    { parameters: parameters.map((type) => ffiType(type, false)), result: ffiType(result, true) },
  ]);
  assert.ok(expected.length > 25, "the header was not parsed");
  const actual = Object.entries(SYMBOLS).map(([name, { parameters, result }]) => [name, { parameters, result }]);
  assert.deepEqual(Object.fromEntries(actual), Object.fromEntries(expected));
});

Deno.test("only what waits is nonblocking: for records, or for a disk", () => {
  const nonblocking = Object.entries(SYMBOLS).filter(([, symbol]) => "nonblocking" in symbol).map(([name]) => name);
  assert.deepEqual(nonblocking, ["pp_session_wait", "pp_recorder_pass", "pp_recorder_finish", "pp_replay_wait"]);
});

Deno.test("the comment above each symbol is its declaration", () => {
  const text = Deno.readTextFileSync(new URL("../ffi/symbols.ts", import.meta.url));
  const comments = [...text.matchAll(/((?: {2}\/\/ .*\n)+) {2}(pp_\w+):/g)].map(([, comment]) => comment!);
  const squeeze = (declaration: string) => declaration.replaceAll(/\/\/|\s+/g, " ").replaceAll(/\s+/g, " ").trim();
  const declared = [...header.matchAll(/^PP_API\s+([^;]*);/gm)].map(([, declaration]) => squeeze(declaration!));
  assert.deepEqual(comments.map(squeeze), declared);
});

Deno.test("the library exports the header's functions and nothing else", async () => {
  const nm = await new Deno.Command("nm", { args: ["-D", "--defined-only", LIBRARY_PATH.pathname] }).output();
  const exported = new TextDecoder().decode(nm.stdout).trim().split("\n").map((line) => line.split(" ").at(-1)!);
  assert.deepEqual(exported.sort(), declarations().map(({ name }) => name).sort());
});

Deno.test("ffi/abi.ts has every struct and constant of perfprof.h", () => {
  const structs = Object.fromEntries(
    [...headers.matchAll(/struct (pp_\w+) \{([^}]*)\}/g)].map(([, name, body]) => [
      name,
      [...body!.matchAll(/(\w+)(?:\[\d+\]|\)\([^;]*\))?;/g)].map(([, field]) => field),
    ]),
  );
  const { perf_event_attr: _kernel, ...ours } = ABI.structs;
  assert.deepEqual(Object.fromEntries(Object.entries(ours).map(([name, { fields }]) => [name, Object.keys(fields)])), structs);

  const enumerators = [...headers.matchAll(/\b(PP_\w+) = -?\d+,/g)].map(([, name]) => name!);
  const macros = [...header.matchAll(/#define (PP_\w+)[ \t]+[-(\d]/g)].map(([, name]) => name!).filter((name) =>
    name !== "PP_ABI_VERSION"
  );
  const known = Object.keys({ ...ABI.codes, ...ABI.constants }).filter((name) => name.startsWith("PP_"));
  assert.deepEqual(known.sort(), [...enumerators, ...macros].sort());
});

Deno.test("lib/attr.ts has the kernel's numbers", () => {
  const constants: Readonly<Record<string, number>> = ABI.constants;
  for (const [name, value] of Object.entries(PERF)) assert.equal(value, constants[name], name);
  const bits: Readonly<Record<string, number>> = ABI.attrFlags;
  for (const [name, bit] of Object.entries(ATTR_FLAGS)) assert.equal(bit, bits[name], name);
  for (const [name, id] of Object.entries(CLOCK_IDS)) {
    assert.equal(id, constants[name === "perf" ? "PP_CLOCK_PERF" : `CLOCK_${name.toUpperCase()}`], name);
  }
});

Deno.test("lib/source.ts has the library's numbers", () => {
  const { constants, structs } = ABI;
  assert.equal(source.PREFIX_SIZE, structs.pp_prefix.size);
  assert.equal(source.EVENT_LOST, constants.PP_EVENT_LOST);
  assert.equal(source.EVENT_UNKNOWN, constants.PP_EVENT_UNKNOWN);
  assert.equal(source.RECORD_MAX, constants.PP_RECORD_MAX);
  assert.equal(source.CLOCK_PERF, constants.PP_CLOCK_PERF);
  assert.equal(source.WAIT_DATA, constants.PP_WAIT_DATA);
  assert.equal(source.WAIT_WOKEN, constants.PP_WAIT_WOKEN);
  assert.equal(source.WAIT_ENDED, constants.PP_WAIT_ENDED);
  assert.equal(source.WAIT_STDOUT, constants.PP_WAIT_STDOUT);
  const reasons = Object.entries(constants).filter(([name]) => name === "PP_KNOWN" || name.startsWith("PP_UNKNOWN_"));
  assert.deepEqual(reasons.map(([, value]) => value), UNKNOWN.map((_, i) => i));
  assert.equal(UNKNOWN[constants.PP_UNKNOWN_STRIPPED], "the file is stripped");
  assert.equal(UNKNOWN[constants.PP_UNKNOWN_JIT_ABSENT], "no JIT map");
});
