/** The loop between a source and handlers, over records at hand. */

import assert from "node:assert/strict";
import type { Loss } from "../lib/delivery.ts";
import type { Handlers } from "../lib/handlers.ts";
import { Run } from "../lib/run.ts";
import { EVENT_LOST } from "../lib/source.ts";
import { prefixed, RecordedSource, sample, type Step } from "./recorded_source.ts";

/** Times of samples are at 24 from their record's start. */
const TIME = 24;

interface Setup {
  steps: readonly Step[];
  most?: number;
  handlers?: Partial<Handlers>;
  call?: (timeNs: number, event: number, run: Run) => unknown;
  intervalMs?: number;
  exitN?: number;
}

/** Runs to the end of the steps; the log has what was called in order. */
async function play({ steps, most, handlers = {}, call = () => undefined, intervalMs, exitN }: Setup) {
  const log: string[] = [];
  const source = new RecordedSource(steps, most);
  const route = (event: number) => ({
    call: (view: DataView, at: number) => {
      const timeNs = Number(view.getBigUint64(at + TIME, true));
      log.push(`${event}@${timeNs}`);
      return call(timeNs, event, run);
    },
    takesEvent: true,
    timeOffset: TIME,
    watchId: event + 1,
  });
  const cells = new Int32Array(4);
  const run: Run = new Run({
    source,
    routes: [route(0), route(1), { call: undefined, takesEvent: false, timeOffset: TIME, watchId: 0 }],
    eventNames: ["a:a", "a:b", "a:c"],
    handlerNames: ["a__a", "a__b", "?"],
    handlers: { byEvent: new Map(), ...handlers },
    exceptions: {
      report: (callback, error) => log.push(`${callback} threw ${error instanceof Error ? error.message : error}`),
    },
    watch: { cells, name: () => 9, busy: () => {} },
    intervalMs,
    exitN,
    enabled: () => log.push("enabled"),
    sideband: (_view, _at, size) => log.push(`sideband ${size}`),
    lost: (loss: Loss) => log.push(`lost ${loss.count}`),
    idle: () => {},
  });
  await run.deliver();
  return { log, run, source, cells };
}

const at = (timeNs: number, event = 0) => prefixed(event, 0, sample(timeNs, new Uint8Array(12)));

Deno.test("records reach their handlers in order, whatever the batches", async () => {
  const steps = [{ records: [at(1), at(2, 1), at(3, 2), at(4)] }, { records: [at(5, 1)] }, {}, { records: [at(6)] }];
  const expected = ["enabled", "0@1", "1@2", "0@4", "1@5", "0@6"];
  for (const most of [Infinity, 1, 2, 3]) assert.deepEqual((await play({ steps, most })).log, expected);
});

Deno.test("a run without limit disables the source when its targets have ended", async () => {
  const { source } = await play({ steps: [{ records: [at(1)] }] });
  assert.deepEqual(source.calls.filter((call) => !call.startsWith("wake")), ["enable", "disable"]);
});

Deno.test("what the rings hold at the stop is delivered", async () => {
  const { log } = await play({
    steps: [{ records: [at(1)] }, { records: [at(2)] }, { records: [at(3), at(4)] }],
    call: (timeNs, _event, run) => timeNs === 1 ? run.stop() : undefined,
  });
  assert.deepEqual(log.slice(1), ["0@1", "0@2", "0@3", "0@4"]);
  const { log: discarded } = await play({
    steps: [{ records: [at(1)] }, { records: [at(2)] }],
    call: (_timeNs, _event, run) => run.stop(true),
  });
  assert.deepEqual(discarded.slice(1), ["0@1"]);
});

Deno.test("an interval fires before the first event newer than the tick", async () => {
  const ms = 1e6;
  const ticks: string[] = [];
  for (const most of [Infinity, 1]) {
    const log: string[] = [];
    await play({
      most,
      steps: [{ records: [at(1 * ms), at(10 * ms), at(10 * ms + 1), at(19 * ms), at(55 * ms), at(61 * ms)] }],
      intervalMs: 10,
      call: (timeNs) => void log.push(String(timeNs / ms)),
      handlers: { interval: () => void log.push("tick") },
    });
    // The ticks at 20 to 50 ms coalesce: one call before the event at 55.
    assert.deepEqual(log, ["1", "10", "tick", "10.000001", "19", "tick", "55", "tick", "61"]);
    ticks.push(log.join());
  }
  assert.equal(ticks[0], ticks[1]);
});

