/**
 * `kvm-exit`: an event for each time that a virtual CPU left its guest and came back, from kvm:kvm_exit and kvm_entry of its
 * thread.
 *
 * @module
 */

import type { AnyEvent } from "../generated_class.ts";
import type { PerfEvent } from "../perf_event.ts";
import type { TracepointFormat } from "../format.ts";
import type { Machine } from "../machine.ts";
import { valueNames } from "../value_names.ts";
import { type AnalysisClass, makeAnalysisClass } from "./analysis_class.ts";
import { type Beginning, Pairs } from "./pairs.ts";
import type { Analysis, Emit, Member, Profiler, ProfilerContext, ProfilerOptions, ProfilerPlan } from "./profiler.ts";
import { timeOption } from "./time_option.ts";
import { type PlannedTracepoint, planTracepoint, type SampleClass, sampleClass } from "./tracepoints.ts";

const EXIT = 0, ENTRY = 1;
/** `isa` of kvm_exit (arch/x86/include/asm/kvm_host.h); the other one is SVM. */
const KVM_ISA_VMX = 1;
/** Of VMX: bits 16 and up are flags, the highest is this (arch/x86/include/uapi/asm/vmx.h). */
const VMX_BASIC_REASON = 0xffff, VMX_FAILED_ENTRY = 0x80000000;

const MEMBERS: readonly Member[] = [
  { name: "exit_reason", type: "string", help: "as the kernel names it: HLT and IO_INSTRUCTION of VMX, hlt and io of SVM" },
  { name: "latency", type: "number", help: "ns from the exit to the entry" },
  { name: "vcpu_id", type: "number", help: "which CPU of the guest" },
  { name: "guest_rip", type: "bigint", help: "the guest's instruction at the exit" },
];

interface Values {
  readonly exit_reason: string;
  readonly latency: number;
  readonly vcpu_id: number;
  readonly guest_rip: bigint;
}

interface KvmExit {
  readonly exit_reason: number;
  readonly guest_rip: number | bigint;
  readonly isa: number;
}

interface KvmEntry {
  readonly vcpu_id: number;
}

interface Exit extends Beginning {
  readonly reason: number;
  readonly isa: number;
  readonly rip: bigint;
}

/** A reason's name, by the instruction set's extension. */
type ReasonName = (reason: number, isa: number) => string;

/** The profiler. */
export const kvmExit: Profiler = {
  name: "kvm-exit",
  summary: "why virtual CPUs leave their guests, and for how long: an event at each entry",
  help: `The latency is all the time outside of the guest: in KVM, in its user (qemu), and waiting for a CPU.
time, cpu, pid and tid are those of the entry: the thread of the virtual CPU. An exit that no entry follows (the guest has
ended) is not told.`,
  options: [{ flags: "--than TIME", help: "only exits of TIME and longer: 500us, 1ms, 2s" }],
  example: "'kvm-exit/--than 100us/'",

  plan(options: ProfilerOptions, machine: Machine): ProfilerPlan {
    const thanNs = timeOption(options, "than") ?? 0;
    const opens = ["kvm_exit", "kvm_entry"].map((name) => ({ ...planTracepoint(machine, "kvm", name), everyTask: false }));
    const { format } = opens[EXIT]!;
    if (!format.fields.some(({ name }) => name === "isa")) {
      throw options.fail(undefined, "the exits of this machine's KVM have no field isa: only those of x86 are known", [
        "-e kvm:kvm_exit,kvm:kvm_entry",
      ]);
    }
    const name = reasonNames(format);
    return { opens, members: MEMBERS, start: (context) => new KvmExits(opens, name, thanNs, context) };
  },
};

/** The print format has the names of VMX's reasons first, then those of SVM's, then those of flags. */
function reasonNames({ printFormat }: TracepointFormat): ReasonName {
  const [vmx, svm] = valueNames(printFormat).filter(({ field, flags }) => field === "exit_reason" && !flags)
    .map(({ values }) => new Map(values.map(({ value = 0n, name }) => [Number(BigInt.asUintN(32, value)), name])));
  return (reason, isa) => {
    const isVmx = isa === KVM_ISA_VMX;
    const number = isVmx ? reason & VMX_BASIC_REASON : reason;
    const name = (isVmx ? vmx : svm)?.get(number) ?? `0x${number.toString(16)}`;
    return isVmx && reason >= VMX_FAILED_ENTRY ? `${name} FAILED_VMENTRY` : name;
  };
}

class KvmExits implements Analysis {
  readonly kind = "analysis";
  readonly #reasonName: ReasonName;
  readonly #thanNs: number;
  readonly #Exit: SampleClass<KvmExit>;
  readonly #Entry: SampleClass<KvmEntry>;
  readonly #Event: AnalysisClass<Values>;
  /** By the thread of the virtual CPU. */
  readonly #exits = new Pairs<number, Exit>();

  constructor(opens: readonly PlannedTracepoint[], reasonName: ReasonName, thanNs: number, context: ProfilerContext) {
    this.#reasonName = reasonName;
    this.#thanNs = thanNs;
    this.#Exit = sampleClass(opens, EXIT, context);
    this.#Entry = sampleClass(opens, ENTRY, context);
    this.#Event = makeAnalysisClass({ ...context, members: MEMBERS, text: textOf });
  }

  get doubtful(): number {
    return this.#exits.doubtful;
  }

  take(index: number, view: DataView, at: number, emit: Emit): void {
    if (index === ENTRY) return this.#entry(new this.#Entry(view, at), emit);
    const { _tid, _time, exit_reason: reason, isa, guest_rip } = new this.#Exit(view, at);
    this.#exits.begin(_tid, { timeNs: _time, reason, isa, rip: BigInt(guest_rip) });
  }

  lost(_index: number, _cpu: number, _startNs: number, endNs: number): void {
    this.#exits.lost(endNs);
  }

  #entry({ _pid: pid, _tid: tid, _time: timeNs, _cpu: cpu, vcpu_id }: PerfEvent & KvmEntry, emit: Emit): void {
    const exit = this.#exits.end(tid);
    if (exit === undefined) return;
    const latency = timeNs - exit.timeNs;
    if (latency < this.#thanNs) return;
    const exit_reason = this.#reasonName(exit.reason, exit.isa);
    emit(new this.#Event({ pid, tid, timeNs, cpu }, { exit_reason, latency, vcpu_id, guest_rip: exit.rip }));
  }
}

/** `vcpu 0 IO_INSTRUCTION 12345 ns rip 0x1000`. */
function textOf({ vcpu_id, exit_reason, latency, guest_rip }: AnyEvent): string {
  return `vcpu ${vcpu_id} ${exit_reason} ${latency} ns rip 0x${(guest_rip as bigint).toString(16)}`;
}
