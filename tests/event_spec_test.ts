/** The text of -e: what it means, and where a wrong one is wrong. */

import assert from "node:assert/strict";
import { UsageError } from "../lib/errors.ts";
import { type EventSpec, parseEvents, type TracepointIndex } from "../lib/event_spec.ts";
import { unknownEventError } from "../lib/unknown_event.ts";

function parse(...texts: string[]): Omit<EventSpec, "source">[] {
  return parseEvents(texts).map(({ source: _, ...spec }) => spec);
}

Deno.test("event: a tracepoint alone", () => {
  assert.deepEqual(parseEvents(["sched:sched_wakeup"]), [{
    system: "sched",
    name: "sched_wakeup",
    filter: undefined,
    attributes: {},
    handlerName: "sched__sched_wakeup",
    eventName: "sched:sched_wakeup",
    source: { text: "sched:sched_wakeup", start: 0, end: 18 },
  }]);
});

Deno.test("event: - and . become _ in the handler's name", () => {
  const [spec] = parse("xhci-hcd:a.b-c");
  assert.equal(spec?.handlerName, "xhci_hcd__a_b_c");
  assert.equal(spec?.eventName, "xhci-hcd:a.b-c");
});

Deno.test("event: several, in one text and in several", () => {
  assert.deepEqual(parse("a:b, c:d,\n e:f", "g:x").map(({ eventName }) => eventName), ["a:b", "c:d", "e:f", "g:x"]);
});

const FILTERS: [text: string, filter: string | undefined][] = [
  ["a:b/pid>1000/", "pid>1000"],
  ["a:b//", undefined],
  ["a:b/ pid == 1 /", "pid == 1"],
  [`a:b/comm~"a/b,c*" && (pid>1||prio<3)/`, `comm~"a/b,c*" && (pid>1||prio<3)`],
  ["a:b/comm=='x,/'/", "comm=='x,/'"],
  ["a:b/cpus & CPUS{0,2/3}/", "cpus & CPUS{0,2/3}"],
  [`a:b/comm=="(" && ((x==1))/`, `comm=="(" && ((x==1))`],
];
for (const [text, filter] of FILTERS) {
  Deno.test(`event: the filter of ${text}`, () => {
    const [first, second] = parse(`${text},c:d`);
    assert.equal(first?.filter, filter);
    assert.equal(second?.eventName, "c:d");
  });
}

const ATTRIBUTES: [text: string, attributes: EventSpec["attributes"]][] = [
  ["a:b//stack/", { stack: true }],
  ["a:b//stack/max-stack=65535/", { stack: true, maxStack: 65535 }],
  ["a:b//alias=x/", { alias: "x" }],
  ["a:b//alias=x", { alias: "x" }],
  ["a:b// alias = x / cpus=0 /", { alias: "x", cpus: [0] }],
  ["a:b//cpus=0-2,7/alias=y/", { cpus: [0, 1, 2, 7], alias: "y" }],
  [`a:b//cpus="3,1"/`, { cpus: [1, 3] }],
  ["a:b//cpus=0,2", { cpus: [0, 2] }],
];
for (const [text, attributes] of ATTRIBUTES) {
  Deno.test(`event: the attributes of ${text}`, () => {
    const [first, second] = parse(`${text},9p:d`);
    assert.deepEqual(first?.attributes, attributes);
    assert.equal(second?.eventName, "9p:d");
  });
}

Deno.test("event: an alias gives handler and event their names", () => {
  const specs = parse("a:b//alias=one/,a:b/x==1/alias=two/,a:b");
  assert.deepEqual(specs.map(({ handlerName }) => handlerName), ["a__one", "a__two", "a__b"]);
  assert.deepEqual(specs.map(({ eventName }) => eventName), ["a:one", "a:two", "a:b"]);
  assert.deepEqual(specs.map(({ name }) => name), ["b", "b", "b"]);
});

