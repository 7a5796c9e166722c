/**
 * The types that other programs and handler modules meet, checked by the compiler: a line that must not compile says so
 * (`@ts-expect-error`), and is an error when it does. What can be run is run as well: type and value must agree.
 *
 * @module
 */

import assert from "node:assert/strict";
import { makeEventClass } from "../lib/event_class.ts";
import { type FieldValue, hash, PerfEvent, type PerfProf, type PrintOptions } from "../lib/mod.ts";
import type { Handlers, LostInfo } from "../lib/handlers.ts";
import type { Clock, RunOptions } from "../lib/options.ts";
import { makePerfProf } from "../lib/perf_prof.ts";
import type { Frame } from "../lib/event_services.ts";
import type { Target } from "../lib/source.ts";
import { SAMPLE_TYPE, SERVICES, view, WAKEUP, WAKEUP_RECORD } from "./fixtures/bytes.ts";
import { linesTo } from "../lib/text_bytes.ts";

/** True for the very same type: `any` is not the same as what it stands for. */
type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends (<T>() => T extends B ? 1 : 2) ? true : false;

/** Compiles only for `same<Same<A, B>>()` of equal types. */
function same<T extends true>(..._: T[]): void {}

const Wakeup = makeEventClass({
  event: "sched:sched_wakeup",
  format: WAKEUP,
  sampleType: SAMPLE_TYPE,
  services: SERVICES,
  kernel: [6, 18],
  lines: linesTo(() => {}),
});

/** What a typed handler gets: the class, and its own fields. */
interface WakeupEvent extends PerfEvent {
  readonly comm: string;
  readonly pid: number;
}

const event = new Wakeup(view(WAKEUP_RECORD), 0) as unknown as WakeupEvent;

Deno.test("fields of every event have their types", () => {
  same<Same<typeof event._pid, number>>();
  same<Same<typeof event._time, number>>();
  same<Same<typeof event._period, number | bigint>>();
  same<Same<typeof event._event, string>>();
  same<Same<typeof event._callchain, readonly Frame[]>>();
  same<Same<typeof event.comm, string>>();
  const { _pid, _time, _event, comm } = event;
  assert.deepEqual([typeof _pid, typeof _time, typeof _event, typeof comm], ["number", "number", "string", "string"]);
});

Deno.test("methods have their types", () => {
  same<Same<ReturnType<PerfEvent["get_bigint"]>, bigint>>();
  same<Same<ReturnType<PerfEvent["to_dict"]>, Record<string, FieldValue>>>();
  same<Same<ReturnType<PerfEvent["to_text"]>, string>>();
  same<Same<ReturnType<PerfEvent["print"]>, void>>();
  same<Same<ReturnType<PerfEvent["keys"]>, string[]>>();
  same<Same<ReturnType<PerfEvent["items"]>, [string, FieldValue][]>>();
  same<Same<ReturnType<typeof hash>, bigint>>();
  assert.equal(typeof event.get_bigint("pid"), "bigint");
  assert.equal(typeof hash(event), "bigint");
});

Deno.test("get() has the type of its fallback beside that of a field", () => {
  const without = event.get("nothing");
  const number = event.get("nothing", null);
  same<Same<typeof without, FieldValue | undefined>>();
  same<Same<typeof number, FieldValue | null>>();
  assert.deepEqual([without, number], [undefined, null]);
});

Deno.test("an unknown field or method neither compiles nor runs", () => {
  // @ts-expect-error: no such method
  assert.throws(() => event.toDict(), TypeError);
  // @ts-expect-error: a misspelt field
  assert.throws(() => event.com, TypeError);
  // @ts-expect-error: a name is a string
  assert.equal(event.get(1), undefined);
});

Deno.test("an event is read-only", () => {
  assert.throws(() => {
    // @ts-expect-error: every event's field
    event._pid = 1;
  }, TypeError);
  assert.throws(() => {
    // @ts-expect-error: its own field
    event.comm = "x";
  }, TypeError);
  // @ts-expect-error: the stack
  assert.equal(typeof event._callchain.push, "function");
});

Deno.test("an event cannot be made by a script", () => {
  // @ts-expect-error: abstract
  const make = () => new PerfEvent();
  assert.ok(event instanceof PerfEvent);
  assert.equal(typeof make, "function");
});

Deno.test("print takes its options and no others", () => {
  const options: PrintOptions = { timestamp: false, callchain: false };
  assert.equal(typeof event.to_text(options), "string");
  // @ts-expect-error: misspelt
  assert.equal(typeof event.to_text({ timestamps: false }), "string");
  // @ts-expect-error: not a boolean
  assert.equal(typeof event.to_text({ timestamp: "no" }), "string");
});

Deno.test("perf_prof is not to be changed", () => {
  const perf_prof: PerfProf = makePerfProf(["h.ts", "a"], { total: 0 });
  same<Same<typeof perf_prof.argv, readonly string[]>>();
  // @ts-expect-error: read-only
  assert.throws(() => perf_prof.argv.push("b"), TypeError);
  assert.throws(() => {
    // @ts-expect-error: read-only
    perf_prof.argv = [];
  }, TypeError);
});

Deno.test("handlers take what they are called with", () => {
  const seen: LostInfo[] = [];
  const handlers: Handlers = {
    byEvent: new Map([["sched__sched_wakeup", () => {}]]),
    lost: (_start: number, _end: number, info) => {
      same<Same<typeof info, LostInfo>>();
      same<Same<typeof info.event, string | undefined>>();
      seen.push(info);
    },
    printStat: (indent) => same<Same<typeof indent, number>>(),
  };
  const info = { count: 1, cpu: 0, event: undefined };
  handlers.lost?.(1, 2, info);
  assert.deepEqual(seen, [info]);
  // @ts-expect-error: byEvent is always there
  const none: Handlers = {};
  // @ts-expect-error: a callback that nobody calls
  const unknown: Handlers = { byEvent: new Map(), inteval: () => {} };
  assert.ok(none && unknown);
});

Deno.test("options say what may be left open, and targets what they are", () => {
  same<Same<RunOptions["clock"], "monotonic" | "boottime" | "realtime" | "tai" | "perf">>();
  same<Same<RunOptions["intervalMs"], number | undefined>>();
  same<Same<Target["kind"], "all" | "pids" | "tids" | "cgroups" | "command">>();
  // @ts-expect-error: no such clock
  const clock: Clock = "uptime";
  // @ts-expect-error: pids without their list
  const target: Target = { kind: "pids" };
  // @ts-expect-error: seconds are not what it takes
  const interval: Pick<RunOptions, "intervalMs"> = { intervalMs: "1s" };
  assert.ok(clock && target && interval);
});
