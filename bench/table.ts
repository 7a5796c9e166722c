/**
 * Results as text: two tables, what an event costs and what else there is to know, for a terminal (80 columns do) and for
 * docs/performance.md. Says what was not measured, and why.
 *
 * @module
 */

import type { Measured, Results, Spread } from "./results.ts";

/** A heading, and lines of as many cells. */
interface Table {
  readonly head: readonly string[];
  readonly lines: readonly (readonly string[])[];
}

/** Columns of words, on the left; the others are figures. */
const WORDS = 2;
const COSTS = ["work", "by", "CPU ns/event", "x floor", "goal", "+ traced", "total"];
const OTHERS = ["work", "by", "calls", "lost", "ns/call", "RSS MB", "rings MB", "first ms"];

function figure(value: number): string {
  return value.toLocaleString("en-US", { maximumFractionDigits: value < 10 ? 2 : value < 100 ? 1 : 0 });
}

function range({ median, min, max }: Spread): string {
  return min === max ? figure(median) : `${figure(median)} (${figure(min)}-${figure(max)})`;
}

function costs(row: Measured): string[] {
  const goal = row.goalNs === undefined ? "" : figure(row.goalNs);
  const traced = row.traced === undefined ? [] : [row.traced.addedNs, row.traced.totalNs];
  return [range(row.nsPerEvent), figure(row.ratio), goal, ...traced.map(({ median }) => figure(median))];
}

function others(row: Measured): string[] {
  const { calls, lost, traced, peakRssMb, ringMb, firstMs } = row;
  const known = (spread: Spread | undefined) => spread === undefined ? "" : figure(spread.median);
  return [
    figure(calls),
    figure(lost.median),
    known(traced?.nsPerCall),
    figure(Math.round(peakRssMb)),
    figure(ringMb),
    known(firstMs),
  ];
}

/** A table of lines that may be short of cells. */
function table(head: readonly string[], lines: readonly (readonly string[])[]): Table {
  return { head, lines: lines.map((line) => head.map((_, column) => line[column] ?? "")) };
}

function tables({ rows, untracedNs }: Results): Table[] {
  const measured = rows.filter((row) => "nsPerEvent" in row);
  const untraced = ["", "nobody", "", "", figure(untracedNs.median)];
  return [
    table(COSTS, rows.map((row) => [row.work, row.tool, ...("missing" in row ? ["not measured"] : costs(row))])),
    table(OTHERS, [untraced, ...measured.map((row) => [row.work, row.tool, ...others(row)])]),
  ];
}

function widthsOf({ head, lines }: Table): number[] {
  return head.map((_, column) => Math.max(...[head, ...lines].map((line) => line[column]!.length)));
}

function align(line: readonly string[], widths: readonly number[]): string[] {
  return line.map((cell, column) => column < WORDS ? cell.padEnd(widths[column]!) : cell.padStart(widths[column]!));
}

function plain(table: Table): string {
  const widths = widthsOf(table);
  return [table.head, ...table.lines].map((line) => align(line, widths).join("  ").trimEnd()).join("\n");
}

function markdown(table: Table): string {
  const rule = table.head.map((_, column) => column < WORDS ? "---" : "---:");
  return [table.head, rule, ...table.lines].map((line) => `| ${line.join(" | ")} |`).join("\n");
}

function missing({ rows, steady }: Results): string[] {
  return [...rows, ...(steady ? [steady] : [])].flatMap((row) =>
    "missing" in row ? [`${row.work} by ${row.tool} is not measured: ${row.missing}`] : []
  );
}

function twiceText({ rows, rounds }: Results): string[] {
  const found = rows.flatMap((row) => "twice" in row && row.twice > 0 ? [`${row.work} by ${row.tool} ${row.twice}`] : []);
  if (found.length === 0) return [];
  return [`perf record wrote some events twice, in ${rounds === 1 ? "this run" : "these runs"}: ${found.join(", ")}.`];
}

function steadyText({ steady }: Results): string[] {
  if (steady === undefined || "missing" in steady) return [];
  const { asked, perSecond, lost } = steady;
  return [
    `At ${figure(asked)} calls/s, of which this machine made ${range(perSecond)}: ${range(lost)} lost by perfprof, counting.`,
  ];
}

function heading({ machine, versions, calls, rounds }: Results): string {
  const runs = rounds === 1 ? "one run" : `medians of ${rounds} runs (least-greatest)`;
  return `${machine}; ${versions.join(", ")}. ${figure(calls)} calls, or a fraction; ${runs}; CPU time in ns.`;
}

/** For a terminal. */
export function terminalText(results: Results): string {
  return [heading(results), ...tables(results).map(plain), ...steadyText(results), ...twiceText(results), ...missing(results)]
    .join("\n\n");
}

/** For docs/performance.md; `deno fmt` aligns it. */
export function markdownText(results: Results): string {
  const picture = "![Bars of what an event costs, by each tool](performance.svg)";
  const paragraphs = [
    picture,
    `${heading(results)} [All figures](performance.json).`,
    ...tables(results).map(markdown),
    ...steadyText(results),
    ...twiceText(results),
  ];
  return [...paragraphs, ...missing(results).map((line) => `- ${line}`)].join("\n\n");
}
