/**
 * The handlers of `perfprof export`: a module like any other, that writes all events of a recording in one of the formats. Its
 * arguments are the format and the file.
 *
 * @module
 */

import type { AnyEvent } from "../generated_class.ts";
import type { PerfProf } from "../perf_prof.ts";
import type { Frame } from "../event_services.ts";
import { CpuTimeline } from "./cpu_timeline.ts";
import { isStackFormat, type RecordingFormat, type StackFormat, type TableFormat } from "./formats.ts";

declare const perf_prof: PerfProf;

/** What takes the events of a recording. */
interface Sink {
  add(event: AnyEvent): void;
  lost?(cpu: number): void;
  /** @returns What was written, in a word */
  end(): Promise<string> | string;
}

const [format, path = ""] = Deno.args as [RecordingFormat, string];
let sink: Sink;

export async function __init__(): Promise<void> {
  sink = await (format === "chrome" ? timelineSink() : isStackFormat(format) ? stackSink(format) : tableSink(format));
}

export function __sample__(event: AnyEvent): void {
  sink.add(event);
}

export function __lost__(_start: number, _end: number, info: { readonly cpu: number }): void {
  sink.lost?.(info.cpu);
}

export async function __exit__(): Promise<void> {
  console.log(`${await sink.end()} in ${path}`);
}

async function stackSink(format: StackFormat): Promise<Sink> {
  const stacks = await perf_prof.export.stacks({ title: path });
  return {
    add(event) {
      const frames = event.get("_callchain") ?? event.get("callchain") ?? [];
      // The event's line begins with the task's name, in 16 columns.
      const comm = event.to_text({ timestamp: false, callchain: false }).slice(0, 16).trimStart();
      stacks.add(frames as readonly Frame[], 1, comm);
    },
    async end() {
      await stacks.write(path, format);
      return `${stacks.total} stacks`;
    },
  };
}

async function tableSink(format: TableFormat): Promise<Sink> {
  const table = await perf_prof.export.table(path, { format });
  return {
    add: (event) => table.add(event),
    end() {
      table.close();
      return `${table.count} rows`;
    },
  };
}

async function timelineSink(): Promise<Sink> {
  const timeline = await perf_prof.export.timeline(path);
  const cpus = new CpuTimeline(timeline);
  return {
    add: (event) => cpus.add(event),
    lost: (cpu) => cpus.forget(cpu),
    end() {
      cpus.end();
      timeline.close();
      return `${timeline.count} slices and instants`;
    },
  };
}
