/**
 * `perf_prof.table()`: rows as text in columns. Pure; what a terminal makes of a character is text_width's affair.
 *
 * @module
 */

import { textWidth, visible } from "./text_width.ts";

/** What stands in a column of a row. Nothing is printed for null and undefined. */
export type Cell = string | number | bigint | boolean | null | undefined;

/** What `perf_prof.table()` takes beside the rows. */
export interface TableOptions<Column extends string = string> {
  /** The columns and their order; without it all, in the order in which the rows bring them up. */
  readonly columns?: readonly Column[];
}

const GAP = "  ";
const NUMBER = /^-?\d+(?:\.\d+)?%?$/;

/**
 * Text of rows in aligned columns, under their names. Columns of numbers are aligned at the right, also of numbers as text:
 * `"1.50"`, `"12.5%"`.
 *
 * @returns Lines without the last newline
 *
 * @example
 * ```ts
 * export function __interval__() {
 *   console.log(perf_prof.table([{ comm: "sshd", wakeups: 12 }, { comm: "worker", wakeups: 4242 }]));
 * }
 * ```
 */
export function table<Column extends string>(
  rows: readonly Readonly<Partial<Record<Column, Cell>>>[],
  options: TableOptions<Column> = {},
): string {
  const columns = options.columns ?? [...new Set(rows.flatMap((row) => Object.keys(row) as Column[]))];
  return alignRows(rows.map((row) => columns.map((column) => row[column])), columns).join("\n");
}

/** The same for rows without names: a line for each, and one for the heading when there is one. */
export function alignRows(rows: readonly (readonly Cell[])[], heading?: readonly string[]): string[] {
  const texts = rows.map((row) => row.map((cell) => visible(String(cell ?? ""))));
  const lines = heading === undefined ? texts : [heading.map(visible), ...texts];
  const columns = Array.from({ length: Math.max(0, ...lines.map(({ length }) => length)) }, (_, column) => ({
    width: Math.max(...lines.map((line) => textWidth(line[column] ?? ""))),
    isNumber: texts.every((line) => NUMBER.test(line[column] || "0")),
  }));
  return lines.map((line) =>
    columns.map(({ width, isNumber }, column) => {
      const text = line[column] ?? "";
      const space = " ".repeat(width - textWidth(text));
      return isNumber ? space + text : text + space;
    }).join(GAP).trimEnd()
  );
}
