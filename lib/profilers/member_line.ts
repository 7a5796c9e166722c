/**
 * What print() makes of a profiler's sample: the columns of a tracepoint's line, but for the latency flags, and the text that the
 * profiler gives.
 *
 * @module
 */

import { time } from "../decode.ts";
import type { AnyEvent } from "../generated_class.ts";
import { addMoments, momentAt } from "../moment.ts";
import { addHead, printable } from "../print.ts";
import type { LineOffsets } from "../print_line.ts";
import type { TextBytes } from "../text_bytes.ts";
import type { EventServices } from "../event_services.ts";

/** Makes the lines of one profiler's events. */
export class MemberLine {
  /** `: profile: ` */
  readonly #label: string;
  readonly #services: EventServices;
  readonly #at: LineOffsets;
  readonly #text: (event: AnyEvent) => string;

  constructor(event: string, services: EventServices, at: LineOffsets, text: (event: AnyEvent) => string) {
    this.#label = printable(`: ${event}: `);
    this.#services = services;
    this.#at = at;
    this.#text = text;
  }

  /**
   * Adds the line of a sample, without a newline.
   *
   * @param record Of its perf_event_header in the view
   * @param timestamp With the wall clock
   */
  add(text: TextBytes, event: AnyEvent, view: DataView, record: number, timestamp: boolean): void {
    const timeNs = time(view, record + this.#at.time);
    const moment = momentAt(view, record + this.#at.time);
    const tid = view.getInt32(record + this.#at.tid + 4, true);
    const cpu = view.getUint32(record + this.#at.cpu, true);
    const wall = timestamp ? addMoments(moment, this.#services.realtimeOffset(timeNs)) : undefined;
    const head = { comm: this.#services.comm(tid, timeNs), tid, flags: "", cpu };
    addHead(text, wall, head, moment);
    text.addString(this.#label + printable(this.#text(event).trimEnd()));
  }
}
