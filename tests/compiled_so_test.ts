/** Handlers in C: that they get every event, once, in order and with its fields; and each callback by the rules of any module. */

import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { QUIET } from "./command.ts";
import { compile, entered, noCompiler, Objects, runOn } from "./compiled_so.ts";
import { EMIT, emittedNr, live, perfprof, start } from "./harness.ts";
import { lacks } from "./stack_programs.ts";

const liveObject = (name: string, test: () => Promise<void>) => live(name, test, noCompiler);

/** Counts, and prints the count at the end. `emit`'s own lines are JSON, too. */
const COUNTER = `static uint64_t events, last, late;
PP_EXPORT void raw_syscalls__sys_enter(const struct pp_event *event) { events++; late += event->time < last; last = event->time; }
void __exit__(void) { printf("%" PRIu64 " events, %" PRIu64 " late\\n", events, late); }`;

liveObject("a handler in C gets every event, once and in order, of several CPUs and threads", async () => {
  using objects = new Objects();
  const counter = objects.make(COUNTER);
  for (const options of [[], ["-m", "1024"], ["--clock", "boottime"], ["--watermark", "0"]]) {
    const { code, stdout, stderr } = await runOn("crowd 4 5000", [...options, "-e", entered()], counter);
    assert.equal(code, 0, stderr);
    assert.match(stdout, /^20000 events, 0 late$/m, options.join(" "));
    assert.match(stderr, new RegExp(`^Loaded module: ${counter}$`, "m"));
  }
  assert.match((await runOn("crowd 4 5000", ["--no-order", "-e", entered()], counter)).stdout, /^20000 events, /m);
});

liveObject("-N stops at so many, and side-band records do not disturb", async () => {
  using objects = new Objects();
  const counter = objects.make(COUNTER);
  const forks = await runOn("fork 20 50", ["-e", entered()], counter);
  assert.match(forks.stdout, /^1000 events, 0 late$/m);
  const some = await runOn("calls 5000", ["-N", "1234", "-e", entered()], counter);
  assert.match(some.stdout, /^1234 events, 0 late$/m);
  assert.equal(some.code, 0);
});

liveObject("fields are found by name, once, of tracepoints with and without stacks", async () => {
  using objects = new Objects();
  const object = objects.make(`static struct pp_field id, common, pid, args;
static uint64_t right, with_id;
int __init__(void) {
  const char *event = "raw_syscalls:sys_enter";
  return pp_field_find(event, "id", &id) || pp_field_find("raw_syscalls__sys_enter", "common_pid", &common) ||
    pp_field_find(event, "_pid", &pid) || pp_field_find(event, "args", &args);
}
PP_EXPORT void raw_syscalls__sys_enter(const struct pp_event *event) {
  uint32_t size;
  const uint8_t *bytes = pp_get_bytes(event, &args, &size);
  with_id += pp_get_i64(event, &id) == ${emittedNr()};
  right += pp_get_u64(event, &common) == event->tid && pp_get_u64(event, &pid) == event->pid && event->pid != 0 && bytes && size == 48;
}
void __exit__(void) { printf("%" PRIu64 " right, %" PRIu64 " with id\\n", right, with_id); }`);
  for (const options of [[], ["-g", "--user-callchain"]]) {
    const { stdout, stderr } = await runOn("calls 300", [...options, "-e", entered()], object);
    assert.match(stdout, /^300 right, 300 with id$/m, stderr);
  }
});

liveObject("each alias has its own handler, __sample__ the rest, and an event that nobody takes is no trouble", async () => {
  using objects = new Objects();
  const object = objects.make(`static uint64_t a, rest;
PP_EXPORT void raw_syscalls__a(const struct pp_event *event) { a += event->source == 0; }
void __sample__(const struct pp_event *event) { rest += event->source == 1; }
void __exit__(void) { printf("%" PRIu64 " a, %" PRIu64 " rest\\n", a, rest); }`);
  const { stdout } = await runOn("calls 100", ["-e", `${entered("alias=a")},${entered("alias=b")}`], object);
  assert.match(stdout, /^100 a, 100 rest$/m);
  const only = objects.make(
    'PP_EXPORT void raw_syscalls__a(const struct pp_event *event) { printf("a %u\\n", event->cpu); }',
    "only",
  );
  const { stdout: lines, stderr } = await runOn("calls 3", ["-e", `${entered("alias=a")},${entered("alias=b")}`], only);
  assert.equal(lines.match(/^a \d+$/gm)?.length, 3);
  assert.match(stderr, /warning: .*raw_syscalls:b/);
});

