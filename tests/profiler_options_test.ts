/** The text between a profiler's slashes, and how it is cut out of -e. */

import assert from "node:assert/strict";
import { UsageError } from "../lib/errors.ts";
import { parseEvents } from "../lib/event_spec.ts";
import { hasStackOption, parseProfilerOptions } from "../lib/profilers/options.ts";
import type { Profiler, ProfilerOptions } from "../lib/profilers/profiler.ts";

const PROFILER: Profiler = {
  name: "toy",
  summary: "",
  help: "",
  options: [
    { flags: "-F, --frequency HZ", help: "" },
    { flags: "-g, --call-graph", help: "" },
    { flags: "-S", help: "" },
    { flags: "-D", help: "" },
    { flags: "--than TIME", help: "" },
  ],
  words: "WORD",
  example: "toy",
  plan: () => assert.fail(),
};

function options(text: string, profiler = PROFILER, stack = false): ProfilerOptions {
  const [spec] = parseEvents([text]);
  const { source, attributes, profiler: written } = spec!;
  return parseProfilerOptions(profiler, { text: source.text, event: source, ...written!, key: attributes.key, stack });
}

const ACCEPTED: [text: string, given: Record<string, string | true>, words?: string[]][] = [
  ["toy", {}],
  ["toy//", {}],
  ["toy/-F 997 -g/", { frequency: "997", "call-graph": true }],
  ["toy/-F997/", { frequency: "997" }],
  ["toy/--frequency=997/", { frequency: "997" }],
  ["toy/-SD --than 1ms/", { S: true, D: true, than: "1ms" }],
  ["toy/-SF 9/", { S: true, frequency: "9" }],
  ["toy/--than '1 ms'/", { than: "1 ms" }],
  [`toy/"read,write -S"/`, { S: true }, ["read,write"]],
  ["toy/read,write -S/", { S: true }, ["read,write"]],
  [`toy/--than "a:b/pid>1/"/`, { than: "a:b/pid>1/" }],
  [`toy/a"b c"d ''/`, {}, ["ab cd", ""]],
  ["toy/0x404030/8:w -g/alias=x/", { "call-graph": true }, ["0x404030/8:w"]],
  ["toy/0x404030/4/", {}, ["0x404030/4"]],
  ["toy/- -S/", { S: true }, ["-"]],
];
for (const [text, given, words = []] of ACCEPTED) {
  Deno.test(`profiler options: ${text}`, () => {
    const parsed = options(text);
    assert.deepEqual([{ ...parsed.given }, parsed.words], [given, words]);
  });
}

Deno.test("profiler options: modifiers behind the name, or as perf has them behind a PMU's terms", () => {
  assert.equal(options("toy:up").modifiers, "up");
  assert.equal(options("toy:k/-S/").modifiers, "k");
  assert.equal(options("toy/event=1,umask=2/u").modifiers, "u");
  assert.equal(options("toy/-S/alias=x/").modifiers, "");
  assert.equal(parseEvents(["toy/-S/u"])[0]!.eventName, "toy");
});

Deno.test("profiler options: stacks that are asked for elsewhere", () => {
  assert.deepEqual({ ...options("toy", PROFILER, true).given }, { "call-graph": true });
  const stackless = { ...PROFILER, options: PROFILER.options.slice(0, 1) };
  assert.deepEqual({ ...options("toy", stackless, true).given }, {});
  assert.deepEqual([hasStackOption(PROFILER), hasStackOption(stackless)], [true, false]);
  assert.equal(options("toy//key=ptr/").key, "ptr");
});

const KNOWN = "options are -F, --frequency HZ; -g, --call-graph; -S; -D; --than TIME";
const REFUSED: [text: string, mark: string, message: string, ...hints: string[]][] = [
  ["toy/--thn 1ms/", "    ^^^^^", "toy has no option --thn", "did you mean --than?", KNOWN],
  ["toy/-Sx/", "    ^^^", "toy has no option -x", KNOWN],
  ["toy/-S -S/", "       ^^", "toy: option -S is given twice"],
  ["toy/-g=1/", "    ^^^^", "toy has no option -=", KNOWN],
  ["toy/--call-graph=1/", "    ^^^^^^^^^^^^^^", "toy: option --call-graph takes no value"],
  ["toy/x --than/", "      ^^^^^^", "toy: option --than needs a value: TIME"],
  ["toy/--than=/", "    ^^^^^^^", "toy: option --than needs a value: TIME"],
  [`toy/"it's"/`, "       ^", "this ' is not closed"],
];
for (const [text, mark, message, ...hints] of REFUSED) {
  Deno.test(`profiler options: refuses ${text}`, () => {
    const detail = [`    ${text}`, `    ${mark.padEnd(0)}`];
    assert.throws(() => options(text), new UsageError(`option -e: ${message}`, { detail, hints }));
  });
}

Deno.test("profiler options: a word where none is taken", () => {
  assert.throws(() => options("toy/-S word/", { ...PROFILER, words: undefined! }), {
    message: "option -e: toy takes no word 'word'",
    detail: ["    toy/-S word/", "           ^^^^"],
  });
});

Deno.test("profiler options: errors of a profiler point at the option, the word or all of it", () => {
  const text = "a:b,toy:u/-F 12 -S word/";
  const parsed = options(text.slice(4));
  const mark = (what?: string) => {
    const error = parsed.fail(what, "why", ["hint"]);
    assert.ok(error instanceof UsageError);
    assert.deepEqual([error.message, error.hints], ["option -e: toy: why", ["hint"]]);
    return error.detail[1]!.slice(4);
  };
  assert.equal(mark("frequency"), "      ^^^^^");
  assert.equal(mark("S"), "            ^^");
  assert.equal(mark("word"), "               ^^^^");
  assert.equal(mark(), "      ^^^^^^^^^^^^^");
});

const NAMES: [text: string, handler: string, event: string][] = [
  ["task-state", "task_state", "task-state"],
  ["task-state//alias=slow/", "slow", "slow"],
  ["L1-dcache-load-misses:u", "L1_dcache_load_misses", "L1-dcache-load-misses"],
  ["cpu/event=0x3c,umask=0/", "cpu", "cpu"],
  ["{cycles:u,instructions}", "cycles", "cycles"],
  ["{cpu/a=1,b=2/,c}:S//alias=g/", "g", "g"],
];
for (const [text, handler, event] of NAMES) {
  Deno.test(`the names of ${text}`, () => {
    const specs = parseEvents([`a:b,${text},c:d`]);
    assert.deepEqual(specs.map(({ handlerName }) => handlerName), ["a__b", handler, "c__d"]);
    assert.equal(specs[1]!.eventName, event);
  });
}
