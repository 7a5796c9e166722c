/** The command line: every option, what goes to the script, every wrong value. */

import assert from "node:assert/strict";
import { EXIT_USAGE, UsageError } from "../lib/errors.ts";
import { requireOnline, ringPages } from "../lib/option_values.ts";
import { helpText, parseCommandLine, type RunOptions } from "../lib/options.ts";
import { stackedEvents, type StackOptions } from "../lib/stack_options.ts";

/** Parses words that stand for `-e a:b` and them. */
function run(...args: string[]): RunOptions {
  const line = parseCommandLine(["-e", "a:b", ...args]);
  assert(line.kind === "run");
  return line;
}

const NO_STACKS: StackOptions = {
  mode: "fp",
  dumpBytes: 0,
  everywhere: false,
  implied: false,
  kernel: true,
  user: false,
  lines: false,
  mangled: false,
};

function refusal(args: readonly string[]): string[] {
  try {
    parseCommandLine(args);
  } catch (error) {
    assert(error instanceof UsageError);
    assert.equal(error.exitCode, EXIT_USAGE);
    return [error.message, ...error.detail, ...error.hints];
  }
  return [];
}

Deno.test("options: defaults", () => {
  assert.deepEqual(run("h.ts"), {
    kind: "run",
    events: ["a:b"],
    input: undefined,
    cpus: undefined,
    target: { kind: "all" },
    intervalMs: undefined,
    ring: undefined,
    watermarkPercent: 25,
    order: true,
    exitN: undefined,
    output: undefined,
    clock: "monotonic",
    excludeSelf: false,
    usageSelfMs: undefined,
    strict: false,
    stacks: NO_STACKS,
    verbosity: 0,
    module: "h.ts",
    scriptArgs: [],
  });
});

const VALUES: [args: string[], want: Partial<RunOptions>][] = [
  [["-e", "c:d,e:f"], { events: ["a:b", "c:d,e:f"] }],
  [["-C", "2-3,0,2", "--cpus=7"], { cpus: [0, 2, 3, 7] }],
  [["-p", "7,5", "-p5"], { target: { kind: "pids", pids: [7, 5] } }],
  [["--tids=9"], { target: { kind: "tids", tids: [9] } }],
  [["--cgroups", "/a, b"], { target: { kind: "cgroups", paths: ["/a", "b"] } }],
  [["-c", " ls  -l "], { target: { kind: "command", words: ["ls", "-l"] } }],
  [["-c", "ls | wc"], { target: { kind: "command", words: ["/bin/sh", "-c", "ls | wc"] } }],
  [["-c", "A=1 make"], { target: { kind: "command", words: ["/bin/sh", "-c", "A=1 make"] } }],
  [["-i5"], { intervalMs: 5 }],
  [["--interval=2147483647"], { intervalMs: 2147483647 }],
  [["-m", "1"], { ring: { pages: 1 } }],
  [["-m", "512K"], { ring: { bytes: 524288 } }],
  [["-m4m"], { ring: { bytes: 4194304 } }],
  [["--watermark", "0"], { watermarkPercent: 0 }],
  [["--no-order"], { order: false }],
  [["--no-order", "--order"], { order: true }],
  [["-N", "10"], { exitN: 10 }],
  // A value is taken as it is, also when it looks like an option.
  [["-o", "-i"], { output: "-i" }],
  [["--clock", "tai"], { clock: "tai" }],
  [["--monotonic"], { clock: "monotonic" }],
  [["--exclude-self", "--strict", "--usage-self", "50"], { excludeSelf: true, strict: true, usageSelfMs: 50 }],
  [["-vvq", "-v"], { verbosity: 2 }],
  [["-vi7"], { verbosity: 1, intervalMs: 7 }],
];
for (const [args, want] of VALUES) {
  Deno.test(`options: ${args.join(" ")}`, () => assert.deepEqual(run(...args, "h.ts"), { ...run("h.ts"), ...want }));
}

const SPLITS: [args: string[], scriptArgs: string[], want?: Partial<RunOptions>][] = [
  [["-i", "1000", "--threshold", "50"], ["--threshold", "50"], { intervalMs: 1000 }],
  [["--", "-i", "1000", "--threshold"], ["-i", "1000", "--threshold"]],
  // A script's unknown option takes no word that follows it.
  [["--x", "-i", "5"], ["--x"], { intervalMs: 5 }],
  [["a", "-i5", "--x=1", "b", "-q"], ["a", "--x=1", "b"], { intervalMs: 5, verbosity: -1 }],
  [["-h", "--help", "--version"], ["-h", "--help", "--version"]],
  // A cluster with one unknown letter goes to the script whole.
  [["-vx", "-xv"], ["-vx", "-xv"]],
  [["--x", "--", "a", "--", "-v"], ["--x", "a", "--", "-v"]],
  [["-", "--"], ["-"]],
  [["help"], ["help"]],
];
for (const [args, scriptArgs, want] of SPLITS) {
  Deno.test(`options: after the module ${args.join(" ")}`, () => {
    assert.deepEqual(run("h.ts", ...args), { ...run("h.ts"), scriptArgs, ...want });
  });
}

