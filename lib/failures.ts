/**
 * Turns the kernel's refusals into one line and what mends them.
 *
 * @module
 */

import { PerfprofError } from "./errors.ts";
import type { Machine, SourceError, SourceRequest } from "./source.ts";

const EPERM = 1, ENOENT = 2, ESRCH = 3, ENOMEM = 12, EACCES = 13, ENODEV = 19, EINVAL = 22, ENFILE = 23, EMFILE = 24;

/** What was to be opened, and the names of each event's fields. */
export interface OpenedRequest extends SourceRequest {
  readonly fieldNames: readonly (readonly string[])[];
}

/** What an errno says, in the words of errno(3). */
const REASONS: Readonly<Record<number, string>> = {
  [EPERM]: "operation not permitted",
  [ENOENT]: "no such file or directory",
  [ESRCH]: "no such process",
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
  28: "no space left on device",
  30: "read-only file system",
  40: "too many levels of symbolic links",
  95: "operation not supported",
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
  switch (error.operation) {
    case "open":
      if (denied) return permission(error, machine);
      if (error.errno === EMFILE || error.errno === ENFILE) return tooManyFiles(error, request);
      if (error.errno === ENODEV) {
        return fail(`${error.message} failed: CPU ${error.cpu} is offline`, ["-C with online CPUs only"]);
      }
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
    case "task":
      return request?.target.kind === "tids"
        ? fail(`tracing thread ${error.pid} failed: there is no such thread`, ["ps -eL -o tid,comm"])
        : fail(`tracing process ${error.pid} failed: there is no such process`, ["ps -e -o pid,comm"]);
    case "cgroup":
      return fail(what(`opening ${error.message}`), [
        "--cgroups takes paths below a cgroup v2 or perf_event mount: ls /sys/fs/cgroup",
      ]);
    case "exec":
      return fail(`starting ${error.message} failed: ${error.errno === ENOENT ? "command not found" : reason(error.errno)}`);
    case "output":
      return fail(what(error.message), error.errno === EPERM ? ["-o with a file in a folder that only you can write"] : []);
    default:
      return fail(error.errno === 0 ? error.message : what(error.message));
  }
}

function invalidEvent(message: string): string {
  return / ftrace:/.test(message)
    ? "events of ftrace: are no tracepoints but records of ftrace itself: trace another event"
    : "perfprof needs Linux 5.4 or newer";
}

function permission(error: SourceError, machine: Pick<Machine, "kernelFile">, more: readonly string[] = []): PerfprofError {
  const paranoid = machine.kernelFile("/proc/sys/kernel/perf_event_paranoid")?.trim() ?? "unknown";
  return new PerfprofError(`${error.message} failed: ${reason(error.errno)} (perf_event_paranoid is ${paranoid})`, {
    hints: [
      "run as root, or with CAP_PERFMON",
      "sysctl kernel.perf_event_paranoid=-1   (lets every user trace everything)",
      ...more,
    ],
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
  return new PerfprofError(`filter ${JSON.stringify(given)} of ${event?.name ?? "the event"} failed: the kernel refuses it`, {
    detail: [...lines.map((line) => `  ${line}`), `  fields: ${request?.fieldNames[error.event]?.join(" ") ?? ""}`],
    cause: error,
  });
}
