/**
 * `perf_prof.export`: the ways out of a handler into files that other programs open. All there is at the start of a run are these
 * three functions; what they do is loaded when one is called.
 *
 * @module
 */

import type { Stacks, StacksOptions } from "./stacks.ts";
import type { Table, TableOptions } from "./table.ts";
import type { Timeline } from "./timeline.ts";

/** What a handler module sees as `perf_prof.export`. Each is to be awaited where the module begins, or in `__init__`. */
export interface Exports {
  /** Adds up stacks: for a flame graph, folded, speedscope, pprof. */
  stacks(options?: StacksOptions): Promise<Stacks>;
  /**
   * Rows of a file, by the end of its name CSV, JSON lines, SQLite, Arrow or Parquet.
   *
   * @throws {PerfprofError} The file cannot be made, or its name's end says no format
   */
  table(path: string, options?: TableOptions): Promise<Table>;
  /**
   * A timeline, as Perfetto opens it.
   *
   * @throws {PerfprofError} The file cannot be made
   */
  timeline(path: string): Promise<Timeline>;
}

export const EXPORTS: Exports = Object.freeze({
  stacks: async (options?: StacksOptions) => new (await import("./stacks.ts")).Stacks(options),
  table: async (path: string, options?: TableOptions) => await (await import("./table.ts")).makeTable(path, options),
  timeline: async (path: string) => new (await import("./timeline.ts")).Timeline(path),
});
