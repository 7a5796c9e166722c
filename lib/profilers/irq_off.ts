/**
 * `irq-off`: an event for each run of an interrupt's handler (`irq`) and of a softirq's (`softirq`), from entry to exit on its CPU;
 * and where the kernel traces it (CONFIG_PREEMPTIRQ_TRACEPOINTS), for each time that a CPU had interrupts disabled (`preemptirq`).
 *
 * @module
 */

import type { AnyEvent } from "../generated_class.ts";
import type { EventServices, Frame } from "../event_services.ts";
import type { Machine } from "../machine.ts";
import { valueNames } from "../value_names.ts";
import { type AnalysisClass, makeAnalysisClass } from "./analysis_class.ts";
import { type Beginning, Pairs } from "./pairs.ts";
import type { Analysis, Emit, Member, Profiler, ProfilerContext, ProfilerOptions, ProfilerPlan } from "./profiler.ts";
import { type AttrPart, STACK_OPTIONS, stackPart } from "./sampling.ts";
import { timeOption } from "./time_option.ts";
import { keptStack, type PlannedTracepoint, planTracepoint, type SampleClass, sampleClass } from "./tracepoints.ts";

const MEMBERS: readonly Member[] = [
  {
    name: "kind",
    type: '"irq" | "softirq" | "preemptirq"',
    help: "whose handler it was; preemptirq: interrupts were disabled",
  },
  {
    name: "name",
    type: "string",
    help: "of the irq its device, of the softirq NET_RX and the like, else the function that disabled",
  },
  { name: "duration", type: "number", help: "ns from the entry to the exit" },
];
const CALLCHAIN: Member = {
  name: "callchain",
  type: "readonly Frame[]",
  help: "stack at the exit: of what was interrupted",
};

interface Values {
  readonly kind: string;
  readonly name: string;
  readonly duration: number;
  readonly callchain: (() => readonly Frame[]) | undefined;
}

/** The fields that are read, each of some of the tracepoints. */
interface Fields {
  readonly irq: number;
  readonly vec: number;
  readonly name: string;
  /** Of the caller's address, from _stext. */
  readonly caller_offs: number;
}

/** A kind of handler. Its tracepoints are two in the plan, entry and exit. */
interface Kind {
  readonly kind: "irq" | "softirq" | "preemptirq";
  readonly entry: PlannedTracepoint;
  readonly exit: PlannedTracepoint;
  /** What entry and exit agree in. */
  readonly number: (event: Fields) => number;
  readonly name: (entry: Fields, services: EventServices) => string;
}

interface Run extends Beginning {
  readonly number: number;
  readonly name: string;
}

/** The profiler. */
export const irqOff: Profiler = {
  name: "irq-off",
  summary: "how long handlers of interrupts and softirqs run: an event at the end of each",
  help:
    `kind is irq or softirq; on kernels with CONFIG_PREEMPTIRQ_TRACEPOINTS also preemptirq: for so long the CPU had interrupts
disabled. pid and tid are those of the task that was interrupted. A softirq's time has that of the interrupts in it.`,
  options: [
    { flags: "--than TIME", help: "only those of TIME and longer: 500us, 1ms, 2s" },
    ...STACK_OPTIONS,
  ],
  example: "'irq-off/--than 100us -g/'",

  plan(options: ProfilerOptions, machine: Machine): ProfilerPlan {
    const thanNs = timeOption(options, "than") ?? 0;
    const stack = stackPart(options);
    const kinds = planKinds(machine, stack);
    const opens = kinds.flatMap(({ entry, exit }) => [entry, exit]);
    const members = stack.sampleType !== 0 ? [...MEMBERS, CALLCHAIN] : MEMBERS;
    return { opens, members, start: (context) => new IrqOff(kinds, opens, members, thanNs, context) };
  },
};

