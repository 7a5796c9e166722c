/**
 * The checks of `perfprof doctor`: each asks the machine and says what it found, in words and with the command that mends it. What
 * fails is what no run can do without; a warning is what only some runs need. Nothing is changed here, but that tracefs is mounted
 * by the machine where it is nowhere, as by every run.
 *
 * @module
 */

import { detectFeatures, encodeAttr, sidebandAttr } from "./attr.ts";
import { fail, type Finding, ok, size, warn } from "./doctor_finding.ts";
import { checkLeftovers } from "./doctor_probes.ts";
import { checkSession } from "./doctor_session.ts";
import { reason } from "./failures.ts";
import { kernelVersion } from "./print.ts";
import { type Buffers, defaultBuffers, memoryBytes } from "./rings.ts";
import type { Machine } from "./machine.ts";
import { SourceError } from "./source.ts";

/** A kernel of Debian's: what mends a kernel that is too old. */
const NEWER_KERNEL = "apt-get install -y linux-image-$(dpkg --print-architecture) && reboot";
/** Bit numbers of include/uapi/linux/capability.h. */
const CAPABILITIES = { CAP_DAC_OVERRIDE: 1, CAP_IPC_LOCK: 14, CAP_SYS_ADMIN: 21, CAP_SYSLOG: 34, CAP_PERFMON: 38 } as const;
/** Fewer events than this at once are a limit that users meet. */
const EVENTS_WANTED = 32;
/** Descriptors that are not events: files, the runtime's own. */
const FILES_KEPT = 64;
const FILES_RAISED = 1048576;
/** Core PMUs, as x86, hybrid x86 and Arm name them. */
const PMUS = ["cpu", "cpu_core", "armv8_pmuv3_0", "armv8_pmuv3"];
/** Clocks that take a trap or a slow bus to read. */
const SLOW_CLOCKS = ["hpet", "acpi_pm", "jiffies", "refined-jiffies", "pit"];
const CLOCKSOURCE = "/sys/devices/system/clocksource/clocksource0";

/** All checks, in the order in which one depends on another. */
export function findings(machine: Machine): Finding[] {
  const setting = (path: string) => machine.kernelFile(path)?.trim();
  const cpus = machine.onlineCpus();
  const { pageSize } = machine;
  const facts: Facts = {
    machine,
    setting,
    paranoid: Number(setting("/proc/sys/kernel/perf_event_paranoid") ?? 2),
    cpus,
    buffers: defaultBuffers({ pageSize, memoryBytes: memoryBytes(setting("/proc/meminfo")), cpus: cpus.length }),
    can: capabilities(setting("/proc/self/status")),
  };
  const tracefs = checkTracefs(facts);
  return [
    checkKernel(facts),
    checkPrivileges(facts),
    tracefs,
    // Without tracefs these know nothing.
    ...tracefs.verdict === "ok"
      ? [...checkSession(machine, cpus, facts.buffers), ...checkProbes(facts), ...checkLeftovers(machine)]
      : [],
    checkLostCounts(facts),
    checkFiles(facts),
    checkLockedMemory(facts),
    checkPmu(facts),
    checkSymbols(facts),
    checkClock(facts),
  ];
}

type Capability = keyof typeof CAPABILITIES;

interface Facts {
  readonly machine: Machine;
  /** The text of a kernel's file without space around it. */
  readonly setting: (path: string) => string | undefined;
  readonly paranoid: number;
  readonly cpus: readonly number[];
  /** As they are chosen for this machine. */
  readonly buffers: Buffers;
  readonly can: (capability: Capability) => boolean;
}

/** CapEff of /proc/self/status (proc_pid_status(5)), a mask in hexadecimal. */
function capabilities(status = ""): Facts["can"] {
  const mask = BigInt(`0x${/^CapEff:\s*([0-9a-f]+)$/m.exec(status)?.[1] ?? "0"}`);
  return (capability) => (mask >> BigInt(CAPABILITIES[capability]) & 1n) === 1n;
}

function checkKernel({ setting }: Facts): Finding {
  const release = setting("/proc/sys/kernel/osrelease") ?? "unknown";
  const [major, minor] = kernelVersion(release);
  const text = `Linux ${release}`;
  if (major > 5 || (major === 5 && minor >= 4)) return ok("kernel", text);
  return fail("kernel", `${text}: 5.4 or newer is needed`, NEWER_KERNEL);
}

function checkPrivileges({ can, paranoid }: Facts): Finding {
  const setting = `perf_event_paranoid is ${paranoid}`;
  const has = (["CAP_SYS_ADMIN", "CAP_PERFMON"] as const).filter(can);
  if (has.length > 0) return ok("privileges", `${has.join(", ")} (${setting})`);
  if (paranoid < 0) return ok("privileges", `none, and none needed (${setting})`);
  return fail("privileges", `no CAP_PERFMON, and ${setting}`, "sudo sysctl kernel.perf_event_paranoid=-1");
}

function checkTracefs({ machine }: Facts): Finding {
  const mount = "sudo mount -t tracefs nodev /sys/kernel/tracing";
  try {
    const systems = machine.systems().length;
    return systems > 0 ? ok("tracefs", `${systems} systems of tracepoints`) : fail("tracefs", "it has no events", mount);
  } catch (error) {
    if (!(error instanceof SourceError)) throw error;
    const denied = reason(error.errno) === "permission denied";
    const text = `${error.message || "finding it"} failed: ${reason(error.errno)}`;
    return fail("tracefs", text, denied ? "sudo mount -o remount,mode=755 /sys/kernel/tracing" : mount);
  }
}

