/**
 * Results as a picture (SVG): for each row the CPU time of the consumer on a log scale, and beside it the same with what tracing adds
 * to the traced program, to scale. Text stays text, fonts are the reader's, and colours follow a dark page.
 *
 * @module
 */

import type { Measured, Results, Row } from "./results.ts";

const WIDTH = 960;
const ROW = 22;
const GAP = 14;
const TOP = 96;
const BAR = 14;
/** Left edge and width of the two panels. */
const OWN = { x: 190, width: 330 };
const TOTAL = { x: 600, width: 330 };
/** Room for the figure behind a bar. */
const FIGURE = 52;

const STYLE = `
  text { font: 12px system-ui, sans-serif; fill: #24292f }
  .title { font-size: 16px; font-weight: 600 }
  .work { font-weight: 600 }
  .dim { fill: #57606a }
  .page { fill: #ffffff; stroke: #d0d7de }
  .grid { stroke: #d8dee4 }
  .ours { fill: #1f6feb }
  .theirs { fill: #8c959f }
  .added { opacity: 0.4 }
  .goal { stroke: #cf222e; stroke-width: 2 }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3 }
    .dim { fill: #9198a1 }
    .page { fill: #0d1117; stroke: #30363d }
    .grid { stroke: #2a313a }
    .ours { fill: #4493f8 }
    .theirs { fill: #7d8590 }
    .goal { stroke: #ff7b72 }
  }
`;

/** One decade of the left panel, the greatest figure of the right one. */
interface Scales {
  readonly decades: number;
  readonly greatest: number;
}

function escape(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}

function text(x: number, y: number, content: string, classes = ""): string {
  return `<text x="${x}" y="${y}"${classes && ` class="${classes}"`}>${escape(content)}</text>`;
}

function bar(x: number, y: number, width: number, classes: string): string {
  return `<rect x="${x.toFixed(1)}" y="${y}" width="${Math.max(0, width).toFixed(1)}" height="${BAR}" class="${classes}"/>`;
}

function line(x: number, y1: number, y2: number, classes: string): string {
  return `<line x1="${x.toFixed(1)}" y1="${y1}" x2="${x.toFixed(1)}" y2="${y2}" class="${classes}"/>`;
}

function figure(ns: number): string {
  return ns.toLocaleString("en-US", { maximumFractionDigits: ns < 10 ? 1 : 0 });
}

/** Of a log scale from 1 ns. */
function ownWidth(ns: number, { decades }: Scales): number {
  return ns <= 1 ? 0 : Math.log10(ns) / decades * (OWN.width - FIGURE);
}

function totalWidth(ns: number, { greatest }: Scales): number {
  return ns / greatest * (TOTAL.width - FIGURE);
}

function scalesOf(rows: readonly Row[]): Scales {
  const measured = rows.filter((row) => "nsPerEvent" in row);
  const own = Math.max(10, ...measured.map(({ nsPerEvent }) => nsPerEvent.median));
  return {
    decades: Math.ceil(Math.log10(own)),
    greatest: Math.max(1, ...measured.map(({ traced }) => traced?.totalNs.median ?? 0)),
  };
}

function bars(row: Measured, y: number, scales: Scales): string[] {
  const fill = row.tool.startsWith("perfprof") ? "ours" : "theirs";
  return [...ownBar(row, y, scales, fill), ...totalBar(row, y, scales, fill)].map((shape) => `  ${shape}`);
}

function ownBar({ nsPerEvent: { median: ns }, goalNs }: Measured, y: number, scales: Scales, fill: string): string[] {
  const own = ownWidth(ns, scales);
  const goal = OWN.x + ownWidth(goalNs ?? 0, scales);
  return [
    bar(OWN.x, y, own, fill),
    ...(goalNs === undefined ? [] : [line(goal, y - 2, y + BAR + 2, "goal")]),
    text(Math.max(OWN.x + own, goalNs === undefined ? 0 : goal) + 6, y + 11, figure(ns)),
  ];
}

/** None of one that only read a recording: nobody was traced meanwhile. */
function totalBar({ nsPerEvent: { median: ns }, traced }: Measured, y: number, scales: Scales, fill: string): string[] {
  if (traced === undefined) return [];
  const { addedNs: { median: added }, totalNs: { median: total } } = traced;
  const addedWidth = totalWidth(Math.max(0, added), scales);
  return [
    bar(TOTAL.x, y, addedWidth, `${fill} added`),
    bar(TOTAL.x + addedWidth, y, totalWidth(ns, scales), fill),
    text(TOTAL.x + totalWidth(total, scales) + 6, y + 11, figure(total)),
  ];
}

function grid(bottom: number, scales: Scales): string[] {
  return Array.from({ length: scales.decades + 1 }, (_, decade) => {
    const x = OWN.x + ownWidth(10 ** decade, scales);
    return [line(x, TOP - 8, bottom, "grid"), text(x - 3, TOP - 14, figure(10 ** decade), "dim")];
  }).flat();
}

/** The rows from TOP on, a gap before each work. @returns shapes, and where they end */
function body(rows: readonly Row[], scales: Scales): { readonly shapes: string[]; readonly bottom: number } {
  let y = TOP - GAP;
  const shapes = rows.flatMap((row, index) => {
    const first = rows[index - 1]?.work !== row.work;
    y += index === 0 ? GAP : first ? ROW + GAP : ROW;
    const labels = [...(first ? [text(16, y + 11, row.work, "work")] : []), text(80, y + 11, row.tool)];
    const shown = "missing" in row ? [text(OWN.x, y + 11, "not measured", "dim")] : bars(row, y, scales);
    return [...labels, ...shown];
  });
  return { shapes, bottom: y + ROW };
}

/** The picture of these results. */
export function chart(results: Results): string {
  const { machine, versions, rounds, rows, untracedNs } = results;
  const scales = scalesOf(rows);
  const { shapes, bottom } = body(rows, scales);
  const height = bottom + 44;
  const foot = `${machine}; ${versions.join(", ")}; ${rounds === 1 ? "one run" : `medians of ${rounds}`}; ` +
    `a call costs ${figure(untracedNs.median)} ns untraced`;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" role="img">`,
    "<title>What an event costs, in ns of CPU time</title>",
    `<style>${STYLE}</style>`,
    `<rect x="0.5" y="0.5" width="${WIDTH - 1}" height="${height - 1}" rx="6" class="page"/>`,
    text(16, 28, "What an event costs, in ns of CPU time", "title"),
    text(OWN.x, 56, "The consumer itself (log scale; red: the goal)", "work"),
    ...grid(bottom, scales),
    text(TOTAL.x, 56, "In all: pale is what the traced program takes longer", "work"),
    line(TOTAL.x, TOP - 8, bottom, "grid"),
    ...shapes,
    text(16, height - 16, foot, "dim"),
    "</svg>",
    "",
  ].join("\n");
}
