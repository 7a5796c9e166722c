/**
 * The interface of what writes a recording, and of what it reads of the machine. ffi/recorder.ts implements it over native/record.c.
 *
 * @module
 */

import type { Source } from "./source.ts";

/** What an id in a sample stands for. */
export interface EventId {
  readonly id: bigint;
  /** Index in the request. */
  readonly event: number;
  readonly cpu: number;
}

/** How far a recording has come. */
export interface RecordedState {
  /** Of the file. */
  readonly bytes: number;
  /** Of the records, before compression. */
  readonly dataBytes: number;
  /** Of samples, ns; 0n where there was none. */
  readonly firstTimeNs: bigint;
  readonly lastTimeNs: bigint;
}

/** Writes what a source's rings hold. Calls are made one at a time, also with those of the source. */
export interface Recorder {
  ids(): EventId[];
  /**
   * Writes what comes before the data.
   *
   * @param table What follows the data of a file; empty for a pipe
   * @throws {SourceError} `output`
   */
  begin(head: Uint8Array<ArrayBuffer>, table: Uint8Array<ArrayBuffer>): void;
  /** Adds whole records. @throws {SourceError} `output` */
  add(records: Uint8Array<ArrayBuffer>): void;
  /** Writes what the rings hold; the file is whole after it. @throws {SourceError} `output` */
  pass(): Promise<void>;
  /** The last pass, once the source is disabled, and the kernel's counts of what was lost. @throws {SourceError} `output` */
  finish(): Promise<void>;
  /** Writes over bytes of the head. @throws {SourceError} `output` */
  patch(offset: number, bytes: Uint8Array<ArrayBuffer>): void;
  /** After the last call. */
  state(): RecordedState;
  close(): void;
}

/** What a recording needs of the machine beside its events. */
export interface RecordingMachine {
  /** Of a file under /proc or /sys; undefined when it is not there. */
  bytes(path: string): Uint8Array | undefined;
  /** Of a file below tracefs. */
  tracefsBytes(path: string): Uint8Array | undefined;
  /**
   * Opens the file.
   *
   * @param source Open, not yet enabled, without a queue
   * @param path `-` for stdout
   * @param level Of zstd, 0: none
   * @throws {SourceError} `output`; `file` where zstd is not installed
   */
  recorder(source: Source, path: string, level: number): Recorder;
}
