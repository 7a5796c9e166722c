/** Handlers in WebAssembly, over records at hand and over recordings: fields, services, memory that grows, what they throw. */

import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { routesOf } from "../lib/routes.ts";
import { Run } from "../lib/run.ts";
import { EVENT_LOST } from "../lib/source.ts";
import { WATCH_YIELD } from "../lib/watch.ts";
import { bytes, WAKEUP_RECORD } from "./fixtures/bytes.ts";
import { perfprof, TempDir } from "./harness.ts";
import { prefixed, RecordedSource, type Step } from "./recorded_source.ts";
import { assemble, DUMP, DUMP_SCRIPT, LIBRARY, loadBytes, ROOM, TEXTS } from "./wasm_modules.ts";

const RECORDINGS = fileURLToPath(new URL("recordings/", import.meta.url));

/** Runs a module over steps, in this process. */
async function play(source: string, steps: readonly Step[], argv: readonly string[] = []) {
  using dir = new TempDir();
  const cells = new Int32Array(4);
  const { handlers, compiled, event } = await loadBytes(dir, await assemble(source), { argv, cells });
  const watch = { cells, name: () => 1, busy: () => {} };
  const log: string[] = [];
  const { log: write } = console;
  console.log = (...data: unknown[]) => log.push(data.join(" "));
  const thrown: string[] = [];
  try {
    const run = new Run({
      source: new RecordedSource(steps),
      ...routesOf([event], handlers, watch, compiled),
      memory: compiled.memory,
      eventNames: ["sched:sched_wakeup"],
      handlers,
      exceptions: { report: (callback, error) => thrown.push(`${callback} threw ${error}`) },
      watch,
      enabled: () => {},
      sideband: () => {},
      lost: () => {},
      idle: () => {},
    });
    await run.init();
    await run.deliver();
    run.printStat(4);
    await run.exit();
    return { log, thrown, handed: run.handed, yields: cells[WATCH_YIELD] };
  } finally {
    console.log = write;
  }
}

const wakeup = () => prefixed(0, 1, bytes(WAKEUP_RECORD));
const many = (count: number) => Array.from({ length: count }, wakeup);

/** struct pp_lost: 7 lost on CPU 1 between 5 and 2^60. */
function lost(event: number): Uint8Array<ArrayBuffer> {
  const record = new Uint8Array(32);
  const view = new DataView(record.buffer);
  view.setBigUint64(0, 5n, true);
  view.setBigUint64(8, 2n ** 60n, true);
  view.setBigUint64(16, 7n, true);
  view.setUint32(24, event, true);
  view.setUint32(28, 1, true);
  return prefixed(EVENT_LOST, 1, record);
}

Deno.test("each callback is called, with what docs/compiled.md says", async () => {
  const { log, thrown, handed } = await play(
    ROOM + `
      export function __init__(): void { console.log("init"); }
      export function sched__sched_wakeup(record: usize, event: i32): void {
        console.log([load<u32>(record), load<u16>(record + 6), load<i32>(record + 16), event].join(" "));
      }
      export function __lost__(start: i64, end: i64, count: i64, cpu: i32, event: i32): void {
        console.log("lost " + [start, end, count].join(" ") + " " + [cpu, event].join(" "));
      }
      export function __print_stat__(indent: i32): void { console.log("stat " + indent.toString()); }
      export function __exit__(): void { console.log("exit"); }`,
    [{ records: [wakeup(), lost(0), lost(0xffffffff), wakeup()] }],
  );
  assert.deepEqual(thrown, []);
  assert.equal(handed, 2);
  const { size } = { size: bytes(WAKEUP_RECORD).length };
  const event = `9 ${size} 19131 0`;
  const end = 2n ** 60n;
  assert.deepEqual(log, ["init", event, `lost 5 ${end} 7 1 0`, `lost 5 ${end} 7 1 -1`, event, "stat 4", "exit"]);
});

