/**
 * Rows as a table `events` of a new SQLite database. Its integers have 64 bits with a sign: what an unsigned column has above that
 * is there as text, digit by digit. Lists are JSON, as json_each() takes it.
 *
 * @module
 */

import { DatabaseSync } from "node:sqlite";
import type { Cell, Column, ScalarType } from "./columns.ts";
import { jsonText } from "./json_text.ts";
import type { OutputFile } from "./output_file.ts";
import type { BatchWriter } from "./table.ts";

/** `uint64` has none: INTEGER would make a rounded REAL of the text of a large one. */
const TYPES: Readonly<Record<ScalarType, string>> = {
  boolean: "INTEGER",
  int32: "INTEGER",
  uint32: "INTEGER",
  int64: "INTEGER",
  uint64: "",
  float64: "REAL",
  string: "TEXT",
};

/** Makes the table. */
export function sqliteWriter(columns: readonly Column[], file: OutputFile): BatchWriter {
  const database = new DatabaseSync(file.temporary);
  // Nobody reads it before it is whole, and what is not whole is thrown away: no journal beside it, no waiting for the disk. (No
  // journal at all is what node:sqlite refuses, without a word.)
  database.exec("PRAGMA journal_mode = MEMORY; PRAGMA synchronous = OFF; PRAGMA locking_mode = EXCLUSIVE");
  const names = columns.map(({ name, type, isList }) => `${identifier(name)} ${isList ? "TEXT" : TYPES[type]}`);
  database.exec(`CREATE TABLE events (${names.join(", ")})`);
  const insert = database.prepare(`INSERT INTO events VALUES (${columns.map(() => "?").join(", ")})`);
  return {
    write(cells, rows) {
      database.exec("BEGIN");
      for (let row = 0; row < rows; row++) insert.run(...cells.map((column) => bound(column[row]!)));
      database.exec("COMMIT");
    },
    finish: () => database.close(),
  };
}

function identifier(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

function bound(cell: Cell): number | bigint | string | null {
  if (typeof cell === "bigint") return cell < 2n ** 63n ? cell : String(cell);
  if (typeof cell === "boolean") return Number(cell);
  return typeof cell === "object" && cell !== null ? jsonText(cell) : cell as number | string | null;
}
