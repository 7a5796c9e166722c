/**
 * The tracepoints that an analysis is made of: planned by their formats, and read by a generated class each once they are open.
 *
 * @module
 */

import { PERF } from "../attr.ts";
import { makeEventClass } from "../event_class.ts";
import type { PerfEvent } from "../perf_event.ts";
import type { Frame } from "../event_services.ts";
import type { TracepointFormat } from "../format.ts";
import type { Machine } from "../machine.ts";
import type { PlannedEvent, ProfilerContext } from "./profiler.ts";
import type { AttrPart } from "./sampling.ts";

/** A tracepoint of a plan. */
export interface PlannedTracepoint extends PlannedEvent {
  readonly format: TracepointFormat;
}

/** The class of a tracepoint's samples, of whose fields the analysis reads `Fields`. */
export type SampleClass<Fields extends object> = new (view: DataView, at: number) => PerfEvent & Fields;

/**
 * A tracepoint of all tasks.
 *
 * @param system As in `sched:sched_switch`
 * @param stack What stackPart() makes of the options; undefined: its samples have none
 * @throws {SourceError} The kernel has no such tracepoint
 */
export function planTracepoint(machine: Machine, system: string, name: string, stack?: AttrPart): PlannedTracepoint {
  const format = machine.format(system, name);
  // Without PERF_SAMPLE_PERIOD the kernel makes as many samples as a tracepoint with a count says.
  const sampleType = PERF.PERF_SAMPLE_PERIOD | PERF.PERF_SAMPLE_RAW | (stack?.sampleType ?? 0);
  const flags = stack?.flags ?? [];
  const attr = { type: PERF.PERF_TYPE_TRACEPOINT, config: format.id, samplePeriod: 1, sampleType, flags };
  return { name: `${system}:${name}`, attr, everyTask: true, format };
}

/** The class of event `index` of the plan. */
export function sampleClass<Fields extends object>(
  opens: readonly PlannedTracepoint[],
  index: number,
  { attrs, services, kernel, lines }: ProfilerContext,
): SampleClass<Fields> {
  const { name, format } = opens[index]!;
  const { sampleType, regsUser = 0n } = attrs[index]!;
  const userRegs = regsUser.toString(2).replaceAll("0", "").length;
  const spec = { event: name, format, sampleType, userRegs, services, kernel, lines };
  return makeEventClass(spec) as unknown as SampleClass<Fields>;
}

/** A record's bytes on their own: they may be kept without the batch that they came in. */
export function copyRecord(view: DataView, at: number): DataView<ArrayBuffer> {
  const start = view.byteOffset + at;
  return new DataView(view.buffer.slice(start, start + view.getUint16(at + 6, true)) as ArrayBuffer);
}

/** The call chain of a sample, for whoever reads it later: of a copy of the record. */
export function keptStack(type: SampleClass<object>, view: DataView, at: number): () => readonly Frame[] {
  const record = copyRecord(view, at);
  return () => new type(record, 0)._callchain;
}
