/** `perfprof doctor`: each line that can be other than ok, on a machine made for it; its exit status; and once on this machine. */

import assert from "node:assert/strict";
import { doctor } from "../lib/doctor.ts";
import { findings } from "../lib/doctor_checks.ts";
import type { Finding } from "../lib/doctor_finding.ts";
import type { Machine } from "../lib/machine.ts";
import { SourceError } from "../lib/source.ts";
import type { Terminal } from "../lib/terminal.ts";
import { live, perfprof } from "./harness.ts";
import { RecordedProbes } from "./recorded_probes.ts";
import { FakeSymbolizer } from "./fixtures/symbols.ts";
import { RecordedSource } from "./recorded_source.ts";

const MIB = 1024 * 1024;
const EPERM = 1, ENOENT = 2, EACCES = 13, EBUSY = 16;
const PIPE: Terminal = { columns: undefined, colours: false };

/** Files of a machine where everything works; two CPUs. */
const FILES: Record<string, string> = {
  "/proc/sys/kernel/osrelease": "6.1.0-test\n",
  "/proc/sys/kernel/perf_event_paranoid": "2\n",
  "/proc/sys/kernel/perf_event_mlock_kb": "516\n",
  "/proc/sys/kernel/kptr_restrict": "0\n",
  "/proc/self/status": "Name:\tx\nCapEff:\t000001ffffffffff\nSeccomp:\t0\n",
  "/proc/self/limits": limits("20000", "1048576"),
  "/proc/meminfo": "MemTotal:       16777216 kB\n",
  "/sys/bus/event_source/devices/cpu/type": "4\n",
  "/sys/kernel/tracing/kprobe_events": "",
  "/sys/kernel/tracing/uprobe_events": "",
  "/sys/devices/system/clocksource/clocksource0/current_clocksource": "tsc\n",
};
const UNPRIVILEGED = "CapEff:\t0000000000000000\n";

function limits(soft: string, hard: string, locked = "8388608"): string {
  return `Max open files            ${soft.padEnd(20)} ${hard.padEnd(20)} files\n` +
    `Max locked memory         ${locked.padEnd(20)} ${locked.padEnd(20)} bytes\n`;
}

type Change = Partial<Machine> & { files?: Record<string, string | undefined> };

/** The healthy machine with a change; it tells what was opened and not closed. */
function machine({ files, ...change }: Change = {}, ringBytes = 32 * MIB) {
  const all: Record<string, string | undefined> = { ...FILES, ...files };
  const sources: RecordedSource[] = [];
  const fake: Machine = {
    pageSize: 4096,
    onlineCpus: () => [0, 1],
    kernelFile: (path) => all[path],
    kernelFolder: () => [],
    systems: () => ["irq", "sched"],
    names: () => ["sched_switch"],
    format: (system, name) => ({ id: 7, system, name, printFormat: "", printable: true, fields: [] }),
    printText: () => "",
    printTree: () => undefined,
    printSymbol: () => undefined,
    accepts: () => true,
    probes: new RecordedProbes(),
    tasks: () => [],
    symbolizer: () => new FakeSymbolizer(),
    open: () => {
      const source = new RecordedSource([]);
      const state = { ...source.state(), ringBytes, rings: 2 };
      source.state = () => state;
      sources.push(source);
      return source;
    },
    ...change,
  };
  return { fake, sources };
}

function report(fake: Machine, terminal = PIPE, args: string[] = []) {
  const options = { kind: "command", name: "doctor", events: [], options: [], intervalMs: undefined } as const;
  return doctor({ ...options, args, terminal, machine: () => fake });
}

Deno.test("doctor: everything works, and the session is closed", () => {
  const { fake, sources } = machine();
  const { text, status } = report(fake);
  assert.equal(status, 0);
  assert.deepEqual(text.trimEnd().split("\n").filter((line) => !/^ok {4}\S/.test(line)), []);
  assert.match(text, /^ok {4}rings +2 x 32 MiB, no queue needed$/m);
  assert.deepEqual(sources.map(({ calls }) => calls.at(-1)), ["close"]);
});

const refuse = (operation: SourceError["operation"], text: string, errno: number) => () => {
  throw new SourceError(operation, text, errno, 0, 0);
};
const sudoSysctl = (setting: string) => [`sudo sysctl kernel.${setting}`];
const KERNEL = ["apt-get install -y linux-image-$(dpkg --print-architecture) && reboot"];
const CLOCKSOURCE = "/sys/devices/system/clocksource/clocksource0";

