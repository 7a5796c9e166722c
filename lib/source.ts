/**
 * The interface of an event source, and the shape of what it delivers. ffi/live_source.ts implements it over a native session;
 * tests implement it over recorded bytes. lib/ knows nothing of where records come from.
 *
 * A batch is a run of records, each after an 8-byte prefix (struct pp_prefix of native/perfprof.h, little endian):
 *
 *     u32 size     bytes of the record that follows
 *     u16 event    index into the source's events, or EVENT_LOST
 *     u16 cpu
 *
 * A record is the kernel's own (struct perf_event_header first, see perf_event_open(2)); with EVENT_LOST it is struct pp_lost; of an
 * event that was set brief it is the time alone.
 * All sizes are multiples of 8, and the batch starts at a multiple of 8.
 *
 * @module
 */

import type { Sink } from "./sink.ts";

/** Prefix of each record in a batch, in bytes. */
export const PREFIX_SIZE = 8;

/** Event index of a record that tells of lost samples (struct pp_lost: u64 start, u64 end, u64 count, u32 event, u32 cpu). */
export const EVENT_LOST = 0xffff;

/** Event index in such a record where the kernel cannot tell which event lost samples. */
export const EVENT_UNKNOWN = 0xffffffff;

/** The largest record with its prefix, in bytes. */
export const RECORD_MAX = 65536 + PREFIX_SIZE;

/** Why `wait` returned, as bits; 0 is the time-out. */
export const WAIT_DATA = 1;
export const WAIT_WOKEN = 2;
export const WAIT_ENDED = 4;
export const WAIT_STDOUT = 8;

/** A moment in the clock of the events and in wall clock time, both in ns. */
export interface ClockPair {
  readonly clockNs: bigint;
  readonly realtimeNs: bigint;
}

/** What a source tells beside its records. Times in ns of the events' clock. */
export interface SourceState {
  /** Every record up to this time has been delivered. */
  readonly safeTimeNs: number;
  /** Greatest time of the samples of the last read. */
  readonly batchNewestNs: number;
  /** Samples since the start: delivered, known to be lost, delivered after a newer one, dropped as our own. */
  readonly delivered: number;
  readonly lost: number;
  readonly late: number;
  readonly excluded: number;
  /** Side-band records that the kernel lost, and records whose lengths made no sense. */
  readonly sidebandLost: number;
  readonly damaged: number;
  /** Records are held back: read again soon. */
  readonly pending: boolean;
  /** All tasks (or the command) have ended. */
  readonly ended: boolean;
  /** Wait status of the command, -1 while it runs or where there is none. */
  readonly commandStatus: number;
  /** Data bytes of one ring, and how many there are. */
  readonly ringBytes: number;
  readonly rings: number;
  /** Bytes that the queue may take, 0 without one. */
  readonly queueBytes: number;
}

/** Samples of one event on one CPU: sent = delivered + lost + excluded. */
export interface EventCount {
  readonly event: number;
  readonly cpu: number;
  readonly delivered: number;
  readonly lost: number;
  readonly excluded: number;
}

/** A source of records. Calls are made one at a time; during a `wait` only `wake`, `state`, `counts`, `clockPair` and `close` may come. */
export interface Source {
  /** A sample of this event is to be the u64 of its time alone, ns. Before `enable`; a source need not be able to. */
  setBrief?(event: number): void;
  /** Starts the flow. */
  enable(): void;
  /** Ends the flow; what the rings hold can still be read. */
  disable(): void;
  /**
   * Waits for records.
   *
   * @param timeoutMs At most so long
   * @param pause True: records do not end the wait (a rest for the event loop)
   * @returns WAIT_* bits
   */
  wait(timeoutMs: number, pause: boolean): Promise<number>;
  /**
   * Waits for records on this thread: nothing else of JavaScript runs meanwhile. A signal ends it as well, with WAIT_WOKEN.
   *
   * @param timeoutMs At most so long
   * @returns WAIT_* bits
   */
  waitHere?(timeoutMs: number): number;
  /** Ends a running or the next `wait`. */
  wake(): void;
  /**
   * Copies whole records into `into`, as many as fit and may be delivered.
   *
   * @param into Aligned to 8 bytes
   * @param sink Takes samples in their place in the stream; a read ends before one that it may not take yet
   * @returns Bytes written, 0 when nothing may be delivered now, or minus the bytes that the next record takes when `into` is too small
   */
  read(into: Uint8Array, sink?: Sink): number;
  /** The state after the last call: the same object each time, read when its properties are. */
  state(): SourceState;
  /** Reads the kernel's counts. */
  counts(): EventCount[];
  /** Clock of the events and wall clock, now. */
  clockPair(): ClockPair;
  /** Ends a running `wait` as well. Nothing may be called any more, but `wake` and `state`. */
  close(): void;
}

