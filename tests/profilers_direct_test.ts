/** Direct profilers on machines that are made up: what they ask of the kernel for their options, and what they refuse. */

import assert from "node:assert/strict";
import { completeAttr, encodeAttr } from "../lib/attr.ts";
import { describeAttr } from "../lib/attr_text.ts";
import { PerfprofError } from "../lib/errors.ts";
import { parseEvents } from "../lib/event_spec.ts";
import { explain, type OpenedRequest } from "../lib/failures.ts";
import { findCounter } from "../lib/profilers/counters.ts";
import { findGenericEvent, genericEvents } from "../lib/profilers/generic_events.ts";
import { parseProfilerOptions } from "../lib/profilers/options.ts";
import type { ProfilerPlan } from "../lib/profilers/profiler.ts";
import { profilersOf } from "../lib/profilers/registry.ts";
import type { Machine } from "../lib/machine.ts";
import { SourceError } from "../lib/source.ts";

const DEVICES = "/sys/bus/event_source/devices";
/** A CPU of Intel's with a PMU. */
const INTEL: Readonly<Record<string, string>> = {
  [`${DEVICES}/cpu/type`]: "4\n",
  [`${DEVICES}/cpu/format/event`]: "config:0-7\n",
  [`${DEVICES}/cpu/format/umask`]: "config:8-15\n",
  [`${DEVICES}/cpu/format/ldlat`]: "config1:0-15\n",
  [`${DEVICES}/cpu/format/wide`]: "config:56-63,32-35\n",
  [`${DEVICES}/cpu/events/mem-loads`]: "event=0xcd,umask=0x1,ldlat=3\n",
  [`${DEVICES}/cpu/events/mem-stores`]: "event=0xd0,umask=0x82\n",
  [`${DEVICES}/cpu/events/mem-stores.scale`]: "2\n",
  [`${DEVICES}/msr/type`]: "10\n",
  [`${DEVICES}/msr/format/event`]: "config:0-63\n",
  [`${DEVICES}/msr/events/tsc`]: "event=0x00\n",
  "/proc/sys/kernel/perf_event_max_sample_rate": "100000\n",
  "/proc/cpuinfo": "vendor_id\t: GenuineIntel\nflags\t\t: fpu sse\n",
  "/proc/kallsyms":
    "ffffffff81000000 T _text\nffffffff8135d540 T do_exit\nffffffff81400000 t do_exit.cold\nffffffffc0a00010 d state\t[mod]\n",
};
/** A virtual machine without one. */
const VIRTUAL = Object.fromEntries(Object.entries(INTEL).filter(([path]) => !path.startsWith(`${DEVICES}/cpu/`)));

function machineOf(files: Readonly<Record<string, string>>, accepts: Machine["accepts"] = () => true): Machine {
  const machine: Partial<Machine> = {
    kernelFile: (path) => files[path],
    kernelFolder: (folder) => [
      ...new Set(
        Object.keys(files).filter((path) => path.startsWith(`${folder}/`)).map((path) =>
          path.slice(folder.length + 1).split("/")[0]!
        ),
      ),
    ],
    names: (system) => system === "sched" ? ["sched_switch", "sched_wakeup"] : [],
    format: (system, name) => ({ id: 316, system, name, printFormat: "", printable: true, fields: [] }),
    accepts,
  };
  return machine as Machine;
}
const intel = machineOf(INTEL);
const virtual = machineOf(VIRTUAL);

function plan(text: string, machine: Machine): ProfilerPlan {
  const { name, profiler: written, source, attributes } = parseEvents([text])[0]!;
  const profiler = profilersOf(machine).find(name);
  assert(profiler !== undefined, `${name} is a profiler`);
  const options = { text: source.text, event: source, ...written!, key: attributes.key, stack: false };
  return profiler.plan(parseProfilerOptions(profiler, options), machine);
}

