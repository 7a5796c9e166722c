/**
 * A handler prints of a replay what it prints of a live run, byte for byte: of the same load, what does not differ from run to run;
 * of one recording, in every form that it can have, all.
 *
 * @module
 */

import assert from "node:assert/strict";
import { shell } from "./command.ts";
import { EMIT, type Ended, live, perfprof, Stage, TempDir } from "./harness.ts";
import { cannotRecord, emitted, output, perfLines, recordCalls, sampleLines } from "./recording_files.ts";
import { compressed, piped, withoutTrailers } from "./recording_forms.ts";

const CALLS = 300;
/** Neither when an event was, nor where, nor of which task. */
const LINES = `
  const lines = [];
  export function __sample__(event) {
    const [line] = event.to_text({ timestamp: false, callchain: false }).split("\\n");
    const stack = (event._callchain ?? []).map(({ symbol, kernel }) => (kernel ? "k:" : "u:") + symbol);
    lines.push([line.replace(/ \\d+ .*? (?=\\S+:\\S+: )/, " "), ...stack].join(" "));
  }
  export function __exit__() { console.log(lines.join("\\n")); }`;
const EVERYTHING = `
  export function __sample__(event) {
    const { _realtime, _time, _cpu, _pid, _tid, _period } = event;
    console.log(event.to_text(), _realtime, _time, _cpu, _pid, _tid, _period);
  }
  export function __interval__() { console.log("interval"); }
  export function __exit__() { console.log("end"); }`;

/** The generator where it has the same addresses each time: what is left in registers is then the same as well. */
function load(stage: Stage, ...words: string[]): string {
  return ["setarch", "-R", stage.emitter, ...words].join(" ");
}

/** Without the generator's own last line. */
function printed({ code, stdout, stderr }: Ended): string {
  assert.equal(code, 0, stderr);
  return stdout.replace(/^\{"calls":.*\n/m, "");
}

for (
  const [what, words, options] of [
    ["one event", (stage: Stage) => stage.event(), []],
    ["several events", (stage: Stage) => `${stage.event()},${stage.exitEvent()},task:task_newtask`, []],
    ["kernel stacks", (stage: Stage) => stage.event(), ["-g"]],
  ] as const
) {
  live(`${what}: a replay prints what a live run does, byte for byte`, async () => {
    using stage = new Stage();
    const module = stage.dir.write("h.ts", LINES);
    const file = `${stage.dir.path}/r.data`;
    const traced = ["-e", words(stage), ...options, "-c", load(stage, "calls", `${CALLS}`)];
    const direct = printed(await perfprof([...traced, module]));
    printed(await perfprof(["record", "-o", file, ...traced]));
    assert.equal(printed(await perfprof(["-I", file, module])), direct);
    assert.equal(direct.match(/raw_syscalls:sys_enter: /g)?.length, CALLS, direct);
    if (options[0] === "-g") assert.match(direct, / k:do_syscall_64\b| k:el0_svc\b/);
  });
}

live("every form of a recording is the same, byte for byte, each time", async () => {
  using dir = new TempDir();
  const path = `${dir.path}/r.data`;
  const words = ["-e", "raw_syscalls:sys_enter,sched:sched_switch", "-c", `${EMIT} calls ${CALLS}`];
  printed(await perfprof(["record", "-o", path, ...words]));
  const module = dir.write("h.ts", EVERYTHING);
  const replay = async (file: string) => printed(await perfprof(["-q", "-i", "1", "-I", file, module]));
  const first = await replay(path);
  assert.match(first, /raw_syscalls:sys_enter: [^]*\ninterval\n[^]*\nend\n$/);
  assert.equal(await replay(path), first);
  const bytes = Deno.readFileSync(path);
  Deno.writeFileSync(`${dir.path}/z.data`, compressed(bytes));
  assert.equal(await replay(`${dir.path}/z.data`), first);
  Deno.writeFileSync(`${dir.path}/p.data`, piped(bytes));
  assert.equal(await replay(`${dir.path}/p.data`), first);
  const { stdout, stderr } = await shell(dir, `cat p.data | perfprof -q -i 1 -I - h.ts`);
  assert.equal(stdout, first, stderr);
});

live("a recording without sample_id_all has the same samples, also for perf", async () => {
  using dir = new TempDir();
  const path = `${dir.path}/r.data`;
  recordCalls(path, ["-g", ...emitted()], 50);
  const lines = perfLines(path);
  Deno.writeFileSync(path, withoutTrailers(Deno.readFileSync(path)));
  assert.match(output("perf", ["evlist", "-v", "-i", path]), /^raw_syscalls:sys_enter(?!.*sample_id_all)/);
  const module = `export function __sample__(event) { console.log(event.to_text({ timestamp: false }).split("\\n")[0]); }`;
  const ended = await perfprof(["-I", path, dir.write("h.ts", module)]);
  assert.equal(lines.length, 50);
  assert.deepEqual(sampleLines(printed(ended)), lines);
  assert.deepEqual(perfLines(path), lines);
}, cannotRecord);
