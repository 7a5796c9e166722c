/**
 * `syscalls`: an event for each system call that returned, from raw_syscalls:sys_enter and sys_exit of its thread.
 *
 * @module
 */

import { nearest } from "../errors.ts";
import type { AnyEvent } from "../generated_class.ts";
import type { Frame } from "../event_services.ts";
import type { Machine } from "../machine.ts";
import { type AnalysisClass, makeAnalysisClass } from "./analysis_class.ts";
import { type Beginning, Pairs } from "./pairs.ts";
import type { Analysis, Emit, Member, Profiler, ProfilerContext, ProfilerOptions, ProfilerPlan } from "./profiler.ts";
import { type AttrPart, STACK_OPTIONS, stackPart } from "./sampling.ts";
import { systemCalls } from "./syscall_names.ts";
import { timeOption } from "./time_option.ts";
import { keptStack, type PlannedTracepoint, planTracepoint, type SampleClass, sampleClass } from "./tracepoints.ts";

const ENTER = 0, EXIT = 1;
/** What sys_exit says after a return from a signal handler: the call that the signal interrupted is not to be restarted. */
const NO_CALL = -1;

const MEMBERS: readonly Member[] = [
  { name: "name", type: "string", help: "read, openat, ...; syscall_N of a number without a name" },
  { name: "nr", type: "number", help: "its number" },
  { name: "args", type: "BigUint64Array", help: "all six registers, also those that the call does not take" },
  { name: "ret", type: "number | bigint", help: "what it returned; -errno of one that failed" },
  { name: "latency", type: "number", help: "ns from the entry to the exit" },
];
const CALLCHAIN: Member = { name: "callchain", type: "readonly Frame[]", help: "the caller's stack, as it is at the exit" };

interface Values {
  readonly name: string;
  readonly nr: number;
  readonly args: BigUint64Array;
  readonly ret: number | bigint;
  readonly latency: number;
  readonly callchain: (() => readonly Frame[]) | undefined;
}

interface SysEnter {
  readonly id: number | bigint;
  readonly args: BigUint64Array;
}

interface SysExit {
  readonly id: number | bigint;
  readonly ret: number | bigint;
}

interface Call extends Beginning {
  readonly nr: number;
  readonly args: BigUint64Array;
}

/** The profiler. */
export const syscalls: Profiler = {
  name: "syscalls",
  summary: "system calls with arguments, return value and latency: an event when each returns",
  help: `Words are names of system calls, with commas between: only those are traced, which the kernel's filter sees to.
A call that was entered before the trace began is not told, nor is one that does not return (exit_group). rt_sigreturn returns
what the interrupted code had in the register. A call of a 32-bit program has the name that its number has for 64-bit ones: the
kernel does not tell them apart here.`,
  options: [
    { flags: "--than TIME", help: "only calls of TIME and longer: 500us, 1ms, 2s" },
    ...STACK_OPTIONS,
  ],
  words: "NAME[,NAME...]",
  example: "'syscalls/read,write --than 1ms/'",

  plan(options: ProfilerOptions, machine: Machine): ProfilerPlan {
    const names = systemCalls(Deno.build.arch);
    const wanted = wantedNumbers(options, names);
    const thanNs = timeOption(options, "than") ?? 0;
    const stack = stackPart(options);
    const returns = [...names].find(([, name]) => name === "rt_sigreturn")![0];
    const opens = [
      planCall(machine, "sys_enter", wanted),
      planCall(machine, "sys_exit", wanted.includes(returns) ? [...wanted, NO_CALL] : wanted, stack),
    ];
    const members = stack.sampleType !== 0 ? [...MEMBERS, CALLCHAIN] : MEMBERS;
    return { opens, members, start: (context) => new Syscalls(opens, members, names, thanNs, context) };
  },
};

/** Both ends are made by the thread itself: no other task's are needed. */
function planCall(machine: Machine, name: string, numbers: readonly number[], stack?: AttrPart): PlannedTracepoint {
  const planned = planTracepoint(machine, "raw_syscalls", name, stack);
  const filter = numbers.map((nr) => `id==${nr}`).join("||");
  return { ...planned, everyTask: false, ...(filter !== "" && { filter }) };
}

/** None: all. */
function wantedNumbers(options: ProfilerOptions, names: ReadonlyMap<number, string>): number[] {
  const numbers = new Map([...names].map(([nr, name]) => [name, nr]));
  const wanted = options.words.flatMap((word) =>
    word.split(",").filter((name) => name !== "").map((name) => {
      const nr = numbers.get(name);
      if (nr !== undefined) return nr;
      const near = nearest(name, numbers.keys());
      const hints = near.length > 0 ? [`did you mean ${near.join(" or ")}?`] : ["man 2 syscalls"];
      throw options.fail(word, `no system call has the name '${name}'`, hints);
    })
  );
  return [...new Set(wanted)];
}

class Syscalls implements Analysis {
  readonly kind = "analysis";
  readonly #names: ReadonlyMap<number, string>;
  readonly #thanNs: number;
  readonly #Enter: SampleClass<SysEnter>;
  readonly #Exit: SampleClass<SysExit>;
  readonly #Event: AnalysisClass<Values>;
  readonly #hasStacks: boolean;
  readonly #calls = new Pairs<number, Call>();

  constructor(
    opens: readonly PlannedTracepoint[],
    members: readonly Member[],
    names: ReadonlyMap<number, string>,
    thanNs: number,
    context: ProfilerContext,
  ) {
    this.#names = names;
    this.#thanNs = thanNs;
    this.#Enter = sampleClass(opens, ENTER, context);
    this.#Exit = sampleClass(opens, EXIT, context);
    this.#Event = makeAnalysisClass({ ...context, members, text: textOf });
    this.#hasStacks = members.includes(CALLCHAIN);
  }

  get doubtful(): number {
    return this.#calls.doubtful;
  }

  take(index: number, view: DataView, at: number, emit: Emit): void {
    if (index === EXIT) return this.#exit(view, at, emit);
    const { _tid, _time, id, args } = new this.#Enter(view, at);
    this.#calls.begin(_tid, { timeNs: _time, nr: Number(id), args });
  }

  lost(_index: number, _cpu: number, _startNs: number, endNs: number): void {
    this.#calls.lost(endNs);
  }

  #exit(view: DataView, at: number, emit: Emit): void {
    const { _pid: pid, _tid: tid, _time: timeNs, _cpu: cpu, id, ret } = new this.#Exit(view, at);
    const call = this.#calls.end(tid);
    // An execve of another thread than the first returns under the first one's number, which may have been in another call.
    if (call === undefined || call.nr !== id && id !== NO_CALL) return;
    const latency = timeNs - call.timeNs;
    if (latency < this.#thanNs) return;
    const name = this.#names.get(call.nr) ?? `syscall_${call.nr}`;
    const callchain = this.#hasStacks ? keptStack(this.#Exit, view, at) : undefined;
    emit(new this.#Event({ pid, tid, timeNs, cpu }, { name, nr: call.nr, args: call.args, ret, latency, callchain }));
  }
}

/** `read(0x3, 0x7ffd2c1a4000, 0x400, 0x0, 0x0, 0x0) = 1024 12345 ns`. */
function textOf({ name, args, ret, latency }: AnyEvent): string {
  const list = Array.from(args as BigUint64Array, (arg) => `0x${arg.toString(16)}`).join(", ");
  return `${name}(${list}) = ${ret} ${latency} ns`;
}
