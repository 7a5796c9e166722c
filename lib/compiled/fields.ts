/**
 * What a compiled handler is told of an event: where each field is in a record, so that it reads them by itself. Of an event that an
 * analysis makes, where encode.ts writes them. What has no fixed place (a stack, registers, what follows one) is asked for by name.
 *
 * @module
 */

import type { AnyEvent } from "../generated_class.ts";
import { jsonValue, unknownField } from "../perf_event.ts";
import { type FieldLayout, rawLayout, type SampleLayout, sampleLayout } from "../layout.ts";
import { allMembers } from "../profilers/analysis_class.ts";
import { type MemberLayout, memberLayout } from "../profilers/member_layout.ts";
import type { MemberKind } from "../profilers/members.ts";
import type { TracedEvent } from "../trace.ts";
import { encodedFields } from "./encode.ts";
import { type CompiledField, fixedField, headFields } from "./field.ts";

/** An event of a run, as compiled handlers know it. */
export interface CompiledEvent {
  /** `sched:sched_wakeup`, or with the alias. */
  readonly name: string;
  readonly traced: TracedEvent;
  /** In the order of keys(). */
  readonly fields: readonly CompiledField[];
  /** Names of those without a fixed place. */
  readonly asked: readonly string[];
}

/** Describes an event. */
export function compiledEvent(traced: TracedEvent): CompiledEvent {
  const { spec: { eventName: name }, loaded, attrs, run } = traced;
  const fields = loaded.kind === "tracepoint"
    ? tracepointFields(sampleLayout(attrs[0]!.sampleType), rawLayout(loaded.format).fields)
    : run.kind === "direct"
    ? memberFields(memberLayout(name, sampledAttr(traced), Deno.build.arch), run.eventClass.keys)
    : encodedFields(allMembers(loaded.plan));
  const keys = run.kind === "direct" ? run.eventClass.keys : [...SHARED, ...allMembers(loaded.plan).map(({ name }) => name)];
  const placed = new Set(fields.map(({ name }) => name));
  return { name, traced, fields, asked: keys.filter((key) => !placed.has(key)) };
}

/** What every event has. */
const SHARED = ["_pid", "_tid", "_time", "_cpu", "_realtime", "_event"];

/**
 * The field of a name.
 *
 * @throws {TypeError} There is none (the text names the nearest), or it has no fixed place
 */
export function fieldOf({ name: event, fields, asked }: CompiledEvent, name: string): CompiledField {
  const field = fields.find((one) => one.name === name);
  if (field !== undefined) return field;
  if (asked.includes(name)) throw new TypeError(`${event}: field '${name}' has no fixed place: ask for its value`);
  throw unknownField({ event, keys: [...fields.map((one) => one.name), ...asked] }, name);
}

/** Any field of an event as a text: what is no number, text or bool as JSON. Undefined: there is none. */
export function valueText(event: AnyEvent, name: string): string | undefined {
  const value = event.get(name);
  return typeof value === "object" ? JSON.stringify(jsonValue(value)) : value === undefined ? undefined : String(value);
}

function tracepointFields(
  { fixed, callchain: chain = 0, rawSize = 0 }: SampleLayout,
  raw: readonly FieldLayout[],
): CompiledField[] {
  const { TID = 0, TIME = 0, CPU = 0, PERIOD = 0 } = fixed;
  const start = rawSize + 4;
  const all = [
    ...headFields(TID, TIME, CPU),
    fixedField("_period", "unsigned", PERIOD, 8),
    ...raw.map((field) => rawField(field, start, chain)),
  ];
  const names = all.map(({ name }) => name);
  // As in the event's class, a format's field that repeats a name is not reachable.
  return all.filter(({ name }, i) => names.indexOf(name) === i);
}

/** @param start Of the raw data, in a record whose call chain is empty */
function rawField({ name, kind, extent, offset, size, signed }: FieldLayout, start: number, chain: number): CompiledField {
  const at = start + offset;
  if (extent === "data_loc") return { name, kind: "dynamic", offset: at, size, base: start, chain };
  if (extent === "rel_loc") return { name, kind: "dynamic", offset: at, size, base: at + size, chain };
  const isInteger = kind === "number" || kind === "boolean" || kind === "integer64" || kind === "address";
  const plain = !isInteger ? "bytes" : signed && kind !== "address" ? "signed" : "unsigned";
  return { name, kind: plain, offset: at, size: extent === "rest" ? 0 : size, base: 0, chain };
}

/** The attr of the samples: of a group's events the others make none. */
function sampledAttr({ attrs }: TracedEvent): TracedEvent["attrs"][number] {
  return attrs.find(({ samplePeriod }) => samplePeriod !== 0) ?? attrs[0]!;
}

const MEMBER_INTEGERS: Readonly<Partial<Record<MemberKind, [kind: "signed" | "unsigned", size: number]>>> = {
  task: ["signed", 4],
  cpu: ["unsigned", 4],
  bigint: ["unsigned", 8],
  integer: ["unsigned", 8],
};

/** Members in front of the first one of variable length. */
function memberFields({ members }: MemberLayout, keys: readonly string[]): CompiledField[] {
  const placed = members.flatMap(({ row, anchor, offset }): CompiledField[] => {
    const integer = MEMBER_INTEGERS[row.kind];
    return integer === undefined || anchor > 0 ? [] : [fixedField(row.name, integer[0], offset, integer[1])];
  });
  const offsetOf = (name: string) => placed.find((field) => field.name === name)?.offset ?? 0;
  const head = headFields(offsetOf("pid"), offsetOf("time"), offsetOf("cpu"));
  return [...head, ...placed.filter(({ name }) => keys.includes(name))];
}
