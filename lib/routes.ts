/**
 * From a trace's events and a module's handlers to what a run walks by: a route for each kernel event, and the analyses that somebody
 * takes the events of.
 *
 * @module
 */

import type { AnalysedEvent } from "./analyses.ts";
import type { Route } from "./delivery.ts";
import { type EventClass, makeCaller } from "./event_class.ts";
import { type EventHandler, type Handlers, takesEvent } from "./handlers.ts";
import type { TracedEvent } from "./trace.ts";
import type { Watch } from "./watch.ts";

/** What a run takes of it, by the indices of the source's events. */
export interface Routes {
  readonly routes: readonly Route[];
  readonly analysed: readonly AnalysedEvent[];
  /** Names of the handlers, for reports. */
  readonly handlerNames: readonly string[];
}

/** Joins events with their handlers. */
export function routesOf(events: readonly TracedEvent[], handlers: Handlers, watch: Watch): Routes {
  const takers = events.map((event) => ({ event, taker: takerOf(event, handlers, watch) }));
  return {
    routes: takers.flatMap(({ event, taker }) => eventRoutes(event, taker)),
    analysed: takers.flatMap(({ event, taker }) => analysedEvent(event, taker)),
    handlerNames: takers.flatMap(({ event: { indices }, taker }) => indices.map(() => taker?.name ?? "?")),
  };
}

/** The handler of an event. */
interface Taker {
  readonly name: string;
  readonly handler: EventHandler;
  readonly watchId: number;
}

function takerOf({ spec }: TracedEvent, { byEvent, sample }: Handlers, watch: Watch): Taker | undefined {
  const own = byEvent.get(spec.handlerName);
  const handler = own ?? sample;
  const name = own === undefined ? "__sample__" : spec.handlerName;
  return handler && { name, handler, watchId: watch.name(name) };
}

/** Of each of an event's kernel events. */
function eventRoutes({ run, timeOffsets }: TracedEvent, taker: Taker | undefined): Route[] {
  const takes = taker !== undefined && takesEvent(taker.handler);
  return timeOffsets.map((timeOffset): Route => ({
    call: run.kind === "direct" && taker ? callOf(run.eventClass, taker.handler, takes) : undefined,
    takesEvent: takes,
    timeOffset,
    watchId: taker?.watchId ?? 0,
  }));
}

function callOf(eventClass: EventClass, handler: EventHandler, takes: boolean): Route["call"] {
  return takes ? makeCaller(eventClass, handler) : () => handler(undefined);
}

function analysedEvent({ run, indices }: TracedEvent, taker: Taker | undefined): AnalysedEvent[] {
  if (run.kind === "direct" || taker === undefined) return [];
  return [{ analysis: run, handler: taker.handler, watchId: taker.watchId, indices }];
}
