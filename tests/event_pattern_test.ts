/** Wildcards in names of -e: what they expand to, and what is said where they match nothing, too much or what cannot be opened. */

import assert from "node:assert/strict";
import { expandEvents, globPattern, leftOutLines, requireSome, untakenLines } from "../lib/event_pattern.ts";
import { parseEvents, type TracepointIndex } from "../lib/event_spec.ts";
import { NativeMachine } from "../ffi/machine.ts";
import { cannotTrace, live, perfprof, TempDir } from "./harness.ts";

const MACHINE: Record<string, string[]> = {
  sched: ["sched_wakeup_new", "sched_switch", "sched_wakeup"],
  irq: ["irq_handler_entry", "softirq_entry"],
  ftrace: ["function", "print"],
};
const INDEX: TracepointIndex = { systems: () => Object.keys(MACHINE), names: (system) => MACHINE[system] ?? [] };

const REFUSING = cannotTrace === undefined && new NativeMachine().names("irq_vectors").includes("irq_work_exit");

const expand = (...texts: string[]) => expandEvents(parseEvents(texts), INDEX);
const IRQ = ["irq:irq_handler_entry", "irq:softirq_entry"];
const SCHED = ["sched:sched_switch", "sched:sched_wakeup", "sched:sched_wakeup_new"];

const EXPANSIONS: [text: string, ...names: string[]][] = [
  ["sched:*", ...SCHED],
  ["sched:sched_?????p", "sched:sched_wakeup"],
  ["*:*_entry", ...IRQ],
  ["[a-j]*:s*", "irq:softirq_entry"],
  ["[!is]*:*", "ftrace:function", "ftrace:print"],
  ["irq:[is]*entry", ...IRQ],
  ["irq:*,sched:sched_s*", ...IRQ, "sched:sched_switch"],
  // Once, whatever the order and the patterns.
  ["irq:soft*,irq:*", "irq:softirq_entry", "irq:irq_handler_entry"],
  ["sched:*,sched:sched_switch", "sched:sched_wakeup", "sched:sched_wakeup_new", "sched:sched_switch"],
  ["sched:sched_switch,sched:sched_sw*", "sched:sched_switch"],
  // A second time, under a name of its own.
  ["sched:sched_switch//alias=mine/,sched:sched_sw*", "sched:mine", "sched:sched_switch"],
];
for (const [text, ...names] of EXPANSIONS) {
  Deno.test(`pattern: ${text}`, () => assert.deepEqual(expand(text).map(({ eventName }) => eventName), names));
}

Deno.test("pattern: filter and attributes are copied to each, an event named by itself keeps its own", () => {
  const specs = expand("sched:*/pid>1/cpus=0/", "sched:sched_switch/prev_pid>2/");
  assert.deepEqual(specs.map(({ name, filter, attributes, pattern }) => [name, filter, attributes, pattern]), [
    ["sched_wakeup", "pid>1", { cpus: [0] }, "sched:*"],
    ["sched_wakeup_new", "pid>1", { cpus: [0] }, "sched:*"],
    ["sched_switch", "prev_pid>2", {}, undefined],
  ]);
  assert.deepEqual(specs.map(({ handlerName }) => handlerName), [
    "sched__sched_wakeup",
    "sched__sched_wakeup_new",
    "sched__sched_switch",
  ]);
});

Deno.test("pattern: an alias is refused at its place", () => {
  assert.throws(() => parseEvents(["sched:*//cpus=0/alias=x/"]), {
    message: "option -e: a name with wildcards cannot have an alias",
    detail: ["    sched:*//cpus=0/alias=x/", "                    ^^^^^^^"],
    hints: ["name one event, or leave the alias out"],
    exitCode: 2,
  });
});

const NOTHING: [pattern: string, hint: string][] = [
  ["irq:softirq_entri*", "did you mean irq:softirq_entry?"],
  ["shed:*", "did you mean sched:*?"],
  ["sched:[z-a]*", "perfprof list"],
  ["xyzzy*:plugh", "perfprof list"],
];
for (const [pattern, hint] of NOTHING) {
  Deno.test(`pattern: ${pattern} matches nothing`, () => {
    assert.throws(() => expand(pattern), {
      message: `event '${pattern}' is unknown: no tracepoint matches`,
      hints: [hint],
      exitCode: 1,
    });
  });
}

Deno.test("pattern: characters of regular expressions are themselves", () => {
  assert.deepEqual(["a.b", "axb"].map((text) => globPattern("a.[b]").test(text)), [true, false]);
  assert.deepEqual(["\\", "d", "1"].map((text) => globPattern("[\\d]").test(text)), [true, true, false]);
  assert.deepEqual(["a]", "a"].map((text) => globPattern("?]").test(text)), [true, false]);
});