liveObject("__interval__ comes in event time: after all that is older than the tick, and before the rest", async () => {
  using objects = new Objects();
  const object = objects.make(`static uint64_t last, ticks, wrong, events, tick_events;
PP_EXPORT void raw_syscalls__sys_enter(const struct pp_event *event) { events++; wrong += event->time < last; last = event->time; }
void __interval__(void) { ticks++; tick_events = events; }
void __exit__(void) { printf("%" PRIu64 " events, %d ticks, %" PRIu64 " wrong\\n", events, ticks >= 8 && ticks <= 11 && tick_events <= events, wrong); }`);
  const { stdout } = await runOn("rate 20000 1", ["-i", "100", "-e", entered()], object);
  assert.match(stdout, /^\d+ events, 1 ticks, 0 wrong$/m);
});

liveObject("__print_stat__ comes with SIGUSR2, argv has the handler's own words", async () => {
  using objects = new Objects();
  const object = objects.make(`int __init__(void) {
  for (uint32_t i = 1; i < pp_host->argc; i++) printf("%s;", pp_host->argv[i]);
  printf("%s\\n", pp_host->argv[pp_host->argc] ? "?" : "end");
  return 0;
}
void __print_stat__(int indent) { printf("%*sstat\\n", indent, ""); }`);
  const child = start(["-e", QUIET, object, "--mine", "a b"]);
  await child.saw(/^--mine;a b;end$/m);
  child.kill("SIGUSR2");
  await child.saw(/^ {4}stat$/m);
  child.kill("SIGINT");
  assert.equal((await child.end()).code, 0);
});

liveObject("__lost__ is told how many, of which event", async () => {
  using objects = new Objects();
  const object = objects.make(`static uint64_t events, lost; static int wrong;
PP_EXPORT void raw_syscalls__sys_enter(const struct pp_event *event) { (void)event; if (events++ == 0) usleep(300000); }
void __lost__(uint64_t start, uint64_t end, const struct pp_lost_info *info) {
  lost += info->count;
  wrong |= start > end || !info->event || strcmp(info->event, "raw_syscalls:sys_enter") != 0;
}
void __exit__(void) { printf("%" PRIu64 " in all, %d, %d\\n", events + lost, lost > 0, wrong); }`);
  const { stdout, stderr, code } = await runOn("flood 50000", ["-m", "2", "--strict", "-e", entered()], object);
  assert.match(stdout, /^50000 in all, 1, 0$/m, stderr);
  assert.equal(code, 1, "--strict");
});

liveObject("an __init__ that fails ends the run with status 1, and nothing else is called", async () => {
  using objects = new Objects();
  const init = (body: string) => objects.make(`int __init__(void) { ${body} }\nvoid __exit__(void) { puts("exit"); }`);
  const fails = async (body: string, text: RegExp) => {
    const { code, stdout, stderr } = await perfprof(["-e", QUIET, init(body)]);
    assert.deepEqual([code, stdout], [1, ""]);
    assert.match(stderr, text);
  };
  await fails('return pp_give_up("no such device");', /^perfprof: __init__ failed: no such device$/m);
  await fails("return 3;", /^perfprof: __init__ failed: it gave no reason$/m);
  const [system, name] = QUIET.split("/")[0]!.split(":");
  const find = (event: string, field: string) => `struct pp_field f; return pp_field_find("${event}", "${field}", &f);`;
  await fails(
    find(`${system}:${name}`, "common_pit"),
    new RegExp(`^perfprof: __init__ failed: ${system}:${name} has no field 'common_pit'; did you mean 'common_pid'\\?`, "m"),
  );
  await fails(find("sched:nothing", "pid"), /^perfprof: __init__ failed: event sched:nothing is not opened; these are: /m);
});

