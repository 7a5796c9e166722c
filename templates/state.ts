#!/usr/bin/env -S perfprof -e sched:sched_wakeup
/**
 * Counts that outlive the run: it goes on from those in FILE, and writes them back at the end.
 *
 *     perfprof -e sched:sched_wakeup state.ts [--reset] [FILE]
 *
 * FILE is stats.json without it. --reset starts from 0.
 */

import { parseArgs } from "node:util";

interface State {
  total: number;
  readonly by_cpu: Record<string, number>;
}

const { values, positionals: [file = "stats.json", ...more] } = parseArgs({
  args: Deno.args,
  options: { reset: { type: "boolean", default: false } },
  allowPositionals: true,
});
if (more.length > 0) throw new TypeError(`one FILE at most, not also ${more.join(" ")}`);

const state: State = values.reset ? { total: 0, by_cpu: {} } : load();

/** Every event without a handler of its own, so this works with any -e. */
export function __sample__(event: { readonly _cpu: number }): void {
  const { _cpu } = event;
  state.total++;
  state.by_cpu[_cpu] = (state.by_cpu[_cpu] ?? 0) + 1;
}

export function __exit__(): void {
  save(`${JSON.stringify(state, null, 2)}\n`);
  console.log(`${state.total} events in ${file}`);
}

function load(): State {
  try {
    const { total, by_cpu } = JSON.parse(Deno.readTextFileSync(file));
    if (!Number.isSafeInteger(total) || typeof by_cpu !== "object" || by_cpu === null) {
      throw new TypeError("it holds no counts");
    }
    return { total, by_cpu };
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return { total: 0, by_cpu: {} };
    throw new Error(`${file} cannot be gone on from`, { cause: error });
  }
}

/** All of it or nothing: a reader never sees half a file, and a crash leaves the old one. */
function save(text: string): void {
  const written = `${file}.${Deno.pid}.tmp`;
  Deno.writeTextFileSync(written, text, { createNew: true });
  try {
    Deno.renameSync(written, file);
  } catch (error) {
    Deno.removeSync(written);
    throw error;
  }
}
