/**
 * `perf_prof.export.table()`: rows that handlers add, written to a file as they come. It is loaded when a handler asks for it, and
 * with it what its format needs.
 *
 * Memory: one batch, whatever the number of rows.
 *
 * @module
 */

import { cannotWrite } from "../errors.ts";
import { cellOf } from "./cells.ts";
import {
  type Cell,
  type Column,
  columnsOf,
  type ColumnType,
  makeColumn,
  type Row,
  rowOf,
  type TypedRow,
  typedRowOf,
} from "./columns.ts";
import { EventTables, isForEachEvent } from "./event_tables.ts";
import { formatOf, TABLE_FORMATS, type TableFormat } from "./formats.ts";
import { OutputFile, refuseSharedFolder } from "./output_file.ts";

/** What `perf_prof.export.table()` takes. */
export interface TableOptions {
  /** Undefined: that of the name's end. */
  readonly format?: TableFormat;
  /** Types of columns that the first rows may not show: `{ret: "int64", args: "uint64[]"}`. */
  readonly columns?: Readonly<Record<string, ColumnType>>;
}

/** What writes the rows of one format, many at once. */
export interface BatchWriter {
  /** @param cells By column, then by row */
  write(cells: readonly (readonly Cell[])[], rows: number): void;
  /** Writes what the format has at its end. */
  finish(): void;
}

/** Makes the writer of a format, once the columns are known. */
export type BatchWriterMaker = (columns: readonly Column[], file: OutputFile) => BatchWriter;

/** Rows from which types are taken. */
const FIRST = 1000;
/** Rows of a batch, and characters and elements of lists in it. */
const BATCH = 8192;
const BATCH_SIZE = 16 * 1024 * 1024;

/** Of a table without rows: one that every event has, since readers open none without columns. */
const NO_COLUMNS = [makeColumn("_event", "string")];

/** Rows of a file. */
export interface Table {
  /** Rows that were added. */
  readonly count: number;
  /**
   * Adds a row: an event, or a plain object.
   *
   * @throws TypeError when it has a column that the first rows did not have
   * @throws RangeError when a value does not fit its column
   */
  add(row: object): void;
  /**
   * Ends the file and puts it in its place. The end of the run does it as well.
   *
   * @throws {PerfprofError} It cannot be written
   */
  close(): void;
  /** Gives the file up; what was in its place stays. */
  discard(): void;
}

/**
 * Makes a table, and loads what its format needs.
 *
 * @param path With `{event}` in it, which stands for the event's name, each event has a file of its own
 *
 * @example
 * ```ts
 * const wakeups = await perf_prof.export.table("wakeups.parquet");
 *
 * export function sched__sched_wakeup(event: PerfEvent) {
 *   wakeups.add(event);
 * }
 *
 * export function __exit__() {
 *   wakeups.close();
 *   console.log(`${wakeups.count} rows`);
 * }
 * ```
 * @throws {PerfprofError} The file cannot be made, or its name's end says no format
 * @throws TypeError when a column's type is none
 */
export async function makeTable(path: string, options: TableOptions = {}): Promise<Table> {
  const format = options.format ?? formatOf(path, TABLE_FORMATS);
  // SQLite opens by name what was made with care.
  if (format === "sqlite") refuseSharedFolder(path);
  const make = await makerOf(format, options.columns ?? {});
  return isForEachEvent(path) ? new EventTables(path, make) : make(path);
}

async function makerOf(format: TableFormat, given: Readonly<Record<string, ColumnType>>): Promise<(path: string) => Table> {
  const columns = new Map(Object.entries(given).map(([name, type]) => [name, makeColumn(name, type)]));
  if (format === "jsonl") {
    const { JsonLines } = await import("./json_lines.ts");
    return (path) => new JsonLines(path);
  }
  const make = await writerMakerOf(format);
  return (path) => new ColumnTable(path, columns, make);
}

