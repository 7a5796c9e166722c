/**
 * `blktrace`: an event for each request that a block device completed: how long it waited to be issued, and how long the device
 * took. From block:block_rq_insert, block_rq_issue and block_rq_complete.
 *
 * @module
 */

import type { AnyEvent } from "../generated_class.ts";
import type { PerfEvent } from "../perf_event.ts";
import type { Machine } from "../machine.ts";
import { type AnalysisClass, makeAnalysisClass } from "./analysis_class.ts";
import { type Beginning, Pairs } from "./pairs.ts";
import type { Analysis, Emit, Member, Profiler, ProfilerContext, ProfilerOptions, ProfilerPlan } from "./profiler.ts";
import { timeOption } from "./time_option.ts";
import { type PlannedTracepoint, planTracepoint, type SampleClass, sampleClass } from "./tracepoints.ts";

const INSERT = 0, ISSUE = 1;
const BLOCK = "/sys/class/block";
/** The kernel's own dev_t: minor numbers have 20 bits (include/linux/kdev_t.h). */
const MINOR_BITS = 20;
/** A request without data (a flush) has no sector of its own: issue says 0, complete -1. */
const NO_SECTOR = -1;

const MEMBERS: readonly Member[] = [
  { name: "dev", type: "string", help: "the disk's name; MAJOR:MINOR of one that came after the start" },
  { name: "sector", type: "number", help: "its first sector of 512 bytes; 0 of a request without data" },
  { name: "bytes", type: "number", help: "of data" },
  { name: "rwbs", type: "string", help: "R read, W write, D discard, F flush; then S sync, M metadata, A read-ahead, ..." },
  {
    name: "queue",
    type: "number",
    help: "ns from the insertion into the scheduler's queue to the issue; 0 of one issued directly",
  },
  { name: "service", type: "number", help: "ns from the issue to the completion" },
  { name: "latency", type: "number", help: "ns: queue and service" },
];

interface Values {
  readonly dev: string;
  readonly sector: number;
  readonly bytes: number;
  readonly rwbs: string;
  readonly queue: number;
  readonly service: number;
  readonly latency: number;
}

/** What is read of all three. */
interface BlockRq {
  readonly dev: number;
  readonly sector: number | bigint;
  readonly nr_sector: number;
  readonly rwbs: string;
  /** Not of a completion. */
  readonly bytes: number;
}

type Sample = PerfEvent & BlockRq;

/** Who made a request, and when: inserted it, or else issued it. */
interface Origin extends Beginning {
  readonly pid: number;
  readonly tid: number;
}

/** In the scheduler's queue. */
interface Inserted extends Origin {
  readonly sectors: number;
}

/** With the device. */
interface Issued extends Origin {
  readonly issueNs: number;
  readonly sector: number;
  readonly bytes: number;
  readonly rwbs: string;
  /** That are not completed. */
  readonly sectors: number;
}

/** The requests of one device, by sector. */
interface Requests {
  readonly inserted: Pairs<number, Inserted>;
  readonly issued: Pairs<number, Issued>;
}

/** The profiler. */
export const blktrace: Profiler = {
  name: "blktrace",
  summary: "requests of block devices: how long each was queued, and how long the device took",
  help: `An event at each completion: time and cpu are those of the completion, pid and tid those of the task that made the
request: inserted it, or issued it directly (of buffered writes a worker of the kernel). A request that the device completes
in parts ends with the last one. Requests that were merged into another are told as that one, whose queue time is that of
its first part. Commands to the device itself (SCSI passthrough) are not told. With -p, -t or -c: the requests that these
tasks made.`,
  options: [
    { flags: "-d, --device DEV", help: "only these disks: vda or 254:0; commas between several, quotes around /dev/vda" },
    { flags: "--than TIME", help: "only requests whose latency is TIME and longer: 500us, 1ms, 2s" },
  ],
  example: "'blktrace/-d vda --than 10ms/'",

  plan(options: ProfilerOptions, machine: Machine): ProfilerPlan {
    const thanNs = timeOption(options, "than") ?? 0;
    const disks = disksOf(machine);
    const filter = wantedDisks(options, disks).map((dev) => `dev==${dev}`).join("||");
    const opens = ["block_rq_insert", "block_rq_issue", "block_rq_complete"].map((name) => ({
      ...planTracepoint(machine, "block", name),
      ...(filter !== "" && { filter }),
    }));
    const names = new Map(disks.map(({ dev, name }) => [dev, name]));
    return { opens, members: MEMBERS, start: (context) => new BlockRequests(opens, names, thanNs, context) };
  },
};

/** A disk, or a partition of one. */
interface Disk {
  readonly name: string;
  /** As the kernel's events have it. */
  readonly dev: number;
  readonly partition: boolean;
}

function disksOf(machine: Machine): Disk[] {
  return machine.kernelFolder(BLOCK).flatMap((name) => {
    const dev = devOf(machine.kernelFile(`${BLOCK}/${name}/dev`)?.trim() ?? "");
    const partition = machine.kernelFile(`${BLOCK}/${name}/partition`) !== undefined;
    return dev === undefined ? [] : [{ name, dev, partition }];
  });
}

/** `254:0`; undefined of another text. */
function devOf(text: string): number | undefined {
  const [, major, minor] = /^(\d{1,4}):(\d{1,7})$/.exec(text) ?? [];
  return major === undefined ? undefined : Number(major) * 2 ** MINOR_BITS + Number(minor);
}