Deno.test("pattern: events that are left out are counted, and all of them are an error", () => {
  const specs = expand("f*:*,*:sched_s*,irq:soft*");
  const [first, second, opened, last] = specs;
  assert.deepEqual(leftOutLines([first!, second!, last!], false), [
    "2 events of 'f*:*' cannot be opened and were left out",
    "1 event of 'irq:soft*' cannot be opened and was left out",
  ]);
  assert.deepEqual(leftOutLines([first!, second!], true), [
    "2 events of 'f*:*' cannot be opened and were left out: ftrace:function ftrace:print",
  ]);
  requireSome([first!, opened!], [second!]);
  assert.throws(() => requireSome([opened!], [first!, second!]), {
    message: "opening 'f*:*' failed: none of the 2 events that match can be opened",
  });
});

Deno.test("pattern: one warning for all of its events that no handler takes", () => {
  assert.deepEqual(untakenLines(expand("sched:*,irq:softirq_entry,irq:*")), [
    "no handler takes irq:softirq_entry: export irq__softirq_entry or __sample__",
    "no handler takes 3 events of 'sched:*': export __sample__",
    "no handler takes 1 event of 'irq:*': export __sample__",
  ]);
});

live("pattern: sched:* counts an event exactly, the rest goes to __sample__", async () => {
  using dir = new TempDir();
  const command = dir.write("twenty", `#!/bin/sh\nfor i in 1 2 3 4 5 6 7 8 9 10; do /bin/true; /bin/true; done\n`, 0o755);
  const module = dir.write(
    "h.ts",
    `let execs = 0;
const others = new Set();
export function sched__sched_process_exec() { execs++; }
export function __sample__(event) { others.add(event._event); }
export function __exit__() { console.log(execs, others.has("sched:sched_process_exec"), others.has("sched:sched_process_exit")); }
`,
  );
  const { code, stdout, stderr } = await perfprof(["-q", "-c", command, "-e", "sched:*", module]);
  assert.deepEqual([code, stdout, stderr], [0, "21 false true\n", ""]);
});

live("pattern: all system calls are opened, traced and closed in seconds", async () => {
  using dir = new TempDir();
  const module = dir.write(
    "h.ts",
    `const seen = new Set();
export function __sample__(event) { seen.add(event._event); }
export function __exit__() { console.log(seen.has("syscalls:sys_enter_exit_group"), seen.has("syscalls:sys_exit_execve")); }
`,
  );
  const start = performance.now();
  const { code, stdout, stderr } = await perfprof(["-q", "-c", "true", "-e", "syscalls:*", module]);
  const seconds = (performance.now() - start) / 1000;
  assert.deepEqual([code, stdout, stderr], [0, "true true\n", ""]);
  // Closed one after the other they alone would take half a minute.
  assert.ok(seconds < 15, `it took ${seconds.toFixed(1)} s`);
});

live("pattern: help and types describe every event that matches", async () => {
  const names = (text: string) => [...new Set(text.match(/\bsched__sched_wakeup\w*/g))].sort();
  const want = ["sched__sched_wakeup", "sched__sched_wakeup_new"];
  const help = await perfprof(["-e", "*:sched_wakeup*", "help"]);
  assert.deepEqual([names(help.stdout), help.stderr], [want, ""]);
  assert.match(help.stdout, /^#!.* -e '\*:sched_wakeup\*' /);
  const { stdout, stderr } = await perfprof(["types", "*:sched_wakeup*"]);
  assert.deepEqual([stdout.match(/^export interface \w*Wakeup\w* /gim)?.length, stderr], [2, ""]);
});

live("pattern: what cannot be opened is left out, said without -q, named with -v", async () => {
  using dir = new TempDir();
  const module = dir.write("h.ts", "export function __sample__() {}\n");
  const said = async (...options: string[]) => {
    const { code, stderr } = await perfprof([...options, "-c", "true", "-e", "[fs]*:*wakeup", module]);
    assert.equal(code, 0, stderr);
    return stderr.split("\n").filter((line) => line.includes("left out"));
  };
  const line = "perfprof: 1 event of '[fs]*:*wakeup' cannot be opened and was left out";
  assert.deepEqual([await said(), await said("-v"), await said("-q")], [[line], [`${line}: ftrace:wakeup`], []]);
  const { code, stderr } = await perfprof(["-e", "ftrace:*", module]);
  assert.equal(code, 1);
  assert.match(stderr, /^perfprof: opening 'ftrace:\*' failed: none of the \d+ events that match can be opened\nhint: .*\n$/);
});

live("pattern: a tracepoint that refuses to be sampled is left out", async () => {
  using dir = new TempDir();
  const module = dir.write("h.ts", "export function __sample__() {}\n");
  const { code, stderr } = await perfprof(["-v", "-c", "true", "-e", "irq_vectors:irq_work_*", module]);
  const left = "perfprof: 1 event of 'irq_vectors:irq_work_*' cannot be opened and was left out: irq_vectors:irq_work_exit";
  assert.deepEqual([code, stderr.split("\n")[1]], [0, left], stderr);
}, REFUSING ? undefined : "no tracepoint here refuses");
