/**
 * What `help` and `types` write, as those see it who use it: Deno's own formatter, linter and type checker in a folder without
 * settings, the kernel's shebang line, and perfprof itself.
 */
import assert from "node:assert/strict";
import { eventInterfaces } from "../lib/declarations.ts";
import { PERF_EVENT_TYPES, PERF_PROF_TYPES } from "../lib/declaration_text.ts";
import { describe } from "../lib/described_event.ts";
import { parseEvents } from "../lib/event_spec.ts";
import { helpText } from "../lib/options.ts";
import { HELP } from "../lib/perf_prof.ts";
import type { FormatField, TracepointFormat } from "../lib/format.ts";
import type { Machine } from "../lib/machine.ts";
import { help } from "../lib/template.ts";
import { shell } from "./command.ts";
import { live, perfprof, TempDir } from "./harness.ts";

/** Runs deno in the folder. @returns What it says when it is not content */
async function deno(dir: TempDir, ...args: string[]): Promise<string> {
  const options = { args, cwd: dir.path, env: { NO_COLOR: "1" } };
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), options).output();
  const decoder = new TextDecoder();
  return success ? "" : `deno ${args.join(" ")}: ${decoder.decode(stdout)}${decoder.decode(stderr)}`;
}

/** What fmt, lint and check say of all files of the folder. */
async function verdicts(dir: TempDir): Promise<string[]> {
  const files = [...Deno.readDirSync(dir.path)].map(({ name }) => name).filter((name) => name.endsWith(".ts"));
  return [await deno(dir, "fmt", "--check"), await deno(dir, "lint"), await deno(dir, "check", "--no-lock", ...files)];
}

const CONTENT = ["", "", ""];

async function output(args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await perfprof(args);
  assert.deepEqual([code, stderr], [0, ""]);
  return stdout;
}

/** Strings, aliases, arrays, 64 bits, pointers, named values, and a text that needs every kind of quoting. */
const SETS: Readonly<Record<string, string>> = {
  switches: "sched:sched_wakeup,sched:sched_switch",
  aliases: `sched:sched_wakeup//alias=wakeup1/,sched:sched_wakeup/comm!="it's" && pid>0/alias=wakeup2/`,
  arrays: "raw_syscalls:sys_enter",
  pointers: "kmem:kmalloc,syscalls:sys_enter_openat",
  names: "irq:softirq_entry,block:block_rq_issue",
  profilers: "sched:sched_wakeup/pid>1/stack/,profile/-F 997 -g/alias=prof/,task-state,syscalls,page-faults,{cpu-clock,cs}",
};

live("templates pass deno fmt, lint and check as they are", async () => {
  using dir = new TempDir();
  for (const [name, events] of Object.entries(SETS)) dir.write(`${name}.ts`, await output(["-e", events, "help"]));
  dir.write("any.ts", await output(["help", "template"]));
  assert.deepEqual(await verdicts(dir), CONTENT);
});

live("so does one of hundreds of events, of every subsystem", async () => {
  using dir = new TempDir();
  const { stdout } = await perfprof(["list", "*:*"]);
  const events = stdout.trimEnd().split("\n").filter((_, i) => i % 9 === 0);
  const text = await output(["-e", events.join(","), "help"]);
  assert.match(text, /^\/\/ This is too long for the first line/);
  dir.write("many.ts", text);
  assert.deepEqual(await verdicts(dir), CONTENT);
});

live("a misspelt field fails deno check", async () => {
  using dir = new TempDir();
  const text = await output(["-e", "sched:sched_wakeup", "help"]);
  dir.write("h.ts", text.replace("// const comm = event.comm;", "console.log(event.com);"));
  assert.match(
    await deno(dir, "check", "--no-lock", "h.ts"),
    /'com' does not exist on type 'SchedWakeup'. Did you mean 'comm'\?/,
  );
});