async function writerMakerOf(format: Exclude<TableFormat, "jsonl">): Promise<BatchWriterMaker> {
  switch (format) {
    case "csv":
      return (await import("./csv.ts")).csvWriter;
    case "sqlite":
      return (await import("./sqlite.ts")).sqliteWriter;
    case "arrow":
      return await (await import("./arrow.ts")).loadArrowWriter();
    case "parquet":
      return await (await import("./parquet.ts")).loadParquetWriter();
  }
}

/** A table of a format that has columns. */
class ColumnTable implements Table {
  count = 0;
  readonly #file: OutputFile;
  readonly #given: ReadonlyMap<string, Column>;
  readonly #make: BatchWriterMaker;
  /** Rows before the columns are known. */
  #first: TypedRow[] = [];
  #columns: readonly Column[] = [];
  #indices = new Map<string, number>();
  #writer: BatchWriter | undefined;
  #cells: Cell[][] = [];
  #rows = 0;
  #size = 0;

  constructor(path: string, given: ReadonlyMap<string, Column>, make: BatchWriterMaker) {
    this.#file = new OutputFile(path, () => this.close());
    this.#given = given;
    this.#make = make;
  }

  add(given: object): void {
    this.#file.requireOpen();
    if (this.#writer !== undefined) this.#put(rowOf(given));
    else this.#keep(typedRowOf(given));
    this.count++;
  }

  #keep(first: TypedRow): void {
    for (const [name, column] of this.#given) cellOf(column, first.row[name]);
    if (this.#first.push(first) === FIRST) this.#begin();
  }

  close(): void {
    if (!this.#file.isOpen) return;
    try {
      if (this.#writer === undefined) this.#begin();
      this.#flush();
      this.#writer?.finish();
      this.#file.finish();
    } catch (error) {
      throw cannotWrite(this.#file.path, error);
    } finally {
      this.discard();
    }
  }

  discard(): void {
    this.#file.discard();
  }

  /** Now the columns are known. */
  #begin(): void {
    const rows = this.#first;
    this.#first = [];
    this.#columns = columnsOf(rows, this.#given);
    if (this.#columns.length === 0) this.#columns = NO_COLUMNS;
    this.#indices = new Map(this.#columns.map(({ name }, index) => [name, index]));
    this.#cells = this.#columns.map(() => []);
    this.#writer = this.#make(this.#columns, this.#file);
    for (const { row } of rows) this.#put(row);
  }

  #put(row: Row): void {
    // All of it before any of it: a row that is refused leaves no part behind.
    const cells = new Array<Cell>(this.#columns.length).fill(null);
    for (const [name, value] of Object.entries(row)) {
      const index = this.#indices.get(name);
      if (index === undefined) throw unknownColumn(name);
      cells[index] = cellOf(this.#columns[index]!, value);
    }
    for (const [index, cell] of cells.entries()) {
      this.#cells[index]!.push(cell);
      if (typeof cell === "object" ? cell !== null : typeof cell === "string") this.#size += sizeOf(cell);
    }
    if (++this.#rows === BATCH || this.#size >= BATCH_SIZE) this.#flush();
  }

  #flush(): void {
    if (this.#rows === 0) return;
    try {
      this.#writer!.write(this.#cells, this.#rows);
    } catch (error) {
      // Half a batch may be there: nothing that can be gone on from.
      this.discard();
      throw cannotWrite(this.#file.path, error);
    }
    this.#cells = this.#columns.map(() => []);
    this.#rows = this.#size = 0;
  }
}

function sizeOf(cell: Cell): number {
  if (typeof cell === "string") return cell.length;
  return Array.isArray(cell) ? cell.reduce<number>((sum, item) => sum + (typeof item === "string" ? item.length : 8), 0) : 8;
}

function unknownColumn(name: string): TypeError {
  return new TypeError(
    `the first rows had no column '${name}', and the file has its columns by now: ` +
      `say what it is, as in {columns: {${JSON.stringify(name)}: "string"}}`,
  );
}
