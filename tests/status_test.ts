/** The lines of SIGUSR2: what they say of many events. tests/live_callbacks_test.ts has them from a run. */

import assert from "node:assert/strict";
import type { EventCount, SourceState } from "../lib/source.ts";
import { statusLines } from "../lib/status.ts";

const STATE: SourceState = {
  safeTimeNs: 0,
  batchNewestNs: 0,
  pending: false,
  delivered: 0,
  lost: 0,
  late: 0,
  excluded: 0,
  damaged: 0,
  sidebandLost: 0,
  rings: 2,
  ringBytes: 2 ** 25,
  queueBytes: 0,
  ended: false,
  commandStatus: -1,
};
const USAGE = { userSeconds: 1, systemSeconds: 1, rssBytes: 2 ** 20, peakRssBytes: 2 ** 20 };

/** The lines of events, without the two of the run. */
function eventLines(names: readonly string[], counts: readonly EventCount[]): string[] {
  const lines = statusLines({ seconds: 1, upSeconds: 1, state: STATE, counts, names, usage: USAGE, lagNs: 0 });
  assert.match(lines[0]!, /^perfprof: 1\.0 s, 0 events/);
  return lines.slice(2);
}

const names = Array.from({ length: 300 }, (_, i) => `sys:event_${i}`);

Deno.test("status: up to 20 events have a line each, in their order, over all CPUs", () => {
  const counts = [{ event: 1, cpu: 0, delivered: 3, lost: 0, excluded: 0 }, {
    event: 1,
    cpu: 1,
    delivered: 4,
    lost: 2,
    excluded: 0,
  }];
  assert.deepEqual(eventLines(["sys:a", "sys:other"], counts), [
    "    sys:a      0 delivered, 0 lost",
    "    sys:other  7 delivered, 2 lost",
  ]);
  assert.equal(eventLines(names.slice(0, 20), []).length, 20);
});

Deno.test("status: of hundreds of events the 20 with most, and the others together", () => {
  const counts = Array.from({ length: 30 }, (_, i) => ({ event: 100 + i, cpu: 0, delivered: i + 1, lost: i, excluded: 0 }));
  const lines = eventLines(names, counts);
  assert.equal(lines.length, 21);
  assert.equal(lines[0], "    sys:event_129  30 delivered, 29 lost");
  assert.equal(lines[19], "    sys:event_110  11 delivered, 10 lost");
  assert.equal(lines[20], "    280 more events: 55 delivered, 45 lost");
});

Deno.test("status: of hundreds of events those without a count have no line", () => {
  const counts = [{ event: 7, cpu: 0, delivered: 0, lost: 1, excluded: 0 }];
  assert.deepEqual(eventLines(names, counts), [
    "    sys:event_7  0 delivered, 1 lost",
    "    299 more events: 0 delivered, 0 lost",
  ]);
  assert.deepEqual(eventLines(names, []), ["    300 events: 0 delivered, 0 lost"]);
});
