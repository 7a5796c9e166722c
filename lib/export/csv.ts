/**
 * Rows as CSV (RFC 4180, with LF): a line of names, then a line for each row. Nothing is an empty field, an empty text `""`, a list
 * its JSON, an integer all its digits.
 *
 * @module
 */

import type { Cell, Column } from "./columns.ts";
import { jsonText } from "./json_text.ts";
import type { OutputFile } from "./output_file.ts";
import type { BatchWriter } from "./table.ts";

/** Writes the line of names. */
export function csvWriter(columns: readonly Column[], file: OutputFile): BatchWriter {
  file.write(`${columns.map(({ name }) => quoted(name)).join(",")}\n`);
  return {
    write(cells, rows) {
      for (let row = 0; row < rows; row++) file.write(`${cells.map((column) => field(column[row]!)).join(",")}\n`);
    },
    finish() {},
  };
}

function field(cell: Cell): string {
  if (cell === null) return "";
  if (typeof cell === "string") return quoted(cell);
  return typeof cell === "object" ? quoted(jsonText(cell)) : String(cell);
}

function quoted(text: string): string {
  return text === "" || /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
