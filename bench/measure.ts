/**
 * Measures one consumer of events against the C generator, in one of two ways: a consumer that runs on (`measureLive`) from rest to
 * rest by its CPU clock, so that its start and end are not in it; one that reads a recording (`measureRecorded`) by wait4(2), with or
 * without the making of it, less what the same takes without an event. Knows nothing of which consumers there are or of how results
 * are shown.
 *
 * @module
 */

import { type CommandLine, output, Process, program, type Usage, usage } from "./process.ts";

/** What the generator does: so many calls of a system call that nobody else makes. */
export interface Load {
  readonly calls: number;
  /** As fast as it can, unless it is told to make so many. */
  readonly perSecond?: number;
  /** Number of that system call. */
  readonly nr: number;
  /** The generator stays on this CPU. */
  readonly cpu: number;
}

/** What a consumer did and needed under a load. */
export interface Run {
  readonly events: number;
  /** Calls that it did not tell of. */
  readonly lost: number;
  /** CPU of the consumer per event, user and system. */
  readonly nsPerEvent: number;
  /** CPU of the generator per call meanwhile; not of one that reads what was recorded before. */
  readonly nsPerCall?: number;
  /** Events that stood twice in the recording, and are not in `events`. */
  readonly twice?: number;
  readonly peakRssMb: number;
  readonly ringMb: number;
  /** Wall time of the generator, beside a live consumer. */
  readonly seconds?: number;
}

/** Events that reached a consumer, and those it says were lost (`undefined` where it cannot say). */
export interface Counts {
  readonly events: number;
  readonly lost?: number;
}

/** A program that consumes until SIGINT. */
export interface Live {
  readonly command: CommandLine;
  /** What it says when events flow. */
  readonly ready: RegExp;
  /** What it prints for its events goes to /dev/null; it is ready and counts on stderr then. */
  readonly stdout?: "null";
  /** From all that it wrote. */
  readonly counts: (text: string) => Counts;
}

/** Two programs: one writes a file of the events while a command runs, the other reads it. */
export interface Recorded {
  readonly record: CommandLine;
  readonly read?: CommandLine;
  /** As in Live. */
  readonly stdout?: "null";
  /** Of the whole recording. */
  readonly counts: (text: string) => Counts | Promise<Counts>;
  /** How many events stand twice in the recording. */
  readonly twice: () => Promise<number>;
  /** The recording was there before: only its reading is measured. */
  readonly readOnly?: true;
  readonly ringMb: number;
}

/** Command line of the generator (tests/native/emit.c). */
function generator({ calls, perSecond, nr, cpu }: Load): CommandLine {
  const what = perSecond === undefined ? ["calls", calls, nr] : ["rate", perSecond, calls / perSecond];
  return [program("emit"), "--cpu", String(cpu), ...what.map(String)];
}

/** CPU time of one call, from what the generator says at its end. */
function callNs(text: string): number {
  return Number(/"ns_per_call":([\d.]+)/.exec(text)![1]);
}

/** Runs the generator alone. @returns CPU time of one call, ns */
export async function generate(load: Load): Promise<number> {
  return callNs(await output(generator(load)));
}

/** Lost is what was called and did not arrive, whatever the consumer says of it; but what it says must not be wrong. */
function account(calls: number, { events, lost }: Counts): { readonly events: number; readonly lost: number } {
  if (events > calls || (lost !== undefined && events + lost !== calls)) {
    throw new Error(`of ${calls} events ${events} were delivered and ${lost ?? "none"} are said to be lost`);
  }
  if (events === 0) throw new Error(`none of ${calls} events was delivered`);
  return { events, lost: calls - events };
}

/** Runs a consumer, and the generator beside it. */
export async function measureLive({ command, ready, stdout, counts }: Live, load: Load): Promise<Run> {
  const process = new Process(command, stdout && { stdout });
  try {
    await process.says(ready);
    const before = await process.rest();
    const started = performance.now();
    const nsPerCall = await generate(load);
    const seconds = (performance.now() - started) / 1000;
    const after = await process.rest();
    const memory = { peakRssMb: process.peakRssMb(), ringMb: process.ringMb() };
    process.interrupt();
    const { events, lost } = account(load.calls, counts(await process.end()));
    return { events, lost, nsPerEvent: (after.beganNs - before.endedNs) / events, nsPerCall, seconds, ...memory };
  } catch (error) {
    await process.terminate();
    throw error;
  }
}

/** Records the generator, then reads the recording. `idleNs` is what that takes without an event. */
export async function measureRecorded(recorded: Recorded, load: Load, idleNs: number): Promise<Run> {
  const { readOnly, ringMb } = recorded;
  const { cpuNs, peakRssMb, text, nsPerCall } = await recordAndRead(recorded, load);
  const counts = await recorded.counts(text);
  const twice = counts.events > load.calls ? await recorded.twice() : 0;
  const { events, lost } = account(load.calls, { ...counts, events: counts.events - twice });
  const nsPerEvent = (cpuNs - idleNs) / (events + twice);
  return { events, lost, twice, nsPerEvent, peakRssMb, ...(readOnly ? { ringMb: 0 } : { nsPerCall, ringMb }) };
}

/** CPU time of recording and reading nothing: start and end of both. */
export async function measureIdle(recorded: Recorded, load: Load): Promise<number> {
  return (await recordAndRead(recorded, { ...load, calls: 0 })).cpuNs;
}

async function recordAndRead(recorded: Recorded, load: Load): Promise<Usage & { readonly nsPerCall: number }> {
  const { record, read, stdout, readOnly } = recorded;
  const recording = await usage([...record, "--", ...generator(load)]);
  const reading = read && await usage(read, stdout && { stdout });
  const nsPerCall = callNs(recording.text);
  // The generator is a child of the recorder: its calls are in that time as well.
  const recordingNs = recording.cpuNs - load.calls * nsPerCall;
  return {
    cpuNs: (readOnly ? 0 : recordingNs) + (reading?.cpuNs ?? 0),
    peakRssMb: Math.max(readOnly ? 0 : recording.peakRssMb, reading?.peakRssMb ?? 0),
    text: reading?.text ?? "",
    nsPerCall,
  };
}

/**
 * From the start of a program to its first event.
 *
 * @param steps Programs, one after the other; the last shows events
 * @param first What it writes at the first
 * @returns ms
 */
export async function timeToFirst(steps: readonly CommandLine[], first: RegExp): Promise<number> {
  const started = performance.now();
  for (const step of steps.slice(0, -1)) await output(step);
  const process = new Process(steps.at(-1)!);
  try {
    await process.says(first);
    return performance.now() - started;
  } finally {
    await process.terminate();
  }
}
