/**
 * `hrtimer` and `hrcount`: a timer on every CPU (with -p, -t and -c, of every thread's CPU time) that reads a group of counters each
 * time it fires: what has counted since the time before.
 *
 * @module
 */

import { PERF } from "../attr.ts";
import type { AnyEvent, EventClass } from "../generated_class.ts";
import type { Frame } from "../event_services.ts";
import type { Machine } from "../machine.ts";
import { type AnalysisClass, makeAnalysisClass } from "./analysis_class.ts";
import { countedEvents, parseCounters } from "./counter_list.ts";
import { makeMemberClass } from "./member_class.ts";
import { describeMembers } from "./members.ts";
import type {
  Analysis,
  Emit,
  Member,
  PlannedAttr,
  PlannedEvent,
  Profiler,
  ProfilerContext,
  ProfilerOption,
  ProfilerOptions,
  ProfilerPlan,
} from "./profiler.ts";
import type { GroupRead } from "./read_format.ts";
import { ipText, LEAST_CLOCK_PERIOD_NS, sidePart, STACK_OPTIONS, stackPart } from "./sampling.ts";
import { timeOption } from "./time_option.ts";

const PERF_COUNT_SW_CPU_CLOCK = 0;
const DEFAULT_PERIOD_NS = 1_000_000_000;

const OPTIONS: readonly ProfilerOption[] = [
  {
    flags: "-e, --event EVENTS",
    help: "what is counted, parted by commas: context-switches,cycles:u,msr/tsc/,sched:sched_switch",
  },
  { flags: "--period TIME", help: "time from one event to the next: 100us, 10ms; 1s if not given" },
];
const COUNTS: Member = {
  name: "counts",
  type: "Readonly<Record<string, number | bigint>>",
  help: "by name, what has counted since the last event of this CPU (with -p, -t, -c: of this thread there)",
};
const HELP =
  `counts has each counter of -e by its name: what it counted since the last event of the same CPU, or with -p, -t and -c of
the same thread on that CPU, whose CPU time is then what the period is of. Events that were lost are part of the next one's
counts. read has the counters since the start, the timer's own first. Of tasks it needs Linux 6.12.`;

/** The profiler of the counts and of what ran. */
export const hrtimer: Profiler = {
  name: "hrtimer",
  summary: "what each CPU executes at each period of a timer, and what counted since",
  help: `An event of each CPU in each period, with the place where the timer found it. A CPU that idles may sleep
through its timer: its next event has the counts.
${HELP}`,
  options: [...OPTIONS, ...STACK_OPTIONS],
  example: "'hrtimer/-e \"context-switches,page-faults\" --period 10ms -g/'",
  plan(options, machine) {
    const { sampleType, flags } = stackPart(options);
    return plan(options, machine, { sampleType: PERF.PERF_SAMPLE_IP | sampleType, flags });
  },
};

/** The profiler of the counts alone. */
export const hrcount: Profiler = {
  name: "hrcount",
  summary: "what counted on each CPU in each period of a timer",
  help: `An event of each CPU in each period. A CPU that idles may sleep through its timer: its next event has the counts.
${HELP}`,
  options: OPTIONS,
  example: "'hrcount/-e \"context-switches,page-faults\" --period 1s/'",
  plan: (options, machine) => plan(options, machine, { sampleType: 0, flags: [] }),
};

