/**
 * A recording (perf.data) through the C library: what is in it, and lib/source.ts's Source over its records. The state, which C
 * writes to, is held here until it is closed.
 *
 * @module
 */

import type { RecordingFile, RecordingHost, ReplayOptions, ReplaySource } from "../lib/recording.ts";
import type { Sink } from "../lib/sink.ts";
import type { ClockPair, EventCount, SourceState } from "../lib/source.ts";
import { ABI } from "./abi.ts";
import { Formats } from "./formats.ts";
import { HandlerSink } from "./handler_sink.ts";
import { type Bytes, call, callForBytes, cString, type Handle, library, NativeError, outPointer } from "./library.ts";
import { NativeState, readCounts } from "./native_state.ts";
import { orSourceError } from "./source_error.ts";
import { NativeSymbolizer } from "./symbolizer.ts";

const { pp_recording, pp_state } = ABI.structs;
const { PP_REPLAY_FORCE, PP_REPLAY_WATCH_STDOUT } = ABI.constants;

/** First sizes of buffers, in bytes. */
const ATTR_SIZE = 256;
const SECTION_SIZE = 16 * 1024;
/** As long as no pipe has more to read. */
const READY_MS = 100;

/** What opens recordings, and parses their formats. */
export const recordingHost: RecordingHost = {
  open: (path, force) => new NativeRecording(path, force),
  formats: () => new Formats(""),
  symbolizer: (mangled) => new NativeSymbolizer(mangled),
  kernelNotes,
};

function kernelNotes(): Uint8Array | undefined {
  try {
    return Deno.readFileSync("/sys/kernel/notes");
  } catch {
    return undefined;
  }
}

class NativeRecording implements RecordingFile {
  readonly #replay: Handle;
  readonly #state = new Uint8Array(pp_state.size);
  #waiting: Promise<number> | undefined;
  #closed = false;

  constructor(readonly path: string, force: boolean) {
    const flags = PP_REPLAY_WATCH_STDOUT | (force ? PP_REPLAY_FORCE : 0);
    this.#replay = orSourceError(() =>
      outPointer((library, out, error) => library.pp_replay_open(cString(path), flags, this.#state, out, error))
    );
  }

  get events(): number {
    return Number(this.#describe("events"));
  }

  get unfinished(): boolean {
    return this.#describe("unfinished") !== 0n;
  }

  get isPipe(): boolean {
    return this.#describe("pipe") !== 0n;
  }

  get kernelText(): bigint {
    return this.#describe("kernel_text");
  }

  get kernelBuildId(): Bytes | undefined {
    const size = Number(this.#describe("kernel_build_id_size"));
    const { offset } = pp_recording.fields.kernel_build_id;
    return size === 0 ? undefined : this.#described().slice(offset, offset + size);
  }

  get position(): { readonly at: number; readonly end: number } {
    return { at: Number(this.#describe("at")), end: Number(this.#describe("end")) };
  }

  attr(event: number): Bytes {
    const { result, buffer } = callForBytes(
      ATTR_SIZE,
      (library, buffer, error) => library.pp_replay_attr(this.#replay, event, buffer, buffer.length, error),
    );
    return buffer.slice(0, result);
  }

  section(feature: number): Bytes {
    return orSourceError(() => {
      const { result, buffer } = callForBytes(
        SECTION_SIZE,
        (library, buffer, error) => library.pp_replay_section(this.#replay, feature, buffer, buffer.length, error),
      );
      return buffer.subarray(0, result);
    });
  }

  open({ events, fromNs, toNs, offsetNs }: ReplayOptions): ReplaySource {
    events.forEach(({ numbers, cpus }, index) => {
      const list = new Uint8Array(Uint32Array.from(cpus).buffer);
      for (const event of numbers) {
        call((library, error) => library.pp_replay_choose(this.#replay, event, index, list, cpus.length, error));
      }
    });
    library().pp_replay_limit(this.#replay, fromNs, toNs);
    return new NativeReplaySource(this, this.#replay, new NativeState(this.#state, 0), offsetNs);
  }

  /** Waits as pp_replay_wait does. */
  async wait(timeoutMs: number, pause: boolean): Promise<number> {
    this.#waiting = library().pp_replay_wait(this.#replay, timeoutMs, pause ? 1 : 0);
    try {
      return await this.#waiting;
    } finally {
      this.#waiting = undefined;
    }
  }

  wake(): void {
    if (!this.#closed) library().pp_replay_wake(this.#replay);
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    if (this.#waiting === undefined) return library().pp_replay_close(this.#replay);
    // Another thread is still in there: it is freed when that has come back.
    library().pp_replay_wake(this.#replay);
    this.#waiting.finally(() => library().pp_replay_close(this.#replay));
  }

  #described(): Bytes {
    if (this.#closed) throw new TypeError("use a recording failed: it is closed");
    const bytes = new Uint8Array(pp_recording.size);
    library().pp_replay_describe(this.#replay, bytes);
    return bytes;
  }

  #describe(field: Exclude<keyof typeof pp_recording.fields, "kernel_build_id">): bigint {
    const { offset, size } = pp_recording.fields[field];
    const view = new DataView(this.#described().buffer);
    return size === 8 ? view.getBigUint64(offset, true) : BigInt(view.getUint32(offset, true));
  }
}

class NativeReplaySource implements ReplaySource {
  readonly #recording: NativeRecording;
  readonly #replay: Handle;
  readonly #state: NativeState;
  readonly #offsetNs: bigint;
  readonly #library = library();
  #firstNs = 0n;

  constructor(recording: NativeRecording, replay: Handle, state: NativeState, offsetNs: bigint) {
    this.#recording = recording;
    this.#replay = replay;
    this.#state = state;
    this.#offsetNs = offsetNs;
  }

  async ready(): Promise<void> {
    const first = new BigUint64Array(1);
    const bytes = new Uint8Array(first.buffer);
    const known = () =>
      orSourceError(() => call((library, error) => library.pp_replay_first_time(this.#replay, bytes, error))) !== 0;
    while (!known()) await this.#recording.wait(READY_MS, false);
    this.#firstNs = first[0]!;
  }

  enable(): void {}

  disable(): void {
    this.#library.pp_replay_stop(this.#replay);
  }

  wait(timeoutMs: number, pause: boolean): Promise<number> {
    return this.#recording.wait(timeoutMs, pause);
  }

  wake(): void {
    this.#recording.wake();
  }

  read(into: Bytes, sink?: Sink): number {
    try {
      return call((library, error) =>
        sink instanceof HandlerSink
          ? library.pp_replay_hand(this.#replay, sink.handlers, into, into.length, error)
          : library.pp_replay_read(this.#replay, into, into.length, error)
      );
    } catch (error) {
      if (error instanceof NativeError && error.code === "PP_E_SPACE") return -error.need;
      return orSourceError(() => {
        throw error;
      });
    }
  }

  state(): SourceState {
    return this.#state;
  }

  counts(): EventCount[] {
    return readCounts((library, buffer, error) => library.pp_replay_counts(this.#replay, buffer, buffer.length, error));
  }

  /** How far the run is: at first the oldest sample, where it begins. */
  clockPair(): ClockPair {
    const clockNs = BigInt(this.#state.safeTimeNs) || this.#firstNs;
    return { clockNs, realtimeNs: clockNs + this.#offsetNs };
  }

  close(): void {
    this.#recording.close();
  }
}
