/**
 * The handlers of `perfprof export`: a module like any other, that writes all events of a recording in one of the formats. Its
 * arguments are the recording, the format and the file. Where there is to be no file (it cannot be written, somebody has had
 * enough), the run ends at once, and the status says it.
 *
 * @module
 */

import { errorLines } from "../error_text.ts";
import { PerfprofError } from "../errors.ts";
import type { AnyEvent } from "../generated_class.ts";
import type { PerfProf } from "../perf_prof.ts";
import type { Frame } from "../event_services.ts";
import { CpuTimeline } from "./cpu_timeline.ts";
import { isStackFormat, type RecordingFormat, type StackFormat, type TableFormat } from "./formats.ts";
import { OutputFile } from "./output_file.ts";

declare const perf_prof: PerfProf;

/** What takes the events of a recording. */
interface Sink {
  add(event: AnyEvent): void;
  lost?(cpu: number): void;
  /** @returns What was written, in a word */
  end(): Promise<string> | string;
  /** Leaves nothing behind. */
  discard?(): void;
}

const [recording, format, path] = Deno.args as [string, RecordingFormat, string];
let sink: Sink | undefined;

/** Signals that end a run, and the statuses that shells give to who died of them. */
const ENDS: readonly (readonly [Deno.Signal, number])[] = [["SIGHUP", 129], ["SIGINT", 130], ["SIGTERM", 143]];

export async function __init__(): Promise<void> {
  // Half of a file would pass for all of it. But who records into a pipe ends the recording so: what came is all there is.
  for (const [signal, status] of recording === "-" ? [] : ENDS) Deno.addSignalListener(signal, () => leave(status));
  if (isSameFile(recording, path)) {
    throw new PerfprofError(`writing ${path} failed: it is the recording`, { hints: ["-o with another name"] });
  }
  sink = await (format === "chrome" ? timelineSink() : isStackFormat(format) ? stackSink(format) : tableSink(format));
}

export function __sample__(event: AnyEvent): void {
  try {
    sink!.add(event);
  } catch (error) {
    fail(error);
  }
}

export function __lost__(_start: number, _end: number, info: { readonly cpu: number }): void {
  sink!.lost?.(info.cpu);
}

export async function __exit__(): Promise<void> {
  // Ended before it began.
  if (sink === undefined) return;
  try {
    console.log(`${await sink.end()} in ${path}`);
  } catch (error) {
    fail(error);
  }
}

function isSameFile(...paths: [string, string]): boolean {
  try {
    const [one, other] = paths.map((path) => Deno.statSync(path));
    return one!.dev === other!.dev && one!.ino === other!.ino;
  } catch {
    return false;
  }
}

function fail(error: unknown): never {
  const lines = error instanceof PerfprofError
    ? [error.message, ...error.hints.map((hint) => `hint: ${hint}`)]
    : errorLines(error);
  console.error(`perfprof: ${lines.join("\n")}`);
  leave(1);
}

function leave(status: number): never {
  sink?.discard?.();
  Deno.exit(status);
}

async function stackSink(format: StackFormat): Promise<Sink> {
  const stacks = await perf_prof.export.stacks({ title: path });
  // What the format needs, and a place for the file: a recording is not read for nothing.
  await stacks.encode(format);
  new OutputFile(path, () => {}).discard();
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
    add(event) {
      try {
        table.add(event);
      } catch (error) {
        throw error instanceof TypeError ? manyEvents() : error;
      }
    },
    end() {
      table.close();
      return `${table.count} rows`;
    },
    discard: () => table.discard(),
  };
}

/** An event came that has other fields than those before, of which the columns were made. */
function manyEvents(): PerfprofError {
  const [, stem, end] = /^(.*?)(\.\w+)?$/s.exec(path)!;
  return new PerfprofError(`writing ${path} failed: its events have different fields`, {
    hints: [`-o '${stem}.{event}${end ?? ""}'`, "-e EVENT for one of them", "--to jsonl"],
  });
}

async function timelineSink(): Promise<Sink> {
  const timeline = await perf_prof.export.timeline(path);
  const cpus = new CpuTimeline(timeline);
  return {
    add: (event) => cpus.add(event),
    lost: (cpu) => cpus.forget(cpu),
    discard: () => timeline.discard(),
    end() {
      cpus.end();
      timeline.close();
      return `${timeline.count} slices and instants`;
    },
  };
}
