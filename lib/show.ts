/**
 * `perfprof show EVENT`: a tracepoint's fields, the values that its print format names, and how to take and filter it. What is shown
 * of a profiler is in show_profiler.ts.
 *
 * @module
 */

import type { CommandContext } from "./commands.ts";
import { type DescribedField, type DescribedTracepoint, describeEvents, namesText } from "./described_event.ts";
import { UsageError } from "./errors.ts";
import { eventText, parseEvents } from "./event_spec.ts";
import { argumentForms } from "./probe.ts";
import { profilerSections, type Section } from "./show_profiler.ts";
import type { Machine } from "./machine.ts";
import { styled, type Terminal, wrapped } from "./terminal.ts";

/** Of the lines below a heading. */
const INDENT = "  ";

/**
 * The text about one event.
 *
 * @throws {PerfprofError} Not one event, or an unknown one
 */
export function show({ args, machine: getMachine, terminal }: CommandContext): string {
  const specs = parseEvents(args);
  const [spec] = specs;
  if (spec === undefined || specs.length > 1) throw notOne(specs.length);
  const machine = getMachine();
  const width = terminal.columns === undefined ? undefined : terminal.columns - INDENT.length;
  const sections = spec.profiler === undefined
    ? tracepointSections(describeOne(machine, args), terminal, width)
    : profilerSections(machine, spec, terminal, width);
  return [
    styled(terminal, "bold", eventText(spec)),
    ...sections.flatMap(([title, lines]) => [
      "",
      ...(title === "" ? [] : [styled(terminal, "bold", title)]),
      ...lines.map((line) => `${INDENT}${line}`),
    ]),
    "",
  ].join("\n");
}

function describeOne(machine: Machine, texts: readonly string[]): DescribedTracepoint {
  const events = describeEvents(machine, texts);
  const [event] = events;
  if (event?.kind !== "tracepoint" || events.length > 1) throw notOne(events.length);
  return event;
}

function notOne(count: number): UsageError {
  return new UsageError(`the command 'show' takes one EVENT, not ${count}`, {
    hints: ["perfprof show sched:sched_wakeup", "perfprof list"],
  });
}

function tracepointSections(event: DescribedTracepoint, terminal: Terminal, width: number | undefined): Section[] {
  const { handlerName, probe } = event.spec;
  const text = eventText(event.spec);
  return [
    ["Fields", table(event.fields, terminal)],
    ["Print format", printFormat(event, width)],
    ["Handler", [`export function ${handlerName}(event) { ... }`]],
    ...(probe === undefined ? [] : [["Arguments", argumentForms(probe)] as const]),
    ["Examples", [
      `perfprof -e ${probe === undefined ? text : `'${text}'`} help > h.ts`,
      `perfprof -e '${text}/${filterExample(event)}/' h.ts`,
    ]],
  ];
}

/** `, { 1, "S" }, { 2, "D" }`: the values of one field, and the mark of their end. */
const VALUES = /(?:,\s*\{[^{}"]*,\s*(?:"[^{}]*|\(\(void \*\)0\)\s*)\})+/g;

/** As the kernel has it; on a terminal without the values that the fields' table shows already. */
function printFormat({ format }: DescribedTracepoint, width: number | undefined): string[] {
  return width === undefined ? [format.printFormat] : wrapped(format.printFormat.replace(VALUES, ", ..."), width);
}

const HEAD = ["FIELD", "C TYPE", "TYPESCRIPT", "SIZE"] as const;

/** A row for each field, and below it the values that have names. The event's own fields first. */
function table(fields: readonly DescribedField[], terminal: Terminal): string[] {
  const ordered = [...fields.filter(({ common }) => !common), ...fields.filter(({ common }) => common)];
  const cells = ordered.map(({ name, cType, type, size }) => [name, cType, type, String(size)]);
  const widths = HEAD.map((title, column) => Math.max(title.length, ...cells.map((row) => row[column]!.length)));
  const line = (row: readonly string[]) =>
    row.map((cell, i) => i === 3 ? cell.padStart(widths[i]!) : cell.padEnd(widths[i]!)).join("  ").trimEnd();
  const left = " ".repeat(Math.min(widths[0]! + 2, 24));
  const width = terminal.columns === undefined ? undefined : terminal.columns - INDENT.length - left.length;
  const rows = ordered.flatMap((field, i) => [
    styled(terminal, field.common ? "dim" : "cyan", line(cells[i]!)),
    ...field.names.flatMap((names) => wrapped(namesText(names), width)).map((text) => left + text),
  ]);
  return [styled(terminal, "bold", line(HEAD)), ...rows];
}

/**
 * A trace filter that the kernel accepts for this event: a value that has a name, else a number, and a text where there is one.
 * Not of `char *` (the kernel compares such a field as text, at a user's address), nor of arrays.
 */
export function filterExample({ fields }: DescribedTracepoint): string {
  const own = fields.filter(({ name, common }) => !common && !name.startsWith("__probe_"));
  const parts = [numberFilter(own), textFilter(own)].filter((part) => part !== undefined);
  return parts.length > 0 ? parts.join(" && ") : "common_pid>0";
}

function numberFilter(fields: readonly DescribedField[]): string | undefined {
  const numbers = fields.filter(({ cType, layout: { kind } }) =>
    ["number", "integer64", "address"].includes(kind) && !/\bchar\s*\*/.test(cType)
  );
  for (const { name, names } of numbers) {
    const [named] = names;
    const value = named?.values.find(({ value }) => value !== undefined && value > 0n && (!named.flags || isOneBit(value)));
    if (named?.flags && value !== undefined) return `${name}&${value.text}`;
    if (named?.expression === name && value !== undefined) return `${name}==${value.text}`;
  }
  const [first] = numbers;
  return first && `${first.name}${first.layout.kind === "address" ? "!=" : ">"}0`;
}

function isOneBit(value: bigint): boolean {
  return (value & (value - 1n)) === 0n;
}

function textFilter(fields: readonly DescribedField[]): string | undefined {
  const text = fields.find(({ layout: { kind } }) => kind === "string");
  return text && `${text.name}~"a*"`;
}
