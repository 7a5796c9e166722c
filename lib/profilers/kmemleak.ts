/**
 * `kmemleak`: what was allocated and not freed, by any two tracepoints that tell of the same pointer: an event for each allocation
 * that is still held, at each interval and at the end.
 *
 * Bound: MAX_HELD allocations. Beyond that the oldest is given up.
 *
 * @module
 */

import { parseEvents } from "../event_spec.ts";
import type { AnyEvent } from "../generated_class.ts";
import type { PerfEvent } from "../perf_event.ts";
import type { EventServices, Frame } from "../event_services.ts";
import type { TracepointFormat } from "../format.ts";
import type { Machine } from "../machine.ts";
import { type AnalysisClass, type Head, makeAnalysisClass } from "./analysis_class.ts";
import type { Analysis, Emit, Member, Profiler, ProfilerContext, ProfilerOptions, ProfilerPlan } from "./profiler.ts";
import { type AttrPart, STACK_OPTIONS, stackPart } from "./sampling.ts";
import { timeOption } from "./time_option.ts";
import { keptStack, type PlannedTracepoint, planTracepoint, type SampleClass, sampleClass } from "./tracepoints.ts";

const ALLOC = 0, FREE = 1;
const MAX_HELD = 1 << 20;
const DEFAULTS = { alloc: "kmem:kmalloc", free: "kmem:kfree", key: "ptr" };
/** Fields that say how large an allocation is, the best first; `order` is a power of two of pages. */
const SIZES = ["bytes_alloc", "bytes_req", "bytes", "size", "length", "order"];

const MEMBERS: readonly Member[] = [
  { name: "ptr", type: "bigint", help: "what is held: the value of the field that both events have" },
  { name: "size", type: "number", help: "bytes; 0 where the event does not tell" },
  { name: "age", type: "number", help: "ns since the allocation" },
  { name: "comm", type: "string", help: "name of the task that allocated it" },
];
const CALLCHAIN: Member = { name: "callchain", type: "readonly Frame[]", help: "stack of the allocation" };

interface Values {
  readonly ptr: bigint;
  readonly size: number;
  readonly age: number;
  readonly comm: string;
  readonly callchain: (() => readonly Frame[]) | undefined;
}

/** One of the two events. */
interface Side extends PlannedTracepoint {
  /** The field by which they are paired. */
  readonly key: string;
}

interface Held extends Omit<Head, "record"> {
  readonly size: number;
  readonly callchain: (() => readonly Frame[]) | undefined;
}

/** The profiler. */
export const kmemleak: Profiler = {
  name: "kmemleak",
  summary: "what was allocated and not freed: an event for each allocation still held, at each -i and at the end",
  help:
    `An EVENT is a tracepoint as in -e, with a filter and the attribute key=FIELD where it needs them (in quotes then). Both are
paired by the field ptr, or by that of key=, as in 'kmemleak/--alloc kmem:mm_page_alloc --free kmem:mm_page_free/key=pfn/'.
time is the moment of the interval or of the end; pid, tid, cpu, comm and callchain are those of the allocation. A free counts
whoever makes it. What was allocated before the trace began is not told. With -p, -t or -c: the allocations of these tasks.`,
  options: [
    { flags: "--alloc EVENT", help: `what allocates: ${DEFAULTS.alloc} where nothing is said` },
    { flags: "--free EVENT", help: `what frees: ${DEFAULTS.free}` },
    { flags: "--than TIME", help: "only what is held for TIME and longer: 500us, 1ms, 2s" },
    ...STACK_OPTIONS,
  ],
  example: "'kmemleak/--alloc kmem:kmem_cache_alloc --free kmem:kmem_cache_free -g/'",

  plan(options: ProfilerOptions, machine: Machine): ProfilerPlan {
    const thanNs = timeOption(options, "than") ?? 0;
    const stack = stackPart(options);
    const opens: [Side, Side] = [
      // Only those of the tasks that are traced, whose memory others may free.
      { ...planSide(options, machine, "alloc", stack), everyTask: false },
      planSide(options, machine, "free"),
    ];
    const members = stack.sampleType !== 0 ? [...MEMBERS, CALLCHAIN] : MEMBERS;
    return { opens, members, start: (context) => new Leaks(opens, members, thanNs, machine.pageSize, context) };
  },
};

/** @throws What `options.fail` makes: there is no such tracepoint, or it has no field to be paired by */
function planSide(options: ProfilerOptions, machine: Machine, side: "alloc" | "free", stack?: AttrPart): Side {
  const { system, name, filter, key } = writtenEvent(options, side);
  if (!machine.names(system).includes(name)) {
    throw options.fail(side, `there is no tracepoint ${system}:${name}`, [`perfprof list '${system}:*'`]);
  }
  const planned = planTracepoint(machine, system, name, stack);
  const fields = planned.format.fields.filter(({ common, array, size }) => !common && !array && size <= 8);
  if (!fields.some((field) => field.name === key)) {
    throw options.fail(side, `${planned.name} has no field '${key}' to be paired by`, [
      `key=FIELD, of ${fields.map((field) => field.name).join(" ")}`,
    ]);
  }
  return { ...planned, key, ...(filter !== undefined && { filter }) };
}