function planKinds(machine: Machine, stack: AttrPart): Kind[] {
  // Entry and exit are of the same current task: no other's are needed.
  const pair = (system: string, entry: string, exit: string) => ({
    entry: { ...planTracepoint(machine, system, entry), everyTask: false },
    exit: { ...planTracepoint(machine, system, exit, stack), everyTask: false },
  });
  const softirq = pair("irq", "softirq_entry", "softirq_exit");
  const vectors = new Map(
    valueNames(softirq.entry.format.printFormat)[0]?.values.map(({ value, name }) => [Number(value), name]),
  );
  const kinds: Kind[] = [
    {
      kind: "irq",
      ...pair("irq", "irq_handler_entry", "irq_handler_exit"),
      number: ({ irq }) => irq,
      name: ({ name }) => name,
    },
    { kind: "softirq", ...softirq, number: ({ vec }) => vec, name: ({ vec }) => vectors.get(vec) ?? String(vec) },
  ];
  if (machine.names("preemptirq").includes("irq_disable")) {
    const start = textStart(machine);
    const name = ({ caller_offs }: Fields, services: EventServices) => callerName(start + BigInt(caller_offs), services);
    kinds.push({ kind: "preemptirq", ...pair("preemptirq", "irq_disable", "irq_enable"), number: () => 0, name });
  }
  return kinds;
}

/** Address of _stext; 0n where the kernel hides it. */
function textStart(machine: Machine): bigint {
  const [, address = "0"] = /^([\da-f]+) . _stext$/m.exec(machine.kernelFile("/proc/kallsyms") ?? "") ?? [];
  return BigInt(`0x${address}`);
}

function callerName(address: bigint, services: EventServices): string {
  return services.printSymbol(address)?.name ?? `0x${address.toString(16)}`;
}

class IrqOff implements Analysis {
  readonly kind = "analysis";
  readonly #kinds: readonly Kind[];
  readonly #thanNs: number;
  readonly #services: EventServices;
  readonly #classes: readonly SampleClass<Fields>[];
  readonly #Event: AnalysisClass<Values>;
  readonly #hasStacks: boolean;
  /** By CPU, then by kind: a loss on one CPU says nothing of the others. */
  readonly #runs = new Map<number, Pairs<Kind["kind"], Run>>();

  constructor(
    kinds: readonly Kind[],
    opens: readonly PlannedTracepoint[],
    members: readonly Member[],
    thanNs: number,
    context: ProfilerContext,
  ) {
    this.#kinds = kinds;
    this.#thanNs = thanNs;
    this.#services = context.services;
    this.#classes = opens.map((_, index) => sampleClass(opens, index, context));
    this.#Event = makeAnalysisClass({ ...context, members, text: textOf });
    this.#hasStacks = members.includes(CALLCHAIN);
  }

  get doubtful(): number {
    return this.#runs.values().reduce((sum, { doubtful }) => sum + doubtful, 0);
  }

  take(index: number, view: DataView, at: number, emit: Emit): void {
    const type = this.#classes[index]!;
    const event = new type(view, at);
    const { kind, number, name } = this.#kinds[index >> 1]!;
    const { _pid: pid, _tid: tid, _time: timeNs, _cpu: cpu } = event;
    const runs = this.#runsOf(cpu);
    if ((index & 1) === 0) return runs.begin(kind, { timeNs, number: number(event), name: name(event, this.#services) });
    const run = runs.end(kind);
    if (run === undefined || run.number !== number(event)) return;
    const duration = timeNs - run.timeNs;
    if (duration < this.#thanNs) return;
    const callchain = this.#hasStacks ? keptStack(type, view, at) : undefined;
    emit(new this.#Event({ pid, tid, timeNs, cpu }, { kind, name: run.name, duration, callchain }));
  }

  lost(_index: number, cpu: number, _startNs: number, endNs: number): void {
    this.#runsOf(cpu).lost(endNs);
  }

  #runsOf(cpu: number): Pairs<Kind["kind"], Run> {
    let runs = this.#runs.get(cpu);
    if (runs === undefined) this.#runs.set(cpu, runs = new Pairs());
    return runs;
  }
}

/** `softirq NET_RX 12345 ns`. */
function textOf({ kind, name, duration }: AnyEvent): string {
  return `${kind} ${name} ${duration} ns`;
}
