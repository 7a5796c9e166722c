/**
 * `perf_prof.export.timeline()`: slices, instants and counters on tracks, as the Trace Event Format that Perfetto and
 * chrome://tracing open (JSON). It is written as it comes; what is remembered are the names of tracks.
 *
 * The format counts µs, with a point: ns are written to the last digit. A process of the format is a group of tracks here, a thread
 * a track.
 *
 * @module
 */

import { jsonText } from "./json_text.ts";
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

/** Something that lasted. */
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
  /** Names -> numbers of the format: groups, and tracks in their group. */
  readonly #groups = new Map<string, { readonly pid: number; readonly tracks: Map<string, number> }>();
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
    this.#add(
      `{"ph":"X",${this.#at(place, startNs)},"dur":${microseconds(durationNs)},${named(name)},"args":${jsonText(args)}}`,
    );
  }

  /** @throws RangeError when the time is no number */
  instant({ name, timeNs, args = {}, ...place }: Instant): void {
    this.#add(`{"ph":"i","s":"t",${this.#at(place, timeNs)},${named(name)},"args":${jsonText(args)}}`);
  }

  /** @throws RangeError when the time is no number */
  counter({ name, timeNs, value, group }: CounterValue): void {
    const { pid } = this.#group(group);
    this.#add(`{"ph":"C","pid":${pid},"ts":${microseconds(timeNs)},${named(name)},"args":{"value":${jsonText(value)}}}`);
  }

  /**
   * Ends the file and puts it in its place. The end of the run does it as well.
   *
   * @throws {PerfprofError} It cannot be written
   */
  close(): void {
    if (!this.#file.isOpen) return;
    this.#file.write("\n]}\n");
    this.#file.finish();
  }

  #add(event: string): void {
    this.#count++;
    this.#write(event);
  }

  #write(event: string): void {
    this.#file.write(`${this.#separator}\n${event}`);
    this.#separator = ",";
  }

  /** Where and when, as members. */
  #at({ group, track }: Place, timeNs: Ns): string {
    const { pid, tracks } = this.#group(group);
    let tid = tracks.get(track);
    if (tid === undefined) {
      tracks.set(track, tid = tracks.size + 1);
      this.#describe("thread", pid, tid, track);
    }
    return `"pid":${pid},"tid":${tid},"ts":${microseconds(timeNs)}`;
  }

  #group(name = "perfprof"): { readonly pid: number; readonly tracks: Map<string, number> } {
    let group = this.#groups.get(name);
    if (group === undefined) {
      this.#groups.set(name, group = { pid: this.#groups.size + 1, tracks: new Map() });
      this.#describe("process", group.pid, 0, name);
    }
    return group;
  }

  /** Names a group or a track, and keeps it at the place where it came first. */
  #describe(what: "process" | "thread", pid: number, tid: number, name: string): void {
    const place = `{"ph":"M","pid":${pid},"tid":${tid},`;
    this.#write(`${place}"name":"${what}_name","args":${jsonText({ name })}}`);
    this.#write(`${place}"name":"${what}_sort_index","args":{"sort_index":${tid || pid}}}`);
  }
}

function named(name: string): string {
  return `"name":${jsonText(name)}`;
}

/** ns as the digits of µs. */
function microseconds(ns: Ns): string {
  if (typeof ns === "number" && !Number.isFinite(ns)) throw new RangeError(`Cannot place ${ns} in time: ns are expected`);
  const whole = BigInt(typeof ns === "number" ? Math.round(ns) : ns);
  const sign = whole < 0n ? "-" : "";
  const digits = String(whole < 0n ? -whole : whole).padStart(4, "0");
  return `${sign}${digits.slice(0, -3)}.${digits.slice(-3)}`;
}