/** What is written of it, or what stands for it. */
function writtenEvent(options: ProfilerOptions, side: "alloc" | "free") {
  const text = options.given[side];
  const [event, ...more] = parseEvents([typeof text === "string" ? text : DEFAULTS[side]]);
  const { system, name, filter, attributes: { key, ...others } } = event!;
  if (more.length > 0 || event!.pattern !== undefined || system === "" || Object.keys(others).length > 0) {
    throw options.fail(side, `'${text}' is not one tracepoint, with a filter and key= at most`);
  }
  return { system, name, filter, key: key ?? options.key ?? DEFAULTS.key };
}

class Leaks implements Analysis {
  readonly kind = "analysis";
  doubtful = 0;
  readonly #allocKey: string;
  readonly #freeKey: string;
  readonly #sizeOf: (alloc: PerfEvent) => number;
  readonly #thanNs: number;
  readonly #services: EventServices;
  readonly #Alloc: SampleClass<object>;
  readonly #Free: SampleClass<object>;
  readonly #Event: AnalysisClass<Values>;
  readonly #hasStacks: boolean;
  readonly #held = new Map<bigint, Held>();
  #doubtUntilNs = -Infinity;

  constructor(
    opens: readonly [alloc: Side, free: Side],
    members: readonly Member[],
    thanNs: number,
    pageSize: number,
    context: ProfilerContext,
  ) {
    const [alloc, free] = opens;
    this.#allocKey = alloc.key;
    this.#freeKey = free.key;
    this.#sizeOf = sizeReader(alloc.format, pageSize);
    this.#thanNs = thanNs;
    this.#services = context.services;
    this.#Alloc = sampleClass(opens, ALLOC, context);
    this.#Free = sampleClass(opens, FREE, context);
    this.#Event = makeAnalysisClass({ ...context, members, text: textOf });
    this.#hasStacks = members.includes(CALLCHAIN);
  }

  take(index: number, view: DataView, at: number): void {
    if (index === FREE) {
      this.#held.delete(new this.#Free(view, at).get_bigint(this.#freeKey));
      return;
    }
    const event = new this.#Alloc(view, at);
    const ptr = event.get_bigint(this.#allocKey);
    if (ptr === 0n) return; // it failed
    this.#makeRoom();
    const { _pid: pid, _tid: tid, _time: timeNs, _cpu: cpu } = event;
    const callchain = this.#hasStacks ? keptStack(this.#Alloc, view, at) : undefined;
    this.#held.set(ptr, { pid, tid, timeNs, cpu, size: this.#sizeOf(event), callchain });
  }

  /** What was held then may have been freed. A lost allocation only is one that is not told. */
  lost(index: number, _cpu: number, _startNs: number, endNs: number): void {
    if (index === FREE) this.#doubtUntilNs = Math.max(this.#doubtUntilNs, endNs);
  }

  tick(nowNs: number, last: boolean, emit: Emit): void {
    for (const [ptr, held] of this.#held) {
      const age = nowNs - held.timeNs;
      if (age < this.#thanNs) continue;
      if (held.timeNs >= this.#doubtUntilNs) this.#tell(ptr, held, nowNs, age, emit);
      else if (last) this.doubtful++;
    }
  }

  #tell(ptr: bigint, { pid, tid, cpu, timeNs, size, callchain }: Held, nowNs: number, age: number, emit: Emit): void {
    const comm = this.#services.comm(tid, timeNs);
    emit(new this.#Event({ pid, tid, timeNs: nowNs, cpu }, { ptr, size, age, comm, callchain }));
  }

  #makeRoom(): void {
    if (this.#held.size < MAX_HELD) return;
    this.#held.delete(this.#held.keys().next().value!);
    this.doubtful++;
  }
}

/** How the size of an allocation is found. */
function sizeReader({ fields }: TracepointFormat, pageSize: number): (alloc: PerfEvent) => number {
  const name = SIZES.find((size) => fields.some((field) => field.name === size));
  if (name === undefined) return () => 0;
  return name === "order" ? (alloc) => pageSize * 2 ** Number(alloc.get(name)) : (alloc) => Number(alloc.get(name));
}

/** `ptr 0xffff888004c5e0c0 size 192 age 1234567 ns comm bash`. */
function textOf({ ptr, size, age, comm }: AnyEvent): string {
  return `ptr 0x${(ptr as bigint).toString(16)} size ${size} age ${age} ns comm ${comm}`;
}
