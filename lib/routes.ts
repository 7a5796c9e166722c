/**
 * From a trace's events and a module's handlers to what a run walks by: a route for each kernel event, and the analyses that somebody
 * takes the events of.
 *
 * @module
 */

import type { AnalysedEvent } from "./analyses.ts";
import type { CompiledModule } from "./compiled/module.ts";
import type { Route } from "./delivery.ts";
import { makeCaller } from "./event_class.ts";
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

/**
 * Joins events with their handlers.
 *
 * @param compiled The module that the handlers are of, where it is none in JavaScript
 */
export function routesOf(
  events: readonly TracedEvent[],
  handlers: Handlers,
  watch: Watch,
  compiled?: CompiledModule,
): Routes {
  const takers = events.map((event) => ({ event, taker: takerOf(event, handlers, watch, compiled) }));
  return {
    routes: takers.flatMap(({ event, taker }) => eventRoutes(event, taker)),
    analysed: takers.flatMap(({ event, taker }) => analysedEvent(event, taker)),
    handlerNames: takers.flatMap(({ event: { indices }, taker }) => indices.map(() => taker?.name ?? "?")),
  };
}

/** The handler of an event. */
interface Taker {
  readonly name: string;
  /** Gets events that an analysis has made. */
  readonly handler: EventHandler | undefined;
  /** Gets samples as they are. */
  readonly call: Route["call"];
  /** Its events may be kept where they lie. */
  readonly keeps: boolean;
  /** It needs nothing of them. */
  readonly brief: boolean;
  readonly watchId: number;
}

function takerOf(
  event: TracedEvent,
  { byEvent, sample }: Handlers,
  watch: Watch,
  compiled: CompiledModule | undefined,
): Taker | undefined {
  const { handlerName } = event.spec;
  const own = byEvent.get(handlerName);
  const handler = own ?? sample;
  if (handler === undefined) return undefined;
  const name = own === undefined ? "__sample__" : handlerName;
  const watchId = watch.name(name);
  if (compiled !== undefined) return { name, ...compiled.taker(name, event), keeps: false, brief: false, watchId };
  const keeps = takesEvent(handler);
  const call = callOf(event, handler, keeps);
  return { name, handler, call, keeps, brief: call !== undefined && !keeps, watchId };
}

/** Of each of an event's kernel events. */
function eventRoutes({ timeOffsets }: TracedEvent, taker: Taker | undefined): Route[] {
  return timeOffsets.map((timeOffset): Route => ({
    call: taker?.call,
    takesEvent: taker?.keeps ?? false,
    brief: taker?.brief ?? false,
    timeOffset,
    watchId: taker?.watchId ?? 0,
  }));
}

function callOf({ run }: TracedEvent, handler: EventHandler, takes: boolean): Route["call"] {
  if (run.kind !== "direct") return undefined;
  return takes ? makeCaller(run.eventClass, handler) : () => handler(undefined);
}

function analysedEvent({ run, indices }: TracedEvent, taker: Taker | undefined): AnalysedEvent[] {
  if (run.kind === "direct" || taker?.handler === undefined) return [];
  return [{ analysis: run, handler: taker.handler, watchId: taker.watchId, indices }];
}
