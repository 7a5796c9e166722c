/**
 * The command line of `perfprof record`: what it takes over from a run's, what is its own, and what it refuses.
 */

import assert from "node:assert/strict";
import { recordedTarget } from "../lib/recorded_target.ts";
import { UsageError } from "../lib/errors.ts";
import { parseRecord, recordHelp, type RecordOptions } from "../lib/record_options.ts";

function parsed(...args: string[]): RecordOptions {
  const options = parseRecord(["-e", "a:b", ...args]);
  assert.ok(options.kind === "record");
  return options;
}

function refusal(...args: string[]): string {
  try {
    parseRecord(args);
  } catch (error) {
    assert.ok(error instanceof UsageError);
    return error.message;
  }
  throw new Error("it is accepted");
}

Deno.test("record: defaults are perf's", () => {
  const { events, output, size, seconds, level, target, clock, commandLine } = parsed();
  assert.deepEqual({ events, output, size, seconds, level, target, clock }, {
    events: ["a:b"],
    output: "perf.data",
    size: undefined,
    seconds: undefined,
    level: 0,
    target: { kind: "all" },
    clock: "monotonic",
  });
  assert.deepEqual(commandLine, ["perfprof", "record", "-e", "a:b"]);
});

Deno.test("record: its own options", () => {
  assert.deepEqual(["-o", "--output"].map((name) => parsed(name, "x").output), ["x", "x"]);
  assert.deepEqual(["5", "5K", "100M", "2G"].map((text) => parsed("--size", text).size), [5, 5120, 100 * 2 ** 20, 2 ** 31]);
  assert.deepEqual(["10", "0.5"].map((text) => parsed("--time", text).seconds), [10, 0.5]);
  const levels = [["-z"], ["-z3"], ["--compress"], ["--compress", "22"], ["--compress=9"]];
  assert.deepEqual(levels.map((words) => parsed(...words).level), [1, 3, 1, 22, 9]);
});

Deno.test("record: the options of a run", () => {
  assert.deepEqual(parsed("-p", "1,2").target, { kind: "pids", pids: [1, 2] });
  assert.deepEqual(parsed("-C", "1,0").cpus, [0, 1]);
  assert.deepEqual(parsed("-m", "4").ring, { pages: 4 });
  assert.equal(parsed("-g", "--call-graph", "dwarf").stacks.mode, "dwarf");
  assert.equal(parsed("--clock", "perf").clock, "perf");
  assert.equal(parsed("-c", "ls -l", "-v").verbosity, 1);
});

Deno.test("record: what is refused", () => {
  for (
    const [args, message] of [
      [[], "nothing to record: option -e is missing"],
      [["-e", "a:b", "h.ts"], "the command 'record' runs no module: 'h.ts'"],
      [["-e", "a:b", "-i", "5"], "the command 'record' takes no option -i"],
      [["-e", "a:b", "-N5"], "the command 'record' takes no option -N5"],
      [["-e", "a:b", "--no-order"], "the command 'record' takes no option --no-order"],
      [["-e", "a:b", "--clock", "tai"], "option --clock: 'tai' cannot be recorded"],
      [["-e", "a:b", "--size", "5X"], "option --size: '5X' is not a size"],
      [["-e", "a:b", "--size", "0"], "option --size: '0' is out of range"],
      [["-e", "a:b", "--time", "0"], "option --time: '0' is no time in seconds"],
      [["-e", "a:b", "--time", "-1"], "option --time: '-1' is no time in seconds"],
      [["-e", "a:b", "-z23"], "option -z: '23' is out of range"],
      [["-e", "a:b", "--sizes", "5"], "option --sizes is unknown"],
      [["-e", "a:b", "-p", "1", "-c", "ls"], "options -p and -c exclude each other"],
    ] as const
  ) assert.equal(refusal(...args), message);
});

Deno.test("record: help has what it takes, within 80 columns", () => {
  assert.deepEqual(parseRecord(["-h"]), { kind: "record-help" });
  const text = recordHelp();
  for (const option of ["--event", "--size", "--compress", "--call-graph"]) assert.ok(text.includes(option), option);
  for (const option of ["--interval", "--exit-N", "order"]) assert.ok(!text.includes(option), option);
  assert.ok(text.split("\n").every((line) => line.length <= 80));
});

Deno.test("a recording tells whose it was by the command line that made it, if that was perfprof's", () => {
  const target = (line: string) => recordedTarget(line.split(" "));
  assert.deepEqual(target("perfprof record -e task-state -p 5,6 -o x"), { kind: "pids", pids: [5, 6] });
  assert.deepEqual(target("perfprof record -e task-state -c ./cmd"), { kind: "command", words: ["./cmd"] });
  for (const line of ["perfprof record -e task-state", "perfprof record --later -p 5", "perf record -p 5 -e a:b", ""]) {
    assert.deepEqual(target(line), { kind: "all" }, line);
  }
});