Deno.test("what a module can ask of an event, and of perfprof", async () => {
  const { log, thrown } = await play(
    ROOM + TEXTS + `
      export function __init__(): void { console.log(host.arg_count().toString() + taken(host.arg(1, at, 100))); }
      export function sched__sched_wakeup(): void {
        console.log(value("comm") + " " + value("_time") + " " + value("nothing"));
        console.log(taken(host.text(1, at, 1000)));
        console.log(host.text(1, at, 3).toString() + " " + String.UTF8.decodeUnsafe(at, 3));
        const name = String.UTF8.encode("pid");
        console.log(host.get_i64(changetype<usize>(name), name.byteLength).toString());
        console.log(host.hash().toString() + " " + host.frame_count().toString());
        console.log(taken(host.comm(19132, 5, at, 100)) + " " + host.realtime(1).toString());
        console.log(taken(host.event_name(0, at, 100)) + " " + host.now().toString());
      }`,
    [{ records: many(1) }],
    ["né"],
  );
  assert.deepEqual(thrown, []);
  const line = log[2]!;
  assert.match(line, /sched:sched_wakeup: /);
  assert.deepEqual(log.slice(0, 2), ["2né", "pppeer 1105245325610 none"]);
  assert.deepEqual(log.slice(3, 5), [`${line.length} ${line.slice(0, 3)}`, "19133"]);
  assert.match(log[5]!, /^-?\d{10,} 0$/);
  assert.match(log[6]!, /^.+ \d+$/);
  assert.equal(log[7], "sched:sched_wakeup 0");
});

Deno.test("memory may grow in any callback: every event still comes, and in the right place", async () => {
  const { log, thrown, handed } = await play(
    TEXTS + ROOM + `
      let events = 0, right = 0, losses = 0;
      export function __init__(): void { memory.grow(1); }
      export function sched__sched_wakeup(record: usize): void {
        const before = value("comm");
        memory.grow(1);
        if (load<i32>(record + 16) == 19131 && before == "pppeer" && value("comm") == before) right++;
        if (++events % 3 == 0) unreachable();
      }
      export function __lost__(): void { memory.grow(1); losses++; }
      export function __exit__(): void { console.log([events, right, losses].join(" ")); }`,
    [{ records: [...many(10), lost(0), ...many(10)] }, { records: [lost(0), wakeup()] }],
  );
  assert.deepEqual(log, ["21 21 2"]);
  assert.equal(handed, 21);
  assert.deepEqual(thrown, Array.from({ length: 7 }, () => "sched__sched_wakeup threw RuntimeError: unreachable"));
});

Deno.test("what a module throws, and what it asks wrongly", async () => {
  const { thrown } = await play(
    TEXTS + ROOM + `
      let events = 0;
      export function sched__sched_wakeup(): void {
        switch (events++) {
          case 0: throw new Error("zéro");
          case 1: { const why = String.UTF8.encode("one"); host.fail(changetype<usize>(why), why.byteLength); return; }
          case 2: { host.frame_symbol(2, at, 10); return; }
          case 3: { host.event_name(9, at, 10); return; }
          case 4: { host.text(0, 0xfffffff0, 32); return; }
          case 5: { host.write(3, at, 0); return; }
        }
      }
      export function __exit__(): void { host.print(0); }`,
    [{ records: many(6) }],
  );
  assert.deepEqual(thrown.map((line) => line.replace("sched__sched_wakeup threw ", "")), [
    "Error: zéro at h.ts:18:19",
    "Error: one",
    "RangeError: there is no frame 2: there are 0",
    "RangeError: there is no event 9: there are 1",
    "RangeError: 32 bytes at 4294967280 are not in the module's memory",
    "RangeError: there is no stream 3: 1 is stdout, 2 is stderr",
    "__exit__ threw TypeError: there is no event: only its handler can ask for it, while it runs",
  ]);
});

Deno.test("__init__ fails by what it throws, or by another result than 0; a misspelt field has its nearest name", async () => {
  const init = (body: string) => play(`import { Field } from "./perfprof.ts";${ROOM}${body}`, []);
  await assert.rejects(
    init("export function __init__(): i32 { return 3; }"),
    /^PerfprofError: __init__ failed: it returned 3$/,
  );
  const wrong = (event: string, name: string) => init(`export function __init__(): void { new Field("${event}", "${name}"); }`);
  await assert.rejects(wrong("sched:sched_wakeup", "prioo"), /has no field 'prioo'; did you mean 'prio'\? Fields: _pid, /);
  await assert.rejects(
    wrong("sched:sched_wakeup", "_event"),
    /^TypeError: .*field '_event' has no fixed place: ask for its value$/,
  );
  await assert.rejects(wrong("sched:nothing", "x"), /-e lacks sched:nothing at perfprof\.ts:\d+:\d+$/);
});