Deno.test("options: -- before the module ends perfprof's options", () => {
  assert.deepEqual(run("--", "h.ts", "-i", "5"), { ...run("h.ts"), scriptArgs: ["-i", "5"] });
});

Deno.test("options: a module called like a command", () => {
  assert.equal(run("./list").module, "./list");
  assert.equal(run("list").module, "list");
});

Deno.test("options: commands", () => {
  const none = { kind: "command", args: [], events: [], options: [], intervalMs: undefined };
  assert.deepEqual(parseCommandLine(["list"]), { ...none, name: "list" });
  assert.deepEqual(parseCommandLine(["show", "a:b"]), { ...none, name: "show", args: ["a:b"] });
  assert.deepEqual(parseCommandLine(["types", "--ambient", "a:b,c:d"]), {
    ...none,
    name: "types",
    args: ["--ambient", "a:b,c:d"],
  });
  assert.deepEqual(parseCommandLine(["new", "a", "latency"]), { ...none, name: "new", args: ["a", "latency"] });
  assert.deepEqual(parseCommandLine(["doctor"]), { ...none, name: "doctor" });
  assert.deepEqual(parseCommandLine(["completions", "zsh"]), { ...none, name: "completions", args: ["zsh"] });
  assert.deepEqual(parseCommandLine(["help", "PerfEvent"]), { ...none, name: "help", args: ["PerfEvent"] });
  assert.deepEqual(parseCommandLine(["-e", "a:b", "-i5", "-e", "c:d", "help"]), {
    ...none,
    name: "help",
    events: ["a:b", "c:d"],
    options: ["-e", "a:b", "-i5", "-e", "c:d"],
    intervalMs: 5,
  });
  assert.deepEqual(parseCommandLine(["list", "-h"]), { kind: "help" });
});

Deno.test("options: commands but help take none", () => {
  assert.deepEqual(refusal(["list", "-i", "5"]), ["the command 'list' takes no option -i", "a module of that name: ./list"]);
  assert.deepEqual(refusal(["show", "-v", "a:b", "-e", "c:d"]), [
    "the command 'show' takes no option -e",
    "a module of that name: ./show",
  ]);
});

Deno.test("options: help and version before the module", () => {
  assert.deepEqual(parseCommandLine(["-e", "a:b", "-h", "h.ts"]), { kind: "help" });
  assert.deepEqual(parseCommandLine(["--help"]), { kind: "help" });
  assert.deepEqual(parseCommandLine(["--version"]), { kind: "version" });
});

