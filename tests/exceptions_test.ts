/** What callbacks throw, as a person reads it, alone and in a flood. */

import assert from "node:assert/strict";
import { errorLines, headline, userFrames } from "../lib/error_text.ts";
import { Exceptions } from "../lib/exceptions.ts";

/** A reporter with a clock that stands where the test puts it. */
function reporter(everyMs = 1000) {
  const clock = { ms: 0 };
  const lines: string[] = [];
  return { clock, lines, exceptions: new Exceptions({ write: (line) => lines.push(line), now: () => clock.ms, everyMs }) };
}

/** An error with this stack below its headline. */
function errorAt(message: string, ...frames: string[]): Error {
  const error = new TypeError(message);
  error.stack = [`TypeError: ${message}`, ...frames.map((frame) => `    at ${frame}`)].join("\n");
  return error;
}

const OWN = new URL("../lib/run.ts", import.meta.url).href;

Deno.test("exceptions: the user's frames, none of ours", () => {
  const { lines, exceptions } = reporter();
  exceptions.report(
    "sched__sched_wakeup",
    errorAt(
      "no such thing",
      "helper (file:///home/u/my%20h.ts:3:9)",
      "get comm (eval at makeEventClass (file:///x/lib/event_class.ts:1:2), <anonymous>:12:3)",
      "async file:///home/u/my%20h.ts:7:1",
      "npmThing (https://esm.example/x.js:1:2)",
      "ext:core/01_core.js:10:20",
      `Run.deliver (${OWN}:10:5)`,
    ),
  );
  assert.deepEqual(lines, [
    "perfprof: sched__sched_wakeup threw TypeError: no such thing",
    "    at helper (/home/u/my h.ts:3:9)",
    "    at /home/u/my h.ts:7:1",
    "    at npmThing (https://esm.example/x.js:1:2)",
  ]);
});

Deno.test("exceptions: a real one says file, line and column", () => {
  const [frame] = userFrames(new Error("here"));
  assert.equal(frame?.file, new URL(import.meta.url).pathname);
  const source = Deno.readTextFileSync(frame.file).split("\n")[frame.line - 1]!;
  assert.equal(source.slice(frame.column - 1, frame.column + 16), 'new Error("here")');
});

const UNREADABLE = new Error("x");
Object.defineProperty(UNREADABLE, "stack", {
  get() {
    throw new Error("no");
  },
});
const EVIL = Object.defineProperty(new Error("x"), "message", {
  get() {
    throw new Error("no");
  },
});

const THROWN: [what: string, thrown: unknown, want: string[]][] = [
  ["a string", "oops", ["oops"]],
  ["undefined", undefined, ["undefined"]],
  ["null", null, ["null"]],
  ["a symbol", Symbol("s"), ["Symbol(s)"]],
  ["an object", { code: 3 }, ["{ code: 3 }"]],
  ["an object that cannot be inspected", {
    get [Symbol.for("Deno.customInspect")]() {
      throw new Error("no");
    },
  }, ["an error that cannot be shown"]],
  ["an error whose stack throws", UNREADABLE, ["Error: x"]],
  ["an error whose message throws", EVIL, ["an error that cannot be shown"]],
  ["an error without a message", errorAt("", "f (file:///h.ts:1:2)"), ["TypeError", "    at f (/h.ts:1:2)"]],
  ["several lines", errorAt("a\nb", "f (file:///h.ts:1:2)"), ["TypeError: a", "b", "    at f (/h.ts:1:2)"]],
];
for (const [what, thrown, want] of THROWN) {
  Deno.test(`exceptions: ${what} thrown`, () => {
    // Frames of this very file are the user's as well, but not what is tested here.
    assert.deepEqual(errorLines(thrown).filter((line) => !line.includes("exceptions_test.ts")), want);
  });
}

