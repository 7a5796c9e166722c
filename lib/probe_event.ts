/**
 * Makes an event of a dynamic probe: finds the function, writes the definition in the kernel's terms and has it created. Says in
 * words why that cannot be.
 *
 * @module
 */

import { nearest, PerfprofError } from "./errors.ts";
import { reason } from "./failures.ts";
import { isReturnProbe, isUserProbe, kernelKind, type ProbeSpec, probeText, type ProbeWord } from "./probe.ts";
import { findProbeFile } from "./probe_file.ts";
import type { Machine } from "./machine.ts";
import type { Marker } from "./probes.ts";
import { SourceError } from "./source.ts";
import { usdtPlaces } from "./usdt.ts";

/** The registers of a call's first arguments, as the kernel names them. Kernel probes have $argN of their own. */
const ARGUMENT_REGISTERS: Readonly<Record<string, readonly string[]>> = {
  x86_64: ["di", "si", "dx", "cx", "r8", "r9"],
  aarch64: ["x0", "x1", "x2", "x3", "x4", "x5", "x6", "x7"],
};
/** The kernel's limit for names of events is 64 with the NUL. */
const NAME_MOST = 60;
/** Of a file's markers, so many are named where none is near. */
const MARKERS_NAMED = 8;
/** errno(3). */
const EPERM = 1, ENOENT = 2, ENOEXEC = 8, EACCES = 13;
const PLACE_HINT = 'a place in the file: uprobe:0xOFFSET@"FILE"';

/** Where the event of a probe is: a tracepoint, as far as perf goes. */
export interface ProbeTracepoint {
  readonly system: string;
  readonly name: string;
}

type ProbeMachine = Pick<Machine, "kernelFile" | "probes">;

/**
 * Creates a probe.
 *
 * @param name As in `_event`
 * @throws {PerfprofError} In words for the user
 */
export function createProbe(machine: ProbeMachine, name: string, probe: ProbeSpec): ProbeTracepoint {
  const what = `probing ${probeText(name, probe)}`;
  const eventName = name.replace(/\W/g, "_").replace(/^(?=\d)/, "_").slice(0, NAME_MOST);
  const places = placesOf(machine, what, probe);
  try {
    return { system: machine.probes.create({ kind: kernelKind(probe.kind), name: eventName, places }), name: eventName };
  } catch (error) {
    throw error instanceof SourceError ? explainCreation(error, machine, what, probe) : error;
  }
}

function placesOf(machine: ProbeMachine, what: string, probe: ProbeSpec): string[] {
  if (!isUserProbe(probe.kind)) return [[kernelPlace(probe), ...argumentsOf(what, probe)].join(" ")];
  const path = findProbeFile(probe.file!);
  if (probe.kind === "usdt") return markerPlaces(machine, what, path, probe);
  return [[userPlace(machine, what, path, probe), ...argumentsOf(what, probe)].join(" ")];
}

function markerPlaces(machine: ProbeMachine, what: string, path: string, { symbol: marker, args }: ProbeSpec): string[] {
  try {
    const all = machine.probes.markers(path);
    const own = all.filter(({ provider, name }) => `${provider}:${name}` === marker);
    if (own.length === 0) throw missingMarker(what, path, marker!, all);
    return usdtPlaces(path, own, args);
  } catch (error) {
    if (error instanceof RangeError) throw missingArgument(what, error.message, MARKER_ARGUMENTS);
    throw error instanceof SourceError ? explainFunction(error, machine, what, path, marker!) : error;
  }
}

function userPlace(machine: ProbeMachine, what: string, path: string, { symbol, offset }: ProbeSpec): string {
  try {
    const start = symbol === undefined ? 0n : machine.probes.functionOffset(path, symbol);
    return `${path}:0x${(start + offset).toString(16)}`;
  } catch (error) {
    throw error instanceof SourceError ? explainFunction(error, machine, what, path, symbol!) : error;
  }
}

function kernelPlace({ symbol, offset }: ProbeSpec): string {
  return offset === 0n ? symbol! : `${symbol}+${offset}`;
}

/** In the kernel's terms. What a function returns is always there. */
function argumentsOf(what: string, { kind, args }: ProbeSpec): string[] {
  const own = isUserProbe(kind) ? args.map((text) => inRegisters(what, kind, text)) : args;
  return isReturnProbe(kind) && !args.some((text) => text.startsWith("ret=")) ? ["ret=$retval", ...own] : [...own];
}

function inRegisters(what: string, kind: ProbeWord, text: string): string {
  const registers = isReturnProbe(kind) ? [] : ARGUMENT_REGISTERS[Deno.build.arch] ?? [];
  return text.replace(/\$arg(\d+)/g, (word, digits) => {
    const register = registers[Number(digits) - 1];
    if (register !== undefined) return `%${register}`;
    throw missingArgument(what, word, isReturnProbe(kind) ? RETURN_ARGUMENTS : STACK_ARGUMENTS);
  });
}

