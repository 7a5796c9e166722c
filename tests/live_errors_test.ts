/** What perfprof says when it cannot do what it is asked for: one line, then what mends it. Never a stack trace of its own. */

import assert from "node:assert/strict";
import { pathWith, QUIET, shell } from "./command.ts";
import { Child, live, TempDir } from "./harness.ts";

const WAKEUP = "sched:sched_wakeup";
const ONLINE = Deno.readTextFileSync("/sys/devices/system/cpu/online").trim();
const FIELDS = "common_type common_flags common_preempt_count common_pid comm pid prio target_cpu";

/** The command line after perfprof's name, with DIR for the test's folder; the status; the lines of stderr. */
type Case = [line: string, code: number, ...lines: string[]];

async function check(files: Record<string, string>, cases: readonly Case[]) {
  using dir = new TempDir();
  for (const [name, text] of Object.entries(files)) dir.write(name, text);
  for (const [line, code, ...expected] of cases) {
    const { stderr, ...end } = await shell(dir, line.replaceAll("DIR", dir.path));
    assert.equal(stderr, expected.map((text) => `${text.replaceAll("DIR", dir.path)}\n`).join(""), line);
    assert.deepEqual([end.code, end.stdout], [code, ""], line);
  }
}

const HANDLER = { "h.ts": "export function __sample__() {}\n" };

live("events and attributes that are not there", () =>
  check(HANDLER, [
    [
      "perfprof -e sched:sched_wakup h.ts",
      1,
      "perfprof: event 'sched:sched_wakup' is unknown: subsystem 'sched' has no event 'sched_wakup'",
      "hint: did you mean sched:sched_wakeup or sched:sched_waking?",
    ],
    [
      "perfprof -e shed:sched_wakeup h.ts",
      1,
      "perfprof: event 'shed:sched_wakeup' is unknown: there is no subsystem 'shed'",
      "hint: did you mean sched:sched_wakeup?",
    ],
    [
      "perfprof -e nonesuch:event h.ts",
      1,
      "perfprof: event 'nonesuch:event' is unknown: there is no subsystem 'nonesuch'",
      "hint: perfprof list",
    ],
    [
      "perfprof -e cpu-clock:z h.ts",
      2,
      "perfprof: option -e: cpu-clock: there is no modifier ':z'",
      "    cpu-clock:z",
      "    ^^^^^^^^^^^",
      "hint: modifiers are u k h (whose), p pp ppp (how precise)",
      "hint: options are written between slashes: -e 'cpu-clock/--period 1000000 -g/'",
    ],
    [
      `perfprof -e ${WAKEUP},profile:99 h.ts`,
      2,
      "perfprof: option -e: profile: there is no modifier ':99'",
      "    sched:sched_wakeup,profile:99",
      "                       ^^^^^^^^^^",
      "hint: modifiers are u k h (whose), p pp ppp (how precise)",
      "hint: options are written between slashes: -e 'profile/-F 99/'",
    ],
    [
      "perfprof -e ftrace:function -C 0 h.ts",
      1,
      "perfprof: perf_event_open ftrace:function cpu=0 failed: invalid argument",
      "hint: events of ftrace: are no tracepoints but records of ftrace itself: trace another event",
    ],
    [
      `perfprof -e ${WAKEUP}//aliass=x/ h.ts`,
      2,
      "perfprof: option -e: attribute 'aliass' is unknown",
      "    sched:sched_wakeup//aliass=x/",
      "                        ^^^^^^^^",
      "hint: did you mean alias?",
      "hint: attributes are stack max-stack alias cpus key",
    ],
    [
      `perfprof -e '${WAKEUP}/pid>1' h.ts`,
      2,
      "perfprof: option -e: the filter after this / is not closed by another /",
      "    sched:sched_wakeup/pid>1",
      "                      ^",
    ],
    [
      `perfprof -e ${WAKEUP},${WAKEUP} h.ts`,
      2,
      "perfprof: option -e: event 'sched:sched_wakeup' is given twice",
      "    sched:sched_wakeup,sched:sched_wakeup",
      "                       ^^^^^^^^^^^^^^^^^^",
      "hint: tell them apart: sched:sched_wakeup//alias=NAME/",
    ],
    [
      `perfprof -e '${WAKEUP}/pidd>1/' h.ts`,
      1,
      `perfprof: filter "pidd>1" of sched:sched_wakeup failed: the kernel refuses it`,
      "  pidd>1",
      "       ^",
      "  parse_error: Field not found",
      `  fields: ${FIELDS}`,
    ],
  ]));

