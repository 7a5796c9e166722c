#!/usr/bin/env -S perfprof -e sched:sched_switch -g --user-callchain
/**
 * A flame graph of the stacks of all events: one HTML file, to be opened in a browser, searched and zoomed. At the end.
 *
 *     perfprof -e 'profile/-F 99 -g/' flamegraph.ts [FILE]
 *
 * FILE is flame.html without it. The end of its name is the format: also .folded, .speedscope.json, .pb.gz.
 */

interface Frame {
  readonly symbol: string;
  readonly kernel: boolean;
  readonly dso: string;
  readonly reason?: string;
  readonly inlined?: true;
}

interface StackEvent {
  readonly _event: string;
  get(name: string): unknown;
  to_text(options: { timestamp: boolean; callchain: boolean }): string;
}

interface Stacks {
  readonly total: number;
  add(frames: readonly Frame[], weight?: number, thread?: string): void;
  write(path: string): Promise<void>;
}

declare const perf_prof: { readonly export: { stacks(options: { title: string }): Promise<Stacks> } };

const [file = "flame.html"] = Deno.args;
let stacks: Stacks;

export async function __init__(): Promise<void> {
  stacks = await perf_prof.export.stacks({ title: file });
}

/** Every event without a handler of its own, so this works with any -e. */
export function __sample__(event: StackEvent): void {
  // Tracepoints and profilers have their stack by another name.
  const frames = event.get("_callchain") ?? event.get("callchain") ?? [];
  // The event's line begins with the task's name, in 16 columns.
  const comm = event.to_text({ timestamp: false, callchain: false }).slice(0, 16).trimStart();
  stacks.add(frames as readonly Frame[], 1, comm);
}

export async function __exit__(): Promise<void> {
  await stacks.write(file);
  console.log(`${stacks.total} stacks in ${file}`);
}