Deno.test("a module that writes over the events ends the run with a word", async () => {
  const wild = ROOM + "export function sched__sched_wakeup(record: usize): void { memory.fill(record, 0xff, 1024); }";
  await assert.rejects(
    play(wild, [{ records: many(3) }]),
    /^DecodeError: a record of 4294967295 bytes in a batch with room for/,
  );
});

/** Recording, events, and fields that all of these have. */
const RECORDED: readonly [recording: string, events: string, fields: string][] = [
  [
    "counter",
    "sched:sched_wakeup",
    "i:_pid i:_tid i:_cpu i:_time i:_period i:common_pid i:common_flags i:pid i:prio t:comm v:_event",
  ],
  ["counter", "sched:sched_switch", "i:prev_state i:next_pid t:prev_comm t:next_comm v:nothing"],
  ["folded", "sched:sched_switch", "i:_time i:prev_pid i:prev_state t:prev_comm t:next_comm v:next_prio"],
  ["counter", "sched:sched_switch//alias=away/,sched:sched_wakeup", "i:_time i:common_type i:common_preempt_count"],
  ["rundelay", "rundelay", "i:_pid i:_time i:pid i:tid i:time i:cpu i:delay i:waker_pid t:comm t:waker_comm v:waker_tid"],
  ["syscalls", "syscalls", "i:time i:nr i:ret i:latency t:name v:nothing"],
  ["oncpu", "oncpu,sched:sched_wakeup", "i:_pid i:_time i:_cpu v:_event"],
];

Deno.test("over recordings, a module reads of each event what a script reads", async (test) => {
  using dir = new TempDir();
  Deno.writeFileSync(`${dir.path}/dump.wasm`, await assemble(DUMP));
  dir.write("dump.ts", DUMP_SCRIPT);
  for (const [recording, events, fields] of RECORDED) {
    await test.step(`${recording}: ${events}`, async () => {
      const run = async (module: string) => {
        const args = [
          "-q",
          "-I",
          `${RECORDINGS}${recording}.perf.data`,
          "-e",
          events,
          `${dir.path}/${module}`,
          ...fields.split(" "),
        ];
        const { code, stdout, stderr } = await perfprof(args);
        assert.deepEqual([code, stderr], [0, ""]);
        return stdout;
      };
      const [wasm, script] = [await run("dump.wasm"), await run("dump.ts")];
      assert.ok(script.split("\n").length > 5, script);
      assert.equal(wasm, script);
    });
  }
});

Deno.test("docs/compiled.md and the library for AssemblyScript declare what there is", async () => {
  using dir = new TempDir();
  const { compiled } = await loadBytes(dir, await assemble(ROOM + "export function __exit__(): void {}"));
  const declared = [...LIBRARY.matchAll(/^export declare function (\w+)\(([^)]*)\): (\w+);/gm)].map(
    ([, name, params, result]) => {
      const types = params === "" ? [] : params!.split(", ").map((param) => param.split(": ")[1]!.replace("usize", "i32"));
      return [`perfprof.${name}`, `(${types.join(", ")})${result === "void" ? "" : ` -> ${result}`}`];
    },
  );
  const { imports } = compiled as unknown as { imports: ReadonlyMap<string, { type: string }> };
  const there = [...imports].filter(([name]) => name.startsWith("perfprof.")).map(([name, { type }]) => [name, type]);
  assert.deepEqual(declared.sort(), there.sort());
  const page = Deno.readTextFileSync(new URL("../docs/compiled.md", import.meta.url));
  const listed = [...page.matchAll(/^\| `(\w+)` +\| `(\([^`]*)`/gm)].map(([, name, type]) => [`perfprof.${name}`, type!]);
  assert.deepEqual(listed.sort(), there.sort());
});