live("options and their values", () =>
  check(HANDLER, [
    [
      `perfprof --intervall 5 -e ${WAKEUP} h.ts`,
      2,
      "perfprof: option --intervall is unknown",
      "hint: did you mean --interval?",
    ],
    [`perfprof -e ${WAKEUP} h.ts -i`, 2, "perfprof: option -i: the value is missing", "hint: perfprof --help"],
    [
      `perfprof -i soon -e ${WAKEUP} h.ts`,
      2,
      "perfprof: option -i: 'soon' is not a whole number",
      "hint: allowed is a whole number from 1 to 2147483647",
    ],
    [
      `perfprof -m 3 -e ${WAKEUP} h.ts`,
      2,
      "perfprof: option -m: '3' is not a power of two",
      "hint: allowed are 1, 2, 4, 8, ... pages",
    ],
    [
      `perfprof -C 4095 -e ${WAKEUP} h.ts`,
      1,
      "perfprof: option -C: CPU 4095 is not online",
      `hint: online are ${ONLINE}`,
    ],
    [
      `perfprof -e ${WAKEUP}//cpus=4094-4095/ h.ts`,
      1,
      "perfprof: cpus= of sched:sched_wakeup: CPUs 4094-4095 are not online",
      `hint: online are ${ONLINE}`,
    ],
    [
      "perfprof h.ts",
      2,
      "perfprof: no event: option -e is missing",
      "usage: perfprof [OPTION...] -e EVENT[,EVENT...] [--] MODULE [ARG...]",
      "hint: perfprof --help",
    ],
    [
      `perfprof -p 1 -c true -e ${WAKEUP} h.ts`,
      2,
      "perfprof: options -p and -c exclude each other",
      "hint: leave out -p or -c",
    ],
  ]));

live("modules", () =>
  check({
    "syntax.ts": "export function __sample__() {}\nconst a: number = ;\n",
    "import.ts": 'import "./gone.ts";\n',
    "throws.ts": "\nthrow new TypeError('no');\n",
    "none.ts": "export const x = 1;\nexport function foo() {}\n",
  }, [
    [`perfprof -e ${WAKEUP} gone.ts`, 1, "perfprof: module gone.ts was not found: there is no file DIR/gone.ts"],
    [
      `perfprof -e ${WAKEUP} syntax.ts`,
      1,
      "perfprof: module DIR/syntax.ts cannot be loaded: DIR/syntax.ts:2:19: SyntaxError: Expression expected",
    ],
    [
      `perfprof -e ${WAKEUP} import.ts`,
      1,
      'perfprof: module DIR/import.ts cannot be loaded: DIR/import.ts:1:8: Module not found "file://DIR/gone.ts".',
    ],
    [
      `perfprof -e ${WAKEUP} throws.ts`,
      1,
      "perfprof: module DIR/throws.ts cannot be loaded: DIR/throws.ts:2:7: TypeError: no",
      "    at DIR/throws.ts:2:7",
    ],
    [
      `perfprof -e ${WAKEUP} none.ts`,
      1,
      "perfprof: module DIR/none.ts has no handlers: it exports foo, x",
      "hint: export function sched__sched_wakeup(event) { ... }, or __sample__ for all events",
    ],
  ]));

live("targets and output", () =>
  check(HANDLER, [
    [
      `perfprof -p 4194304 -e ${WAKEUP} h.ts`,
      1,
      "perfprof: tracing process 4194304 failed: there is no such process",
      "hint: ps -e -o pid,comm",
    ],
    [
      `perfprof -t 4194304 -e ${WAKEUP} h.ts`,
      1,
      "perfprof: tracing thread 4194304 failed: there is no such thread",
      "hint: ps -eL -o tid,comm",
    ],
    [
      `perfprof --cgroups none/such -e ${WAKEUP} h.ts`,
      1,
      "perfprof: opening cgroup none/such failed: no such file or directory",
      "hint: --cgroups takes paths below a cgroup v2 or perf_event mount: ls /sys/fs/cgroup",
    ],
    [`perfprof -c no-such-command -e ${WAKEUP} h.ts`, 1, "perfprof: starting no-such-command failed: command not found"],
    [`perfprof -c ./h.ts -e ${WAKEUP} h.ts`, 1, "perfprof: starting ./h.ts failed: permission denied"],
    [`perfprof -o none/log -e ${WAKEUP} h.ts`, 1, "perfprof: open none/log failed: no such file or directory"],
    [`perfprof -o . -e ${WAKEUP} h.ts`, 1, "perfprof: open . failed: is a directory"],
  ]));

live("in a terminal, too, no error has colours or a stack of perfprof's own", async () => {
  using dir = new TempDir();
  dir.write(
    "throws.ts",
    "function inner() { throw new Error('no'); }\nexport function __init__() { inner(); }\nexport function __sample__() {}\n",
  );
  const path = pathWith(dir);
  const ended = await new Child("script", ["-qec", `perfprof -e ${QUIET} throws.ts`, "/dev/null"], {
    cwd: dir.path,
    env: { PATH: path, TERM: "xterm" },
  }).end();
  assert.equal(ended.code, 1);
  assert.equal(
    ended.stdout.replaceAll("\r", ""),
    `Loaded module: ${dir.path}/throws.ts\nperfprof: __init__ threw Error: no\n` +
      `    at inner (${dir.path}/throws.ts:1:26)\n    at __init__ (${dir.path}/throws.ts:2:30)\n`,
  );
});
