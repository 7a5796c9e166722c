/**
 * What a recording says before its records: the opened request, the ids that it got and the machine -> events and features.
 *
 * @module
 */

import { clockId, PERF } from "./attr.ts";
import type { Features, RecordedEvent } from "./perf_data.ts";
import { featuresOf } from "./perf_data_features.ts";
import type { RecordOptions } from "./record_options.ts";
import type { EventId, RecordingMachine } from "./recorder.ts";
import type { Machine } from "./machine.ts";
import type { ClockPair, SourceRequest } from "./source.ts";
import { writeTracingData } from "./write_tracing_data.ts";

/** What is known when it begins. */
export interface RecordHeadParts {
  readonly machine: Machine;
  readonly recording: RecordingMachine;
  /** Of perfprof. */
  readonly version: string;
  readonly request: SourceRequest;
  readonly ids: readonly EventId[];
  readonly clock: ClockPair;
}

/** Events and features of a recording. */
export interface RecordHead {
  readonly events: readonly RecordedEvent[];
  readonly features: Features;
  /** An id of the side-band's. */
  readonly sidebandId: bigint;
}

/** Asks the machine for all that the file tells of it. */
export function recordHead(
  { commandLine, clock: clockName, level }: RecordOptions,
  { machine, recording, version, request, ids, clock }: RecordHeadParts,
): RecordHead {
  const idsOf = Map.groupBy(ids, ({ event }) => event);
  const events = request.events.map(({ name, attr, sideband, leader }, i) => ({
    // As perf calls the event that only brings task records.
    name: sideband ? "dummy:u" : name,
    attr,
    ids: (idsOf.get(i) ?? []).map(({ id }) => id),
    leader,
  }));
  const tracepoints = new Set(request.events.filter(({ attr }) => isTracepoint(attr)).map(({ name }) => name));
  const features = featuresOf({
    events,
    commandLine,
    version,
    tracingData: tracepoints.size === 0
      ? undefined
      : writeTracingData([...tracepoints], machine.pageSize, (path) => recording.tracefsBytes(path)),
    clock: { ...clock, clockid: clockId(clockName) },
    level,
    text: (path) => machine.kernelFile(path),
    bytes: (path) => recording.bytes(path),
    folder: (path) => machine.kernelFolder(path),
  });
  return { events, features, sidebandId: events.find((_, i) => request.events[i]!.sideband)?.ids[0] ?? 0n };
}

/** The type is the first u32 of an attr. */
function isTracepoint(attr: Uint8Array): boolean {
  return new DataView(attr.buffer, attr.byteOffset).getUint32(0, true) === PERF.PERF_TYPE_TRACEPOINT;
}