const CASES: [what: string, change: Change, want: Finding][] = [
  ["an old kernel", { files: { "/proc/sys/kernel/osrelease": "5.3.18" } }, {
    verdict: "FAIL",
    name: "kernel",
    text: "Linux 5.3.18: 5.4 or newer is needed",
    mends: KERNEL,
  }],
  ["no capability", { files: { "/proc/self/status": UNPRIVILEGED } }, {
    verdict: "FAIL",
    name: "privileges",
    text: "no CAP_PERFMON, and perf_event_paranoid is 2",
    mends: sudoSysctl("perf_event_paranoid=-1"),
  }],
  ["no tracefs", { systems: refuse("tracefs", "", ENOENT) }, {
    verdict: "FAIL",
    name: "tracefs",
    text: "finding it failed: no such file or directory",
    mends: ["sudo mount -t tracefs nodev /sys/kernel/tracing"],
  }],
  ["an empty tracefs", { systems: () => [] }, {
    verdict: "FAIL",
    name: "tracefs",
    text: "it has no events",
    mends: ["sudo mount -t tracefs nodev /sys/kernel/tracing"],
  }],
  ["a tracefs for root only", { systems: refuse("tracefs", "reading /t/events", EACCES) }, {
    verdict: "FAIL",
    name: "tracefs",
    text: "reading /t/events failed: permission denied",
    mends: ["sudo mount -o remount,mode=755 /sys/kernel/tracing"],
  }],
  ["perf_event_open refused", { open: refuse("open", "perf_event_open sched:sched_switch cpu=0", EPERM) }, {
    verdict: "FAIL",
    name: "tracepoints",
    text: "perf_event_open sched:sched_switch cpu=0 failed: operation not permitted (perf_event_paranoid is 2)",
    mends: [
      "run as root, or with CAP_PERFMON",
      "sysctl kernel.perf_event_paranoid=-1   (lets every user trace everything)",
    ],
  }],
  ["a user who may open nothing", { accepts: () => false }, {
    verdict: "warn",
    name: "lost counts",
    text: "unknown: this user may open no event",
    mends: ["sudo perfprof doctor"],
  }],
  // read_format is the u64 at 32 of perf_event_attr, PERF_FORMAT_LOST its bit 4.
  ["no PERF_FORMAT_LOST", { accepts: (attr) => (attr[32]! & 1 << 4) === 0 }, {
    verdict: "warn",
    name: "lost counts",
    text: "for each CPU only, not for each event: that needs Linux 6.0",
    mends: KERNEL,
  }],
  ["few open files, and more allowed", { files: { "/proc/self/limits": limits("100", "1048576") } }, {
    verdict: "warn",
    name: "open files",
    text: "100: 18 events at once on all CPUs",
    mends: ["ulimit -n 1048576"],
  }],
  ["few open files, and no more allowed", { files: { "/proc/self/limits": limits("32", "32") } }, {
    verdict: "warn",
    name: "open files",
    text: "32: 0 events at once on all CPUs",
    mends: ["sudo prlimit --pid $$ --nofile=1048576"],
  }],
  ["little locked memory", { files: { "/proc/self/status": "CapEff:\t0000004000000000\n" } }, {
    verdict: "warn",
    name: "locked memory",
    text: "perf_event_mlock_kb is 516: rings will be smaller than 32 MiB",
    mends: sudoSysctl("perf_event_mlock_kb=32772"),
  }],
  ["no PMU", { files: { "/sys/bus/event_source/devices/cpu/type": undefined } }, {
    verdict: "warn",
    name: "PMU",
    text: "no hardware counters: give a virtual machine its host's",
    mends: ["qemu-system-$(uname -m) -cpu host,pmu=on ..."],
  }],
  ["no kprobes", { files: { "/sys/kernel/tracing/kprobe_events": undefined } }, {
    verdict: "warn",
    name: "kprobes",
    text: "the kernel was built without CONFIG_KPROBE_EVENTS",
    mends: ["scripts/config -e KPROBE_EVENTS   (then build that kernel)"],
  }],
  [
    "uprobes that only root sees",
    { files: { "/sys/kernel/tracing/uprobe_events": undefined, "/proc/self/status": UNPRIVILEGED } },
    {
      verdict: "warn",
      name: "uprobes",
      text: "unknown: only root may read uprobe_events",
      mends: ["sudo perfprof doctor"],
    },
  ],
  ["kptr_restrict", { files: { "/proc/sys/kernel/kptr_restrict": "2" } }, {
    verdict: "warn",
    name: "kernel symbols",
    text: "kptr_restrict is 2: addresses are hidden",
    mends: sudoSysctl("kptr_restrict=0"),
  }],
  ["a slow clock", {
    files: { [`${CLOCKSOURCE}/current_clocksource`]: "hpet", [`${CLOCKSOURCE}/available_clocksource`]: "hpet tsc acpi_pm\n" },
  }, {
    verdict: "warn",
    name: "clock",
    text: "hpet is slow to read: every event costs more",
    mends: [`echo tsc | sudo tee ${CLOCKSOURCE}/current_clocksource`],
  }],
  ["only slow clocks", {
    files: { [`${CLOCKSOURCE}/current_clocksource`]: "hpet", [`${CLOCKSOURCE}/available_clocksource`]: "hpet acpi_pm\n" },
  }, {
    verdict: "warn",
    name: "clock",
    text: "hpet is slow to read: every event costs more",
    mends: ["boot the kernel with clocksource=tsc tsc=reliable"],
  }],
];
for (const [what, change, want] of CASES) {
  Deno.test(`doctor: ${what}`, () => {
    const { fake } = machine(change);
    assert.deepEqual(findings(fake).find(({ name }) => name === want.name), want);
    const failing = findings(fake).some(({ verdict }) => verdict === "FAIL");
    assert.equal(report(fake).status, failing ? 1 : 0);
    if (want.verdict === "FAIL") assert.ok(failing);
  });
}

