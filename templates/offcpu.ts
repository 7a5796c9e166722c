#!/usr/bin/env -S perfprof -e task-state/-g/
/**
 * Where tasks wait: the stacks with which they left the CPU, weighted by the µs until they were back (asleep, then waiting for a
 * CPU), as FlameGraph and speedscope read them. All at the end. Waits that are not over by then do not count.
 *
 *     perfprof -q -e task-state/-g/ -c 'make' offcpu.ts > offcpu.folded
 *     flamegraph.pl --countname us offcpu.folded > offcpu.svg
 */

interface Frame {
  readonly symbol: string;
  readonly kernel: boolean;
  readonly dso: string;
  readonly reason?: string;
  readonly inlined?: true;
}

interface TaskState {
  readonly comm: string;
  readonly duration: number;
  get(name: "callchain", otherwise: readonly Frame[]): readonly Frame[];
}

/** By task, then by stack: the same stack is the same array, so it costs no text before the end. ns. */
const offCpu = new Map<string, Map<readonly Frame[], number>>();
/** A task that is new has left no CPU; nor has the event stacks without -g. */
const NO_STACK: readonly Frame[] = [];

export function task_state(event: TaskState): void {
  const { comm, duration } = event;
  const frames = event.get("callchain", NO_STACK);
  let sums = offCpu.get(comm);
  if (sums === undefined) offCpu.set(comm, sums = new Map());
  sums.set(frames, (sums.get(frames) ?? 0) + duration);
}

export function __exit__(): void {
  const folded = new Map<string, number>();
  for (const [comm, sums] of offCpu) {
    for (const [frames, ns] of sums) {
      const stack = [comm, ...frames.map(name).reverse()].map(plain).join(";");
      folded.set(stack, (folded.get(stack) ?? 0) + ns);
    }
  }
  for (const [stack, ns] of [...folded].sort()) {
    const us = Math.round(ns / 1000);
    if (us > 0) console.log(`${stack} ${us}`);
  }
}

function name({ symbol, kernel, dso, reason, inlined }: Frame): string {
  const text = reason === undefined ? symbol : `[${dso.replace(/^.*\/|[[\]]/g, "")}]`;
  return text + (kernel ? "_[k]" : inlined ? "_[i]" : "");
}

/** What separates frames cannot be in them, nor what a terminal obeys. */
function plain(text: string): string {
  return text.replaceAll(";", ":").replace(/[\s\p{Cc}]/gu, "_");
}
