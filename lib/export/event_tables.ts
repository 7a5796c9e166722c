/**
 * A table for each event that comes: `{event}` in the path stands for its name. Events have different fields, and so each has the
 * columns that are its own.
 *
 * @module
 */

import { PerfEvent } from "../perf_event.ts";
import type { Table } from "./table.ts";

const EVENT = "{event}";

/** Does the path ask for a table for each event? */
export function isForEachEvent(path: string): boolean {
  return path.includes(EVENT);
}

/** Tables that are made when their first event comes. */
export class EventTables implements Table {
  readonly #path: string;
  readonly #make: (path: string) => Table;
  readonly #tables = new Map<string, Table>();

  constructor(path: string, make: (path: string) => Table) {
    this.#path = path;
    this.#make = make;
  }

  get count(): number {
    return this.#tables.values().reduce((sum, { count }) => sum + count, 0);
  }

  add(row: object): void {
    if (!(row instanceof PerfEvent)) {
      throw new TypeError(`Only events can be added to ${this.#path}: it has a file for each event`);
    }
    // Nothing in it leads to another folder.
    const path = this.#path.replaceAll(EVENT, row._event.replace(/[^\w-]+/g, "_"));
    let table = this.#tables.get(path);
    if (table === undefined) this.#tables.set(path, table = this.#make(path));
    table.add(row);
  }

  close(): void {
    for (const table of this.#tables.values()) table.close();
  }

  discard(): void {
    for (const table of this.#tables.values()) table.discard();
  }
}
