/**
 * An event of -e as people and editors see it: a tracepoint's format joined with the TypeScript types of its fields, their C types
 * and the names of their values; a profiler's members. What `show`, `types` and the template have in common; reads formats, opens nothing.
 *
 * @module
 */

import { type EventSpec, parseEvents } from "./event_spec.ts";
import { type FieldLayout, rawLayout, typeName } from "./layout.ts";
import type { FormatField, TracepointFormat } from "./format.ts";
import type { Machine } from "./machine.ts";
import { type LoadedEvent, loadEvents } from "./loaded_event.ts";
import { allMembers } from "./profilers/analysis_class.ts";
import type { Profiler } from "./profilers/profiler.ts";
import { profilersOf } from "./profilers/registry.ts";
import { type ValueNames, valueNames } from "./value_names.ts";

/** What an event has to be read: a field of a tracepoint, or a member of a profiler's event. */
export interface DescribedValue {
  readonly name: string;
  readonly type: string;
  /** A paragraph each: what it is. */
  readonly about: readonly string[];
}

/** A tracepoint's field. */
export interface DescribedField extends DescribedValue {
  /** As tracefs writes it: `char[16]`, `__data_loc char[]`. */
  readonly cType: string;
  /** In bytes; of a dynamic field, of its locator. */
  readonly size: number;
  readonly common: boolean;
  readonly layout: FieldLayout;
  /** None, or one for each list of names in the print format. */
  readonly names: readonly ValueNames[];
}

/** A tracepoint or probe and its fields, in format order. */
export interface DescribedTracepoint {
  readonly kind: "tracepoint";
  readonly spec: EventSpec;
  readonly format: TracepointFormat;
  readonly fields: readonly DescribedField[];
}

/** A profiler's event and its members, in their order. */
export interface DescribedProfiler {
  readonly kind: "profiler";
  readonly spec: EventSpec;
  readonly profiler: Profiler;
  readonly fields: readonly DescribedValue[];
}

/** An event of -e. */
export type DescribedEvent = DescribedTracepoint | DescribedProfiler;

/**
 * The events of texts as -e takes them.
 *
 * @throws {PerfprofError} A text is wrong, or an event is unknown
 */
export function describeEvents(machine: Machine, texts: readonly string[]): DescribedEvent[] {
  const specs = parseEvents(texts);
  try {
    return loadEvents(machine, specs, profilersOf(machine)).events.map((event) =>
      event.kind === "tracepoint" ? describe(event.spec, event.format) : describeProfiler(event)
    );
  } finally {
    if (specs.some(({ probe }) => probe !== undefined)) machine.probes.remove();
  }
}

function describeProfiler({ spec, profiler, plan }: LoadedEvent & { kind: "profiler" }): DescribedProfiler {
  const fields = allMembers(plan).map(({ name, type, help }) => ({ name, type, about: [help] }));
  return { kind: "profiler", spec, profiler, fields };
}

/**
 * What two events share when their fields are the same for certain: the tracepoint. Probes have arguments of their own, and
 * profilers members by their options.
 */
export function formatName({ system, name, eventName, probe, profiler }: EventSpec): string {
  return probe === undefined && profiler === undefined ? `${system}:${name}` : eventName;
}

/** Joins an event with its format. */
export function describe(spec: EventSpec, format: TracepointFormat): DescribedTracepoint {
  const named = valueNames(format.printFormat);
  const { fields } = rawLayout(format);
  return {
    kind: "tracepoint",
    spec,
    format,
    fields: format.fields.map((field, i) => {
      const names = named.filter((names) => names.field === field.name);
      return {
        name: field.name,
        cType: cType(field),
        type: typeName(fields[i]!),
        about: [cType(field), ...names.map(namesText)],
        size: field.size,
        common: field.common,
        layout: fields[i]!,
        names,
      };
    }),
  };
}

function cType({ type, array, dynamic, count, size }: FormatField): string {
  if (!array || dynamic || type.endsWith("]")) return type;
  return `${type}[${count > 0 ? count : size > 0 ? size : ""}]`;
}

/** `0x1=S, 0x2=D` after what has these values, where that is not the field itself: `prev_state & 0xff: 0x1=S, 0x2=D`. */
export function namesText({ field, expression, values }: ValueNames): string {
  const list = values.map(({ text, name }) => text === undefined ? name : `${text}=${name}`).join(", ");
  return expression === field ? list : `${expression}: ${list}`;
}
