/** An analysing profiler in a run, over records at hand: what its analysis is told, in which order, and what handlers get of it. */

import assert from "node:assert/strict";
import type { Handlers } from "../lib/handlers.ts";
import type { Analysis, Emit } from "../lib/profilers/profiler.ts";
import { Run } from "../lib/run.ts";
import { EVENT_LOST, EVENT_UNKNOWN } from "../lib/source.ts";
import { prefixed, RecordedSource, sample, type Step } from "./recorded_source.ts";

const MS = 1e6;
const TIME = 24;
/** The handler's id of the watchdog, and where it is shown. */
const WATCH_ID = 7;

/** Emits an event for each sample of its second kernel event, and what it still has at ticks. */
class Toy implements Analysis {
  readonly kind = "analysis";
  doubtful = 0;
  #open = 0;

  constructor(readonly log: string[]) {}

  take(index: number, view: DataView, at: number, emit: Emit): void {
    const timeNs = Number(view.getBigUint64(at + TIME, true));
    this.log.push(`take ${index}@${timeNs / MS}`);
    if (timeNs === 13) throw new Error("damaged");
    if (index === 0) this.#open++;
    for (; index === 1 && this.#open > 0; this.#open--) emit({ timeNs });
  }

  lost(index: number, cpu: number, startNs: number, endNs: number): void {
    this.log.push(`lost ${index} cpu ${cpu} ${startNs}-${endNs}`);
    this.doubtful += this.#open;
    this.#open = 0;
  }

  tick(nowNs: number, last: boolean, emit: Emit): void {
    this.log.push(`${last ? "last " : ""}tick ${nowNs / MS}`);
    for (; last && this.#open > 0; this.#open--) emit({ timeNs: nowNs });
  }
}

interface Setup {
  steps: readonly Step[];
  most?: number;
  handlers?: Partial<Handlers>;
  handler?: (event: unknown) => unknown;
  intervalMs?: number;
  exitN?: number;
  log?: string[];
}

/** Events 0 and 2 of the source are the toy's, event 1 is a tracepoint. */
async function play({ steps, most, handlers = {}, handler = () => undefined, intervalMs, exitN, log = [] }: Setup) {
  const cells = new Int32Array(4);
  const analysis = new Toy(log);
  const route = { takesEvent: true, timeOffset: TIME, watchId: WATCH_ID };
  const call = () => void log.push(`tracepoint`);
  const run: Run = new Run({
    source: new RecordedSource(steps, most),
    routes: [{ ...route, call: undefined }, { ...route, call }, { ...route, call: undefined }],
    analysed: [{
      analysis,
      handler: (event) => {
        log.push(`event ${cells.includes(WATCH_ID) ? "" : "unwatched "}${JSON.stringify(event)}`);
        return handler(event);
      },
      watchId: WATCH_ID,
      indices: [0, 2],
    }],
    eventNames: ["toy (a:a)", "a:b", "toy (a:c)"],
    handlerNames: ["toy", "a__b", "toy"],
    handlers: { byEvent: new Map(), ...handlers },
    exceptions: {
      report: (callback, error) => log.push(`${callback} threw ${error instanceof Error ? error.message : error}`),
    },
    watch: { cells, name: () => 9, busy: () => {} },
    intervalMs,
    exitN,
    enabled: () => {},
    sideband: () => {},
    lost: ({ event }) => log.push(`loss of ${event}`),
    idle: () => {},
  });
  await run.deliver();
  return { log, run, analysis };
}

const at = (timeNs: number, event: number) => prefixed(event, 0, sample(timeNs, new Uint8Array(12)));

function lossOf(event: number, start: number, end: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(32);
  const view = new DataView(bytes.buffer);
  [start, end, 5].forEach((value, i) => view.setBigUint64(8 * i, BigInt(value), true));
  view.setUint32(24, event, true);
  view.setUint32(28, 3, true);
  return prefixed(EVENT_LOST, 3, bytes);
}

Deno.test("an analysis takes the samples of its events by their place in the plan, and its events reach the handler", async () => {
  for (const most of [Infinity, 1]) {
    const { log, run } = await play({ steps: [{ records: [at(MS, 0), at(2 * MS, 1), at(3 * MS, 2)] }], most });
    assert.deepEqual(log, ["take 0@1", "tracepoint", "take 1@3", `event {"timeNs":3000000}`, "last tick 0"]);
    assert.equal(run.handed, 2);
  }
});

Deno.test("-N counts the events of an analysis, not its samples; a tick or a sample emits no more than that", async () => {
  const begun = [1, 2, 3, 4].map((time) => at(time, 0));
  const { log, run } = await play({ steps: [{ records: [...begun, at(5, 1), at(6, 2), at(7, 2)] }], exitN: 3 });
  assert.deepEqual(log.slice(4), ["tracepoint", "take 1@0.000006", `event {"timeNs":6}`, `event {"timeNs":6}`]);
  assert.equal(run.handed, 3);
});

Deno.test("-N does not end a run while an analysis only collects", async () => {
  const { log, run } = await play({ steps: [{ records: [1, 2, 3].map((time) => at(time, 0)) }], exitN: 2 });
  assert.deepEqual(log.slice(3), ["last tick 0", `event {"timeNs":0}`, `event {"timeNs":0}`]);
  assert.equal(run.handed, 2);
});

Deno.test("a tick comes to an analysis before __interval__, at the tick's own time, and missed ones coalesce", async () => {
  const log: string[] = [];
  const steps = [{ records: [at(5 * MS, 0), at(35 * MS, 0)] }, { safeNs: 41 * MS }, {}];
  await play({ steps, log, intervalMs: 10, handlers: { interval: () => void log.push("interval") } });
  const order = ["take 0@5", "tick 30", "interval", "take 0@35", "tick 40", "interval", "last tick 0"];
  assert.deepEqual(log.slice(0, order.length), order);
  const { log: silent } = await play({ steps, intervalMs: 10 });
  assert.deepEqual(silent, log.filter((line) => line !== "interval"));
});

Deno.test("what a handler throws or rejects is reported, and does not end an analysis in the middle of its work", async () => {
  let calls = 0;
  const handler = () => {
    if (calls++ === 0) throw new Error("no");
    return Promise.reject(new Error("later"));
  };
  const { log } = await play({ steps: [{ records: [at(1, 0), at(2, 0), at(3, 2)] }, {}, {}], handler });
  const events = log.filter((line) => /^event|threw/.test(line));
  assert.deepEqual(events, [`event {"timeNs":3}`, "toy threw no", `event {"timeNs":3}`, "toy threw later"]);
});

Deno.test("a sample that an analysis cannot read is reported, and the next is taken", async () => {
  const { log } = await play({ steps: [{ records: [at(13, 0), at(14, 0)] }] });
  assert.deepEqual(log.slice(0, 3), ["take 0@0.000013", "toy threw damaged", "take 0@0.000014"]);
});

Deno.test("an analysis is told of the losses of its own events before __lost__, and of those that nobody can name", async () => {
  const steps = [{ records: [at(1, 0), lossOf(2, 1, 5), lossOf(1, 2, 6), lossOf(EVENT_UNKNOWN, 3, 7), at(8, 2)] }];
  const { log, analysis } = await play({ steps });
  const told = log.filter((line) => line.includes("los"));
  assert.deepEqual(told, [
    "lost 1 cpu 3 1-5",
    "loss of 2",
    "loss of 1",
    "lost 0 cpu 3 3-7",
    "lost 1 cpu 3 3-7",
    "loss of undefined",
  ]);
  assert.equal(analysis.doubtful, 1);
  assert.equal(log.filter((line) => line.startsWith("event")).length, 0);
});