live("a template has every callback, marked as optional, and a handler for each alias", async () => {
  const text = await output(["-e", SETS["aliases"]!, "help"]);
  const functions = ["__init__", "__exit__", "__interval__", "__print_stat__", "__lost__", "sched__wakeup1", "sched__wakeup2"];
  for (const name of functions) {
    assert.match(text, new RegExp(`/\\*\\*\\n \\* \\[OPTIONAL\\] (?:(?!\\*/)[^])*\\*/\\nexport function ${name}\\(`), name);
  }
  assert.match(
    text,
    /^\/\/ \[OPTIONAL\] Delete if using event-specific handlers for all events\n\/\/ =+\n\n[^]*^export function __sample__/m,
  );
  assert.match(text, /Handler for sched:sched_wakeup \(alias: wakeup2\)/);
  assert.equal(text.match(/^interface SchedWakeup /gm)?.length, 1);
  assert.doesNotMatch(text, /^import /m);
});

live("a template runs as it is, without a warning", async () => {
  for (const events of [SETS["switches"]!, SETS["aliases"]!]) {
    using dir = new TempDir();
    const path = dir.write("h.ts", await output(["-e", events, "help"]));
    const { code, stdout, stderr } = await perfprof(["-e", events, "-N", "20", "-i", "1000", path]);
    assert.deepEqual([code, stderr], [0, `Loaded module: ${path}\n`]);
    assert.match(
      stdout,
      new RegExp(`^Handlers initialized: ${path}\n[^]*^Total events processed: 20\nTotal intervals: \\d+\n$`, "m"),
    );
  }
});

live("a template runs by its first line, whatever the filter", async () => {
  using dir = new TempDir();
  dir.write("h.ts", await output(["-e", SETS["aliases"]!, "help"]), 0o755);
  dir.write("any.ts", await output(["help", "template"]), 0o755);
  const own = await shell(dir, "exec ./h.ts -q -N 5");
  assert.deepEqual([own.code, own.stderr], [0, ""]);
  assert.match(own.stdout, /^Total events processed: 5$/m);
  const any = await shell(dir, "exec ./any.ts -q -N 5 -e sched:sched_switch");
  assert.deepEqual([any.code, any.stderr], [0, ""]);
  assert.match(any.stdout, /^sched:sched_switch cpu=\d+: \d$/m);
});

live("the line for a shell in a template is one", async () => {
  using dir = new TempDir();
  dir.write("script.ts", await output(["-e", SETS["aliases"]!, "help"]));
  const [, line] = /^\/\/ {5}(perfprof .*)$/m.exec(Deno.readTextFileSync(`${dir.path}/script.ts`))!;
  const { code, stdout } = await shell(dir, `${line} -q -N 5`);
  assert.equal(code, 0);
  assert.match(stdout, /^Total events processed: 5$/m);
});

/** A field as libtraceevent tells of it: an int, unless said otherwise. */
function field(name: string, more: Partial<FormatField> = {}): FormatField {
  const flags = { signed: true, common: false, array: false, string: false, pointer: false, dynamic: false, relative: false };
  return { name, type: "int", offset: 8, size: 4, count: 0, elementSize: 0, ...flags, ...more };
}

const ODD: TracepointFormat = {
  id: 1,
  system: "9p",
  name: "a_name_that_is_so_long_that_its_handler_does_not_fit_into_a_line",
  printable: true,
  printFormat: '"%s", __print_symbolic(REC->class, { 1, "*/ x" })',
  fields: [
    field("get"),
    field("constructor"),
    field("_time"),
    field("class"),
    field("class"),
    field("comment", { type: "char */" }),
  ],
};

Deno.test("an event with names that JavaScript or PerfEvent has keeps its template right", async () => {
  using dir = new TempDir();
  const machine = { names: () => [ODD.name], format: () => ODD } as unknown as Machine;
  const events = [`9p:${ODD.name}`];
  const text = help({
    kind: "command",
    name: "help",
    args: [],
    events,
    options: ["-e", ...events],
    intervalMs: undefined,
    machine: () => machine,
    terminal: { columns: undefined, colours: false },
  });
  const declared = [...text.slice(text.indexOf("extends PerfEvent")).matchAll(/^ {2}readonly (\w+):/gm)].map(([, name]) =>
    name
  );
  assert.deepEqual(declared, ["class", "comment"]);
  const path = dir.write("h.ts", text);
  assert.deepEqual(await verdicts(dir), CONTENT);
  assert.equal(typeof (await import(`file://${path}`))[`9p__${ODD.name}`], "function");
});

