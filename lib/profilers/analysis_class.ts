/**
 * The class of an analysis's events: values at hand instead of a record's bytes, under the same protocol as every PerfEvent. A value
 * that is a function is called when it is first read: what it costs (frames of a call chain) is paid by who wants it.
 *
 * @module
 */

import type { AnyEvent } from "../generated_class.ts";
import { addMoments, momentOf } from "../moment.ts";
import { type EventInfo, type FieldValue, INFO, isReservedName, LINE, makeTail, RECORD, TIME, TO_DICT } from "../perf_event.ts";
import { addHead, printable } from "../print.ts";
import type { Lines, TextBytes } from "../text_bytes.ts";
import type { EventServices } from "../event_services.ts";
import type { Member, ProfilerPlan } from "./profiler.ts";

/** What a class is made from. */
export interface AnalysisClassSpec {
  /** `task-state`, or the alias: the event's `_event`. */
  readonly event: string;
  /** Its own, behind pid, tid, time and cpu. */
  readonly members: readonly AnalysisMember[];
  readonly services: EventServices;
  /** Takes what print() writes, without the last newline. */
  readonly lines: Lines;
  /** What print() shows behind the event's name. */
  readonly text: (event: AnyEvent) => string;
}

/** A member, whose value is given to the constructor: as it is, or a function that makes it. */
export interface AnalysisMember extends Member {}

/** Whose event it is, and when and where it ended. */
export interface Head {
  readonly pid: number;
  readonly tid: number;
  /** ns of the events' clock. */
  readonly timeNs: number;
  readonly cpu: number;
  /** Bytes of the record that it ends with, for perf_prof.hash: a copy. */
  readonly record?: Uint8Array;
}

/** The class of one analysis's events. */
export interface AnalysisClass<Values extends object> {
  /** @param values Of its own members, by name */
  new (head: Head, values: Values): AnyEvent;
  /** Names of the fields in order. */
  readonly keys: readonly string[];
}

const HEAD_MEMBERS: readonly Member[] = [
  { name: "pid", type: "number", help: "process" },
  { name: "tid", type: "number", help: "thread" },
  { name: "time", type: "number", help: "end of what was measured, ns of the events' clock" },
  { name: "cpu", type: "number", help: "CPU" },
];

/** All members of a plan's events: those of an analysis begin with whose, when and where. */
export function allMembers({ members }: ProfilerPlan): readonly Member[] {
  return members.some(({ name }) => name === "pid") ? members : [...HEAD_MEMBERS, ...members];
}

/** What every event of a profiler shows before its own members. */
const HEAD_VALUES: Readonly<Record<string, (head: Head, spec: AnalysisClassSpec) => FieldValue>> = {
  _pid: ({ pid }) => pid,
  _tid: ({ tid }) => tid,
  _time: ({ timeNs }) => timeNs,
  _cpu: ({ cpu }) => cpu,
  _realtime: ({ timeNs }, { services }) => services.realtimeNumber(timeNs),
  _event: (_, { event }) => event,
  pid: ({ pid }) => pid,
  tid: ({ tid }) => tid,
  time: ({ timeNs }) => timeNs,
  cpu: ({ cpu }) => cpu,
};

/** Makes the class: `_pid _tid _time _cpu _realtime _event`, then `pid tid time cpu`, then the members. */
export function makeAnalysisClass<Values extends object>(spec: AnalysisClassSpec): AnalysisClass<Values> {
  const own = spec.members.map(({ name }) => name);
  const keys = [...Object.keys(HEAD_VALUES), ...own];
  const properties = new Map(keys.map((name) => [name, isReservedName(name) ? Symbol(name) : name]));
  const stack = own.includes("callchain") ? "callchain" : undefined;
  const { event, services, lines } = spec;
  const info: EventInfo = { event, keys, properties, stack, services, lines };
  const read = (of: Event, name: string) => HEAD_VALUES[name]?.(Event.head(of), spec) ?? Event.value(of, name);

  class Event {
    readonly #head: Head;
    readonly #values: Record<string, unknown>;

    constructor(head: Head, values: Values) {
      this.#head = head;
      this.#values = { ...values } as Record<string, unknown>;
    }

    static head(of: Event): Head {
      return of.#head;
    }

    static value(of: Event, name: string): FieldValue {
      const value = of.#values[name];
      if (typeof value === "function") return of.#values[name] = value();
      // What a script does to an array must not change the event.
      return (ArrayBuffer.isView(value) ? (value as Uint8Array).slice() : value) as FieldValue;
    }

    [TO_DICT](): Record<string, FieldValue> {
      return Object.fromEntries(keys.map((name) => [name, read(this, name)]));
    }

    [TIME](): bigint {
      return BigInt(this.#head.timeNs);
    }

    /** Where it ends with no record, its text stands for one. */
    [RECORD](): Uint8Array {
      return this.#head.record ?? new TextEncoder().encode(String(this));
    }

    [LINE](text: TextBytes, timestamp: boolean): void {
      addLine(text, spec, this.#head, this.#values.comm, spec.text(this as unknown as AnyEvent), timestamp);
    }
  }

  for (const [name, property] of properties) {
    Object.defineProperty(Event.prototype, property, {
      get(this: Event) {
        return read(this, name);
      },
    });
  }
  Reflect.deleteProperty(Event.prototype, "constructor");
  Object.setPrototypeOf(Event.prototype, makeTail(info));
  Object.defineProperty(Event.prototype, INFO, { value: info });
  return Object.assign(Event, { keys }) as unknown as AnalysisClass<Values>;
}

/** The columns of a sample's line; the task's name is the event's own where it has one. */
function addLine(
  text: TextBytes,
  { event, services }: AnalysisClassSpec,
  head: Head,
  own: unknown,
  told: string,
  timestamp: boolean,
): void {
  const { tid, timeNs, cpu } = head;
  const moment = momentOf(timeNs);
  const wall = timestamp ? addMoments(moment, services.realtimeOffset(timeNs)) : undefined;
  const comm = typeof own === "string" ? own : services.comm(tid, timeNs);
  addHead(text, wall, { comm, tid, flags: "", cpu }, moment);
  text.addString(printable(`: ${event}: ${told.trimEnd()}`));
}
