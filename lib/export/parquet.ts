/**
 * Rows as Parquet: a batch is a row group, compressed by Snappy, with the least and the greatest value of each column, by which
 * readers skip it. The format is hyparquet-writer's affair, which is loaded when it is asked for.
 *
 * @module
 */

import type { Column, ScalarType } from "./columns.ts";
import type { OutputFile } from "./output_file.ts";
import { loadPackage } from "./package.ts";
import type { BatchWriter, BatchWriterMaker } from "./table.ts";

type Library = typeof import("npm:hyparquet-writer@0.17.0");
type SchemaElement = import("npm:hyparquet-writer@0.17.0").SchemaElement;

const TYPES: Readonly<Record<ScalarType, Omit<SchemaElement, "name">>> = {
  boolean: { type: "BOOLEAN" },
  int32: { type: "INT32" },
  uint32: { type: "INT32", converted_type: "UINT_32" },
  int64: { type: "INT64" },
  uint64: { type: "INT64", converted_type: "UINT_64" },
  float64: { type: "DOUBLE" },
  string: { type: "BYTE_ARRAY", converted_type: "UTF8" },
};

/** Loads the library. @throws {PerfprofError} It is not at hand and cannot be fetched */
export async function loadParquetWriter(): Promise<BatchWriterMaker> {
  const library = await loadPackage<Library>("hyparquet-writer");
  return (columns, file) => parquetWriter(library, columns, file);
}

function parquetWriter({ ByteWriter, ParquetWriter }: Library, columns: readonly Column[], file: OutputFile): BatchWriter {
  const bytes = new ByteWriter();
  const schema = [{ name: "events", num_children: columns.length }, ...columns.flatMap(elementsOf)];
  const writer = new ParquetWriter({ writer: bytes, schema, createdBy: "perfprof" });
  /** `offset` goes on counting; `index` is the place in the buffer. */
  const flush = () => {
    file.write(bytes.getBytes());
    bytes.index = 0;
  };
  return {
    write(cells, rows) {
      writer.write({ columnData: columns.map(({ name }, i) => ({ name, data: [...cells[i]!] })), rowGroupSize: rows });
      flush();
    },
    finish() {
      writer.finish();
      flush();
    },
  };
}

/** A list is three levels deep, as the format asks for. */
function elementsOf({ name, type, isList }: Column): SchemaElement[] {
  if (!isList) return [{ ...TYPES[type], name, repetition_type: "OPTIONAL" }];
  return [
    { name, repetition_type: "OPTIONAL", converted_type: "LIST", num_children: 1 },
    { name: "list", repetition_type: "REPEATED", num_children: 1 },
    { ...TYPES[type], name: "element", repetition_type: "OPTIONAL" },
  ];
}
