/** Handlers in WebAssembly on real events: exact counts, control, stacks, and the example of docs/compiled. */

import assert from "node:assert/strict";
import { QUIET } from "./command.ts";
import { type Child, live, perfprof, Stage, start, TempDir } from "./harness.ts";
import { assemble, assembleFile, DUMP, DUMP_SCRIPT, ROOM } from "./wasm_modules.ts";

/** Counts events, and those whose field is right. */
const COUNT = `import { Field } from "./perfprof.ts";${ROOM}
  let events = 0, ticks = 0, right = 0;
  let id!: Field;
  export function __init__(): void {
    id = new Field("raw_syscalls:sys_enter", "id");
    console.log("ready");
  }
  export function raw_syscalls__sys_enter(record: usize): void {
    events++;
    if (id.int(record) > 0) right++;
  }
  export function __interval__(): void { ticks++; }
  export function __print_stat__(indent: i32): void { console.log("".padStart(indent) + "events " + events.toString()); }
  export function __exit__(): void {
    console.log([events, right].join(" ") + (ticks > 0 ? " ticked" : ""));
  }`;

async function wasm(dir: TempDir, name: string, source: string): Promise<string> {
  const path = `${dir.path}/${name}.wasm`;
  Deno.writeFileSync(path, await assemble(source));
  return path;
}

/** Of a run whose command writes to stdout as well: what the module wrote at its end. */
const lastLine = (stdout: string) => stdout.trimEnd().split("\n").at(-1);

/** Starts a module that says `ready` in its __init__. */
async function started(options: readonly string[], path: string): Promise<Child> {
  const child = start([...options, path]);
  await child.saw(/^ready$/m);
  return child;
}

live("every event comes, with its fields; ticks, status and the end as of any module", async () => {
  using stage = new Stage();
  const path = await wasm(stage.dir, "count", COUNT);
  const command = `sh -c '${stage.emitter} calls 20000; sleep 0.1; true'`;
  const { code, stdout, stderr } = await perfprof(["-i", "20", "-e", stage.event(), "-c", command, path]);
  assert.deepEqual([code, lastLine(stdout)], [0, "20000 20000 ticked"], stderr);
  assert.match(stderr, /^Loaded module: .*count\.wasm$/m);
});

live("-N ends the run after so many events", async () => {
  using stage = new Stage();
  const path = await wasm(stage.dir, "count", COUNT);
  const { code, stdout } = await perfprof([
    "-q",
    "-N",
    "1234",
    "-e",
    stage.event(),
    "-c",
    `${stage.emitter} calls 20000`,
    path,
  ]);
  assert.equal(code, 0);
  // The command has not ended by then.
  assert.match(stdout, /^1234 1234$/m);
});

live("SIGUSR2 calls __print_stat__, SIGINT ends the run, and a handler that is stuck is ended by its name", async () => {
  using stage = new Stage();
  const counting = await started(["-q", "-e", stage.event()], await wasm(stage.dir, "count", COUNT));
  counting.kill("SIGUSR2");
  await counting.saw(/^ {4}events 0$/m);
  counting.kill("SIGINT");
  assert.deepEqual([(await counting.end()).code, counting.stdout], [0, "ready\n    events 0\n0 0\n"]);

  const stuck = `${ROOM}export function __init__(): void { console.log("ready"); while (true) {} }`;
  const child = await started(["-q", "-e", QUIET], await wasm(stage.dir, "stuck", stuck));
  child.kill("SIGINT");
  const { code, stderr } = await child.end();
  assert.equal(code, 130);
  assert.match(stderr, /__init__/);
});

live("exceptions are printed and counted, and --strict fails by them", async () => {
  using stage = new Stage();
  const source = `${ROOM}
    let events = 0;
    export function raw_syscalls__sys_enter(record: usize): void { if (++events == 3) unreachable(); }
    export function __exit__(): void { console.log(events.toString()); }`;
  const path = await wasm(stage.dir, "throws", source);
  const { code, stdout, stderr } = await perfprof(["--strict", "-e", stage.event(), "-c", `${stage.emitter} calls 5`, path]);
  assert.deepEqual([code, lastLine(stdout)], [1, "5"]);
  assert.match(stderr, /^perfprof: raw_syscalls__sys_enter threw RuntimeError: unreachable\n {4}at \S+throws\.wasm:1:\d+$/m);
  assert.match(stderr, /^perfprof: 1 exception: raw_syscalls__sys_enter 1$/m);
});

