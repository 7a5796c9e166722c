/**
 * Rows as JSON lines: each says its own names and may have others than the one before. bigints are written to the last digit.
 *
 * @module
 */

import { rowOf } from "./columns.ts";
import { jsonText } from "./json_text.ts";
import { OutputFile } from "./output_file.ts";
import type { Table } from "./table.ts";

/** A table that has no columns. */
export class JsonLines implements Table {
  count = 0;
  readonly #file: OutputFile;

  constructor(path: string) {
    this.#file = new OutputFile(path, () => this.close());
  }

  add(row: object): void {
    this.#file.write(`${jsonText(rowOf(row))}\n`);
    this.count++;
  }

  close(): void {
    if (this.#file.isOpen) this.#file.finish();
  }

  discard(): void {
    this.#file.discard();
  }
}
