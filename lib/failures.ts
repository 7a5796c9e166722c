/**
 * Turns the kernel's refusals into one line and what mends them.
 *
 * @module
 */

import { PERF } from "./attr.ts";
import { PerfprofError } from "./errors.ts";
import type { Machine } from "./machine.ts";
import type { SourceError, SourceRequest } from "./source.ts";

const EPERM = 1, ENOENT = 2, ESRCH = 3, ENOMEM = 12, EACCES = 13, ENODEV = 19, EINVAL = 22, ENFILE = 23, EMFILE = 24;
const ENOSPC = 28, EOVERFLOW = 75, EOPNOTSUPP = 95;

/** What was to be opened, and the names of each event's fields. */
export interface OpenedRequest extends SourceRequest {
  readonly fieldNames: readonly (readonly string[])[];
}

/** What an errno says, in the words of errno(3). */
const REASONS: Readonly<Record<number, string>> = {
  [EPERM]: "operation not permitted",
  [ENOENT]: "no such file or directory",
  [ESRCH]: "no such process",
  5: "input/output error",
  7: "argument list too long",
  11: "resource temporarily unavailable",
  [ENOMEM]: "out of memory",
  [EACCES]: "permission denied",
  16: "device or resource busy",
  [ENODEV]: "no such device",
  20: "not a directory",
  21: "is a directory",
  [EINVAL]: "invalid argument",
  [ENFILE]: "too many open files in the system",
  [EMFILE]: "too many open files",
  [ENOSPC]: "no space left on device",
  30: "read-only file system",
  40: "too many levels of symbolic links",
  [EOPNOTSUPP]: "operation not supported",
};

/** An errno in words. */
export function reason(errno: number): string {
  return REASONS[errno] ?? `error ${errno}`;
}

/**
 * What a person is told of a failure.
 *
 * @param error What the source reported
 * @param machine Asked for the settings behind the refusal
 * @param request What was to be opened, where the failure came from there
 */
export function explain(error: SourceError, machine: Pick<Machine, "kernelFile">, request?: OpenedRequest): PerfprofError {
  const denied = error.errno === EACCES || error.errno === EPERM;
  const fail = (message: string, hints: string[] = [], detail: string[] = []) =>
    new PerfprofError(message, { hints, detail, cause: error });
  const what = (text: string) => `${text} failed: ${reason(error.errno)}`;
  const failed = () => fail(error.errno === 0 ? error.message : what(error.message));
  switch (error.operation) {
    case "open":
      if (error.errno === EPERM && mayTraceAll(machine)) return unsampled(error);
      if (denied) return permission(error, machine, ownPrograms(error, request));
      if (error.errno === EMFILE || error.errno === ENFILE) return tooManyFiles(error, request);
      if (error.errno === ENODEV) {
        return fail(`${error.message} failed: CPU ${error.cpu} is offline`, ["-C with online CPUs only"]);
      }
      if (error.errno === EOVERFLOW) return tooManyFrames(error, machine);
      if (isBreakpoint(error, request)) return unwatched(error);
      if (isHardware(error, request)) return uncounted(error);
      if (request?.events[error.event]?.probe !== undefined) return misplaced(error, request.events[error.event]!.probe!);
      return fail(what(error.message), error.errno === EINVAL ? [invalidEvent(error.message)] : []);
    case "mmap":
      return denied
        ? lockedMemory(error, machine, request)
        : fail(what(error.message), ["-m with fewer pages (a power of two)"]);
    case "filter":
      return filter(error, request);
    case "tracefs":
      if (denied) return permission(error, machine, ["mount -o remount,mode=755 /sys/kernel/tracing"]);
      return fail(`finding tracefs failed: ${reason(error.errno)}`, ["mount -t tracefs nodev /sys/kernel/tracing"]);
    case "format":
      if (denied) return permission(error, machine, ["mount -o remount,mode=755 /sys/kernel/tracing"]);
      return failed();
    case "task":
      return request?.target.kind === "tids"
        ? fail(`tracing thread ${error.pid} failed: there is no such thread`, ["ps -eL -o tid,comm"])
        : fail(`tracing process ${error.pid} failed: there is no such process`, ["ps -e -o pid,comm"]);
    case "cgroup":
      return fail(what(`opening ${error.message}`), [
        "--cgroups takes paths below a cgroup v2 or perf_event mount: ls /sys/fs/cgroup",
      ]);
    case "exec":
      return error.errno === ENOENT
        ? fail(`starting ${error.message} failed: command not found`, shellHints(request))
        : fail(what(`starting ${error.message}`));
    case "output":
      return fail(what(error.message), error.errno === EPERM ? ["-o with a file in a folder that only you can write"] : []);
    default:
      return failed();
  }
}

