#!/usr/bin/env -S perfprof -e rundelay,sched:sched_wakeup -i 1000
/**
 * Metrics for OpenTelemetry: how long threads waited for a CPU (rundelay), how often each other event of -e came, and how many
 * events were lost. Deno sends them itself; docs/fleet.md has its settings.
 *
 *     OTEL_DENO=true OTEL_SERVICE_NAME=perfprof perfprof -e rundelay,sched:sched_wakeup -i 1000 metrics.ts
 */

// The version that Deno 2.9 provides the other side of: with 1.10 all metrics are dropped, without a word.
import { metrics } from "npm:@opentelemetry/api@1.9.0";

/** Of the histogram's buckets, in seconds: 1 µs to 1 s. */
const BOUNDARIES = [1e-6, 2e-6, 5e-6, 1e-5, 2e-5, 5e-5, 1e-4, 2e-4, 5e-4, 1e-3, 2e-3, 5e-3, 1e-2, 2e-2, 5e-2, 0.1, 1];

const meter = metrics.getMeter("perfprof");
const delays = meter.createHistogram("perfprof.rundelay.duration", {
  description: "Waits of threads for a CPU, from the wakeup or the preemption to the switch",
  unit: "s",
  advice: { explicitBucketBoundaries: BOUNDARIES },
});
const events = meter.createCounter("perfprof.event.count", { description: "Events that came", unit: "{event}" });
const losses = meter.createCounter("perfprof.event.lost", { description: "Events that were lost", unit: "{event}" });

/** Since the last interval, by name: adding to the meter for each event would cost ten times as much. */
const counts = new Map<string, number>();

export function __init__(): void {
  if (Deno.env.get("OTEL_DENO") !== "true") console.error("metrics.ts: without OTEL_DENO=true nothing is sent");
}

export function rundelay({ delay }: { readonly delay: number }): void {
  delays.record(delay / 1e9);
}

/** Every event without a handler of its own. */
export function __sample__({ _event }: { readonly _event: string }): void {
  counts.set(_event, (counts.get(_event) ?? 0) + 1);
}

export function __lost__(_start: number, _end: number, { count }: { readonly count: number }): void {
  losses.add(count);
}

export function __interval__(): void {
  for (const [event, count] of counts) events.add(count, { event });
  counts.clear();
}

/** What came since the last interval. Deno sends it when the run has ended. */
export function __exit__(): void {
  __interval__();
}