function checkLostCounts({ machine }: Facts): Finding {
  const accepts = (attr: Uint8Array<ArrayBuffer>) => machine.accepts(attr);
  const name = "lost counts";
  if (detectFeatures(accepts).formatLost) return ok(name, "for each event (PERF_FORMAT_LOST)");
  const features = { formatLost: false, buildId: false };
  const plain = sidebandAttr({ clock: "monotonic", watermarkPercent: 0, ringBytes: 0, features });
  // A user who may open nothing is no sign of an old kernel.
  if (!accepts(encodeAttr(plain))) return warn(name, "unknown: this user may open no event", "sudo perfprof doctor");
  return warn(name, "for each CPU only, not for each event: that needs Linux 6.0", NEWER_KERNEL);
}

/** A line of /proc/self/limits, its soft and hard limit. */
function limits({ setting }: Facts, title: string): [soft: number, hard: number] {
  const [, soft, hard] = new RegExp(`^${title}\\s+(\\w+)\\s+(\\w+)`, "m").exec(setting("/proc/self/limits") ?? "") ?? [];
  const value = (text = "unlimited") => text === "unlimited" ? Infinity : Number(text);
  return [value(soft), value(hard)];
}

/** An event takes a descriptor on each CPU. */
function checkFiles(facts: Facts): Finding {
  const [soft, hard] = limits(facts, "Max open files");
  const events = Math.max(0, Math.floor((soft - FILES_KEPT) / facts.cpus.length));
  const text = soft === Infinity ? "unlimited" : `${soft}: ${events} events at once on all CPUs`;
  if (events >= EVENTS_WANTED) return ok("open files", text);
  return warn(
    "open files",
    text,
    hard >= FILES_RAISED ? `ulimit -n ${FILES_RAISED}` : `sudo prlimit --pid $$ --nofile=${FILES_RAISED}`,
  );
}

/** What perf_mmap() of kernel/events/core.c counts: kilobytes for each CPU, and above them the process's own limit. */
function checkLockedMemory(facts: Facts): Finding {
  const { cpus, can, paranoid, setting } = facts;
  const { pageSize } = facts.machine;
  if (can("CAP_IPC_LOCK") || paranoid < 0) return ok("locked memory", "no limit for this user");
  const kilobytes = Number(setting("/proc/sys/kernel/perf_event_mlock_kb") ?? 516);
  const { ringPages } = facts.buffers;
  // A ring has a page of its own before the data.
  const ringBytes = (ringPages + 1) * pageSize;
  const allowed = kilobytes * 1024 * cpus.length + limits(facts, "Max locked memory")[0];
  const text = `perf_event_mlock_kb is ${kilobytes}`;
  if (ringBytes * cpus.length <= allowed) return ok("locked memory", `${text}: enough for the rings`);
  return warn(
    "locked memory",
    `${text}: rings will be smaller than ${size(ringPages * pageSize)}`,
    `sudo sysctl kernel.perf_event_mlock_kb=${Math.ceil(ringBytes / 1024)}`,
  );
}

function checkPmu({ setting }: Facts): Finding {
  const pmu = PMUS.find((name) => setting(`/sys/bus/event_source/devices/${name}/type`) !== undefined);
  if (pmu !== undefined) return ok("PMU", `${pmu}: hardware counters are there`);
  return warn("PMU", "no hardware counters: give a virtual machine its host's", "qemu-system-$(uname -m) -cpu host,pmu=on ...");
}

function checkProbes({ setting, can }: Facts): Finding[] {
  return ["kprobe", "uprobe"].map((kind) => {
    const name = `${kind}s`;
    const file = `${kind}_events`;
    const option = file.toUpperCase();
    if (setting(`/sys/kernel/tracing/${file}`) !== undefined) return ok(name, `${file} is there`);
    if (!can("CAP_DAC_OVERRIDE")) return warn(name, `unknown: only root may read ${file}`, "sudo perfprof doctor");
    return warn(
      name,
      `the kernel was built without CONFIG_${option}`,
      `scripts/config -e ${option}   (then build that kernel)`,
    );
  });
}

/** Documentation/admin-guide/sysctl/kernel.rst: 0 shows addresses to all, 1 to those with CAP_SYSLOG, 2 to nobody. */
function checkSymbols({ setting, can }: Facts): Finding {
  const restrict = Number(setting("/proc/sys/kernel/kptr_restrict") ?? 0);
  const text = `kptr_restrict is ${restrict}`;
  if (restrict === 0 || (restrict === 1 && can("CAP_SYSLOG"))) return ok("kernel symbols", text);
  return warn("kernel symbols", `${text}: addresses are hidden`, "sudo sysctl kernel.kptr_restrict=0");
}

function checkClock({ setting }: Facts): Finding {
  const current = setting(`${CLOCKSOURCE}/current_clocksource`) ?? "unknown";
  if (!SLOW_CLOCKS.includes(current)) return ok("clock", current);
  const better = setting(`${CLOCKSOURCE}/available_clocksource`)?.split(/\s+/).find((name) => !SLOW_CLOCKS.includes(name));
  const text = `${current} is slow to read: every event costs more`;
  if (better !== undefined && better !== "") {
    return warn("clock", text, `echo ${better} | sudo tee ${CLOCKSOURCE}/current_clocksource`);
  }
  return warn("clock", text, "boot the kernel with clocksource=tsc tsc=reliable");
}