/** Words that only a shell knows (sh(1)). */
const SHELL_WORDS =
  ". : alias bg cd command eval exec exit export fg for getopts hash if jobs read readonly return set shift " +
  "times trap type ulimit umask unalias unset until wait while";

/** The command in a shell, where its first word is one of a shell's own. */
function shellHints(request: SourceRequest | undefined): string[] {
  const words = request?.target.kind === "command" ? request.target.words : [];
  return SHELL_WORDS.split(" ").includes(words[0] ?? "") ? [`-c "sh -c '${words.join(" ")}'"`] : [];
}

/** Bits of CapEff (proc_pid_status(5)): CAP_SYS_ADMIN and CAP_PERFMON of include/uapi/linux/capability.h. */
const TRACING_CAPABILITIES = 1n << 21n | 1n << 38n;

/** Whether this user may trace all there is. Capabilities within a user namespace of one's own are not worth that. */
function mayTraceAll(machine: Pick<Machine, "kernelFile">): boolean {
  const mask = /^CapEff:\s*([0-9a-f]+)$/m.exec(machine.kernelFile("/proc/self/status") ?? "")?.[1] ?? "0";
  const initial = /^\s*0\s+0\s+4294967295\s*$/.test(machine.kernelFile("/proc/self/uid_map") ?? "");
  return initial && (BigInt(`0x${mask}`) & TRACING_CAPABILITIES) !== 0n;
}

/** Some tracepoints refuse everybody: a sample of irq_vectors:irq_work_exit would make the next one. */
function unsampled(error: SourceError): PerfprofError {
  const [, event = "the event"] = /^perf_event_open (\S+)/.exec(error.message) ?? [];
  return new PerfprofError(`opening ${event} failed: the kernel lets nobody sample this event`, {
    hints: [`others of its subsystem: perfprof list '${event.split(":")[0]}:*'`],
    cause: error,
  });
}

/** The kernel looks at a probe's place when it is opened, not before. */
function misplaced(error: SourceError, probe: string): PerfprofError {
  return new PerfprofError(`opening ${probe} failed: the kernel cannot put a probe there (${reason(error.errno)})`, {
    hints: ["an offset is that of an instruction's first byte: objdump -d -F FILE"],
    cause: error,
  });
}

/** perf_event_attr.type of the event that failed; undefined where it was none in particular. */
function attrType({ event }: SourceError, request: SourceRequest | undefined): number | undefined {
  const attr = request?.events[event]?.attr;
  return attr && new DataView(attr.buffer, attr.byteOffset).getUint32(0, true);
}

function isBreakpoint(error: SourceError, request: SourceRequest | undefined): boolean {
  return attrType(error, request) === PERF.PERF_TYPE_BREAKPOINT && [EINVAL, ENOSPC].includes(error.errno);
}

/** A CPU's debug registers are few, and not for everything (arch/x86/kernel/hw_breakpoint.c). */
function unwatched(error: SourceError): PerfprofError {
  const what = error.message.replace(/^perf_event_open /, "opening ");
  return error.errno === ENOSPC
    ? new PerfprofError(`${what} failed: all debug registers of the CPU are in use`, {
      hints: ["watch fewer addresses: a CPU has 4 of them", "end debuggers that watch some"],
      cause: error,
    })
    : new PerfprofError(`${what} failed: the CPU cannot watch this address in this way`, {
      hints: ["instead of :x in the kernel: -e kprobe:FUNCTION"],
      cause: error,
    });
}

/** Whose counters are those of a device. */
function isHardware(error: SourceError, request: SourceRequest | undefined): boolean {
  const type = attrType(error, request);
  const others: (number | undefined)[] = [
    undefined,
    PERF.PERF_TYPE_SOFTWARE,
    PERF.PERF_TYPE_TRACEPOINT,
    PERF.PERF_TYPE_BREAKPOINT,
  ];
  return !others.includes(type) && [ENOENT, EINVAL, EOPNOTSUPP].includes(error.errno);
}

function uncounted(error: SourceError): PerfprofError {
  const what = error.message.replace(/^perf_event_open /, "opening ");
  return new PerfprofError(
    `${what} failed: the PMU does not have this event, or makes no samples of it (${reason(error.errno)})`,
    {
      hints: ["perfprof list", "what can only be counted: -e 'hrcount/-e EVENT/'"],
      cause: error,
    },
  );
}

