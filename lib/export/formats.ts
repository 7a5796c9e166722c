/**
 * Formats by their names, and by the ends of files' names that stand for them. Pure.
 *
 * @module
 */

import { UsageError } from "../errors.ts";

/** Of stacks. */
export const STACK_FORMATS = {
  html: [".html"],
  folded: [".folded", ".txt"],
  speedscope: [".speedscope.json", ".json"],
  pprof: [".pb.gz", ".pprof"],
} as const;
export type StackFormat = keyof typeof STACK_FORMATS;

/** Of rows. */
export const TABLE_FORMATS = {
  csv: [".csv"],
  jsonl: [".jsonl", ".ndjson"],
  sqlite: [".sqlite", ".db"],
  arrow: [".arrow", ".feather"],
  parquet: [".parquet"],
} as const;
export type TableFormat = keyof typeof TABLE_FORMATS;

/** Of whole recordings. */
export const RECORDING_FORMATS = { ...STACK_FORMATS, ...TABLE_FORMATS, chrome: [".json"] } as const;
export type RecordingFormat = keyof typeof RECORDING_FORMATS;

export function isStackFormat(format: RecordingFormat): format is StackFormat {
  return Object.hasOwn(STACK_FORMATS, format);
}

/**
 * The format that the end of a file's name stands for.
 *
 * @throws {UsageError} It stands for none
 */
export function formatOf<Format extends string>(path: string, formats: Readonly<Record<Format, readonly string[]>>): Format {
  const all = Object.entries<readonly string[]>(formats) as [Format, readonly string[]][];
  const found = all.find(([, ends]) => ends.some((end) => path.endsWith(end)));
  if (found !== undefined) return found[0];
  throw new UsageError(`no format is known by the end of '${path}'`, {
    hints: [`one of ${all.map(([, ends]) => ends[0]).join(" ")}, or the format itself: ${all.map(([name]) => name).join(" ")}`],
  });
}