liveObject("texts, stacks, values by name and copies are those of any handler", async () => {
  using objects = new Objects();
  const object = objects.make(`static struct pp_event *kept;
PP_EXPORT void raw_syscalls__sys_enter(const struct pp_event *event) { kept = pp_keep(event); }
void __exit__(void) {
  struct pp_frame frames[32];
  char text[200], id[32], small[4];
  const int length = pp_text(kept, PP_PRINT_NO_TIMESTAMP | PP_PRINT_NO_CALLCHAIN, text, sizeof(text));
  printf("before\\n");
  pp_print(kept, PP_PRINT_NO_TIMESTAMP | PP_PRINT_NO_CALLCHAIN);
  printf("%d %s\\n", length == (int)strlen(text), text);
  printf("id %d %s\\n", pp_value(kept, "id", id, sizeof(id)), id);
  const int cut = pp_value(kept, "id", small, 3);
  printf("cut %d %s\\n", cut, small);
  printf("none %d\\n", pp_value(kept, "nothing", id, sizeof(id)));
  const int count = pp_callchain(kept, frames, 32);
  int kernel = 0;
  for (int i = 0; i < count; i++) kernel += frames[i].kernel && strcmp(frames[i].dso, "[kernel.kallsyms]") == 0 && frames[i].symbol[0] != 0;
  printf("frames %d\\n", count > 0 && kernel == count);
  printf("realtime %d\\n", (int)(pp_realtime(kept) / 1000000000 / 1000000));
  pp_drop(kept);
}`);
  const { stdout, stderr } = await runOn("calls 1", ["-g", "-e", entered()], object);
  const nr = String(emittedNr());
  const line = String.raw`\s*emit\s+\d+ .* raw_syscalls:sys_enter: NR ${nr} .*`;
  assert.match(stdout, new RegExp(`^before\\n${line}\\n1 ${line}\\nid ${nr.length} ${nr}\\n`, "m"), stderr);
  assert.match(
    stdout,
    new RegExp(`^cut ${nr.length} ${nr.slice(0, 2)}\\nnone -1\\nframes 1\\nrealtime 1\\d{3}\\n`, "m"),
    stderr,
  );
});

liveObject("events of analyses come as records as well", async () => {
  using objects = new Objects();
  const object = objects.make(`static struct pp_field nr, ns; static uint64_t calls, wrong;
int __init__(void) { return pp_field_find("syscalls", "nr", &nr) || pp_field_find("syscalls", "latency", &ns); }
PP_EXPORT void syscalls(const struct pp_event *event) {
  char text[256];
  if (pp_get_u64(event, &nr) != ${emittedNr()}) return;
  calls++;
  wrong += pp_get_u64(event, &ns) == 0 || event->tid == 0 || pp_text(event, 0, text, sizeof(text)) <= 0;
  struct pp_event *kept = pp_keep(event);
  wrong += pp_get_u64(kept, &ns) != pp_get_u64(event, &ns) || pp_text(kept, 0, text, sizeof(text)) != -1;
  pp_drop(kept);
  if (calls == 1) printf("the first\\n");
}
void __exit__(void) {
  if (write(STDOUT_FILENO, "unbuffered\\n", 11) < 0) abort();
  printf("%" PRIu64 " calls, %" PRIu64 " wrong\\n", calls, wrong);
}`);
  const { stdout, stderr } = await runOn("calls 200", ["-e", "syscalls"], object);
  assert.match(stdout, /^200 calls, 0 wrong$/m, stderr);
  // What is printed is seen before the end.
  assert.match(stdout, /^the first\n[^]*^unbuffered$/m);
});

liveObject("events that C hands over and those of an analysis keep their order", async () => {
  using objects = new Objects();
  const object = objects.make(`static struct pp_field nr; static uint64_t entered, calls, wrong, last;
int __init__(void) { return pp_field_find("syscalls", "nr", &nr); }
PP_EXPORT void raw_syscalls__sys_enter(const struct pp_event *event) { entered++; last = event->time; }
PP_EXPORT void syscalls(const struct pp_event *event) {
  if (pp_get_u64(event, &nr) != ${emittedNr()}) return;
  calls++;
  wrong += calls != entered || event->time < last;
}
void __exit__(void) { printf("%" PRIu64 " entered, %" PRIu64 " calls, %" PRIu64 " wrong\\n", entered, calls, wrong); }`);
  const { stdout, stderr } = await runOn("calls 500", ["-e", `syscalls,${entered()}`], object);
  assert.match(stdout, /^500 entered, 500 calls, 0 wrong$/m, stderr);
});

