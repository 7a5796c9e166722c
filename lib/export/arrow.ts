/**
 * Rows as an Arrow IPC file (also called Feather 2): a batch is a record batch. The format is apache-arrow's affair, which is loaded
 * when it is asked for.
 *
 * @module
 */

import type { Cell, Column, ScalarType } from "./columns.ts";
import type { OutputFile } from "./output_file.ts";
import { loadPackage } from "./package.ts";
import type { BatchWriter, BatchWriterMaker } from "./table.ts";

type Library = typeof import("npm:apache-arrow@21.2.0");
type Data = import("npm:apache-arrow@21.2.0").Data;
type DataType = import("npm:apache-arrow@21.2.0").DataType;
type Field = import("npm:apache-arrow@21.2.0").Field;

/** Loads the library. @throws {PerfprofError} It is not at hand and cannot be fetched */
export async function loadArrowWriter(): Promise<BatchWriterMaker> {
  const library = await loadPackage<Library>("apache-arrow");
  return (columns, file) => arrowWriter(library, columns, file);
}

function arrowWriter(arrow: Library, columns: readonly Column[], file: OutputFile): BatchWriter {
  const { AsyncByteQueue, makeData, RecordBatch, RecordBatchFileWriter, Schema, Struct } = arrow;
  /** The library would keep all bytes until somebody reads them. */
  class Sink extends AsyncByteQueue {
    override write(bytes: Uint8Array): void {
      file.write(bytes);
    }
  }
  const schema = new Schema(columns.map((column) => fieldOf(arrow, column)));
  const type = new Struct(schema.fields);
  const writer = new RecordBatchFileWriter().reset(new Sink(), schema);
  return {
    write(cells, rows) {
      const children = schema.fields.map((field, i) => dataOf(arrow, field, cells[i]!));
      writer.write(new RecordBatch(schema, makeData({ type, length: rows, nullCount: 0, children })));
    },
    finish: () => void writer.finish(),
  };
}

function fieldOf(arrow: Library, { name, type, isList }: Column): Field {
  const scalar = typeOf(arrow, type);
  return new arrow.Field(name, isList ? new arrow.List(new arrow.Field("item", scalar, true)) : scalar, true);
}

function typeOf(arrow: Library, type: ScalarType): DataType {
  switch (type) {
    case "boolean":
      return new arrow.Bool();
    case "int32":
      return new arrow.Int32();
    case "uint32":
      return new arrow.Uint32();
    case "int64":
      return new arrow.Int64();
    case "uint64":
      return new arrow.Uint64();
    case "float64":
      return new arrow.Float64();
    case "string":
      return new arrow.Utf8();
  }
}

function dataOf({ makeBuilder }: Library, { type }: Field, cells: readonly Cell[]): Data {
  const builder = makeBuilder({ type, nullValues: [null] });
  for (const cell of cells) builder.append(cell);
  return builder.finish().flush();
}
