/**
 * lib/recorder.ts over native/record.c. Owns the handle of a recorder and the memory that C tells its progress in; the session is
 * the live source's.
 *
 * @module
 */

import type { EventId, RecordedState, Recorder, RecordingMachine } from "../lib/recorder.ts";
import type { Source } from "../lib/source.ts";
import { ABI } from "./abi.ts";
import {
  type Bytes,
  call,
  callForBytes,
  callForText,
  callNonblocking,
  cString,
  type Handle,
  type Library,
  library,
  NativeError,
  outPointer,
} from "./library.ts";
import { LiveSource } from "./live_source.ts";
import { asSourceError, orSourceError } from "./source_error.ts";

const { pp_recorded, pp_event_id } = ABI.structs;
/** First sizes of buffers, in bytes. */
const FILE_SIZE = 16384;
const IDS_SIZE = 256 * pp_event_id.size;

/** This machine, as far as recordings ask. */
export class NativeRecordingMachine implements RecordingMachine {
  #tracefs: string | undefined;

  bytes(path: string): Uint8Array | undefined {
    try {
      const { result, buffer } = callForBytes(
        FILE_SIZE,
        (library, buffer, error) => library.pp_kernel_file_read(cString(path), buffer, buffer.length, error),
      );
      return buffer.subarray(0, result);
    } catch (error) {
      if (error instanceof NativeError && error.code === "PP_E_FILE") return undefined;
      throw error;
    }
  }

  tracefsBytes(path: string): Uint8Array | undefined {
    this.#tracefs ??= orSourceError(() =>
      callForText(FILE_SIZE, (library, buffer, error) => library.pp_tracefs_path(1, buffer, buffer.length, error))
    );
    return this.bytes(`${this.#tracefs}/${path}`);
  }

  recorder(source: Source, path: string, level: number): Recorder {
    if (!(source instanceof LiveSource)) throw new TypeError("record a source failed: it is not live");
    return orSourceError(() => new NativeRecorder(source.session, path, level));
  }
}

class NativeRecorder implements Recorder {
  readonly #session: Handle;
  readonly #recorder: Handle;
  readonly #recorded = new Uint8Array(pp_recorded.size);
  readonly #view = new DataView(this.#recorded.buffer);

  constructor(session: Handle, path: string, level: number) {
    this.#session = session;
    this.#recorder = outPointer((library, out, error) =>
      library.pp_recorder_new(session, cString(path), level, this.#recorded, out, error)
    );
  }

  ids(): EventId[] {
    const { size, fields } = pp_event_id;
    const { result, buffer } = callForBytes(
      IDS_SIZE,
      (library, buffer, error) => library.pp_session_ids(this.#session, buffer, buffer.length, error),
    );
    const view = new DataView(buffer.buffer);
    return Array.from({ length: result }, (_, i) => ({
      id: view.getBigUint64(i * size + fields.id.offset, true),
      event: view.getUint32(i * size + fields.event.offset, true),
      cpu: view.getUint32(i * size + fields.cpu.offset, true),
    }));
  }

  begin(head: Bytes, table: Bytes): void {
    orSourceError(() =>
      call((library, error) => library.pp_recorder_begin(this.#recorder, head, head.length, table, table.length, error))
    );
  }

  add(records: Bytes): void {
    orSourceError(() => call((library, error) => library.pp_recorder_add(this.#recorder, records, records.length, error)));
  }

  async pass(): Promise<void> {
    await this.#write((library, error) => library.pp_recorder_pass(this.#recorder, error));
  }

  async finish(): Promise<void> {
    await this.#write((library, error) => library.pp_recorder_finish(this.#recorder, error));
  }

  patch(offset: number, bytes: Bytes): void {
    orSourceError(() =>
      call((library, error) => library.pp_recorder_patch(this.#recorder, offset, bytes, bytes.length, error))
    );
  }

  state(): RecordedState {
    const at = (field: keyof typeof pp_recorded.fields) => this.#view.getBigUint64(pp_recorded.fields[field].offset, true);
    return {
      bytes: Number(at("bytes")),
      dataBytes: Number(at("data_bytes")),
      firstTimeNs: at("first_time"),
      lastTimeNs: at("last_time"),
    };
  }

  close(): void {
    library().pp_recorder_close(this.#recorder);
  }

  async #write(invoke: (library: Library, error: Bytes) => Promise<number>): Promise<void> {
    try {
      await callNonblocking(invoke);
    } catch (error) {
      throw asSourceError(error);
    }
  }
}
