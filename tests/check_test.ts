/**
 * `perfprof check`: what it finds in a module, at which place, against saved formats of one kernel and of two. It takes no root: the
 * formats are these.
 *
 * @module
 */

import assert from "node:assert/strict";
import { type Ended, perfprof, TempDir } from "./harness.ts";

/** include/trace/events/sched.h, as tracefs shows it; `prio` is what a kernel calls that field. */
const format = (prio: string) =>
  `name: sched_wakeup
ID: 371
format:
	field:unsigned short common_type;	offset:0;	size:2;	signed:0;
	field:unsigned char common_flags;	offset:2;	size:1;	signed:0;
	field:unsigned char common_preempt_count;	offset:3;	size:1;	signed:0;
	field:int common_pid;	offset:4;	size:4;	signed:1;

	field:char comm[16];	offset:8;	size:16;	signed:0;
	field:pid_t pid;	offset:24;	size:4;	signed:1;
	field:int ${prio};	offset:28;	size:4;	signed:1;
	field:int target_cpu;	offset:32;	size:4;	signed:1;

print fmt: "comm=%s pid=%d prio=%d target_cpu=%03d", REC->comm, REC->pid, REC->${prio}, REC->target_cpu
`;

/** A folder with a module and the formats of two kernels. */
class Desk extends TempDir {
  constructor(module: string, name = "h.ts") {
    super();
    this.write(name, module);
    this.write("old/sched/sched_wakeup/format", format("prio"));
    this.write("new/sched/sched_wakeup/format", format("priority"));
  }

  check(...args: string[]): Promise<Ended> {
    return perfprof(["check", "-e", "sched:sched_wakeup", ...args], { cwd: this.path });
  }
}

async function findings(module: string): Promise<string[]> {
  using desk = new Desk(module);
  const { code, stdout, stderr } = await desk.check("h.ts", "--formats", "old");
  assert.deepEqual([code, stderr], [1, ""], stdout);
  return stdout.trimEnd().split("\n");
}

Deno.test("a module that is right is said to be so", async () => {
  using desk = new Desk(`
    import { parseArgs } from "node:util";
    const woken = perf_prof.top(parseArgs({ args: Deno.args, strict: false }).positionals.length);
    export function sched__sched_wakeup(event: PerfEvent & { comm: string; pid: number }) { woken.add(event.comm); }
    export function __lost__(start: number, end: number, { count }: { count: number }) { console.log(end - start, count); }
    export async function __exit__() { await Promise.resolve(); }
  `);
  const { code, stdout, stderr } = await desk.check("h.ts", "--formats", "old");
  assert.deepEqual([code, stdout, stderr], [0, "h.ts: nothing is wrong\n", ""]);
});

Deno.test("a misspelt field is found where it is read, and where it is declared", async () => {
  assert.deepEqual(
    await findings(`export function sched__sched_wakeup(event: PerfEvent & {
  com: string;
}) { console.log(event.com); }
export function __sample__(event: SchedWakeup) { console.log(event.prioo); }
`),
    [
      "h.ts:2:3: sched__sched_wakeup: sched:sched_wakeup has no field 'com'; did you mean 'comm'?",
      "h.ts:4:68: sched:sched_wakeup has no field 'prioo'; did you mean 'prio'?",
    ],
  );
});

Deno.test("a field of another type, and a callback with parameters of its own, are found", async () => {
  assert.deepEqual(
    await findings(`export function sched__sched_wakeup(event: { pid: string }) { console.log(event.pid); }
export function __interval__(ms: number) { console.log(ms); }
export const __lost__ = 5;
`),
    [
      "h.ts:1:1: sched__sched_wakeup: field 'pid': Type 'number' is not assignable to type 'string'.",
      "h.ts:2:1: __interval__: Target signature provides too few arguments. Expected 1 or more, but got 0.",
      "h.ts:3:14: __lost__: Type 'number' does not satisfy the expected type '(start: number, end: number, info: { count: number; cpu: number; event: string | undefined; }) => unknown'.",
    ],
  );
});

Deno.test("an export that is misspelt, or that handles another event, is found", async () => {
  assert.deepEqual(await findings("export function __inteval__() {}\nexport function sched__sched_wakup() {}\n"), [
    "h.ts:1:1: export __inteval__ is never called: it is no callback; did you mean __interval__?",
    "h.ts:2:1: export sched__sched_wakup is never called: it handles no event that is opened; did you mean sched__sched_wakeup?",
  ]);
  assert.deepEqual(await findings("export const counter = 1;\n"), ["h.ts:1:1: the module has no handlers: it exports counter"]);
});

Deno.test("a module that does not parse, or imports what is not there, is a finding at its place", async () => {
  const [unparsed, ...more] = await findings("export function __exit__() {}\nconst = 1;\n");
  assert.deepEqual(more, []);
  assert.match(unparsed!, /^h\.ts:2:\d+: /);
  const [missing] = await findings('import "./nowhere.ts";\nexport function __exit__() {}\n');
  assert.match(missing!, /^h\.ts:1:\d+: .*nowhere\.ts/);
});

Deno.test("several kernels are checked at once, and the one that differs is named", async () => {
  using desk = new Desk("export function sched__sched_wakeup({ prio }: { prio: number }) { console.log(prio); }\n");
  const { code, stdout } = await desk.check("h.ts", "--formats=old", "--formats", "new");
  assert.equal(code, 1);
  assert.equal(
    stdout,
    "h.ts:1:49: sched__sched_wakeup: sched:sched_wakeup has no field 'prio'; it has comm, pid, priority, target_cpu (new)\n",
  );
});

Deno.test("a file without extension, and the settings of the module's own folder, are taken", async () => {
  using desk = new Desk('import { n } from "mine";\nexport function __exit__() { console.log(n + 1); }\n', "script");
  desk.write("deno.json", '{ "imports": { "mine": "./mine.ts" } }');
  desk.write("mine.ts", "export const n = 1;\n");
  const { code, stdout, stderr } = await desk.check("./script", "--formats", "old");
  assert.deepEqual([code, stdout, stderr], [0, "./script: nothing is wrong\n", ""]);
});

Deno.test("what cannot be checked is an error with a hint", async () => {
  using desk = new Desk("export function __exit__() {}\n");
  desk.write("h.b", "");
  const refused: [string[], RegExp][] = [
    [
      ["h.ts", "--formats", "nowhere"],
      /^perfprof: reading formats of nowhere failed: there is no SYSTEM\/NAME\/format in it\nhint: cp -r/,
    ],
    [["h.ts", "--formats"], /^perfprof: option --formats: the value is missing\nhint: /],
    [
      ["h.ts", "--format", "old"],
      /^perfprof: option --format is unknown to the command 'check'\nhint: it knows -e and --formats\n/,
    ],
    [["--formats", "old"], /^perfprof: no MODULE to check\nhint: /],
    [
      ["./h.b", "--formats", "old"],
      /^perfprof: module \S+\/h\.b cannot be checked: its name does not say that it is TypeScript\nhint: /,
    ],
    [
      ["h.ts", "--formats", "old", "-e", "kprobe:x"],
      /^perfprof: option --formats: kprobe:x is a probe, and has no saved format\n/,
    ],
    [["h.ts", "--formats", "old", "-e", "sched:sched_wakup"], /sched:sched_wakeup/],
  ];
  for (const [args, message] of refused) {
    const { code, stdout, stderr } = await desk.check(...args);
    assert.notEqual(code, 0);
    assert.equal(stdout, "");
    assert.match(stderr, message);
  }
});
