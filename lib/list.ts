/**
 * `perfprof list [GLOB]`: the tracepoints of this machine, the profilers and the plain events. On a terminal by system or kind, with
 * the first fields or a summary of each; else a name to a line, for grep and xargs.
 *
 * @module
 */

import type { CommandContext } from "./commands.ts";
import { nearest, PerfprofError, UsageError } from "./errors.ts";
import { globPattern, NO_EVENTS } from "./event_pattern.ts";
import { isUserProbe, PROBE_WORDS, probeForm, type ProbeWord } from "./probe.ts";
import { type ListedSource, profilersOf } from "./profilers/registry.ts";
import type { Machine } from "./machine.ts";
import { fitted, styled, type Terminal } from "./terminal.ts";

/** Names of a system may take so much of a line; a longer one pushes its own fields to the right. */
const NAMES_SHARE = 0.55;

/**
 * The text of the list.
 *
 * @throws {PerfprofError} Nothing matches
 */
export function list({ args, machine: getMachine, terminal }: CommandContext): string {
  const [glob, ...more] = args;
  if (more.length > 0) {
    throw new UsageError(`the command 'list' takes one GLOB, not ${args.length}`, {
      hints: ["quote it: perfprof list 'sched:*'"],
    });
  }
  const machine = getMachine();
  const systems = machine.systems().filter((system) => system !== NO_EVENTS).sort();
  const all = systems.flatMap((system) => machine.names(system).sort().map((name) => ({ system, name })));
  const sources = profilersOf(machine).list();
  const found = glob === undefined ? all : all.filter(matcher(glob));
  const foundSources = glob === undefined ? sources : sources.filter(sourceMatcher(glob));
  if (found.length + foundSources.length === 0) {
    throw noMatch(glob, [...all.map(({ system, name }) => `${system}:${name}`), ...sources.map(({ name }) => name)], systems);
  }
  const { columns } = terminal;
  if (columns === undefined) {
    return [...found.map(({ system, name }) => `${system}:${name}`), ...foundSources.map(({ name }) => name)].join("\n") + "\n";
  }
  const parts = [grouped(found, machine, terminal, columns), groupedSources(foundSources, terminal, columns)];
  return [...parts, glob === undefined ? probeKinds(machine, terminal) : ""].filter((text) => text !== "").join("\n");
}

const PROBE_USES: Readonly<Record<ProbeWord, string>> = {
  kprobe: "a function of the kernel is called",
  kretprobe: "it returns",
  uprobe: "a function of a program or library is called",
  uretprobe: "it returns",
  usdt: "a marker that a program was compiled with (USDT)",
};

/** The dynamic probes that this kernel has, a line for each kind. */
function probeKinds(machine: Machine, terminal: Terminal): string {
  const kinds = PROBE_WORDS.filter((kind) => {
    const file = isUserProbe(kind) ? "uprobe_events" : "kprobe_events";
    return machine.kernelFile(`/sys/kernel/tracing/${file}`) !== undefined;
  });
  if (kinds.length === 0) return "";
  const width = Math.max(...kinds.map((kind) => probeForm(kind).length));
  const lines = kinds.map((kind) => `  ${probeForm(kind).padEnd(width)}  ${styled(terminal, "dim", PROBE_USES[kind])}\n`);
  return `${styled(terminal, "bold", "dynamic probes")}\n${lines.join("")}`;
}

interface Tracepoint {
  readonly system: string;
  readonly name: string;
}

/** With a colon it is compared with `sys:name`, else with each of the two. */
function matcher(glob: string): (event: Tracepoint) => boolean {
  const pattern = globPattern(glob);
  if (glob.includes(":")) return ({ system, name }) => pattern.test(`${system}:${name}`);
  return ({ system, name }) => pattern.test(system) || pattern.test(name);
}

/** A profiler or plain event has one name, and a kind. */
function sourceMatcher(glob: string): (source: ListedSource) => boolean {
  const pattern = globPattern(glob);
  return ({ name, kind }) => pattern.test(name) || pattern.test(kind);
}

function noMatch(glob = "*", events: readonly string[], systems: readonly string[]): PerfprofError {
  const plain = glob.replace(/[*?]/g, "");
  const names = new Set([...events, ...systems, ...events.map((event) => event.slice(event.indexOf(":") + 1))]);
  const near = nearest(plain, plain.includes(":") ? events : names);
  return new PerfprofError(`listing '${glob}' failed: no event matches`, {
    hints: [near.length > 0 ? `did you mean ${near.join(" or ")}?` : "perfprof list   (all events)"],
  });
}

function grouped(events: readonly Tracepoint[], machine: Machine, terminal: Terminal, columns: number): string {
  const groups = [...Map.groupBy(events, ({ system }) => system)].map(([system, members]) => {
    const widest = Math.max(...members.map(({ name }) => system.length + 1 + name.length));
    const width = Math.min(widest, Math.floor(columns * NAMES_SHARE));
    const lines = members.map(({ name }) => {
      const shown = `  ${`${system}:${name}`.padEnd(width)}`;
      const fields = fitted(fieldNames(machine, system, name).join(" "), columns - shown.length - 2);
      return fields === "" ? shown.trimEnd() : `${shown}  ${styled(terminal, "dim", fields)}`;
    });
    return `${styled(terminal, "bold", system)}\n${lines.join("\n")}\n`;
  });
  return groups.join("\n");
}

function groupedSources(sources: readonly ListedSource[], terminal: Terminal, columns: number): string {
  const groups = [...Map.groupBy(sources, ({ kind }) => kind)].map(([kind, members]) => {
    const width = Math.max(...members.map(({ name }) => name.length));
    const lines = members.map(({ name, summary }) => {
      const shown = `  ${name.padEnd(width)}`;
      const text = fitted(summary, columns - shown.length - 2);
      return text === "" ? shown.trimEnd() : `${shown}  ${styled(terminal, "dim", text)}`;
    });
    return `${styled(terminal, "bold", kind)}\n${lines.join("\n")}\n`;
  });
  return groups.join("\n");
}

/** An event's own fields, read off the format's text: two thousand of them are not parsed for a line each. */
function fieldNames(machine: Machine, system: string, name: string): string[] {
  const format = machine.kernelFile(`/sys/kernel/tracing/events/${system}/${name}/format`) ?? "";
  const declared = format.matchAll(/^\tfield:[^;]*?(\w+)(?:\[[^\]]*\])?;/gm);
  return Array.from(declared, ([, field]) => field!).filter((field) => !field.startsWith("common_"));
}