/** What it opens, a line each: the fields of the attrs that are not the same for all events. */
function opened(text: string, machine: Machine): string[] {
  const shared = {
    clock: "monotonic",
    watermarkPercent: 0,
    ringBytes: 4096,
    features: { formatLost: false, buildId: false },
  } as const;
  const common = /^(?:size|disabled|sample_id_all|use_clockid|clockid|wakeup|sample_type (?:IDENTIFIER|TID|TIME|CPU)\b)/;
  return plan(text, machine).opens.map(({ name, attr, leader }) => {
    const lines = describeAttr(completeAttr(attr, shared)).map((line) => line.split("#")[0]!.trimEnd());
    const own = lines.filter((line) => !common.test(line)).map((line) => line.replace(/^(?:sample_type|read_format) /, ""));
    return `${name}: ${own.join(", ")}${leader === undefined ? "" : `; in the group of ${leader}`}`;
  });
}

const PLANS: [text: string, machine: Machine, ...opens: string[]][] = [
  ["profile", virtual, "cpu-clock: type 1, config 0, sample_freq 99, IP, READ, PERIOD, freq, exclude_idle"],
  ["profile/-F 997 -g/", intel, "cpu-cycles: type 0, config 0, sample_freq 997, IP, READ, CALLCHAIN, PERIOD, freq"],
  [
    "profile/--no-user-callchain --exclude-user/",
    intel,
    "cpu-cycles: type 0, config 0, sample_freq 99, IP, READ, CALLCHAIN, PERIOD, freq, exclude_user, exclude_callchain_user",
  ],
  ["profile", machineOf(INTEL, () => false), "cpu-cycles: type 0, config 0, sample_freq 99, IP, PERIOD, freq"],
  [
    "page-faults/-g/",
    virtual,
    "page-faults: type 1, config 2, sample_period 1, IP, ADDR, CALLCHAIN, REGS_USER, sample_regs_user 0xff0fff",
  ],
  ["cs", virtual, "context-switches: type 1, config 3, sample_period 1, IP, PERIOD"],
  // A period that the samples cannot carry.
  ["migrations/--period 5/", virtual, "cpu-migrations: type 1, config 4, sample_period 5, IP"],
  ["minor-faults/-F 10/", virtual, "minor-faults: type 1, config 5, sample_freq 10, IP, ADDR, PERIOD, freq"],
  ["task-clock/--period 50000/", virtual, "task-clock: type 1, config 1, sample_period 50000, IP, PERIOD"],
  ["cycles:u", intel, "cpu-cycles: type 0, config 0, sample_freq 99, IP, PERIOD, exclude_kernel, exclude_hv, freq"],
  [
    "instructions:kpp/--period 1000/",
    intel,
    "instructions: type 0, config 1, precise_ip 2, sample_period 1000, IP, ADDR, PERIOD, exclude_user, exclude_hv",
  ],
  ["L1-dcache-load-misses", intel, "L1-dcache-load-misses: type 3, config 65536, sample_freq 99, IP, PERIOD, freq"],
  ["iTLB-loads", intel, "iTLB-loads: type 3, config 4, sample_freq 99, IP, PERIOD, freq"],
  ["LLC-prefetches", intel, "LLC-prefetches: type 3, config 514, sample_freq 99, IP, PERIOD, freq"],
  ["rffffffffffffffff", intel, "rffffffffffffffff: type 4, config 18446744073709551615, sample_freq 99, IP, PERIOD, freq"],
  ["cpu/event=0x3c,umask=1/", intel, "cpu/event=0x3c,umask=1/: type 4, config 316, sample_freq 99, IP, PERIOD, freq"],
  [
    "cpu/mem-loads,ldlat=0x1f/u",
    intel,
    "cpu/mem-loads,ldlat=0x1f/: type 4, config 461, config1 0x1f, sample_freq 99, IP, PERIOD, exclude_kernel, exclude_hv, freq",
  ],
  // The lowest eight bits go to 56-63, the next four to 32-35.
  ["cpu/wide=0x321/", intel, `cpu/wide=0x321/: type 4, config ${0x2100000300000000n}, sample_freq 99, IP, PERIOD, freq`],
  [
    "{cpu-clock,cs,msr/tsc/,sched:sched_switch}/-F 99/",
    virtual,
    "cpu-clock: type 1, config 0, sample_freq 99, IP, READ, PERIOD, GROUP, freq",
    "cs: type 1, config 3, sample_period 0; in the group of 0",
    "msr/tsc/: type 10, config 0, sample_period 0; in the group of 0",
    "sched:sched_switch: type 2, config 316, sample_period 0; in the group of 0",
  ],
  [
    "hrcount/-e 'cycles:u,faults' --period 100ms/",
    intel,
    "cpu-clock: type 1, config 0, sample_period 100000000, READ, GROUP",
    "cycles:u: type 0, config 0, sample_period 0, exclude_kernel, exclude_hv; in the group of 0",
    "faults: type 1, config 2, sample_period 0; in the group of 0",
  ],
  [
    "breakpoint/0x404030/8:w do_exit:x state/",
    virtual,
    "breakpoint 0x404030/8:w: type 5, config 0, bp_type 2, bp_addr 0x404030, bp_len 8, sample_period 1, IP, ADDR, REGS_INTR, sample_regs_intr 0xff0fff",
    "breakpoint do_exit:x: type 5, config 0, bp_type 4, bp_addr 0xffffffff8135d540, bp_len 8, sample_period 1, IP, ADDR, REGS_INTR, sample_regs_intr 0xff0fff",
    "breakpoint state: type 5, config 0, bp_type 2, bp_addr 0xffffffffc0a00010, bp_len 4, sample_period 1, IP, ADDR, REGS_INTR, sample_regs_intr 0xff0fff",
  ],
  ["split-lock/-T 100/", intel, "split-lock: type 4, config 4340, sample_period 100, IP, READ"],
  [
    "ldlat-loads/--ldlat 100 -g/",
    intel,
    "ldlat-loads: type 4, config 461, config1 0x64, precise_ip 2, sample_period 1000, IP, ADDR, CALLCHAIN, WEIGHT, DATA_SRC, PHYS_ADDR",
  ],
  [
    "ldlat-loads",
    machineOf({ ...INTEL, [`${DEVICES}/cpu/events/mem-loads-aux`]: "event=0x03,umask=0x82\n" }),
    "mem-loads-aux: type 4, config 33283, sample_period 0",
    "ldlat-loads: type 4, config 461, config1 0x1e, precise_ip 2, sample_period 1000, IP, ADDR, WEIGHT, DATA_SRC, PHYS_ADDR; in the group of 0",
  ],
  [
    "ldlat-stores/-T 7/",
    intel,
    "ldlat-stores: type 4, config 33488, precise_ip 2, sample_period 7, IP, ADDR, WEIGHT, DATA_SRC, PHYS_ADDR",
  ],
  ["trace/-e sched:sched_switch/", virtual, "sched:sched_switch: type 2, config 316, sample_period 1, ID, PERIOD, RAW"],
];
// The registers are those of x86_64.
const ignore = Deno.build.arch !== "x86_64";
for (const [text, machine, ...opens] of PLANS) {
  Deno.test({ name: `what it opens: ${text}`, ignore, fn: () => assert.deepEqual(opened(text, machine), opens) });
}