function invalidEvent(message: string): string {
  return / ftrace:/.test(message)
    ? "events of ftrace: are no tracepoints but records of ftrace itself: trace another event"
    : "perfprof needs Linux 5.4 or newer";
}

function permission(error: SourceError, machine: Pick<Machine, "kernelFile">, more: readonly string[] = []): PerfprofError {
  const paranoid = machine.kernelFile("/proc/sys/kernel/perf_event_paranoid")?.trim() ?? "unknown";
  if (paranoid === "-1" && error.pid > 0) return foreign(error);
  return new PerfprofError(`${error.message} failed: ${reason(error.errno)} (perf_event_paranoid is ${paranoid})`, {
    hints: [
      "run as root, or with CAP_PERFMON",
      "sysctl kernel.perf_event_paranoid=-1   (lets every user trace everything)",
      ...more,
    ],
    cause: error,
  });
}

/** What perf_event_paranoid 2 leaves to everybody: to sample his own programs, in user space. */
function ownPrograms(error: SourceError, request: SourceRequest | undefined): string[] {
  const isSampled = error.pid > 0 && attrType(error, request) === PERF.PERF_TYPE_SOFTWARE;
  return isSampled
    ? ["user space of your own programs: -e 'profile/-g --exclude-kernel/' --user-callchain --no-kernel-callchain"]
    : [];
}

/** Where everybody may trace everything, it takes ptrace_may_access() for a task (perf_check_permission() of kernel/events/core.c). */
function foreign(error: SourceError): PerfprofError {
  return new PerfprofError(`${error.message} failed: ${reason(error.errno)} (the process is not this user's)`, {
    hints: [`run as root, or as the user of the process: ps -o user= -p ${error.pid}`],
    cause: error,
  });
}

/** get_callchain_buffers() of kernel/events/callchain.c. */
function tooManyFrames(error: SourceError, machine: Pick<Machine, "kernelFile">): PerfprofError {
  const [, event = "the event"] = /^perf_event_open (\S+)/.exec(error.message) ?? [];
  const most = machine.kernelFile("/proc/sys/kernel/perf_event_max_stack")?.trim() ?? "unknown";
  return new PerfprofError(`opening ${event} failed: max-stack is more frames than the kernel allows (${most})`, {
    hints: [`max-stack=${most}`, "sysctl kernel.perf_event_max_stack=1024   (while nothing samples stacks)"],
    cause: error,
  });
}

function tooManyFiles(error: SourceError, request: SourceRequest | undefined): PerfprofError {
  const files = request?.events.reduce((sum, { cpus }) => sum + cpus.length, 0);
  const need = files === undefined ? "" : ` (at least ${files} are needed)`;
  return new PerfprofError(`${error.message} failed: ${reason(error.errno)}${need}`, {
    hints: ["ulimit -n 1048576", "fewer events, CPUs (-C) or tasks (-p, -t)"],
    cause: error,
  });
}

function lockedMemory(
  error: SourceError,
  machine: Pick<Machine, "kernelFile">,
  request: SourceRequest | undefined,
): PerfprofError {
  const limit = machine.kernelFile("/proc/sys/kernel/perf_event_mlock_kb")?.trim() ?? "unknown";
  const pages = request === undefined ? "" : ` of ${request.ringPages} pages`;
  return new PerfprofError(`mapping a ring${pages} failed: ${reason(error.errno)} (perf_event_mlock_kb is ${limit})`, {
    hints: ["-m with fewer pages (a power of two)", "sysctl kernel.perf_event_mlock_kb=65536", "ulimit -l unlimited"],
    cause: error,
  });
}

/** The kernel's reason is its own error file: the filter, a caret below the place, and the message. */
function filter(error: SourceError, request: OpenedRequest | undefined): PerfprofError {
  const event = request?.events[error.event];
  const given = event?.filter ?? "";
  const lines = error.message.split("\n").map((line) => line.trimEnd()).filter((line) => line !== "");
  return new PerfprofError(
    `filter ${JSON.stringify(given)} of ${event?.probe ?? event?.name ?? "the event"} failed: the kernel refuses it`,
    {
      detail: [...lines.map((line) => `  ${line}`), `  fields: ${request?.fieldNames[error.event]?.join(" ") ?? ""}`],
      cause: error,
    },
  );
}
