/** What `list` and `show` print: on a pipe, on terminals of two widths, with and without colours; and filters that the kernel takes. */

import assert from "node:assert/strict";
import { type CommandContext, runCommand } from "../lib/commands.ts";
import { describeEvents } from "../lib/described_event.ts";
import { filterExample } from "../lib/show.ts";
import type { Terminal } from "../lib/terminal.ts";
import { NativeMachine } from "../ffi/machine.ts";
import { live, perfprof } from "./harness.ts";

const PIPE: Terminal = { columns: undefined, colours: false };

async function run(name: CommandContext["name"], args: readonly string[], terminal = PIPE): Promise<string> {
  const options = { kind: "command", name, args, events: [], options: [], intervalMs: undefined } as const;
  return (await runCommand({ ...options, terminal, machine: () => new NativeMachine() })).text;
}

live("list: a name to a line on a pipe, sorted, without what cannot be opened", async () => {
  const { code, stdout, stderr } = await perfprof(["list"]);
  assert.deepEqual([code, stderr], [0, ""]);
  const all = stdout.trimEnd().split("\n");
  const names = all.filter((name) => name.includes(":"));
  assert.deepEqual(
    all.slice(names.length).filter((name) => !/^[\w-]+(?:\/\S+\/)?$/.test(name)),
    [],
    "profilers and events, behind",
  );
  assert.deepEqual(names.filter((name) => !/^[\w-]+:[\w-]+$/.test(name)), []);
  assert.ok(names.includes("sched:sched_switch") && !names.some((name) => name.startsWith("ftrace:")));
  const systems = names.map((name) => name.split(":")[0]!);
  assert.deepEqual(systems, [...systems].sort());
});

const GLOBS: [glob: string, want: RegExp][] = [
  ["sched:sched_switch", /^sched:sched_switch\n$/],
  ["sched", /^(sched:\w+\n)+$/],
  ["sched:*wakeup", /^sched:sched_wakeup\n$/],
  ["softirq_?????", /^irq:softirq_entry\nirq:softirq_raise\n$/],
  ["softirq_e[!a-m]*", /^irq:softirq_entry\n$|^irq:softirq_entry\nirq:softirq_exit\n$/],
  ["irq:softirq_[er]*y", /^irq:softirq_entry\n$/],
  ["task-s*", /^task-state\n$/],
  ["page-faults", /^page-faults\n$/],
  ["profilers", /^profile\npage-faults\n[^:]*\ntask-state\n/],
  ["software*", /^cpu-clock\n[^:]*\ncontext-switches\n/],
];
for (const [glob, want] of GLOBS) {
  live(`list: ${glob}`, async () => assert.match(await run("list", [glob]), want));
}

live("list: nothing matches", async () => {
  const { code, stdout, stderr } = await perfprof(["list", "sched:sched_wakup*"]);
  assert.deepEqual([code, stdout], [1, ""]);
  assert.match(
    stderr,
    /^perfprof: listing 'sched:sched_wakup\*' failed: no event matches\nhint: did you mean sched:sched_wakeup\b/,
  );
  await assert.rejects(run("list", ["xyzzyplugh"]), { hints: ["perfprof list   (all events)"] });
  await assert.rejects(run("list", ["a", "b"]), { message: "the command 'list' takes one GLOB, not 2", exitCode: 2 });
});

live("list: on a terminal the dynamic probes that the kernel has, a line for each kind", async () => {
  const kinds = (await run("list", [], { columns: 80, colours: false })).split("\ndynamic probes\n")[1] ?? "";
  const uprobes = has("uprobe_events") ? ["uprobe", "uretprobe", "usdt"] : [];
  const kprobes = has("kprobe_events") ? ["kprobe", "kretprobe"] : [];
  const shown = [...kinds.matchAll(/^ {2}(\w+):[A-Z]\S+ {2}/gm)].map(([, kind]) => kind);
  assert.deepEqual(shown, [...kprobes, ...uprobes]);
});

function has(file: string): boolean {
  return new NativeMachine().kernelFile(`/sys/kernel/tracing/${file}`) !== undefined;
}

for (const columns of [80, 200]) {
  live(`list and show fit into ${columns} columns`, async () => {
    const listed = await run("list", [], { columns, colours: false });
    const shown = await run("show", ["sched:sched_switch"], { columns, colours: false });
    const long = (text: string) =>
      text.split("\n").filter((line) => line.length > columns && !/^ {2}(\S+|perfprof .*)$/.test(line));
    assert.deepEqual([...long(listed), ...long(shown)], []);
    assert.match(listed, /^sched\n( {2}sched:.*\n)+\n/m);
    assert.match(listed, /^ {2}sched:sched_wakeup +comm pid prio target_cpu$/m);
  });
}