live("exports that nobody calls are warned of, as is an __init__ that fails", async () => {
  using dir = new TempDir();
  const path = await wasm(
    dir,
    "warn",
    `${ROOM}
    export function __inteval__(): void {}
    export function __init__(): i32 { return 2; }`,
  );
  const { code, stderr } = await perfprof(["-e", QUIET, "-c", "true", path]);
  assert.equal(code, 1);
  assert.match(
    stderr,
    /^perfprof: warning: export __inteval__ is never called: it is no callback; did you mean __interval__\?$/m,
  );
  assert.match(stderr, /^perfprof: __init__ failed: it returned 2$/m);
});

live("fields behind a call chain, and members of a profiler, are what a script reads", async () => {
  using stage = new Stage();
  const module = await wasm(stage.dir, "dump", DUMP);
  const script = stage.dir.write("dump.ts", DUMP_SCRIPT);
  const data = `${stage.dir.path}/perf.data`;
  const tables: [string, string, number][] = [
    [stage.event("stack"), "i:_pid i:_time i:_cpu i:_period i:common_pid i:id v:common_type", 50],
    ["profile/-F 997 -g/", "i:_pid i:_time u:ip i:pid i:tid i:time i:cpu v:period", 10],
  ];
  for (const [event, fields, least] of tables) {
    const command = `${stage.emitter} calls ${event.startsWith("profile") ? 3_000_000 : 50}`;
    const recorded = await perfprof(["record", "-q", "-o", data, "-e", event, "-c", command]);
    assert.equal(recorded.code, 0, recorded.stderr);
    const runs = [module, script].map((path) => perfprof(["-q", "-I", data, path, ...fields.split(" ")]));
    const [ours, theirs] = await Promise.all(runs);
    assert.deepEqual([ours!.code, ours!.stderr], [0, ""]);
    assert.ok(theirs!.stdout.split("\n").length > least, theirs!.stdout);
    assert.equal(ours!.stdout, theirs!.stdout);
  }
});

/** A shell that waits for its children: they wake it, and it is switched to. */
const SLEEPS = "sh -c 'sleep 0.01; sleep 0.01; sleep 0.01; sleep 0.01; true'";

live("the example of docs/compiled, as it is built there", async () => {
  using dir = new TempDir();
  const path = `${dir.path}/latency.wasm`;
  Deno.writeFileSync(path, await assembleFile("docs/compiled/latency.ts"));
  const { code, stdout, stderr } = await perfprof([
    "-q",
    "-e",
    "sched:sched_wakeup,sched:sched_switch",
    "-c",
    SLEEPS,
    path,
  ]);
  assert.deepEqual([code, stderr], [0, ""]);
  assert.match(stdout, /^(from \d+ ns: \d+\n)+$/);
});

live("the handlers of the bench count what there is", async () => {
  using stage = new Stage();
  for (const name of ["wasm_count", "wasm_fields"]) {
    const path = `${stage.dir.path}/${name}.wasm`;
    Deno.writeFileSync(path, await assembleFile(`bench/handlers/${name}.ts`));
    const { code, stderr } = await perfprof(["-q", "-e", stage.event(), "-c", `${stage.emitter} calls 1000`, path]);
    assert.deepEqual([code, stderr], [0, 'ready\n{"events":1000,"lost":0}\n']);
  }
});

live("perfprof check says that it is not for compiled modules", async () => {
  using dir = new TempDir();
  const path = dir.write("h.wasm", "");
  const { code, stderr } = await perfprof(["check", "-e", "sched:sched_wakeup", path]);
  assert.equal(code, 1);
  assert.match(
    stderr,
    /^perfprof: module \S+h\.wasm cannot be checked: it is compiled, and TypeScript and JavaScript are what is checked$/m,
  );
});
