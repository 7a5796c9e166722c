/**
 * An event of -e as people and editors see it: its format joined with the TypeScript types of its fields, their C types and the
 * names of their values. What `show`, `types` and the template have in common; reads formats, opens nothing.
 *
 * @module
 */

import { type EventSpec, parseEvents } from "./event_spec.ts";
import { type FieldLayout, rawLayout, typeName } from "./layout.ts";
import type { FormatField, Machine, TracepointFormat } from "./source.ts";
import { loadEvents } from "./trace.ts";
import { type ValueNames, valueNames } from "./value_names.ts";

/** One of an event's fields. */
export interface DescribedField {
  readonly name: string;
  /** As tracefs writes it: `char[16]`, `__data_loc char[]`. */
  readonly cType: string;
  readonly type: string;
  /** In bytes; of a dynamic field, of its locator. */
  readonly size: number;
  readonly common: boolean;
  readonly layout: FieldLayout;
  /** None, or one for each list of names in the print format. */
  readonly names: readonly ValueNames[];
}

/** An event and its fields, in format order. */
export interface DescribedEvent {
  readonly spec: EventSpec;
  readonly format: TracepointFormat;
  readonly fields: readonly DescribedField[];
}

/**
 * The events of texts as -e takes them.
 *
 * @throws {PerfprofError} A text is wrong, or an event is unknown
 */
export function describeEvents(machine: Machine, texts: readonly string[]): DescribedEvent[] {
  return loadEvents(machine, parseEvents(texts)).events.map(({ spec, format }) => describe(spec, format));
}

/** Joins an event with its format. */
export function describe(spec: EventSpec, format: TracepointFormat): DescribedEvent {
  const named = valueNames(format.printFormat);
  const { fields } = rawLayout(format);
  return {
    spec,
    format,
    fields: format.fields.map((field, i) => ({
      name: field.name,
      cType: cType(field),
      type: typeName(fields[i]!),
      size: field.size,
      common: field.common,
      layout: fields[i]!,
      names: named.filter((names) => names.field === field.name),
    })),
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