liveObject("after a signal a slow handler gets 3 s, and the rest is counted", async () => {
  using objects = new Objects();
  const object = objects.make(`static uint64_t events;
PP_EXPORT void raw_syscalls__sys_enter(const struct pp_event *event) {
  (void)event;
  events++;
  usleep(1000);
}
void __exit__(void) { printf("%" PRIu64 " events\\n", events); }`);
  const child = start(["--strict", "-e", entered(), "-c", `${EMIT} flood 20000`, object]);
  await child.saw(/"calls":20000/);
  child.kill("SIGINT");
  const { code, stdout, stderr } = await child.end();
  const handed = Number(/^(\d+) events$/m.exec(stdout)?.[1]);
  const passed = Number(/(\d+) events were not delivered/.exec(stderr)?.[1]);
  assert.equal(handed + passed, 20000, stderr);
  assert.equal(code, 1, "--strict");
});

liveObject("a recording gives a handler what the live run gave", async () => {
  using objects = new Objects();
  const counter = objects.make(COUNTER);
  const data = `${objects.path}/perf.data`;
  const recorded = await perfprof(["record", "-o", data, "-e", entered(), "-c", `${EMIT} crowd 2 3000`]);
  assert.equal(recorded.code, 0, recorded.stderr);
  assert.match((await perfprof(["-I", data, counter])).stdout, /^6000 events, 0 late$/m);
  assert.match((await perfprof(["-I", data, "-N", "100", counter])).stdout, /^100 events, 0 late$/m);
});

liveObject("a handler that is stuck can be stopped, and is named; one that crashes is named, too", async () => {
  using objects = new Objects();
  const stuck = objects.make(
    'PP_EXPORT void raw_syscalls__sys_enter(const struct pp_event *event) { (void)event; fputs("in\\n", stderr); for (;;) pause(); }',
  );
  const child = start(["-e", entered(), "-c", `${EMIT} calls 1`, stuck]);
  await child.saw(/^in$/m);
  child.kill("SIGINT");
  const { code, stderr } = await child.end();
  assert.equal(code, 130);
  assert.match(stderr, /^perfprof: stopped while raw_syscalls__sys_enter was running$/m);
  const crash = objects.make(
    "PP_EXPORT void raw_syscalls__sys_enter(const struct pp_event *event) { *(volatile char *)(uintptr_t)event->cpu = 1; }",
    "crash",
  );
  const crashed = await runOn("calls 1", ["-e", entered()], crash);
  assert.match(crashed.stderr, /^perfprof: raw_syscalls__sys_enter crashed \(SIGSEGV\)$/m);
  assert.equal(crashed.signal, "SIGSEGV");
});

const EXAMPLES = fileURLToPath(new URL("../docs/compiled/", import.meta.url));

/** The example in any language: each call of the generator has one time. */
async function countsCalls(object: string): Promise<void> {
  const both = `${entered()},${entered().replace("sys_enter", "sys_exit")}`;
  const { stdout, stderr } = await runOn("calls 1000", ["-e", both], object);
  assert.match(stdout, /^1000 calls$/m, stderr);
  assert.match(stdout, /^ +\d+ ns or more: \d+$/m);
}

liveObject("the example in C", async () => {
  using objects = new Objects();
  compile(`${EXAMPLES}calls.c`, `${objects.path}/calls.so`);
  await countsCalls(`${objects.path}/calls.so`);
});

liveObject("a handler in C++", async () => {
  using objects = new Objects();
  const source = objects.write(
    "h.cpp",
    `#include <perfprof_handler.h>\n#include <cstdio>\nPERFPROF_HANDLER;\nstatic int events;
PP_EXPORT void raw_syscalls__sys_enter(const struct pp_event *) { events++; }
void __exit__() { std::printf("%d events\\n", events); }\n`,
  );
  compile(source, `${objects.path}/h.so`, "g++");
  assert.match((await runOn("calls 50", ["-e", entered()], `${objects.path}/h.so`)).stdout, /^50 events$/m);
});

/** Where rustup puts it is not always in PATH. */
const RUSTC = lacks("rustc") === undefined ? "rustc" : `${Deno.env.get("HOME")}/.cargo/bin/rustc`;

live("the example in Rust", async () => {
  using objects = new Objects();
  const object = `${objects.path}/calls.so`;
  const args = ["--edition", "2021", "--crate-type", "cdylib", "-O", "-C", "panic=abort", "-o", object, `${EXAMPLES}calls.rs`];
  const { success, stderr } = new Deno.Command(RUSTC, { args }).outputSync();
  assert.ok(success, new TextDecoder().decode(stderr));
  await countsCalls(object);
}, lacks(RUSTC));
