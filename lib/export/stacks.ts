/**
 * `perf_prof.export.stacks()`: weighted stacks that handlers add, written as a flame graph, or as what other viewers of profiles
 * open. It is loaded when a handler asks for it; each format brings what it needs when it is written.
 *
 * @module
 */

import { formatOf, STACK_FORMATS, type StackFormat } from "./formats.ts";
import { OutputFile } from "./output_file.ts";
import { type StackFrame, StackTree } from "./stack_tree.ts";
import { stackUnit } from "./units.ts";

/** What `perf_prof.export.stacks()` takes. */
export interface StacksOptions {
  /** What the weights are: `samples` (the default), `ns`, `us`, `ms`, `s`, `bytes`, or any other word. */
  readonly unit?: string;
  /** For people to read. */
  readonly title?: string;
}

/**
 * Adds up stacks.
 *
 * @example
 * ```ts
 * const stacks = await perf_prof.export.stacks({ title: "Switches" });
 *
 * export function sched__sched_switch(event: PerfEvent & { prev_comm: string }) {
 *   stacks.add([...event._callchain, event.prev_comm]);
 * }
 *
 * export async function __exit__() {
 *   await stacks.write("switches.html");
 *   console.log(`${stacks.total} switches`);
 * }
 * ```
 */
export class Stacks {
  readonly #tree = new StackTree();
  readonly #unit: string;
  readonly #title: string;

  constructor({ unit = "samples", title = "perfprof" }: StacksOptions = {}) {
    this.#unit = unit;
    this.#title = title;
  }

  /** The weight of all that was added. */
  get total(): number {
    return this.#tree.total;
  }

  /**
   * Adds a stack.
   *
   * @param frames The innermost first: an event's `_callchain`, or names
   * @param weight In the unit; fractions are kept, but for formats that have none (folded, pprof)
   * @param thread Whose it is: below all its stacks, or whatever the format has for that
   * @throws RangeError when the weight is negative or no number
   */
  add(frames: readonly StackFrame[], weight: number | bigint = 1, thread = ""): void {
    const number = Number(weight);
    if (!(number >= 0 && number < Infinity)) {
      throw new RangeError(`Cannot add a stack ${weight} times: a number from 0 is expected`);
    }
    this.#tree.add(frames, number, thread);
  }

  /**
   * Writes what was added so far.
   *
   * @param path Where; a file that is there is replaced
   * @param format Undefined: that of the name's end, as `.html .folded .speedscope.json .pb.gz`
   * @throws {PerfprofError} It cannot be written, or the name's end says no format
   */
  async write(path: string, format: StackFormat = formatOf(path, STACK_FORMATS)): Promise<void> {
    const data = await this.encode(format);
    const file = new OutputFile(path, () => file.discard());
    try {
      file.write(data);
      file.finish();
    } finally {
      file.discard();
    }
  }

  /** What write() writes. */
  async encode(format: StackFormat): Promise<string | Uint8Array> {
    const unit = stackUnit(this.#unit);
    switch (format) {
      case "html":
        return (await import("./flame_graph.ts")).flameGraph(this.#tree, unit, this.#title);
      case "folded":
        return (await import("./folded.ts")).folded(this.#tree);
      case "speedscope":
        return (await import("./speedscope.ts")).speedscope(this.#tree, unit, this.#title);
      case "pprof":
        return await (await import("./pprof.ts")).pprof(this.#tree, unit);
    }
  }
}