/** None: all. @throws What `options.fail` makes: there is no such disk, or it is a partition */
function wantedDisks(options: ProfilerOptions, disks: readonly Disk[]): number[] {
  const text = options.given.device;
  if (typeof text !== "string") return [];
  const whole = disks.filter(({ partition }) => !partition);
  const hint = `disks are ${whole.map(({ name }) => name).sort().join(" ")}`;
  return text.split(",").map((written) => {
    const disk = disks.find(({ name, dev }) => name === written.replace(/^\/dev\//, "") || dev === devOf(written));
    if (disk === undefined) throw options.fail("device", `there is no disk '${written}'`, [hint]);
    if (disk.partition) throw options.fail("device", `'${written}' is a partition: requests are those of its disk`, [hint]);
    return disk.dev;
  });
}

class BlockRequests implements Analysis {
  readonly kind = "analysis";
  readonly #names: ReadonlyMap<number, string>;
  readonly #thanNs: number;
  readonly #follows: (tid: number) => boolean;
  readonly #classes: readonly SampleClass<BlockRq>[];
  readonly #Event: AnalysisClass<Values>;
  readonly #devices = new Map<number, Requests>();

  constructor(
    opens: readonly PlannedTracepoint[],
    names: ReadonlyMap<number, string>,
    thanNs: number,
    context: ProfilerContext,
  ) {
    this.#names = names;
    this.#thanNs = thanNs;
    this.#follows = (tid) => context.follows(tid);
    this.#classes = opens.map((_, index) => sampleClass(opens, index, context));
    this.#Event = makeAnalysisClass({ ...context, members: MEMBERS, text: textOf });
  }

  get doubtful(): number {
    return this.#devices.values().reduce((sum, { inserted, issued }) => sum + inserted.doubtful + issued.doubtful, 0);
  }

  take(index: number, view: DataView, at: number, emit: Emit): void {
    const event = new this.#classes[index]!(view, at);
    const requests = this.#requestsOf(event.dev);
    if (index === INSERT) requests.inserted.begin(keyOf(event), { ...originOf(event), sectors: event.nr_sector });
    else if (index === ISSUE) requests.issued.begin(keyOf(event), issuedOf(event, requests.inserted));
    else this.#complete(event, requests.issued, emit);
  }

  /** An insertion is doubtful with the request that it becomes. */
  lost(_index: number, _cpu: number, _startNs: number, endNs: number): void {
    for (const { issued } of this.#devices.values()) issued.lost(endNs);
  }

  #complete(event: Sample, issued: Pairs<number, Issued>, emit: Emit): void {
    const key = keyOf(event);
    const request = issued.end(key);
    if (request === undefined) return;
    const sectors = request.sectors - event.nr_sector;
    if (sectors > 0) issued.begin(key + event.nr_sector, { ...request, sectors });
    else if (this.#follows(request.tid)) this.#tell(event, request, emit);
  }

  #tell({ dev, _time: timeNs, _cpu: cpu }: Sample, request: Issued, emit: Emit): void {
    const { pid, tid, issueNs, sector, bytes, rwbs } = request;
    const latency = timeNs - request.timeNs;
    if (latency < this.#thanNs) return;
    const name = this.#names.get(dev) ?? `${dev >>> MINOR_BITS}:${dev & (1 << MINOR_BITS) - 1}`;
    const times = { queue: issueNs - request.timeNs, service: timeNs - issueNs, latency };
    emit(new this.#Event({ pid, tid, timeNs, cpu }, { dev: name, sector, bytes, rwbs, ...times }));
  }

  #requestsOf(dev: number): Requests {
    let requests = this.#devices.get(dev);
    if (requests === undefined) this.#devices.set(dev, requests = { inserted: new Pairs(), issued: new Pairs() });
    return requests;
  }
}

function keyOf({ sector, nr_sector }: BlockRq): number {
  return nr_sector === 0 ? NO_SECTOR : Number(sector);
}

function originOf({ _pid: pid, _tid: tid, _time: timeNs }: Sample): Origin {
  return { pid, tid, timeNs };
}

function issuedOf(event: Sample, inserted: Pairs<number, Inserted>): Issued {
  const { pid, tid, timeNs } = takeInserted(event, inserted) ?? originOf(event);
  const { _time: issueNs, sector, nr_sector: sectors, bytes, rwbs } = event;
  return { pid, tid, timeNs, issueNs, sector: Number(sector), sectors, bytes, rwbs };
}

/**
 * The insertion of a request that is issued. One that has grown since has taken in others: the first of them is its beginning,
 * and none of them is issued any more.
 */
function takeInserted(event: Sample, inserted: Pairs<number, Inserted>): Inserted | undefined {
  const { nr_sector } = event;
  const start = keyOf(event);
  let first = inserted.end(start);
  if (nr_sector === 0 || first?.sectors === nr_sector) return first;
  for (const [sector, part] of inserted.open()) {
    if (sector < start || sector >= start + nr_sector) continue;
    inserted.end(sector);
    if (first === undefined || part.timeNs < first.timeNs) first = part;
  }
  return first;
}

/** `vda W 12345 + 4096 bytes queue 1000 service 2000 latency 3000 ns`. */
function textOf({ dev, rwbs, sector, bytes, queue, service, latency }: AnyEvent): string {
  return `${dev} ${rwbs} ${sector} + ${bytes} bytes queue ${queue} service ${service} latency ${latency} ns`;
}
