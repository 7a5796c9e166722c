/**
 * A source over bytes at hand: a test says which records come, in what batches, and which time is safe after each.
 *
 * @module
 */

import { type ClockPair, type EventCount, PREFIX_SIZE, type Source, type SourceState, WAIT_WOKEN } from "../lib/source.ts";

/** A record with its prefix. */
export function prefixed(event: number, cpu: number, record: Uint8Array): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(PREFIX_SIZE + record.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, record.length, true);
  view.setUint16(4, event, true);
  view.setUint16(6, cpu, true);
  bytes.set(record, PREFIX_SIZE);
  return bytes;
}

/**
 * A sample with IDENTIFIER, TID, TIME, CPU, PERIOD and RAW (perf_event_open(2)).
 *
 * @param raw Its raw data; padded so that the record's size is a multiple of 8, as the kernel does
 */
export function sample(
  timeNs: number,
  raw: Uint8Array,
  { pid = 1, tid = 1, cpu = 0 }: { pid?: number; tid?: number; cpu?: number } = {},
): Uint8Array {
  const rawSize = Math.ceil((raw.length + 4) / 8) * 8 - 4;
  const size = 52 + rawSize;
  const bytes = new Uint8Array(size);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, 9, true); // PERF_RECORD_SAMPLE
  view.setUint16(6, size, true);
  view.setBigUint64(8, 1n, true); // id
  view.setUint32(16, pid, true);
  view.setUint32(20, tid, true);
  view.setBigUint64(24, BigInt(timeNs), true);
  view.setUint32(32, cpu, true);
  view.setBigUint64(40, 1n, true); // period
  view.setUint32(48, rawSize, true);
  bytes.set(raw, 52);
  return bytes;
}

/** A step: records to be read, then (`safeNs`) everything up to a time is delivered. */
export interface Step {
  readonly records?: readonly Uint8Array<ArrayBuffer>[];
  readonly safeNs?: number;
}

/** Plays steps; then its targets have ended. */
export class RecordedSource implements Source {
  readonly calls: string[] = [];
  #steps: Step[];
  #records: Uint8Array<ArrayBuffer>[] = [];
  #state = { safeTimeNs: 0, batchNewestNs: 0, ended: false };
  readonly #most: number;
  #enabled = false;

  /** @param most Records a read gives at most: 1 makes the tiniest batches */
  constructor(steps: readonly Step[], most = Infinity) {
    this.#steps = [...steps];
    this.#most = most;
  }

  enable(): void {
    this.calls.push("enable");
    this.#enabled = true;
  }

  disable(): void {
    this.calls.push("disable");
    this.#enabled = false;
    this.#records.push(...this.#steps.splice(0).flatMap(({ records }) => records ?? []));
  }

  wait(): Promise<number> {
    // A turn of the event loop, as the real one gives.
    return new Promise((resolve) => setTimeout(resolve, 0, 0));
  }

  wake(): void {
    this.calls.push(`wake ${WAIT_WOKEN}`);
  }

  read(into: Uint8Array): number {
    if (this.#records.length === 0 && this.#enabled) this.#step();
    let bytes = 0;
    let newest = 0;
    let count = 0;
    for (; count < this.#most && this.#records.length > 0; count++) {
      const record = this.#records[0]!;
      if (bytes + record.length > into.length) break;
      into.set(record, bytes);
      bytes += record.length;
      this.#records.shift();
      const view = new DataView(record.buffer);
      if (view.getUint32(PREFIX_SIZE, true) === 9) newest = Math.max(newest, Number(view.getBigUint64(PREFIX_SIZE + 24, true)));
    }
    this.#state.batchNewestNs = newest;
    if (bytes === 0 && this.#records.length > 0) return -this.#records[0]!.length;
    return bytes;
  }

  #step(): void {
    const step = this.#steps.shift();
    if (step === undefined) this.#state.ended = true;
    else {
      this.#records.push(...step.records ?? []);
      if (step.safeNs !== undefined) this.#state.safeTimeNs = step.safeNs;
    }
  }

  state(): SourceState {
    return {
      ...this.#state,
      delivered: 0,
      lost: 0,
      late: 0,
      excluded: 0,
      sidebandLost: 0,
      damaged: 0,
      pending: false,
      commandStatus: -1,
      ringBytes: 0,
      queueBytes: 0,
      rings: 0,
    };
  }

  counts(): EventCount[] {
    return [];
  }

  clockPair(): ClockPair {
    return { clockNs: 0n, realtimeNs: 0n };
  }

  close(): void {
    this.calls.push("close");
  }
}