/** One event to open. */
export interface SourceEvent {
  /** For messages: `sched:sched_switch`. */
  readonly name: string;
  /** struct perf_event_attr. */
  readonly attr: Uint8Array<ArrayBuffer>;
  /** The CPUs it is opened on. */
  readonly cpus: readonly number[];
  /** The kernel's trace filter. */
  readonly filter?: string | undefined;
  /** COMM, FORK and EXIT records are wanted, and no samples. */
  readonly sideband: boolean;
  /** Of a dynamic probe: what users call it. Its events are closed before it is removed. */
  readonly probe?: string | undefined;
  /** Of all tasks on its CPUs, whatever the target is. */
  readonly everyTask?: boolean | undefined;
  /** Index of the event, an earlier one on the same CPUs, in whose group it counts. */
  readonly leader?: number | undefined;
}

/** Whose events: one of these, or nobody's in particular. */
export type Target =
  | { readonly kind: "all" }
  /** With all threads, new ones and children. */
  | { readonly kind: "pids"; readonly pids: readonly number[] }
  | { readonly kind: "tids"; readonly tids: readonly number[] }
  | { readonly kind: "cgroups"; readonly paths: readonly string[] }
  /** A command that is started and held until `enable`. */
  | { readonly kind: "command"; readonly words: readonly string[] };

/** What a live source is opened with. */
export interface SourceRequest {
  readonly events: readonly SourceEvent[];
  readonly target: Target;
  readonly order: boolean;
  readonly excludeSelf: boolean;
  /** End the waits when nobody reads stdout any more. */
  readonly watchStdout: boolean;
  /** The command writes to stderr what it means for stdout. */
  readonly commandToStderr?: boolean | undefined;
  /** CLOCK_* number, or CLOCK_PERF. */
  readonly clockid: number;
  /** Data pages of a ring, a power of two, and whether fewer will do when the kernel refuses them. */
  readonly ringPages: number;
  readonly ringShrink: boolean;
  /** Bytes of the queue for what the rings cannot hold while nobody reads, 0: none. */
  readonly queueBytes: number;
}

/** The kernel's own perf clock, where a CLOCK_* number is asked for. */
export const CLOCK_PERF = -1;

/** What a source tried when it failed. */
export type SourceOperation =
  | "open"
  | "mmap"
  | "filter"
  | "cgroup"
  | "task"
  | "exec"
  | "ioctl"
  | "format"
  | "tracefs"
  | "file"
  | "output"
  | "memory"
  | "probe"
  | "elf"
  | "recording"
  | "system";

/** The kernel's refusal, as a source reports it; lib/failures.ts says it to a person. */
export class SourceError extends Error {
  override readonly name = "SourceError";

  /**
   * @param text What was tried, such as `perf_event_open sched:sched_switch cpu=3`; of a filter, the kernel's reason
   * @param errno Its number, 0 where the kernel gave none
   * @param event Index of the event, -1 where it does not apply; so `cpu` and `pid`
   */
  constructor(
    readonly operation: SourceOperation,
    text: string,
    readonly errno: number,
    readonly event = -1,
    readonly cpu = -1,
    readonly pid = -1,
  ) {
    super(text);
  }
}
