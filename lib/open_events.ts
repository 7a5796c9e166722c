/**
 * Loaded events -> an open source, also where some of a pattern's events turn out not to be for sampling.
 *
 * @module
 */

import type { EventSpec } from "./event_spec.ts";
import { explain } from "./failures.ts";
import type { LoadedEvents } from "./loaded_event.ts";
import type { Machine } from "./machine.ts";
import { type Source, SourceError } from "./source.ts";
import { type KernelEvent, type TraceOptions, type TraceRequest, traceRequest } from "./trace_request.ts";

/** errno(3). */
const EPERM = 1;
/** Events that are left out one after the other: so many refusals are a matter of the user's rights. */
const MOST_REFUSALS = 8;

/** What came of opening. */
export interface OpenEvents extends LoadedEvents, TraceRequest {
  readonly source: Source;
}

/**
 * Opens the events. Some tracepoints refuse to be sampled (irq_vectors:irq_work_exit, as its sample would make the next one), which
 * only the attempt tells: of a pattern's events such a one is left out, and the others are opened anew.
 *
 * @param prepare Called before each attempt, with what is to be opened
 * @throws {PerfprofError} In words for the user
 */
export function openEvents(
  machine: Machine,
  { events, leftOut }: LoadedEvents,
  options: TraceOptions,
  prepare: (kernelEvents: readonly KernelEvent[]) => void = () => {},
): OpenEvents {
  for (let refusals = 0;; refusals++) {
    const { request, kernelEvents } = traceRequest(machine, events, options);
    prepare(kernelEvents);
    try {
      return { events, leftOut, request, kernelEvents, source: machine.open(request) };
    } catch (error) {
      if (!(error instanceof SourceError)) throw error;
      const refused = refusals < MOST_REFUSALS ? refusedMatch(error, kernelEvents) : undefined;
      if (refused === undefined) throw explain(error, machine, request);
      events = events.filter(({ spec }) => spec !== refused);
      leftOut = [...leftOut, refused];
    }
  }
}

/** The event of a pattern that the kernel does not let us sample, if it is not the pattern's last. */
function refusedMatch({ operation, errno, event }: SourceError, all: readonly KernelEvent[]): EventSpec | undefined {
  const refused = operation === "open" && errno === EPERM ? all[event]?.loaded.spec : undefined;
  if (refused?.pattern === undefined) return undefined;
  return all.some(({ loaded: { spec } }) => spec !== refused && spec.pattern === refused.pattern) ? refused : undefined;
}