Deno.test("exceptions: causes and the parts of an AggregateError", () => {
  const cause = errorAt("deep", "g (file:///h.ts:2:2)");
  const error = errorAt("outer", "f (file:///h.ts:1:1)");
  error.cause = cause;
  const all = new AggregateError([error, "text"], "both");
  all.stack = "";
  assert.deepEqual(errorLines(all), [
    "AggregateError: both",
    "  [0] TypeError: outer",
    "      at f (/h.ts:1:1)",
    "    caused by TypeError: deep",
    "        at g (/h.ts:2:2)",
    "  [1] text",
  ]);
});

Deno.test("exceptions: a cause that is its own cause ends", () => {
  const error = errorAt("round");
  error.cause = error;
  assert.equal(errorLines(error).length, 5);
});

Deno.test("exceptions: a flood is printed once per interval with its count", () => {
  const { clock, lines, exceptions } = reporter(500);
  for (let i = 0; i < 100; i++) exceptions.report("__sample__", errorAt(`no task ${i}`, "f (file:///h.ts:1:2)"));
  assert.deepEqual(lines.splice(0), ["perfprof: __sample__ threw TypeError: no task 0", "    at f (/h.ts:1:2)"]);
  clock.ms = 499;
  exceptions.flush();
  assert.deepEqual(lines, []);
  clock.ms = 500;
  exceptions.report("__sample__", errorAt("no task 100", "f (file:///h.ts:1:2)"));
  assert.deepEqual(lines.splice(0), ["perfprof: __sample__ threw again, 100 times: TypeError: no task 100 at /h.ts:1:2"]);
  exceptions.report("__sample__", errorAt("last", "f (file:///h.ts:1:2)"));
  clock.ms = 1000;
  exceptions.flush();
  exceptions.flush();
  assert.deepEqual(lines, ["perfprof: __sample__ threw again, once: TypeError: last at /h.ts:1:2"]);
});

Deno.test("exceptions: a fast flood is counted without looking at each", () => {
  const { clock, lines, exceptions } = reporter(1000);
  let looks = 0;
  const error = Object.defineProperty(errorAt("x"), "stack", { get: () => (looks++, "    at f (file:///h.ts:1:2)") });
  for (let i = 0; i < 10_000; i++) exceptions.report("__sample__", error);
  assert(looks < 200, `${looks}`);
  clock.ms = 1000;
  exceptions.flush();
  assert.deepEqual(lines.slice(2), ["perfprof: __sample__ threw again, 9999 times: TypeError: x at /h.ts:1:2"]);
  exceptions.report("__sample__", errorAt("y", "g (file:///h.ts:5:5)"));
  assert.deepEqual(lines.slice(3), ["perfprof: __sample__ threw TypeError: y", "    at g (/h.ts:5:5)"]);
});

Deno.test("exceptions: other places and other callbacks are other exceptions", () => {
  const { lines, exceptions } = reporter();
  exceptions.report("a", errorAt("x", "f (file:///h.ts:1:2)"));
  exceptions.report("a", errorAt("x", "f (file:///h.ts:9:2)"));
  exceptions.report("b", errorAt("x", "f (file:///h.ts:1:2)"));
  assert.equal(lines.filter((line) => line.startsWith("perfprof: ")).length, 3);
});

Deno.test("exceptions: what has no place is told apart by its kind", () => {
  const { lines, exceptions } = reporter();
  for (let i = 0; i < 50; i++) exceptions.report("a", `text ${i}`);
  exceptions.report("a", 5);
  assert.deepEqual(lines, ["perfprof: a threw text 0", "perfprof: a threw 5"]);
});

Deno.test("exceptions: the summary", () => {
  const { exceptions } = reporter();
  assert.equal(exceptions.summary(), undefined);
  exceptions.report("__exit__", "x");
  assert.equal(exceptions.summary(), "perfprof: 1 exception: __exit__ 1");
  for (let i = 0; i < 3; i++) exceptions.report("__sample__", "x");
  assert.equal(exceptions.summary(), "perfprof: 4 exceptions: __sample__ 3, __exit__ 1");
  assert.equal(exceptions.total, 4);
});

Deno.test("exceptions: a headline is the value of what is no error", () => {
  assert.equal(headline(12n), "12n");
});
