#!/usr/bin/env -S perfprof -e sched:sched_switch -g --user-callchain
/**
 * Where tasks wait: the stacks with which they left the CPU, weighted by the µs until they were back, as FlameGraph and speedscope
 * read them. All at the end. Waits that are not over by then do not count. A task comes back while another one runs: so not with -p,
 * -t or -c, which leave the other's events out.
 *
 *     perfprof -q -e sched:sched_switch -g --user-callchain offcpu.ts > offcpu.folded
 *     flamegraph.pl --countname us offcpu.folded > offcpu.svg
 */

interface Frame {
  readonly symbol: string;
  readonly kernel: boolean;
  readonly dso: string;
  readonly reason?: string;
  readonly inlined?: true;
}

interface SchedSwitch {
  readonly _time: number;
  readonly _callchain: readonly Frame[];
  readonly prev_comm: string;
  readonly prev_pid: number;
  readonly prev_state: number;
  readonly next_pid: number;
}

interface Wait {
  readonly sinceNs: number;
  readonly comm: string;
  readonly frames: readonly Frame[];
}

/** EXIT_DEAD and EXIT_ZOMBIE, as the event writes them: nobody comes back from there. */
const ENDED = 0x30;

const waits = new Map<number, Wait>();
/** By task, then by stack: the same stack is the same array, so it costs no text before the end. ns. */
const offCpu = new Map<string, Map<readonly Frame[], number>>();

export function sched__sched_switch(event: SchedSwitch): void {
  const { _time, prev_pid, next_pid } = event;
  const wait = waits.get(next_pid);
  if (wait !== undefined) {
    waits.delete(next_pid);
    add(wait, _time - wait.sinceNs);
  }
  // Pid 0 is a CPU with nothing to do.
  if (prev_pid === 0 || event.prev_state & ENDED) return;
  waits.set(prev_pid, { sinceNs: _time, comm: event.prev_comm, frames: event._callchain });
}

/** A switch may be among the lost events: a wait would last until a later one. */
export function __lost__(): void {
  waits.clear();
}

function add({ comm, frames }: Wait, ns: number): void {
  let sums = offCpu.get(comm);
  if (sums === undefined) offCpu.set(comm, sums = new Map());
  sums.set(frames, (sums.get(frames) ?? 0) + ns);
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
