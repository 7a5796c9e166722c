/**
 * What can be counted by name: the kernel's software events, and those that a CPU's performance monitoring unit has by the kernel's
 * names (include/uapi/linux/perf_event.h), spelt as perf spells them. pmu_events.ts has those that only sysfs knows.
 *
 * @module
 */

import { PERF } from "../attr.ts";
import { PerfprofError } from "../errors.ts";
import type { Machine } from "../machine.ts";
import type { PlannedAttr } from "./profiler.ts";

export type CounterKind = "software" | "hardware" | "cache" | "raw" | "pmu";

/** Something to be counted or sampled. */
export interface Counter {
  readonly name: string;
  readonly kind: CounterKind;
  readonly summary: string;
  readonly attr: Pick<PlannedAttr, "type" | "config" | "config1" | "config2">;
  /** Its unit is the ns: the kernel samples it by a timer. */
  readonly clock: boolean;
  /** PERF_SAMPLE_* bits of what only its samples have: the address that was accessed, data. */
  readonly extra: number;
}

/** PERF_COUNT_SW_*: config, names, what it counts. */
const SOFTWARE: readonly (readonly [config: number, names: string, summary: string])[] = [
  [0, "cpu-clock", "time that a CPU runs, or a task on it, in ns"],
  [1, "task-clock", "time that a task runs, in ns"],
  [2, "page-faults faults", "page faults"],
  [3, "context-switches cs", "switches from one task to another"],
  [4, "cpu-migrations migrations", "tasks that went to another CPU"],
  [5, "minor-faults", "page faults that needed no disk"],
  [6, "major-faults", "page faults that waited for a disk"],
  [7, "alignment-faults", "accesses that the kernel had to align"],
  [8, "emulation-faults", "instructions that the kernel emulated"],
  [9, "dummy", "nothing"],
  [10, "bpf-output", "what BPF programs write"],
  [11, "cgroup-switches", "switches to a task of another cgroup"],
];
const CLOCKS = [0, 1];
/** PERF_SAMPLE_* bits by config: the faults' and what BPF writes. */
const EXTRA: Readonly<Record<number, number>> = {
  ...Object.fromEntries([2, 5, 6, 7, 8].map((config) => [config, PERF.PERF_SAMPLE_ADDR])),
  10: PERF.PERF_SAMPLE_RAW,
};

/** PERF_COUNT_HW_*. */
const HARDWARE: readonly (readonly [config: number, names: string, summary: string])[] = [
  [0, "cpu-cycles cycles", "cycles of the CPU"],
  [1, "instructions", "instructions that were completed"],
  [2, "cache-references", "accesses to the last level cache"],
  [3, "cache-misses", "misses of the last level cache"],
  [4, "branch-instructions branches", "branches"],
  [5, "branch-misses", "branches that were predicted wrong"],
  [6, "bus-cycles", "cycles of the bus"],
  [7, "stalled-cycles-frontend idle-cycles-frontend", "cycles without an instruction to issue"],
  [8, "stalled-cycles-backend idle-cycles-backend", "cycles in which no instruction could be executed"],
  [9, "ref-cycles", "cycles at the nominal frequency"],
];

/** PERF_COUNT_HW_CACHE_*: id, names, the operations that it has (evsel__hw_cache_stat of tools/perf/util/evsel.c). */
const CACHES: readonly (readonly [id: number, names: string, operations: string])[] = [
  [0, "L1-dcache l1-d l1d", "load store prefetch"],
  [1, "L1-icache l1-i l1i", "load prefetch"],
  [2, "LLC L2", "load store prefetch"],
  [3, "dTLB d-tlb", "load store prefetch"],
  [4, "iTLB i-tlb", "load"],
  [5, "branch bpu", "load"],
  [6, "node", "load store prefetch"],
];
const OPERATIONS = ["load", "store", "prefetch"];
/** `-loads` and `-load-misses`, by PERF_COUNT_HW_CACHE_RESULT_*. */
const RESULTS = [
  (operation: string) => operation === "prefetch" ? "prefetches" : `${operation}s`,
  (operation: string) => `${operation}-misses`,
];

