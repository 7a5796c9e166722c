/**
 * Real samples for tests: opens tracepoints as perfprof does, runs the workload (tests/native/workload.c) and keeps every record
 * that the source gave, with its prefix.
 *
 * @module
 */

import { fileURLToPath } from "node:url";
import { NativeMachine } from "../ffi/machine.ts";
import { parseEvents } from "../lib/event_spec.ts";
import { PREFIX_SIZE, type Target } from "../lib/source.ts";
import { stackOptions } from "../lib/stack_options.ts";
import { Trace } from "../lib/trace.ts";
import { linesTo } from "../lib/text_bytes.ts";

/** The workload, built by the test task. */
export const WORKLOAD = fileURLToPath(new URL("../native/build/workload", import.meta.url));

/** A record as it came. */
export interface Recorded {
  /** Index into the trace's events; their number is the side-band's. */
  readonly event: number;
  readonly cpu: number;
  readonly record: Uint8Array<ArrayBuffer>;
}

/** What was recorded. The trace is closed: its classes and services go on. */
export interface Recording {
  readonly machine: NativeMachine;
  readonly trace: Trace;
  readonly records: readonly Recorded[];
}

/** The system calls that the workload makes with arguments that fail at once. */
export function workloadCalls(): string[] {
  const { stdout } = new Deno.Command(WORKLOAD, { args: ["names"] }).outputSync();
  return new TextDecoder().decode(stdout).trim().split("\n");
}

/**
 * Records events, those of `names` that this machine has.
 *
 * @param work What to do while they flow
 * @param target With a command, it begins when `work` does
 */
export async function record(
  names: readonly string[],
  work: (trace: Trace) => unknown,
  target: Target = { kind: "all" },
): Promise<Recording> {
  const machine = new NativeMachine();
  const present = new Set(machine.systems().flatMap((system) => machine.names(system).map((name) => `${system}:${name}`)));
  const events = names.filter((name) => present.has(name));
  const options = {
    cpus: undefined,
    target,
    ring: undefined,
    watermarkPercent: 50,
    order: true,
    clock: "monotonic",
    excludeSelf: target.kind === "all",
    stacks: stackOptions({ demangle: true }),
  } as const;
  const trace = new Trace(machine, parseEvents([events.join(",")]), options, { lines: linesTo(() => {}) });
  try {
    trace.source.enable();
    trace.enabled();
    await work(trace);
    trace.source.disable();
    return { machine, trace, records: drain(trace) };
  } finally {
    trace.source.close();
  }
}

function drain(trace: Trace): Recorded[] {
  const records: Recorded[] = [];
  const batch = new Uint8Array(1 << 20);
  const view = new DataView(batch.buffer);
  for (let bytes; (bytes = trace.source.read(batch)) > 0;) {
    for (let at = 0; at < bytes;) {
      const start = at + PREFIX_SIZE;
      const end = start + view.getUint32(at, true);
      records.push({ event: view.getUint16(at + 4, true), cpu: view.getUint16(at + 6, true), record: batch.slice(start, end) });
      at = end;
    }
  }
  return records;
}