function plan(
  options: ProfilerOptions,
  machine: Machine,
  part: Required<Pick<PlannedAttr, "sampleType" | "flags">>,
): ProfilerPlan {
  const text = options.given.event;
  if (typeof text !== "string") throw options.fail(undefined, "what is to be counted?", ["-e context-switches,page-faults"]);
  const counted = parseCounters(text, "event", options, machine);
  const samplePeriod = timeOption(options, "period") ?? DEFAULT_PERIOD_NS;
  if (samplePeriod < LEAST_CLOCK_PERIOD_NS) {
    throw options.fail("period", `a period is at least ${LEAST_CLOCK_PERIOD_NS / 1000}us`);
  }
  const sampleType = PERF.PERF_SAMPLE_READ | part.sampleType;
  const leader: PlannedEvent = {
    name: "cpu-clock",
    attr: {
      type: PERF.PERF_TYPE_SOFTWARE,
      config: PERF_COUNT_SW_CPU_CLOCK,
      samplePeriod,
      sampleType,
      readFormat: PERF.PERF_FORMAT_GROUP,
      flags: [...sidePart({ ...options, modifiers: "" }).flags, ...part.flags],
    },
  };
  const own = describeMembers(sampleType, PERF.PERF_FORMAT_GROUP).filter(({ name }) => !/^(?:pid|tid|time|cpu)$/.test(name));
  const members = own.flatMap((member) => member.name === "read" ? [member, COUNTS] : [member]);
  return {
    opens: [leader, ...countedEvents(counted, options)],
    members,
    start: (context) => new TimedCounts(members, sampleType, counted.map(({ name }) => name), context),
  };
}

type Count = number | bigint;

interface Values {
  readonly ip: () => bigint;
  readonly read: GroupRead;
  readonly counts: Readonly<Record<string, Count>>;
  readonly callchain: () => readonly Frame[];
}

/** Makes an event of each sample of the timer. */
class TimedCounts implements Analysis {
  readonly kind = "analysis";
  readonly doubtful = 0;
  readonly #names: readonly string[];
  readonly #ofTasks: boolean;
  readonly #Sample: EventClass;
  readonly #Event: AnalysisClass<Values>;
  /** Counters as of the last event, by CPU, or thread and CPU. */
  readonly #last = new Map<string, GroupRead["cntr"]>();

  constructor(members: readonly Member[], shown: number, names: readonly string[], context: ProfilerContext) {
    const { event, attrs, services, lines } = context;
    this.#names = names;
    this.#ofTasks = context.ofTasks;
    const own = { event, services, lines };
    this.#Sample = makeMemberClass({ ...own, attr: attrs[0]!, shown, arch: Deno.build.arch, text: textOf });
    this.#Event = makeAnalysisClass({ ...own, members, text: textOf });
  }

  take(_index: number, view: DataView, at: number, emit: Emit): void {
    const sample = new this.#Sample(view, at);
    const { _pid, _tid, _time, _cpu } = sample;
    const read = sample.read as GroupRead;
    const key = this.#ofTasks ? `${_cpu} ${_tid}` : String(_cpu);
    const last = this.#last.get(key);
    this.#last.set(key, read.cntr);
    // A counter that went back is another thread's, of the same number.
    const before = last !== undefined && last[0]!.value <= read.cntr[0]!.value ? last : [];
    // The timer's own comes first.
    const counts = Object.fromEntries(
      this.#names.map((name, i) => [name, difference(read.cntr[i + 1]?.value ?? 0, before[i + 1]?.value ?? 0)]),
    );
    const record = new Uint8Array(view.buffer.slice(view.byteOffset + at, view.byteOffset + at + view.getUint16(at + 6, true)));
    emit(
      new this.#Event({ pid: _pid, tid: _tid, timeNs: _time, cpu: _cpu, record }, {
        ...{ read, counts },
        ip: () => sample.ip as bigint,
        callchain: () => sample.callchain as readonly Frame[],
      }),
    );
  }

  /** Counters go on counting: the next event has what a lost one would have told. */
  lost(): void {}
}

/** What a counter went on by. */
function difference(now: Count, before: Count): Count {
  if (typeof now === "number" && typeof before === "number") return now - before;
  return BigInt(now) - BigInt(before);
}

function textOf(event: AnyEvent): string {
  const counts = Object.entries(event.counts as Values["counts"]).map(([name, count]) => `${name}=${count}`).join(" ");
  return "ip" in event ? `${counts} ip ${ipText(event.ip)}` : counts;
}
