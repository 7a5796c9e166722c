/**
 * Events on a timeline: of sched:sched_switch a slice for each task on its CPU's track; any other event is an instant, on a track of
 * its CPU below.
 *
 * @module
 */

import type { AnyEvent } from "../generated_class.ts";
import type { Timeline } from "./timeline.ts";

/** A task on a CPU. */
interface Running {
  readonly comm: string;
  readonly pid: number;
  readonly startNs: bigint;
}

/** What runs where, and since when. */
export class CpuTimeline {
  readonly #timeline: Pick<Timeline, "slice" | "instant">;
  readonly #running = new Map<number, Running>();
  #lastNs = 0n;

  constructor(timeline: Pick<Timeline, "slice" | "instant">) {
    this.#timeline = timeline;
  }

  add(event: AnyEvent): void {
    const timeNs = event.get_bigint("_time");
    this.#lastNs = timeNs;
    if (event._event === "sched:sched_switch") this.#switch(event, timeNs);
    else this.#instant(event, timeNs);
  }

  /** A switch may be among lost events: who ran meanwhile is not known. */
  forget(cpu: number): void {
    this.#running.delete(cpu);
  }

  /** What runs at the end has run until the last event. */
  end(): void {
    for (const [cpu, running] of this.#running) this.#slice(cpu, running, this.#lastNs);
    this.#running.clear();
  }

  #switch(event: AnyEvent, timeNs: bigint): void {
    const { _cpu, next_comm, next_pid } = event;
    const running = this.#running.get(_cpu);
    if (running !== undefined) this.#slice(_cpu, running, timeNs);
    this.#running.set(_cpu, { comm: String(next_comm), pid: Number(next_pid), startNs: timeNs });
  }

  #slice(cpu: number, { comm, pid, startNs }: Running, endNs: bigint): void {
    // Pid 0 is a CPU with nothing to do.
    if (pid === 0) return;
    // Times of one CPU may go back by a little.
    const durationNs = endNs > startNs ? endNs - startNs : 0n;
    this.#timeline.slice({ group: "CPUs", track: `CPU ${cpu}`, name: comm, startNs, durationNs, args: { pid } });
  }

  #instant(event: AnyEvent, timeNs: bigint): void {
    const own = event.items().filter(([name]) => !/^_|^common_/.test(name));
    const args = { pid: event._tid, ...Object.fromEntries(own) };
    this.#timeline.instant({ group: "Events", track: `CPU ${event._cpu}`, name: event._event, timeNs, args });
  }
}