Deno.test("the declared PerfEvent and perf_prof are those of lib/", async () => {
  using dir = new TempDir();
  const lib = new URL("../lib/", import.meta.url).href;
  dir.write("declared.ts", `${PERF_EVENT_TYPES}${PERF_PROF_TYPES}`.replace(/^(?=interface |type )/gm, "export "));
  dir.write(
    "compare.ts",
    `import type * as declared from "./declared.ts";
import type { PerfEvent } from "${lib}perf_event.ts";
import type { PerfProf } from "${lib}perf_prof.ts";

type Names<T> = Exclude<keyof T, symbol>;
type Same<A, B> = [A] extends [B] ? [B] extends [A] ? true : never : never;
type Made<E extends Record<X, (...given: never) => unknown>, X extends string> = Names<Awaited<ReturnType<E[X]>>>;
type Exported<X extends keyof PerfProf["export"]> = Same<Made<PerfProf["export"], X>, Made<declared.Exports, X>>;
type Results = "hist" | "top" | "count";
declare const event: PerfEvent;
declare const perf_prof: Omit<PerfProf, "hash" | "PerfEvent">;
export const events: declared.PerfEvent = event;
export const globals: Omit<declared.PerfProf, "hash" | "PerfEvent"> = perf_prof;
export const names: [
  Same<Names<PerfEvent>, Names<declared.PerfEvent>>,
  Same<Names<PerfProf>, Names<declared.PerfProf>>,
  Same<Names<Awaited<ReturnType<PerfProf["stats"]>>>, Names<declared.Statistics>>,
  Exported<"stacks">,
  Exported<"table">,
  Exported<"timeline">,
  ...{ [R in Results]: Same<Names<ReturnType<PerfProf[R]>>, Names<ReturnType<declared.PerfProf[R]>>> }[Results][],
] = [true, true, true, true, true, true, true, true, true];
`,
  );
  assert.equal(await deno(dir, "check", "--no-lock", "compare.ts"), "");
});

live("types are a module to import from", async () => {
  using dir = new TempDir();
  dir.write("events.d.ts", await output(["types", "sched:sched_switch,kmem:kmalloc"]));
  const handler = (field: string) =>
    `import type { SchedSwitch } from "./events.d.ts";

export function sched__sched_switch(event: SchedSwitch): void {
  console.log(event.${field});
}
`;
  dir.write("h.ts", handler("prev_comm"));
  assert.deepEqual(await verdicts(dir), CONTENT);
  dir.write("h.ts", handler("prev_com"));
  assert.match(await deno(dir, "check", "--no-lock", "h.ts"), /Did you mean 'prev_comm'/);
});

live("types --ambient makes perf_prof and the events known everywhere", async () => {
  using dir = new TempDir();
  dir.write("events.d.ts", await output(["types", "--ambient", "sched:sched_switch"]));
  const handler = (name: string) =>
    `/// <reference types="./events.d.ts" />
export function sched__sched_switch(event: SchedSwitch): void {
  console.log(event.prev_comm, perf_prof.${name}(event));
}
`;
  dir.write("h.ts", handler("hash"));
  assert.equal(await deno(dir, "check", "--no-lock", "h.ts"), "");
  dir.write("h.ts", handler("hush"));
  assert.match(await deno(dir, "check", "--no-lock", "h.ts"), /'hush' does not exist/);
});

Deno.test("interfaces of events whose names meet are told apart", () => {
  const event = (text: string) => describe(parseEvents([text])[0]!, { ...ODD, fields: [field("x")] });
  const text = eventInterfaces([event("a:b_c"), event("a:b-c"), event("perf:event")]);
  assert.deepEqual([...text.matchAll(/^interface (\w+)/gm)].map(([, name]) => name), ["ABC", "ABC2", "PerfEvent2"]);
});

Deno.test("help by topic", async () => {
  assert.equal(await output(["help", "PerfEvent"]), `${HELP}\n`);
  assert.equal(await output(["help"]), `${helpText()}\n`);
  const { code, stderr } = await perfprof(["help", "PerfEvnt"]);
  assert.deepEqual([code, stderr], [2, "perfprof: help has no topic 'PerfEvnt'\nhint: did you mean PerfEvent?\n"]);
});
