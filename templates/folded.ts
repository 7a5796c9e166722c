#!/usr/bin/env -S perfprof -e sched:sched_switch -g --user-callchain
/**
 * Stacks as FlameGraph and speedscope read them: `comm;outermost;...;innermost COUNT`, kernel functions with `_[k]`, inlined ones
 * with `_[i]`. All at the end.
 *
 *     perfprof -q -e sched:sched_switch -g --user-callchain folded.ts > stacks.folded
 *     perfprof -q -e 'profile/-F 99 -g/' folded.ts > stacks.folded
 *     flamegraph.pl stacks.folded > stacks.svg
 */

interface Frame {
  readonly symbol: string;
  readonly kernel: boolean;
  readonly dso: string;
  readonly reason?: string;
  readonly inlined?: true;
}

interface StackEvent {
  get(name: string): unknown;
  to_text(options: { timestamp: boolean; callchain: boolean }): string;
}

/** By task, then by stack: the same stack is the same array, so it costs no text before the end. */
const stacks = new Map<string, Map<readonly Frame[], number>>();

/** Every event without a handler of its own, so this works with any -e. */
export function __sample__(event: StackEvent): void {
  // Tracepoints and profilers have their stack by another name.
  const frames = (event.get("_callchain") ?? event.get("callchain") ?? []) as readonly Frame[];
  // The event's line begins with the task's name, in 16 columns.
  const comm = event.to_text({ timestamp: false, callchain: false }).slice(0, 16).trimStart();
  let counts = stacks.get(comm);
  if (counts === undefined) stacks.set(comm, counts = new Map());
  counts.set(frames, (counts.get(frames) ?? 0) + 1);
}

export function __exit__(): void {
  const folded = new Map<string, number>();
  for (const [comm, counts] of stacks) {
    for (const [frames, count] of counts) {
      const stack = [comm, ...frames.map(name).reverse()].map(plain).join(";");
      folded.set(stack, (folded.get(stack) ?? 0) + count);
    }
  }
  for (const [stack, count] of [...folded].sort()) console.log(`${stack} ${count}`);
}

function name({ symbol, kernel, dso, reason, inlined }: Frame): string {
  const text = reason === undefined ? symbol : `[${dso.replace(/^.*\/|[[\]]/g, "")}]`;
  return text + (kernel ? "_[k]" : inlined ? "_[i]" : "");
}

/** What separates frames cannot be in them, nor what a terminal obeys. */
function plain(text: string): string {
  return text.replaceAll(";", ":").replace(/[\s\p{Cc}]/gu, "_");
}
