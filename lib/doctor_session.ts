/**
 * The check of `perfprof doctor` that is a run in small: opens a tracepoint with the rings of this machine, and closes it.
 *
 * @module
 */

import { completeAttr, encodeAttr, plannedTracepoint } from "./attr.ts";
import { fail, type Finding, ok, size, warn } from "./doctor_finding.ts";
import { explain } from "./failures.ts";
import type { Buffers } from "./rings.ts";
import type { Machine } from "./machine.ts";
import { type Source, SourceError, type SourceRequest } from "./source.ts";

/** A session as a run opens it: the event, and rings as they are chosen for this machine. */
export function checkSession(machine: Machine, cpus: readonly number[], buffers: Buffers): Finding[] {
  let request: SourceRequest | undefined;
  let source: Source | undefined;
  try {
    request = switchRequest(machine, cpus, buffers);
    source = machine.open(request);
    const { ringBytes, rings } = source.state();
    return [
      ok("tracepoints", `sched:sched_switch opens on ${cpus.length} ${cpus.length === 1 ? "CPU" : "CPUs"}`),
      ringMemory(ringBytes, rings, buffers.ringPages * machine.pageSize, buffers.queueBytes),
    ];
  } catch (error) {
    if (!(error instanceof SourceError)) throw error;
    const { message, hints } = explain(error, machine, request && { ...request, fieldNames: [] });
    return [fail("tracepoints", message, ...hints)];
  } finally {
    source?.close();
  }
}

function switchRequest(machine: Machine, cpus: readonly number[], buffers: Buffers): SourceRequest {
  const { id } = machine.format("sched", "sched_switch");
  const attr = completeAttr(plannedTracepoint(id), {
    clock: "monotonic",
    watermarkPercent: 25,
    ringBytes: buffers.ringPages * machine.pageSize,
    features: { formatLost: false, buildId: false },
  });
  return {
    events: [{ name: "sched:sched_switch", attr: encodeAttr(attr), cpus, sideband: false }],
    target: { kind: "all" },
    order: true,
    excludeSelf: false,
    watchStdout: false,
    clockid: attr.clockid,
    ...buffers,
    ringShrink: true,
  };
}

function ringMemory(bytes: number, rings: number, wantedBytes: number, queueBytes: number): Finding {
  const queue = queueBytes > 0 ? `a queue of ${size(queueBytes)}` : "no queue needed";
  const text = `${rings} x ${size(bytes)}, ${queue}`;
  if (bytes >= wantedBytes) return ok("rings", text);
  return warn("rings", `${text}; ${size(wantedBytes)} each are wanted`, "ulimit -l unlimited");
}