Deno.test("doctor: rings that the kernel made smaller", () => {
  const rings = findings(machine({}, MIB / 2).fake).find(({ name }) => name === "rings");
  assert.deepEqual(rings, {
    verdict: "warn",
    name: "rings",
    text: "2 x 512 KiB, no queue needed; 32 MiB each are wanted",
    mends: ["ulimit -l unlimited"],
  });
});

Deno.test("doctor: on a machine with little memory the rings share a queue", () => {
  const { fake } = machine({ files: { "/proc/meminfo": "MemTotal:        1048576 kB\n" } }, 8 * MIB);
  assert.equal(findings(fake).find(({ name }) => name === "rings")?.text, "2 x 8 MiB, a queue of 16 MiB");
});

Deno.test("doctor: needs no capability where perf_event_paranoid is -1, and no sysctl for CAP_SYSLOG", () => {
  const open = { "/proc/self/status": UNPRIVILEGED, "/proc/sys/kernel/perf_event_paranoid": "-1" };
  assert.equal(report(machine({ files: open }).fake).status, 0);
  const [symbols] = findings(machine({ files: { "/proc/sys/kernel/kptr_restrict": "1" } }).fake)
    .filter(({ name }) => name === "kernel symbols");
  assert.equal(symbols?.verdict, "ok");
});

Deno.test("doctor: aligned, in 80 columns, and coloured only where colours are welcome", () => {
  const { fake } = machine({
    open: refuse("open", "perf_event_open sched:sched_switch cpu=0", EPERM),
    files: { "/sys/bus/event_source/devices/cpu/type": undefined },
  });
  const plain = report(fake, { columns: 80, colours: false }).text;
  assert.deepEqual(plain.split("\n").filter((line) => line.length > 80), []);
  assert.match(plain, /^FAIL {2}tracepoints {5}perf_event_open .*\n {22}\S/m);
  assert.match(plain, /^warn {2}PMU {13}no hardware/m);
  const coloured = report(fake, { columns: 80, colours: true }).text;
  assert.ok(coloured.includes("\x1b[31mFAIL\x1b[39m") && coloured.includes("\x1b[33mwarn\x1b[39m"));
  // deno-lint-ignore no-control-regex
  assert.equal(coloured.replace(/\x1b\[\d+m/g, ""), plain);
});

const LEFT = [1, 2, 3, 4].map((n) => ({ kind: "uprobe" as const, event: `perfprof_9_${n}/f` }));

Deno.test("doctor: probes that a killed perfprof left behind, and their removal", () => {
  const probes = new RecordedProbes({ left: LEFT });
  assert.deepEqual(findings(machine({ probes }).fake).find(({ name }) => name === "old probes"), {
    verdict: "warn",
    name: "old probes",
    text: "4 probes of a perfprof that was killed: perfprof_9_1/f perfprof_9_2/f perfprof_9_3/f ...",
    mends: ["sudo perfprof doctor --remove-probes"],
  });
  assert.deepEqual(probes.removed, []);
  assert.deepEqual(report(machine({ probes }).fake, PIPE, ["--remove-probes"]), { text: "4 probes removed\n", status: 0 });
  assert.deepEqual(probes.removed, LEFT.map(({ event }) => event));
});

Deno.test("doctor: no old probes, and one that somebody has open", () => {
  assert.deepEqual(report(machine().fake, PIPE, ["--remove-probes"]), { text: "no old probes\n", status: 0 });
  const probes = new RecordedProbes({ left: LEFT.slice(0, 1), refusal: new SourceError("probe", "", EBUSY) });
  const text = "0 probes removed\nperfprof_9_1/f was not removed: device or resource busy\n";
  assert.deepEqual(report(machine({ probes }).fake, PIPE, ["--remove-probes"]), { text, status: 1 });
});

Deno.test("doctor: takes no words", () => {
  assert.throws(() => report(machine().fake, PIPE, ["x"]), { exitCode: 2 });
});

live("doctor: this machine can trace", async () => {
  const { code, stdout, stderr } = await perfprof(["doctor"]);
  assert.deepEqual([code, stderr], [0, ""], stdout);
  assert.match(stdout, /^ok {4}tracepoints +sched:sched_switch opens on \d+ CPU/m);
  assert.match(stdout, /^(?:ok {2}|warn) {2}rings +\d+ x [\d.]+ [MK]iB, /m);
});
