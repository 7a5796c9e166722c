/**
 * What the compiler knows of events from their texts: their names, where the texts are literals. What fields they have only the kernel
 * knows (`perfprof types` writes it down). Types alone.
 *
 * @module
 */

import type { PerfEvent } from "./perf_event.ts";

/** Behind a profiler's name: `cycles:u`. */
type Modifiers = "u" | "k" | "p" | "pp" | "ppp" | "up" | "upp" | "uppp" | "kp" | "kpp" | "kppp" | "uk";

/** The value of `alias=` in attributes. */
type Alias<Attributes extends string> = Attributes extends `${string}alias=${infer Rest}`
  ? Rest extends `${infer Name}/${string}` ? Name : Rest
  : undefined;

/** `sys:name`, or `sys:alias`; of a profiler its name, or the alias itself. */
type Named<Head extends string, Name extends string | undefined> = Head extends
  `${string}${"*" | "?" | "[" | "," | "@" | '"' | "(" | " "}${string}` ? string
  : Head extends `${infer System}:${infer Own}`
    ? Own extends Modifiers ? (Name extends string ? Name : System) : `${System}:${Name extends string ? Name : Own}`
  : Name extends string ? Name
  : Head;

/** The `_event` of an event as -e takes it; `string` where the text does not tell: of patterns, of several events, of probes. */
export type EventName<Text extends string> = string extends Text ? string
  : Text extends `${infer Head}/${infer Rest}` ? Rest extends `${string}/,${string}` ? string : Named<Head, Alias<Rest>>
  : Named<Text, undefined>;

/** Events by their names, with what all events have. */
export type EventsOf<Texts extends readonly string[]> = {
  [Text in Texts[number] as EventName<Text>]: PerfEvent;
};

/** One of the events, told apart by its `_event`. */
export type EventOf<Events> = { [Name in keyof Events]: Events[Name] & { readonly _event: Name } }[keyof Events];

/** Takes an event. A method, so that a handler may say more of its event than its name tells: the fields that it reads. */
export type SessionHandler<Event> = { handle(event: Event): unknown }["handle"];

/** A handler for each event that is wanted, by name; or one for all. */
export type SessionHandlers<Events> =
  | { readonly [Name in keyof Events]?: SessionHandler<Events[Name]> }
  | SessionHandler<EventOf<Events>>;