const USAGE = ["usage: perfprof [OPTION...] -e EVENT[,EVENT...] [--] MODULE [ARG...]", "perfprof --help"];
const REFUSALS: [args: string[], want: string[]][] = [
  [[], ["no event: option -e is missing", ...USAGE]],
  [["h.ts"], ["no event: option -e is missing", ...USAGE]],
  [["lst"], ["no event: option -e is missing", USAGE[0]!, "did you mean perfprof list?", "perfprof --help"]],
  [["recrod"], ["no event: option -e is missing", USAGE[0]!, "did you mean perfprof record?", "perfprof --help"]],
  [["-o", "-", "-e", "a:b", "h.ts"], [
    "option -o: '-' is no file, and stdout is where output goes without it",
    "leave it out",
    "a file of that name: -o ./-",
  ]],
  [["-v", "list"], ["no event: option -e is missing", USAGE[0]!, "did you mean perfprof list?", "perfprof --help"]],
  [["-e", "a:b"], ["no MODULE to run", ...USAGE]],
  [["--intervall", "5"], ["option --intervall is unknown", "did you mean --interval?"]],
  [["--no-orde"], ["option --no-orde is unknown", "did you mean --no-order?"]],
  [["-x"], ["option -x is unknown", "perfprof --help"]],
  [["-vx"], ["option -vx is unknown", "perfprof --help"]],
  [["-e"], ["option -e: the value is missing", "perfprof --help"]],
  [["--event"], ["option --event: the value is missing", "perfprof --help"]],
  [["-e", ""], ["option -e: the value is empty"]],
  [["--strict=yes"], ["option --strict: it takes no value", "write --strict"]],
  [["-i", "0"], ["option -i: '0' is out of range", "allowed is a whole number from 1 to 2147483647"]],
  [["-i", "2147483648"], ["option -i: '2147483648' is out of range", "allowed is a whole number from 1 to 2147483647"]],
  [["-i", "1.5"], ["option -i: '1.5' is not a whole number", "allowed is a whole number from 1 to 2147483647"]],
  [["-i=5"], ["option -i: '=5' is not a whole number", "allowed is a whole number from 1 to 2147483647"]],
  [["-N", "-1"], ["option -N: '-1' is not a whole number", "allowed is a whole number from 1 to 9007199254740991"]],
  [["-C", "3-1"], ["option -C: the range '3-1' is reversed", "write it 1-3"]],
  [["-C", "0,,1"], ["option -C: '' is not a CPU or a range of CPUs", "a CPU list is written 0-3,7"]],
  [["-C", "99999999999"], ["option -C: '99999999999' is out of range", "allowed is a whole number from 0 to 65535"]],
  [["-p", "0"], ["option -p: '0' is out of range", "allowed is a whole number from 1 to 4194304"]],
  [["-t", "x"], ["option -t: 'x' is not a whole number", "allowed is a whole number from 1 to 4194304"]],
  [["-p", "1,"], ["option -p: '1,' has an empty item", "items are separated by single commas"]],
  [["-m", "3"], ["option -m: '3' is not a power of two", "allowed are 1, 2, 4, 8, ... pages"]],
  [["-m", "0"], ["option -m: '0' is not a power of two", "allowed are 1, 2, 4, 8, ... pages"]],
  [["-m", "1048576"], ["option -m: '1048576' is out of range", "allowed are at most 524288 pages or 2G"]],
  [["-m", "4X"], ["option -m: '4X' is not a size", "allowed are pages (1024) or bytes (512K, 4M)"]],
  [["--watermark", "101"], ["option --watermark: '101' is out of range", "allowed is a whole number from 0 to 100"]],
  [["--clock", "utc"], ["option --clock: 'utc' is unknown", "allowed are monotonic boottime realtime tai perf"]],
  [["-c", " "], ["option -c: the value is empty"]],
];
for (const [args, want] of REFUSALS) {
  Deno.test(`options: refuses ${args.join(" ") || "nothing"}`, () => assert.deepEqual(refusal(args), want));
}

const CONFLICTS: [args: string[], one: string, other: string][] = [
  [["-p", "1", "-c", "ls"], "-p", "-c"],
  [["-c", "ls", "-t", "1"], "-t", "-c"],
  [["-p", "1", "-t", "2"], "-p", "-t"],
  [["--cgroups", "a", "-p", "1"], "-p", "--cgroups"],
  [["--cgroups", "a", "-c", "ls"], "-c", "--cgroups"],
  [["--clock", "tai", "--monotonic"], "--monotonic", "--clock tai"],
];
for (const [args, one, other] of CONFLICTS) {
  Deno.test(`options: ${one} and ${other}`, () => {
    const want = [`options ${one} and ${other} exclude each other`, `leave out ${one} or ${other}`];
    assert.deepEqual(refusal(["-e", "a:b", ...args, "h.ts"]), want);
  });
}

const STACKS: [args: string[], want: Partial<StackOptions>][] = [
  [["-g"], { everywhere: true }],
  [["-vg"], { everywhere: true }],
  [["--call-graph"], { everywhere: true }],
  [["--call-graph", "fp"], { everywhere: true }],
  [["--call-graph=dwarf"], { everywhere: true, mode: "dwarf", dumpBytes: 8192, user: true }],
  [["--call-graph", "dwarf,65528"], { everywhere: true, mode: "dwarf", dumpBytes: 65528, user: true }],
  [["--call-graph", "lbr"], { everywhere: true, mode: "lbr", user: true }],
  [["--user-callchain"], { implied: true, user: true }],
  [["--no-user-callchain"], { implied: true }],
  [["--kernel-callchain"], { implied: true }],
  [["-g", "--user-callchain", "--no-kernel-callchain"], { everywhere: true, implied: true, user: true, kernel: false }],
  [["--no-kernel-callchain", "--call-graph", "dwarf"], {
    everywhere: true,
    implied: true,
    mode: "dwarf",
    dumpBytes: 8192,
    user: true,
    kernel: false,
  }],
  [["-g", "--srcline", "--no-demangle"], { everywhere: true, lines: true, mangled: true }],
];
for (const [args, want] of STACKS) {
  Deno.test(`options: stacks by ${args.join(" ")}, before and after the module`, () => {
    const verbosity = args[0] === "-vg" ? 1 : 0;
    const wanted = { ...run("h.ts"), verbosity, stacks: { ...NO_STACKS, ...want } };
    assert.deepEqual(run(...args, "h.ts"), wanted);
    assert.deepEqual(run("h.ts", ...args), wanted);
  });
}