const SYS_NAME = "a tracepoint is written sys:name";
const KNOWN = "attributes are stack max-stack alias cpus key";
/** The text, the carets below it, what is wrong, hints. */
const REFUSALS: [text: string, mark: string, message: string, ...hints: string[]][] = [
  ["a:b,,c:d", "    ^", "an event is missing"],
  ["a:b,", "    ^", "an event is missing"],
  ["a:b/x", "   ^", "the filter after this / is not closed by another /"],
  ["a:b/x,c:d//", "   ^", "the filter after this / is not closed by another /"],
  [`a:b/comm~"x/`, "         ^", `this " is not closed`],
  ["a:b/(pid>(1)/", "    ^", "this ( is not closed"],
  [`é:b/comm~"x/`, "         ^", `this " is not closed`],
  ["a:b///", "     ^", "an attribute is missing"],
  ["sched*", "     ^", "'*' cannot be in the name of a profiler", SYS_NAME],
  ["task state", "    ^", "' ' cannot be in the name of a profiler", SYS_NAME],
  ["profile/-F 99", "       ^", "the text after this / is not closed by another /"],
  ["profile//alias=__exit__/", "^^^^^^^^^^^^^^^^^^^^^^^^", "alias '__exit__' is a callback's name"],
  ["cycles:u,cycles:k", "         ^^^^^^^^", "event 'cycles' is given twice", "tell them apart: cycles//alias=NAME/"],
  ["a:b*:k", "    ^", "':' cannot be in a tracepoint's name", SYS_NAME],
  ["a*b c:d", "   ^", "' ' cannot be in a tracepoint's name", SYS_NAME],
  ["a:b:k", "   ^", "':' cannot be in a tracepoint's name", SYS_NAME],
  ["a b:c", " ^", "' ' cannot be in a tracepoint's name", SYS_NAME],
  [":b", "^^", "':b' lacks the subsystem", SYS_NAME],
  ["a:", "^^", "'a:' lacks the name", SYS_NAME],
  ["a:b//alia=c/", "     ^^^^^^", "attribute 'alia' is unknown", "did you mean alias?", KNOWN],
  ["a:b//toString/", "     ^^^^^^^^", "attribute 'toString' is unknown", KNOWN],
  ["a:b//alias/", "     ^^^^^", "attribute 'alias' needs a value"],
  ["a:b//alias=/", "     ^^^^^^", "attribute 'alias' needs a value"],
  [
    "a:b//alias=a-b/",
    "     ^^^^^^^^^",
    "attribute 'alias': 'a-b' is not a legal identifier",
    "allowed are letters, digits and _, no digit first",
  ],
  ["a:b//alias=c/alias=d/", "             ^^^^^^^", "attribute 'alias' is given twice"],
  ["a:b//cpus=3-1/", "     ^^^^^^^^", "attribute 'cpus': the range '3-1' is reversed", "write it 1-3"],
  ["a:b//stack=1/", "     ^^^^^^^", "attribute 'stack' takes no value"],
  [
    "a:b//max-stack=0/",
    "     ^^^^^^^^^^^",
    "attribute 'max-stack': '0' is out of range",
    "allowed is a whole number from 1 to 65535",
  ],
  ["a:b,a:b", "    ^^^", "event 'a:b' is given twice", "tell them apart: a:b//alias=NAME/"],
  [
    "a:b-c,a:b_c",
    "      ^^^^^",
    "events 'a:b-c' and 'a:b_c' have one handler name, a__b_c",
    "tell them apart: a:b_c//alias=NAME/",
  ],
  [
    "a:b//alias=x/,c:d//alias=x/",
    "              ^^^^^^^^^^^^^",
    "alias 'x' is given twice",
    "give each event an alias of its own",
  ],
];
for (const [text, mark, message, ...hints] of REFUSALS) {
  Deno.test(`event: refuses ${text}`, () => {
    const detail = [`    ${text}`, `    ${mark}`];
    assert.throws(() => parseEvents([text]), new UsageError(`option -e: ${message}`, { detail, hints }));
  });
}

Deno.test("event: twice in two texts", () => {
  assert.throws(() => parseEvents(["c:d,a:b", "a:b"]), {
    message: "option -e: event 'a:b' is given twice",
    detail: ["    a:b", "    ^^^"],
  });
});

Deno.test("event: parentheses nested very deep are no crash", () => {
  assert.throws(() => parseEvents(["a:b/" + "(".repeat(100_000)]), { message: "option -e: this ( is not closed" });
});

const MACHINE: Record<string, string[]> = {
  sched: ["sched_switch", "sched_wakeup", "sched_wakeup_new"],
  irq: ["irq_handler_entry", "softirq_entry"],
};
const INDEX: TracepointIndex = { systems: () => Object.keys(MACHINE), names: (system) => MACHINE[system] ?? [] };

const UNKNOWN: [text: string, why: string, hint: string][] = [
  ["sched:sched_wakup", "subsystem 'sched' has no event 'sched_wakup'", "did you mean sched:sched_wakeup?"],
  ["shed:sched_swich", "there is no subsystem 'shed'", "did you mean sched:sched_switch?"],
  ["irqs:softirq_entry", "there is no subsystem 'irqs'", "did you mean irq:softirq_entry?"],
  ["kernel:sched_switch", "there is no subsystem 'kernel'", "did you mean sched:sched_switch?"],
  ["sched:nothing_like_it", "subsystem 'sched' has no event 'nothing_like_it'", "perfprof list 'sched:*'"],
  ["what:ever", "there is no subsystem 'what'", "perfprof list"],
];
for (const [text, why, hint] of UNKNOWN) {
  Deno.test(`event: ${text} is not there`, () => {
    const [spec] = parseEvents([text]);
    const error = unknownEventError(spec!, INDEX);
    assert.equal(error.message, `event '${text}' is unknown: ${why}`);
    assert.deepEqual(error.hints, [hint]);
    assert.equal(error.exitCode, 1);
  });
}