// ---- why not ----

const RETURN_ARGUMENTS = "when a function returns its arguments are gone: take them with uprobe:";
const STACK_ARGUMENTS = "the first arguments are in registers, others on the stack: $stack1, $stack2, ...";
const MARKER_ARGUMENTS = "perfprof show lists a marker's arguments; what the kernel cannot fetch is left out";

function missingArgument(what: string, argument: string, hint: string): PerfprofError {
  return new PerfprofError(`${what} failed: ${argument} is not there`, { hints: [hint] });
}

function explainFunction(
  error: SourceError,
  machine: ProbeMachine,
  what: string,
  path: string,
  symbol: string,
): PerfprofError {
  if (error.operation !== "elf") return new PerfprofError(`${what} failed: ${path}: ${reason(error.errno)}`, { cause: error });
  const hints = error.errno === ENOENT
    ? missingFunction(machine.probes.functions(path), path, symbol)
    : error.errno === ENOEXEC
    ? []
    : [PLACE_HINT];
  return new PerfprofError(`${what} failed: ${error.message}`, { hints, cause: error });
}

function missingMarker(what: string, path: string, marker: string, all: readonly Marker[]): PerfprofError {
  const names = new Set(all.map(({ provider, name }) => `${provider}:${name}`));
  const near = nearest(marker, names);
  const some = near.length > 0
    ? `did you mean ${near.join(" or ")}?`
    : `it has ${[...names].slice(0, MARKERS_NAMED).join(" ")}`;
  return new PerfprofError(`${what} failed: ${path} has no marker '${marker}'`, {
    hints: names.size > 0 ? [some] : ["it has none: programs have markers that were compiled with sys/sdt.h"],
  });
}

function missingFunction(names: readonly string[], path: string, symbol: string): string[] {
  const near = nearest(symbol, new Set(names));
  if (near.length > 0) return [`did you mean ${near.join(" or ")}?`];
  return [`nm --defined-only '${path}'; nm -D --defined-only '${path}'`, PLACE_HINT];
}

function explainCreation(error: SourceError, machine: ProbeMachine, what: string, probe: ProbeSpec): PerfprofError {
  const fail = (why: string, hints: readonly string[] = [], detail: readonly string[] = []) =>
    new PerfprofError(`${what} failed: ${why}`, { hints, detail, cause: error });
  if (error.operation === "file" && error.errno === ENOENT) return noProbes(what, probe.kind, error);
  if (error.errno === EPERM || error.errno === EACCES) {
    return fail(`${reason(error.errno)} (probes are root's)`, ["sudo perfprof ..."]);
  }
  const [why = "", command = "", caret = ""] = error.message.split("\n");
  const unknown = !isUserProbe(probe.kind) && !isKernelFunction(machine, probe.symbol!);
  if (unknown) return fail(`the kernel has no function '${probe.symbol}'`, nearKernelFunctions(machine, probe.symbol!));
  if (command === "") return fail(why === "" ? `the kernel refuses it: ${reason(error.errno)}` : why);
  return fail(`the kernel refuses it: ${why}`, hintsOf(why), [`    ${command}`, `    ${caret}`]);
}

function noProbes(what: string, kind: ProbeWord, cause: SourceError): PerfprofError {
  const option = isUserProbe(kind) ? "UPROBE_EVENTS" : "KPROBE_EVENTS";
  return new PerfprofError(`${what} failed: the kernel was built without CONFIG_${option}`, {
    hints: [
      `scripts/config -e ${option}   (then build that kernel)`,
      "perfprof list   (tracepoints are there without it)",
    ],
    cause,
  });
}

/** Hints for the reasons of kernel/trace/trace_probe.h that users meet. */
function hintsOf(why: string): string[] {
  if (!/register|fetch|type/i.test(why)) return [];
  const registers = (ARGUMENT_REGISTERS[Deno.build.arch] ?? []).map((name) => `%${name}`).join(" ");
  return [`an argument is NAME=$argN, ${registers}, $stackN, $retval, or +0($argN):string for text at an address`];
}

function isKernelFunction(machine: ProbeMachine, symbol: string): boolean {
  return kernelFunctions(machine).has(plain(symbol));
}

function nearKernelFunctions(machine: ProbeMachine, symbol: string): string[] {
  const near = nearest(plain(symbol), kernelFunctions(machine));
  return near.length > 0 ? [`did you mean ${near.join(" or ")}?`] : ["grep -i NAME /proc/kallsyms"];
}

/** Without its module. */
function plain(symbol: string): string {
  return symbol.slice(symbol.indexOf(":") + 1);
}

/** Names of kallsyms(5)'s code. */
function kernelFunctions(machine: ProbeMachine): Set<string> {
  const text = machine.kernelFile("/proc/kallsyms") ?? "";
  return new Set(Array.from(text.matchAll(/^\S+ [tTwW] (\S+)/gm), ([, name]) => name!));
}
