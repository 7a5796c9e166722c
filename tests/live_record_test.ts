/**
 * `perfprof record` on a live machine. The other side of each test is the perf that is installed: what it reads of a file is what
 * was emitted. Where there is none, the tests say so and are skipped.
 */

import assert from "node:assert/strict";
import { shell } from "./command.ts";
import { callsOf, Child, type Ended, live, pause, perfprof, Stage, start } from "./harness.ts";

/** Why perf cannot be asked; undefined when it can. */
const noPerf = await (async () => {
  try {
    return (await new Deno.Command("perf", { args: ["--version"] }).output()).success ? undefined : "perf does not run";
  } catch {
    return "perf is not installed";
  }
})();

/** Runs perf to its end, which is to be a good one. @returns What it printed */
async function perf(...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await new Child("perf", args).end();
  assert.equal(code, 0, `perf ${args.join(" ")}: ${stderr}`);
  return stdout;
}

/** The samples of a file, a line each, as perf prints them. */
async function samples(file: string): Promise<string[]> {
  return (await perf("script", "-i", file, "-F", "comm,pid,event,trace")).split("\n").filter((line) => line !== "");
}

/** Records what a command does, to `name` in the stage's folder. */
async function recordCommand(stage: Stage, command: string, ...options: string[]): Promise<{ file: string; ended: Ended }> {
  const file = `${stage.dir.path}/r.data`;
  const ended = await perfprof(["record", "-o", file, "-c", command, ...options]);
  assert.equal(ended.code, 0, ended.stderr);
  return { file, ended };
}

/** Starts a recording and waits until it is under way. */
async function startRecording(file: string, ...options: string[]): Promise<Child> {
  const child = start(["record", "-o", file, ...options]);
  for (let size = 0; size === 0; await pause(20)) size = await Deno.stat(file).then(({ size }) => size, () => 0);
  await pause(500);
  return child;
}

live("perf prints every event of a recording as it was emitted", async () => {
  using stage = new Stage();
  const script = stage.dir.write("rename.sh", 'echo $$\nfor i in $(seq 200); do printf "rec$i" > /proc/$$/comm; done\n');
  const { file, ended } = await recordCommand(stage, `/bin/sh ${script}`, "-e", 'task:task_rename/newcomm~"rec*"/');
  const pid = Number(ended.stdout.trim());
  const names = ["sh", ...Array.from({ length: 200 }, (_, i) => `rec${i + 1}`)];
  const emitted = names.slice(1).map((name, i) =>
    `${names[i]} ${pid} task:task_rename: pid=${pid} oldcomm=${names[i]} newcomm=${name} oom_score_adj=`
  );
  const printed = (await samples(file)).map((line) => line.trim().replace(/\s+/g, " ").replace(/(oom_score_adj=)-?\d+$/, "$1"));
  assert.deepEqual(printed.map((line) => line.replace(/^\S+ /, "")), emitted.map((line) => line.replace(/^\S+ /, "")));
  assert.match(ended.stderr, /^perfprof: recorded 200 events, .* to .*r\.data$/m);
}, noPerf);