const DEVICES = "/sys/bus/event_source/devices";

/** Counters by all their names. */
const COUNTERS: ReadonlyMap<string, Counter> = new Map([
  ...SOFTWARE.flatMap(([config, names, summary]) =>
    named(names, {
      ...{ kind: "software", summary, clock: CLOCKS.includes(config), extra: EXTRA[config] ?? 0 },
      attr: { type: PERF.PERF_TYPE_SOFTWARE, config },
    })
  ),
  ...HARDWARE.flatMap(([config, names, summary]) =>
    named(names, { kind: "hardware", summary, clock: false, extra: 0, attr: { type: PERF.PERF_TYPE_HARDWARE, config } })
  ),
  ...CACHES.flatMap(cacheCounters),
]);

function named(names: string, counter: Omit<Counter, "name">): [string, Counter][] {
  const [name = "", ...aliases] = names.split(" ");
  return [name, ...aliases].map((alias) => [alias.toLowerCase(), { ...counter, name }]);
}

function cacheCounters([id, names, operations]: (typeof CACHES)[number]): [string, Counter][] {
  return operations.split(" ").flatMap((operation) =>
    RESULTS.flatMap((resultName, result) => {
      const ending = resultName(operation);
      return named(names.split(" ").map((name) => `${name}-${ending}`).join(" "), {
        ...{ kind: "cache", clock: false, extra: 0 } as const,
        summary: `${ending.replace("-", " ")} of ${names.split(" ", 1)[0]}`,
        attr: { type: PERF.PERF_TYPE_HW_CACHE, config: id | OPERATIONS.indexOf(operation) << 8 | result << 16 },
      });
    })
  );
}

/** The counter of that name: `cs`, `L1-dcache-load-misses`, or `r1c2`, the hexadecimal config of a PMU's own event. */
export function findCounter(name: string): Counter | undefined {
  const [, raw] = /^r([0-9a-f]{1,16})$/i.exec(name) ?? [];
  if (raw === undefined) return COUNTERS.get(name.toLowerCase());
  return {
    ...{ name, kind: "raw", clock: false, extra: 0 } as const,
    summary: `the CPU's own event 0x${raw}`,
    attr: { type: PERF.PERF_TYPE_RAW, config: BigInt(`0x${raw}`) },
  };
}

/** Each counter once, by its first name. */
export function namedCounters(): Counter[] {
  return [...COUNTERS].filter(([name, counter]) => name === counter.name.toLowerCase()).map(([, counter]) => counter);
}

/** Names of the devices that count something. */
export function pmuDevices(machine: Machine): string[] {
  return machine.kernelFolder(DEVICES).sort();
}

/** Text of a file of a device. */
export function pmuFile(machine: Machine, device: string, path: string): string | undefined {
  return machine.kernelFile(`${DEVICES}/${device}/${path}`)?.trim();
}

/** Names in a folder of a device. */
export function pmuFolder(machine: Machine, device: string, path: string): string[] {
  return machine.kernelFolder(`${DEVICES}/${device}/${path}`).sort();
}

/** The performance monitoring unit of the CPUs; undefined where they have none, as in many virtual machines. */
export function corePmu(machine: Machine): string | undefined {
  // Where there are CPUs of several kinds each kind has its own, with a list of its CPUs.
  return pmuDevices(machine).find((name) => name === "cpu" || pmuFile(machine, name, "cpus") !== undefined);
}

/** @throws {PerfprofError} The counter is the hardware's, and there is none */
export function requirePmu({ name, kind }: Counter, machine: Machine): void {
  if (kind === "software" || kind === "pmu" || corePmu(machine) !== undefined) return;
  throw noPmu(name);
}

/** What is said of an event of the hardware where there is none. */
export function noPmu(name: string): PerfprofError {
  const substitute = /cycles|instructions/.test(name)
    ? "a software event that serves: -e cpu-clock"
    : "software events: perfprof list";
  return new PerfprofError(`opening ${name} failed: there is no hardware PMU here`, {
    hints: [substitute, "in a virtual machine, the host must give one to the guest"],
  });
}