Deno.test("an interval fires without events once everything older was delivered", async () => {
  const log: string[] = [];
  await play({
    steps: [{ safeNs: 9e6 }, {}, { safeNs: 10e6 }, {}, { safeNs: 35e6 }, {}],
    intervalMs: 10,
    handlers: { interval: () => void log.push("tick") },
  });
  assert.deepEqual(log, ["tick", "tick"]);
});

Deno.test("an async interval is not entered again while it is pending", async () => {
  let entered = 0;
  let release = () => {};
  await play({
    steps: [{ safeNs: 10e6 }, {}, { safeNs: 20e6 }, {}, { safeNs: 30e6 }, {}, {}, { safeNs: 40e6 }, {}],
    intervalMs: 10,
    handlers: {
      interval: () => {
        entered++;
        return new Promise<void>((resolve) => release = resolve);
      },
    },
  });
  assert.equal(entered, 1);
  release();
});

Deno.test("exitN ends after exactly so many handled events", async () => {
  for (const most of [Infinity, 1, 2]) {
    const { log, run } = await play({ steps: [{ records: [at(1), at(2, 2), at(3, 1), at(4), at(5)] }], most, exitN: 3 });
    assert.deepEqual(log.slice(1), ["0@1", "1@3", "0@4"]);
    assert.equal(run.handed, 3);
  }
});

Deno.test("an exception is reported and the next event delivered", async () => {
  const { log, cells } = await play({
    steps: [{ records: [at(1), at(2, 1), at(3)] }],
    call: (timeNs) => {
      if (timeNs < 3) throw new Error(`bad ${timeNs}`);
    },
  });
  assert.deepEqual(log.slice(1), ["0@1", "a__a threw bad 1", "1@2", "a__b threw bad 2", "0@3"]);
  assert.equal(cells[1], 0);
});

Deno.test("a rejected promise of a handler is reported", async () => {
  const { log } = await play({
    steps: [{ records: [at(1)] }, {}, {}],
    call: () => Promise.reject(new Error("later")),
  });
  assert.deepEqual(log.slice(1), ["0@1", "a__a threw later"]);
});

Deno.test("losses reach __lost__ with times, count, cpu and event", async () => {
  const loss = (event: number) => {
    const record = new Uint8Array(32);
    const view = new DataView(record.buffer);
    [7n, 9n, 5n].forEach((value, i) => view.setBigUint64(i * 8, value, true));
    view.setUint32(24, event, true);
    view.setUint32(28, 3, true);
    return prefixed(EVENT_LOST, 3, record);
  };
  const seen: unknown[] = [];
  await play({
    steps: [{ records: [loss(1), loss(0xffffffff)] }],
    handlers: { lost: (start, end, info) => void seen.push([start, end, info]) },
  });
  assert.deepEqual(seen, [
    [7, 9, { count: 5, cpu: 3, event: "a:b" }],
    [7, 9, { count: 5, cpu: 3, event: undefined }],
  ]);
});

Deno.test("a batch whose lengths contradict each other is an error, not a hang", async () => {
  const broken = at(1);
  new DataView(broken.buffer).setUint32(0, 4096, true);
  await assert.rejects(play({ steps: [{ records: [broken] }] }), { name: "DecodeError" });
});

Deno.test("a record larger than a buffer is delivered", async () => {
  const large = prefixed(0, 0, sample(1, new Uint8Array(60_000)));
  const { log } = await play({ steps: [{ records: [at(1), large, at(2)] }] });
  assert.deepEqual(log.slice(1), ["0@1", "0@1", "0@2"]);
});

Deno.test("the end waits for __exit__, and reports what it throws", async () => {
  const log: string[] = [];
  const { run } = await play({
    steps: [],
    handlers: {
      exit: async () => {
        await new Promise((resolve) => setTimeout(resolve, 20));
        log.push("exit done");
      },
    },
  });
  await run.exit();
  assert.deepEqual(log, ["exit done"]);
});