live("perf knows what a recording tells of the machine, the command and the events", async () => {
  using stage = new Stage();
  const { file } = await recordCommand(stage, `${stage.emitter} calls 100`, "-e", stage.event());
  const header = await perf("script", "--header-only", "-i", file);
  const hostname = Deno.readTextFileSync("/proc/sys/kernel/hostname").trim();
  for (
    const line of [
      `hostname : ${hostname}`,
      `os release : ${Deno.osRelease()}`,
      `arch : ${Deno.build.arch}`,
      "cmdline : perfprof record",
      "event : name = raw_syscalls:sys_enter",
      "CPU_TOPOLOGY info available",
      "pmu mappings: ",
      "time of first sample : ",
      "clockid: monotonic (1)",
      "reference time: ",
    ]
  ) assert.ok(header.includes(`# ${line}`), `${line}\n${header}`);
  assert.match(header, /^# nrcpus avail : [1-9]\d*$/m);
  assert.match(await perf("evlist", "-v", "-i", file), /^raw_syscalls:sys_enter: type: 2, .*\ndummy:u: type: 1, /);
  const report = await perf("report", "--stdio", "-i", file);
  assert.match(report, /^# Samples: 100 +of event 'raw_syscalls:sys_enter'$/m);
  assert.match(report, /^ +100\.00% .* \[k\] [a-z_]\w+\s*$/m);
  assert.match(await perf("buildid-list", "-i", file), /^[0-9a-f]{40} \[kernel\.kallsyms\]$/m);
}, noPerf);

live("compressed: the same events in fewer bytes", async () => {
  using stage = new Stage();
  const { file, ended } = await recordCommand(stage, `${stage.emitter} calls 20000`, "-e", stage.event(), "-z");
  assert.equal((await samples(file)).length, 20_000);
  assert.ok(Deno.statSync(file).size < 1_000_000, `${Deno.statSync(file).size}`);
  assert.match(ended.stderr, /MB before compression\)/);
  assert.match(await perf("script", "--header-only", "-i", file), /^# compressed : Zstd, level = 1, ratio = \d+$/m);
}, noPerf);

live("-o -: perf reads it from a pipe, and the command's output is not in it", async () => {
  using stage = new Stage();
  const words = `perfprof record -o - -e '${stage.event()}' -c '${stage.emitter} calls 3000'`;
  const { code, stdout, stderr } = await shell(stage.dir, `${words} | perf script -i - -F event | wc -l`);
  assert.deepEqual({ code, lines: stdout.trim() }, { code: 0, lines: "3000" }, stderr);
  assert.match(stderr, /^\{"calls":3000/m);
  assert.match(stderr, /^perfprof: recorded 3000 events, .* to stdout$/m);
}, noPerf);

live("-o -: whoever reads may go away", async () => {
  using stage = new Stage();
  const { stdout, stderr } = await shell(stage.dir, `perfprof record -o - -e sched:sched_switch | head -c 8`);
  assert.equal(stdout, "PERFILE2");
  assert.match(stderr, /^perfprof: recorded \d+ events, /m);
});

live("sent = recorded + lost, and perf is told of the lost ones as well", async () => {
  using stage = new Stage();
  const { file, ended } = await recordCommand(stage, `${stage.emitter} flood 300000`, "-e", stage.event(), "-m", "1");
  const sent = JSON.parse(ended.stdout).calls;
  const recorded = Number(/recorded (\d+) events/.exec(ended.stderr)?.[1]);
  const lost = Number(/lost (\d+) of (\d+) events in all/.exec(ended.stderr)?.[1]);
  assert.ok(lost > 0, ended.stderr);
  assert.equal(recorded + lost, sent);
  assert.equal((await samples(file)).length, recorded);
  // By id: task records may be lost as well, which are nobody's samples.
  const header = await perf("script", "--header-only", "-i", file);
  const ids = new Set(/name = raw_syscalls:sys_enter, , id = \{ ([\d, ]+) \}/.exec(header)?.[1]?.split(", "));
  const told = (await perf("script", "-D", "-i", file)).matchAll(/PERF_RECORD_LOST_SAMPLES: id:(\d+): lost samples :(\d+)/g);
  const ofSamples = [...told].filter(([, id]) => ids.has(id!)).map(([, , count]) => Number(count));
  assert.equal(ofSamples.reduce((sum, count) => sum + count, 0), lost);
}, noPerf);

for (const options of [[], ["-z"]]) {
  live(`killed in a flood, a recording has what came before ${options.join("")}`, async () => {
    using stage = new Stage();
    const file = `${stage.dir.path}/k.data`;
    const recording = await startRecording(file, "-e", stage.event(), ...options);
    const flood = stage.emit("flood", "1s");
    await pause(600);
    recording.kill("SIGKILL");
    await recording.end();
    assert.ok(await flood > 0);
    const { code, stdout, stderr } = await new Child("perf", ["script", "-i", file, "-F", "event"]).end();
    assert.deepEqual({ code, stderr }, { code: 0, stderr: "" });
    assert.ok(stdout.split("raw_syscalls:sys_enter").length > 1000, `${stdout.length}`);
  }, noPerf);
}

live("killed between the last two steps of a commit, a recording is read as well", async () => {
  using stage = new Stage();
  const { file } = await recordCommand(stage, `${stage.emitter} calls 2000`, "-e", stage.event());
  const bytes = Deno.readFileSync(file);
  const view = new DataView(bytes.buffer);
  const end = Number(view.getBigUint64(40, true) + view.getBigUint64(48, true));
  assert.deepEqual([view.getUint32(end - 8, true), view.getUint16(end - 2, true)], [68, 8], "the data ends with a round");
  view.setUint16(end - 2, 8 + bytes.length - end, true);
  Deno.writeFileSync(file, bytes);
  assert.equal((await samples(file)).length, 2000);
}, noPerf);

live("a full disk ends a recording: it says so, and how many events the file has", async () => {
  using stage = new Stage();
  const folder = `${stage.dir.path}/disk`;
  Deno.mkdirSync(folder);
  const mounted = await new Child("mount", ["-t", "tmpfs", "-o", "size=2m", "nodev", folder]).end();
  assert.equal(mounted.code, 0, mounted.stderr);
  try {
    const file = `${folder}/f.data`;
    const { code, stderr } = await perfprof(["record", "-o", file, "-e", stage.event(), "-c", `${stage.emitter} rate 20000 3`]);
    assert.equal(code, 1);
    const [, events] = /^perfprof: writing \S+ failed: no space left on device; it has the (\d+) events before that$/m
      .exec(stderr) ?? [];
    assert.ok(Number(events) > 0, stderr);
    assert.equal((await samples(file)).length, Number(events));
  } finally {
    await new Child("umount", [folder]).end();
  }
}, noPerf);

live("--time and --size end a recording", async () => {
  using stage = new Stage();
  const file = `${stage.dir.path}/l.data`;
  const before = performance.now();
  const timed = await perfprof(["record", "-o", file, "-e", stage.event(), "--time", "0.5"]);
  assert.equal(timed.code, 0, timed.stderr);
  assert.ok(performance.now() - before < 20_000);
  const sized = start(["record", "-o", file, "-e", stage.event(), "--size", "1M"]);
  const emitter = new Child(stage.emitter, ["rate", "30000", "20"]);
  const { code, stderr } = await sized.end();
  emitter.kill("SIGKILL");
  await emitter.end();
  assert.equal(code, 0, stderr);
  const { size } = Deno.statSync(file);
  assert.ok(size >= 1024 ** 2 && size < 8 * 1024 ** 2, `${size}`);
});

live("a recording has the names and stacks of what ran before it", async () => {
  using stage = new Stage();
  const file = `${stage.dir.path}/g.data`;
  const emitter = stage.hold("calls", 50);
  await pause(100);
  const recording = await startRecording(file, "-g", "--user-callchain", "-e", stage.event(), "-p", `${emitter.pid}`);
  await emitter.tell("go\n");
  assert.equal(callsOf(await emitter.end()), 50);
  const { code, stderr } = await recording.end();
  assert.equal(code, 0, stderr);
  const name = stage.emitter.split("/").at(-1)!;
  const text = await perf("script", "-i", file);
  assert.equal([...text.matchAll(new RegExp(`^${name} +${emitter.pid} `, "gm"))].length, 50, text.slice(0, 1000));
  assert.match(text, /\bdo_syscall_64\b|\bel0_svc\b/);
  assert.match(text, /\/emit\)|libc\.so/);
}, noPerf);

live("a recording keeps the one before it, is its owner's, and follows no link of others", async () => {
  using stage = new Stage();
  const file = `${stage.dir.path}/r.data`;
  for (let i = 0; i < 2; i++) await recordCommand(stage, `${stage.emitter} calls 10`, "-e", stage.event());
  assert.equal(Deno.statSync(file).mode! & 0o777, 0o600);
  assert.ok(Deno.statSync(`${file}.old`).size > 0);
  Deno.chmodSync(stage.dir.path, 0o777);
  Deno.symlinkSync(`${stage.dir.path}/elsewhere`, `${stage.dir.path}/link`);
  const { code, stderr } = await perfprof(["record", "-o", `${stage.dir.path}/link`, "-e", stage.event(), "--time", "0.1"]);
  assert.equal(code, 1);
  assert.match(stderr, /^perfprof: open \S+\/link failed: too many levels of symbolic links$/m);
});
