/** The stacks of a trace, on a machine of the test's own: what is refused, what is read at the start, what is said once. */

import assert from "node:assert/strict";
import { PerfprofError } from "../lib/errors.ts";
import { parseEvents } from "../lib/event_spec.ts";
import type { Machine } from "../lib/machine.ts";
import { SourceError } from "../lib/source.ts";
import type { Symbolizer } from "../lib/symbolizer.ts";
import { type GivenStacks, parseCallGraph, stackOptions } from "../lib/stack_options.ts";
import { requireStacks, stackAttrs, Stacks } from "../lib/stacks.ts";
import { chain, FakeSymbolizer, KERNEL, USER } from "./fixtures/symbols.ts";

function options(given: Partial<GivenStacks>) {
  return stackOptions({ demangle: true, ...given });
}

/** A machine with these files. */
function machine(files: Record<string, string> = {}, symbolizer: Symbolizer = new FakeSymbolizer()) {
  const read: string[] = [];
  const fake = {
    kernelFile: (path: string) => {
      read.push(path);
      return files[path];
    },
    symbolizer: () => symbolizer,
  } as unknown as Machine;
  return { fake, read };
}

function refusal(make: () => unknown): [message: string, ...hints: string[]] | undefined {
  try {
    make();
    return undefined;
  } catch (error) {
    assert(error instanceof PerfprofError);
    return [error.message, ...error.hints];
  }
}

Deno.test("stacks: of each event, with its own most frames", () => {
  const specs = parseEvents(["a:b//stack/,c:d,e:f//max-stack=9/"]);
  const user = { kernel: true, user: true, dumpBytes: 0 };
  assert.deepEqual(stackAttrs(specs, options({ userCallchain: true })), [
    { ...user, most: undefined },
    undefined,
    { ...user, most: 9 },
  ]);
  assert.deepEqual(stackAttrs(specs, options({ g: true })).map((stack) => stack?.user), [false, false, false]);
  assert.deepEqual(stackAttrs(parseEvents(["a:b"]), options({})), [undefined]);
});

Deno.test("stacks: what is said of stacks that nobody has is an error", () => {
  const none = parseEvents(["a:b"]);
  const said = (given: Partial<GivenStacks>) => refusal(() => requireStacks(stackAttrs(none, options(given)), options(given)));
  const hints = ["-g", "-e 'sys:name//stack/'"];
  assert.deepEqual(said({ srcline: true }), ["option --srcline: no event has call stacks", ...hints]);
  assert.deepEqual(said({ demangle: false }), ["option --no-demangle: no event has call stacks", ...hints]);
});

Deno.test("stacks: branch stacks are refused, with the reason", () => {
  const lbr = options({ callGraph: parseCallGraph("", "lbr") });
  const [bare] = refusal(() => new Stacks(machine().fake, lbr, () => {})) ?? [];
  assert.equal(bare, "option --call-graph lbr: this CPU has no branch stack (LBR)");
  const files = { "/sys/bus/event_source/devices/cpu/caps/branches": "32\n" };
  const [has, ...hints] = refusal(() => new Stacks(machine(files).fake, lbr, () => {})) ?? [];
  assert.equal(has, "option --call-graph lbr: tracepoints carry no branch stack, only hardware events do");
  assert.deepEqual(hints, ["--call-graph dwarf", "-g --user-callchain"]);
});

Deno.test("stacks: without libdw neither unwinding nor source lines begin", () => {
  const without = new FakeSymbolizer();
  without.unwind = () => {
    throw new SourceError("file", "libdw is not installed", 0);
  };
  const { fake } = machine({}, without);
  const dwarf = options({ callGraph: parseCallGraph("", "dwarf") });
  assert.deepEqual(refusal(() => new Stacks(fake, dwarf, () => {})), [
    "option --call-graph dwarf: libdw is not installed",
    "apt install libdw1",
  ]);
  const [lines] = refusal(() => new Stacks(fake, options({ g: true, srcline: true }), () => {})) ?? [];
  assert.equal(lines, "option --srcline: libdw is not installed");
  assert.equal(refusal(() => new Stacks(fake, options({ g: true, userCallchain: true }), () => {})), undefined);
});

const TASKS = [{ pid: 5, tid: 5, comm: "a" }, { pid: 5, tid: 6, comm: "a" }, { pid: 9, tid: 9, comm: "b" }];

Deno.test("stacks: at the start the maps of those are read that may appear, and only for a user side", () => {
  const scanned = (given: Partial<GivenStacks>, target: Parameters<Stacks["scan"]>[0]) => {
    const { fake, read } = machine();
    new Stacks(fake, options(given), () => {}).scan(target, TASKS);
    return read;
  };
  const user = { userCallchain: true };
  assert.deepEqual(scanned({ g: true }, { kind: "all" }), []);
  assert.deepEqual(scanned(user, { kind: "all" }), ["/proc/5/maps", "/proc/9/maps"]);
  assert.deepEqual(scanned(user, { kind: "cgroups", paths: ["/x"] }), ["/proc/5/maps", "/proc/9/maps"]);
  assert.deepEqual(scanned(user, { kind: "tids", tids: [6] }), ["/proc/5/maps"]);
  assert.deepEqual(scanned(user, { kind: "pids", pids: [9] }), ["/proc/9/maps"]);
  assert.deepEqual(scanned(user, { kind: "command", words: ["ls"] }), []);
});

Deno.test("stacks: hidden kernel symbols are said once, and their addresses are kept", () => {
  const said: string[] = [];
  const stacks = new Stacks(machine().fake, options({ g: true }), (line) => said.push(line));
  for (let i = 0; i < 3; i++) {
    const frames = stacks.callchain(chain(KERNEL, ...new Array(i + 1).fill(0xffffffff00000000n), USER), 0, 1, 1, -1);
    assert.ok(frames.every(({ addr, symbol }) => addr === 0xffffffff00000000n && symbol === "Unknown"));
  }
  assert.equal(said.length, 1);
  assert.match(said[0]!, /kptr_restrict.*hint: sudo sysctl kernel\.kptr_restrict=0$/);
  // What was said is not said again at the end.
  assert.deepEqual(stacks.endLines(), []);
});