live("show: fields, values, print format, handler and examples", async () => {
  const { code, stdout, stderr } = await perfprof(["show", "sched:sched_switch"]);
  assert.deepEqual([code, stderr], [0, ""]);
  assert.match(stdout, /^sched:sched_switch\n\nFields\n {2}FIELD +C TYPE +TYPESCRIPT +SIZE\n/);
  assert.match(stdout, /^ {2}prev_comm +char\[16\] +string +16$/m);
  assert.match(stdout, /^ {2}prev_state +long +number \| bigint +8\n +prev_state & 0x\w+: 0x1=S, 0x2=D, /m);
  assert.match(stdout, /^ {2}common_pid +int +number +4$/m);
  assert.match(stdout, /^Print format\n {2}"prev_comm=%s .*__print_flags\(.*REC->next_prio$/m);
  assert.match(stdout, /export function sched__sched_switch\(event\)/);
  const [, filter] = /perfprof -e '(sched:sched_switch\/prev_state&0x1 && prev_comm~"a\*"\/)'/.exec(stdout)!;
  const traced = await perfprof(["-e", filter!, "-c", "true", new URL("../templates/counter.ts", import.meta.url).pathname]);
  assert.deepEqual([traced.code, traced.stdout], [0, "Done\n"]);
});

live("list: on a terminal profilers and events by kind, with a line about each", async () => {
  const text = await run("list", ["*-s*"], { columns: 100, colours: false });
  assert.match(text, /^profilers\n {2}task-state +how long tasks sleep, wait for a CPU.*\n/m);
  assert.match(text, /^software events\n {2}context-switches +\S.*\n/m);
  await assert.rejects(run("list", ["task-stat"]), { hints: ["did you mean task-state?"] });
});

live("show: a profiler's summary, options, members, handler and example", async () => {
  const text = await run("show", ["task-state"], { columns: 80, colours: false });
  assert.match(text, /^task-state\n\n {2}how long tasks sleep, .*\n[^]*\nWhat it measures\n/);
  assert.match(text, /\nOptions\n[^]*\n {2}--than TIME +only states of TIME/);
  assert.match(text, /\nMembers\n {2}pid +number +process\n[^]*\n {2}duration +number +ns in the state\n/);
  assert.match(text, /\nHandler\n {2}export function task_state\(event\) \{ \.\.\. \}\n/);
  assert.match(text, /\n {2}perfprof -e 'task-state\/-S -D --than 1ms\/' help > h\.ts\n/);
  assert.doesNotMatch(text.split("\nMembers\n")[1]!, /callchain/, "not without -g");
  assert.match(await run("show", ["task-state/-g/alias=x/"]), /\n {2}callchain +readonly Frame\[\] +[^]*export function x\(/);
});

live("show: a profiler that lacks what its event needs shows the members of its example", async () => {
  const text = await run("show", ["breakpoint"]);
  assert.match(text, /\nWords\n {2}breakpoint\/ADDRESS/);
  assert.match(text, /\nMembers\n {2}ip +bigint +/);
});

live("show: on a terminal the print format leaves out the values", async () => {
  const text = await run("show", ["kmem:kmalloc"], { columns: 80, colours: false });
  assert.match(text, /__print_flags\(REC->gfp_flags, "\|",\s+\.\.\.\s+\)/);
  assert.ok(text.split("\n").length < 60, text);
});

live("show: what it refuses", async () => {
  await assert.rejects(run("show", []), { message: "the command 'show' takes one EVENT, not 0", exitCode: 2 });
  await assert.rejects(run("show", ["irq:softirq_entry,irq:softirq_exit"]), { exitCode: 2 });
  await assert.rejects(run("show", ["sched:sched_wakup"]), {
    exitCode: 1,
    hints: ["did you mean sched:sched_wakeup or sched:sched_waking?"],
  });
});

live("colours are for terminals only", async () => {
  // deno-lint-ignore no-control-regex
  const escape = /\x1b\[/;
  for (const [name, arg] of [["list", "irq:*"], ["show", "irq:softirq_entry"]] as const) {
    assert.doesNotMatch(await run(name, [arg]), escape);
    assert.doesNotMatch(await run(name, [arg], { columns: 80, colours: false }), escape);
    const coloured = await run(name, [arg], { columns: 80, colours: true });
    assert.match(coloured, escape);
    assert.equal(
      coloured.replace(new RegExp(`${escape.source}\\d+m`, "g"), ""),
      await run(name, [arg], { columns: 80, colours: false }),
    );
  }
});

live("the kernel takes the filter example of every event", async () => {
  const machine = new NativeMachine();
  const instance = `/sys/kernel/tracing/instances/perfprof_test_${Deno.pid}`;
  const events = (await run("list", ["*:*"])).trimEnd().split("\n");
  Deno.mkdirSync(instance);
  try {
    const refused = describeEvents(machine, [events.join(",")]).flatMap((event) => {
      assert.equal(event.kind, "tracepoint");
      const { system, name } = event.spec;
      const filter = filterExample(event);
      try {
        Deno.writeTextFileSync(`${instance}/events/${system}/${name}/filter`, filter, { create: false });
        return [];
      } catch (error) {
        return [`${system}:${name}: ${filter}: ${error}`];
      }
    });
    assert.deepEqual(refused, []);
  } finally {
    Deno.removeSync(instance);
  }
});