Deno.test("options: what is no mode is the module", () => {
  assert.equal(run("-g", "dwarf").module, "dwarf");
  assert.equal(run("--call-graph", "dwarf.ts").module, "dwarf.ts");
  assert.deepEqual(run("--call-graph", "fp", "dwarf", "lbr").scriptArgs, ["lbr"]);
});

Deno.test("options: a side means -g, but for those events that ask for stacks of their own", () => {
  const sides = { ...NO_STACKS, implied: true };
  assert.deepEqual(stackedEvents(NO_STACKS, [{}, { stack: true }, { maxStack: 3 }]), [false, true, true]);
  assert.deepEqual(stackedEvents(sides, [{}, {}]), [true, true]);
  assert.deepEqual(stackedEvents(sides, [{}, { stack: true }]), [false, true]);
  assert.deepEqual(stackedEvents({ ...sides, everywhere: true }, [{}, { stack: true }]), [true, true]);
});

const NOT_STACKS: [args: string[], want: string[]][] = [
  [["--call-graph=dwarff"], ["option --call-graph: 'dwarff' is unknown", "allowed are fp dwarf lbr"]],
  [["--call-graph="], ["option --call-graph: '' is unknown", "allowed are fp dwarf lbr"]],
  [["--call-graph=fp,1"], ["option --call-graph: 'fp,1' has too many parts", "allowed are fp, lbr, dwarf and dwarf,BYTES"]],
  [["--call-graph", "dwarf,8,8"], [
    "option --call-graph: 'dwarf,8,8' has too many parts",
    "allowed are fp, lbr, dwarf and dwarf,BYTES",
  ]],
  [["--call-graph", "dwarf,"], [
    "option --call-graph: '' is not a whole number",
    "allowed is a whole number from 8 to 65528",
  ]],
  [["--call-graph", "dwarf,65536"], [
    "option --call-graph: '65536' is out of range",
    "allowed is a whole number from 8 to 65528",
  ]],
  [["--call-graph", "dwarf,100"], ["option --call-graph: '100' is not a multiple of 8", "--call-graph dwarf,96"]],
  [["--no-kernel-callchain"], [
    "option --no-kernel-callchain: stacks without the kernel and the user side are empty",
    "--user-callchain",
  ]],
  [["--call-graph", "dwarf", "--no-user-callchain"], [
    "option --call-graph dwarf: it is about the user side, and --no-user-callchain leaves that out",
    "leave out --no-user-callchain",
    "--call-graph fp",
  ]],
];
for (const [args, want] of NOT_STACKS) {
  Deno.test(`options: refused ${args.join(" ")}`, () => assert.deepEqual(refusal(["-e", "a:b", ...args, "h.ts"]), want));
}

Deno.test("options: help is at most 80 columns wide and names every option that works", () => {
  const help = helpText();
  assert.deepEqual(help.split("\n").filter((line) => line.length > 80), []);
  for (
    const name of ["event", "cpus", "pids", "tids", "cgroups", "command", "interval", "mmap-pages", "watermark", "[no-]order"]
  ) {
    assert(help.includes(`--${name} `), name);
  }
  for (
    const name of ["exit-N", "output", "clock", "exclude-self", "usage-self", "strict", "verbose", "quiet", "help", "version"]
  ) {
    assert(help.includes(`--${name} `), name);
  }
});

Deno.test("options: ring pages of a size", () => {
  assert.equal(ringPages({ pages: 8 }, 4096), 8);
  assert.equal(ringPages({ bytes: 65536 }, 16384), 4);
  assert.throws(
    () => ringPages({ bytes: 4096 }, 16384),
    new UsageError("option -m: 4096 bytes are less than a page", {
      hints: ["a page has 16384 bytes here"],
    }),
  );
});

Deno.test("options: CPUs that are not online", () => {
  requireOnline("option -C", [0, 2], [0, 1, 2, 5]);
  assert.throws(() => requireOnline("option -C", [0, 7], [0, 1, 2, 5]), {
    message: "option -C: CPU 7 is not online",
    hints: ["online are 0-2,5"],
    exitCode: 1,
  });
  assert.throws(() => requireOnline("option -C", [3, 4], [0]), { message: "option -C: CPUs 3-4 are not online" });
});