Deno.test("what they show", () => {
  const members = (text: string) => plan(text, virtual).members.map(({ name }) => name).join(" ");
  assert.equal(members("profile/-g/"), "ip pid tid time cpu period read callchain");
  assert.equal(members("page-faults"), "ip pid tid time addr cpu regs_user");
  assert.equal(members("breakpoint/0x10/"), "ip pid tid time addr cpu regs_intr");
  assert.equal(members("cs/--period 5/"), "ip pid tid time cpu period");
  assert.equal(members("hrcount/-e cs/"), "read counts");
  assert.equal(members("hrtimer/-e cs -g/"), "ip read counts callchain");
  assert.equal(members("trace/-e sched:sched_wakeup -g/"), "pid tid time id cpu period callchain raw");
});

Deno.test("profile says once that there is no PMU", () => {
  assert.deepEqual(plan("profile", virtual).notes, ["no hardware PMU here: profile takes cpu-clock instead of cycles"]);
  assert.deepEqual(plan("profile", intel).notes, []);
});

const REFUSED: [text: string, machine: Machine, why: RegExp][] = [
  ["cycles", virtual, /^opening cpu-cycles failed: there is no hardware PMU here.*-e cpu-clock/s],
  ["LLC-loads", virtual, /^opening LLC-loads failed: there is no hardware PMU here/],
  ["r1c2", virtual, /^opening r1c2 failed: there is no hardware PMU here/],
  ["split-lock", virtual, /^opening split-lock failed: there is no hardware PMU here/],
  ["ldlat-stores", virtual, /^opening ldlat-stores failed: there is no hardware PMU here/],
  ["cpu/event=0x3c/", virtual, /^opening cpu\/ failed: there is no hardware PMU here/],
  ["{cs,cycles}", virtual, /^opening cpu-cycles failed: there is no hardware PMU here/],
  ["split-lock", machineOf({ ...INTEL, "/proc/cpuinfo": "vendor_id : AuthenticAMD\n" }), /only the PMU of Intel's CPUs/],
  ["ldlat-loads", machineOf({ [`${DEVICES}/cpu/type`]: "4\n" }), /this CPU's PMU has no event 'mem-loads'/],
  ["profile/-F 200000/", virtual, /200000 Hz is above kernel.perf_event_max_sample_rate \(100000\).*\n +\^+\n.*sysctl/s],
  ["profile/-F 0/", virtual, /'0' is not a whole number from 1 on/],
  ["profile/-F 9x/", virtual, /'9x' is not a whole number/],
  ["profile/--exclude-user --exclude-kernel/", virtual, /nothing is left/],
  ["profile/--no-user-callchain --no-kernel-callchain/", virtual, /a call stack needs one of its sides/],
  ["cs:G", virtual, /there is no modifier ':G'/],
  ["cs:pppp", virtual, /nothing more precise/],
  ["cpu-clock/-F 10 --period 100000/", virtual, /not both/],
  ["cpu-clock/--period 100/", virtual, /at least 10000 ns/],
  ["hrcount/-e cs --period 5us/", virtual, /at least 10us/],
  ["hrcount/--period 1s/", virtual, /what is to be counted\?/],
  ["hrcount/-e nothing/", virtual, /there is no event 'nothing' to be counted.*\n +\^+\n/s],
  ["hrcount/-e cs,cs/", virtual, /'cs' is there twice/],
  ["hrcount/-e sched:nothing/", virtual, /there is no event 'sched:nothing'/],
  ["hrcount/-e ,/", virtual, /a list of events is empty/],
  ["msr/nothing=1/", virtual, /msr has no term 'nothing'.*events of msr: tsc.*terms of msr: event= config=/s],
  ["msr/event=x/", virtual, /'x' of 'event' is not a number/],
  ["cpu/event=0x100/", intel, /'0x100' does not fit into the bits of 'event'/],
  ["msr", virtual, /which event\?/],
  ["msr/tsc other/", virtual, /parted by commas/],
  ["breakpoint", virtual, /which address\?/],
  ["breakpoint/1 2 3 4 5/", virtual, /for 4 addresses/],
  ["breakpoint/0x800000000000:w/", virtual, /0x800000000000 is no canonical address/],
  ["breakpoint/0x10000000000000000/", virtual, /no canonical address/],
  ["breakpoint/0x1001/8:w/", virtual, /not aligned to its 8 bytes/],
  ['breakpoint/"0x1000/3:w"/', virtual, /1, 2, 4 or 8, not 3/],
  ["breakpoint/0x1000:r/", virtual, /cannot be ':r'/],
  ["breakpoint/0x1000/8:x/", virtual, /no length to watch/],
  ["breakpoint/0x1000 0x1000/8/", virtual, /twice/],
  ["breakpoint/jiffies/", virtual, /the kernel has no symbol 'jiffies'/],
  ["breakpoint/state/", machineOf({ "/proc/kallsyms": "0000000000000000 d state\n" }), /hides its addresses.*kptr_restrict/s],
  ["trace", virtual, /which tracepoints\?/],
  ["trace/-e sched:nothing/", virtual, /there is no tracepoint sched:nothing/],
  ["trace/-e 'sched:sched_switch//stack/'/", virtual, /not just a tracepoint and its filter/],
];
for (const [text, machine, why] of REFUSED) {
  Deno.test(`refused: ${text}`, () => {
    try {
      plan(text, machine);
    } catch (error) {
      assert(error instanceof PerfprofError, String(error));
      assert.match([error.message, ...error.detail, ...error.hints].join("\n"), why);
      return;
    }
    assert.fail("it was planned");
  });
}

Deno.test("an event that can only be counted", () => {
  // A device that makes no samples takes no period.
  const counts = machineOf(VIRTUAL, (attr) => new DataView(attr.buffer).getBigUint64(16, true) === 0n);
  assert.throws(() => plan("msr/tsc/", counts), /msr\/tsc\/ can be counted, but the device makes no samples/);
  assert.equal(plan('hrcount/-e "msr/tsc/"/', counts).opens.length, 2);
});

Deno.test("names as perf has them", () => {
  const config = (name: string) => findCounter(name)?.attr.config;
  assert.deepEqual(["faults", "cs", "migrations", "cycles", "branches", "idle-cycles-backend"].map(config), [2, 3, 4, 0, 4, 8]);
  assert.deepEqual(["l1d-loads", "llc-LOADS", "node-store-misses"].map(config), [0, 2, 6 | 1 << 8 | 1 << 16]);
  assert.deepEqual(["cache", "r", "rxyz", "iTLB-stores", "L1-icache-stores"].map(config), Array(5).fill(undefined));
  assert.equal(findGenericEvent("uprobe", virtual), undefined);
});

Deno.test("lists have what the machine has, each once", () => {
  const names = (machine: Machine) => genericEvents(machine).map(({ name }) => name);
  assert.equal(names(virtual).length, 13);
  assert.deepEqual(names(virtual).slice(-2), ["cgroup-switches", "msr/tsc/"]);
  assert.deepEqual(names(intel).slice(-4), ["rNNN", "cpu/mem-loads/", "cpu/mem-stores/", "msr/tsc/"]);
  assert.equal(new Set(names(intel)).size, names(intel).length);
});

Deno.test("refusals of the kernel, in words", () => {
  const refused = (text: string, errno: number) => {
    const [{ attr, name }] = plan(text, intel).opens as [ProfilerPlan["opens"][number]];
    const bytes = encodeAttr({ samplePeriod: 1, readFormat: 0, flags: [], wakeup: 0, clockid: 0, ...attr });
    const request = { events: [{ name, attr: bytes, cpus: [0], sideband: false }] } as unknown as OpenedRequest;
    return explain(new SourceError("open", `perf_event_open ${name} cpu=0`, errno, 0, 0), intel, request).message;
  };
  assert.equal(
    refused("breakpoint/0x10/", 28),
    "opening breakpoint 0x10 cpu=0 failed: all debug registers of the CPU are in use",
  );
  assert.match(refused("breakpoint/do_exit:x/", 22), /the CPU cannot watch this address in this way$/);
  const format = explain(new SourceError("format", "read FORMAT", 13), intel);
  assert.match(format.message, /^read FORMAT failed: permission denied \(perf_event_paranoid is /);
  assert.ok(format.hints.includes("run as root, or with CAP_PERFMON"));
  assert.match(refused("LLC-prefetches", 2), /^opening LLC-prefetches cpu=0 failed: the PMU does not have this event/);
});
