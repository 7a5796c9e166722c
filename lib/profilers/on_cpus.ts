/**
 * An analysis with -C or cpus=. What ends on one CPU may have begun on any, so its events are opened on all of them; told is what
 * ended on those that are wanted.
 *
 * @module
 */

import type { AnyEvent } from "../generated_class.ts";
import type { Analysis, Emit } from "./profiler.ts";

/** The analysis, with events of these CPUs alone. */
export function onCpus(analysis: Analysis, cpus: readonly number[]): Analysis {
  const wanted = new Set(cpus);
  const only = (emit: Emit): Emit => (event) => {
    if (wanted.has((event as AnyEvent)._cpu)) emit(event);
  };
  return {
    kind: "analysis",
    take: (index, view, at, emit) => analysis.take(index, view, at, only(emit)),
    lost: (index, cpu, startNs, endNs) => analysis.lost(index, cpu, startNs, endNs),
    tick: (nowNs, last, emit) => analysis.tick?.(nowNs, last, only(emit)),
    get doubtful() {
      return analysis.doubtful;
    },
  };
}
