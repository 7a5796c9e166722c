/** Batches and routes: what a delivery asks of its source, over records at hand. */

import assert from "node:assert/strict";
import { Delivery, type DeliveryHooks, type Route } from "../lib/delivery.ts";
import { routesOf } from "../lib/routes.ts";
import type { TracedEvent } from "../lib/trace.ts";
import { prefixed, RecordedSource, sample } from "./recorded_source.ts";

const TIME = 24;

/** A source that can leave out all but the times. */
class BriefSource extends RecordedSource {
  readonly brief: number[] = [];

  setBrief(event: number): void {
    this.brief.push(event);
  }
}

const HOOKS: DeliveryHooks = {
  sideband: () => assert.fail("no side-band record was sent"),
  lost: () => assert.fail("none was lost"),
  threw: (error) => assert.fail(String(error)),
  returned: () => assert.fail("no handler returns anything"),
};

const timeRecord = (timeNs: number) => prefixed(0, 0, new Uint8Array(BigUint64Array.of(BigInt(timeNs)).buffer));
const whole = (timeNs: number, event: number) => prefixed(event, 0, sample(timeNs, new Uint8Array(12)));

function deliver(source: RecordedSource, handedMost?: number) {
  const log: string[] = [];
  const routes: Route[] = [
    { call: () => void log.push("brief"), takesEvent: false, brief: true, timeOffset: TIME, watchId: 1 },
    {
      call: (view, at) => void log.push(`whole@${view.getBigUint64(at + TIME, true)}`),
      takesEvent: true,
      timeOffset: TIME,
      watchId: 2,
    },
  ];
  const delivery = new Delivery({ source, routes, handedMost }, HOOKS, new Int32Array(4));
  source.enable();
  assert.ok(delivery.read());
  return { delivery, log };
}

Deno.test("of an event whose handler takes none a source is asked for the times, and they count", () => {
  const source = new BriefSource([{ records: [timeRecord(10), whole(15, 1), timeRecord(20), whole(30, 1)] }]);
  const { delivery, log } = deliver(source);
  assert.deepEqual(source.brief, [0]);
  assert.equal(delivery.walk(19), "time");
  assert.equal(delivery.nextNs, 20);
  assert.deepEqual(log, ["brief", "whole@15"]);
  assert.equal(delivery.walk(Infinity), "done");
  assert.equal(delivery.handed, 4);
});

Deno.test("brief events count for -N, and as passed over", () => {
  const records = [timeRecord(10), whole(15, 1), timeRecord(20), timeRecord(30)];
  const { delivery } = deliver(new BriefSource([{ records }]), 2);
  assert.equal(delivery.walk(Infinity), "count");
  assert.equal(delivery.handed, 2);
  assert.equal(delivery.skip(), 2);
});

Deno.test("a source that cannot leave anything out gives whole records", () => {
  const { delivery, log } = deliver(new RecordedSource([{ records: [whole(10, 0), whole(20, 0)] }]));
  assert.equal(delivery.walk(19), "time");
  assert.equal(delivery.nextNs, 20);
  assert.deepEqual(log, ["brief"]);
});

Deno.test("brief are the events of handlers without parameters, and of no others", () => {
  const event = (handlerName: string) => ({
    spec: { handlerName },
    run: { kind: "direct", eventClass: class {} },
    timeOffsets: [TIME],
    indices: [0],
  } as unknown as TracedEvent);
  const byEvent = new Map<string, (event: unknown) => unknown>([
    ["a__none", () => undefined],
    ["a__one", (event) => event],
    ["a__rest", (...events) => events],
    ["a__arguments", function () {
      return arguments;
    }],
  ]);
  const events = [...byEvent.keys(), "a__nobody"].map(event);
  const { routes } = routesOf(events, { byEvent }, { cells: new Int32Array(4), name: () => 1, busy: () => {} });
  assert.deepEqual(routes.map(({ brief }) => brief), [true, false, false, false, false]);
});
