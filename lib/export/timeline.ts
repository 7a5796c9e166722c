/**
 * `perf_prof.export.timeline()`: slices, instants and counters on tracks, as the Trace Event Format that Perfetto and
 * chrome://tracing open (JSON). It is written as it comes; what is remembered are the names of tracks, and what lanes.ts says.
 *
 * The format counts µs, with a point: ns are written to the last digit. A process of the format is a group of tracks here, a thread
 * a track, or one of the lanes on which slices of a track are that overlap.
 *
 * @module
 */

import { int64JsonText } from "./json_text.ts";
import { Lanes } from "./lanes.ts";
import { OutputFile } from "./output_file.ts";

/** ns of the events' clock. */
type Ns = number | bigint;

/** Where something is shown. */
interface Place {
  /** Above which tracks are gathered; `perfprof` without it. */
  readonly group?: string;
  /** A line: `CPU 0`, a thread's name. */
  readonly track: string;
}

/** Something that lasted. On its track there may be others at the same time. */
export interface Slice extends Place {
  readonly name: string;
  readonly startNs: Ns;
  readonly durationNs: Ns;
  /** Shown when it is clicked. */
  readonly args?: Readonly<Record<string, unknown>>;
}

/** Something that happened. */
export interface Instant extends Place {
  readonly name: string;
  readonly timeNs: Ns;
  readonly args?: Readonly<Record<string, unknown>>;
}

/** A value from then on, until the next one. */
export interface CounterValue {
  readonly group?: string;
  readonly name: string;
  readonly timeNs: Ns;
  readonly value: number | bigint;
}

/** `CPU 2` comes before `CPU 10`. */
const NAMES = new Intl.Collator("en", { numeric: true });

/** Tracks by their names. */
interface Group {
  readonly pid: number;
  readonly tracks: Map<string, Track>;
  /** The last number that was given to a lane. */
  tid: number;
}

/** A line, or several where slices overlap. */
interface Track {
  readonly group: Group;
  readonly name: string;
  readonly lanes: Lanes;
  /** The numbers of its lanes. */
  readonly tids: number[];
}

/**
 * A timeline.
 *
 * @example
 * ```ts
 * const timeline = await perf_prof.export.timeline("switches.json");
 *
 * export function sched__sched_switch(event: PerfEvent & { next_comm: string }) {
 *   timeline.instant({ track: `CPU ${event._cpu}`, name: event.next_comm, timeNs: event._time });
 * }
 *
 * export function __exit__() {
 *   timeline.close();
 *   console.log(`${timeline.count} switches`);
 * }
 * ```
 */
export class Timeline {
  #count = 0;
  readonly #file: OutputFile;
  readonly #groups = new Map<string, Group>();
  #separator = "";

  /** @throws {PerfprofError} The file cannot be made */
  constructor(path: string) {
    this.#file = new OutputFile(path, () => this.close());
    this.#file.write('{"displayTimeUnit":"ns","traceEvents":[');
  }

  /** How many slices, instants and values of counters were added. */
  get count(): number {
    return this.#count;
  }

  /** @throws RangeError when it ends before it begins, or a time is no number */
  slice({ name, startNs, durationNs, args = {}, ...place }: Slice): void {
    if (!(durationNs >= 0)) throw new RangeError(`Cannot add a slice of ${durationNs} ns: a number from 0 is expected`);
    const [start, duration] = [wholeNs(startNs), wholeNs(durationNs)];
    const track = this.#track(place);
    const at = this.#at(track, track.lanes.place(start, start + duration), start);
    this.#add(`{"ph":"X",${at},"dur":${microseconds(duration)},${named(name)},"args":${int64JsonText(args)}}`);
  }

  /** @throws RangeError when the time is no number */
  instant({ name, timeNs, args = {}, ...place }: Instant): void {
    const time = wholeNs(timeNs);
    const at = this.#at(this.#track(place), 0, time);
    this.#add(`{"ph":"i","s":"t",${at},${named(name)},"args":${int64JsonText(args)}}`);
  }

  /** @throws RangeError when the time or the value is no number */
  counter({ name, timeNs, value, group }: CounterValue): void {
    // In all readers it is a double.
    const number = Number(value);
    if (!Number.isFinite(number)) throw new RangeError(`Cannot add a counter's value ${value}: a number is expected`);
    const time = wholeNs(timeNs);
    const { pid } = this.#group(group);
    this.#add(`{"ph":"C","pid":${pid},"ts":${microseconds(time)},${named(name)},"args":{"value":${int64JsonText(number)}}}`);
  }

  /**
   * Ends the file and puts it in its place. The end of the run does it as well.
   *
   * @throws {PerfprofError} It cannot be written
   */
  close(): void {
    if (!this.#file.isOpen) return;
    this.#arrange();
    this.#file.write("\n]}\n");
    this.#file.finish();
  }

  /** Gives the file up; what was in its place stays. */
  discard(): void {
    this.#file.discard();
  }

  #add(event: string): void {
    this.#count++;
    this.#write(event);
  }

  #write(event: string): void {
    this.#file.write(`${this.#separator}\n${event}`);
    this.#separator = ",";
  }

  /** Groups stand in the order in which they came, tracks in that of their names, lanes side by side. */
  #arrange(): void {
    for (const { pid, tracks } of this.#groups.values()) {
      this.#describe("process_sort_index", pid, 0, { sort_index: pid });
      const sorted = [...tracks.values()].sort((a, b) => NAMES.compare(a.name, b.name));
      for (const [place, { tids }] of sorted.entries()) {
        for (const tid of tids) this.#describe("thread_sort_index", pid, tid, { sort_index: place });
      }
    }
  }

  /** Where and when, as members. Lanes have the name of their track. */
  #at({ group, name, tids }: Track, lane: number, time: bigint): string {
    const { pid } = group;
    let tid = tids[lane];
    if (tid === undefined) {
      tids.push(tid = ++group.tid);
      this.#describe("thread_name", pid, tid, { name });
    }
    return `"pid":${pid},"tid":${tid},"ts":${microseconds(time)}`;
  }

  #track({ group: groupName, track: name }: Place): Track {
    const group = this.#group(groupName);
    let track = group.tracks.get(name);
    if (track === undefined) group.tracks.set(name, track = { group, name, lanes: new Lanes(), tids: [] });
    return track;
  }

  #group(name = "perfprof"): Group {
    let group = this.#groups.get(name);
    if (group === undefined) {
      this.#groups.set(name, group = { pid: this.#groups.size + 1, tracks: new Map(), tid: 0 });
      this.#describe("process_name", group.pid, 0, { name });
    }
    return group;
  }

  /** Says something of a group or a lane. */
  #describe(what: string, pid: number, tid: number, args: { readonly name: string } | { readonly sort_index: number }): void {
    this.#write(`{"ph":"M","pid":${pid},"tid":${tid},"name":"${what}","args":${int64JsonText(args)}}`);
  }
}

function named(name: string): string {
  return `"name":${int64JsonText(name)}`;
}

function wholeNs(ns: Ns): bigint {
  if (typeof ns === "bigint") return ns;
  if (!Number.isFinite(ns)) throw new RangeError(`Cannot place ${ns} in time: ns are expected`);
  return BigInt(Math.round(ns));
}

/** ns as the digits of µs. */
function microseconds(ns: bigint): string {
  const sign = ns < 0n ? "-" : "";
  const digits = String(ns < 0n ? -ns : ns).padStart(4, "0");
  return `${sign}${digits.slice(0, -3)}.${digits.slice(-3)}`;
}
