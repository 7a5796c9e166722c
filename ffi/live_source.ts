/**
 * lib/source.ts over a native session: the only place where the handle and the buffers of one live. The state, which C writes to,
 * is held here until the session is closed; nothing of a closed session is touched again.
 *
 * @module
 */

import type { ClockPair, EventCount, Source, SourceRequest, SourceState, Target } from "../lib/source.ts";
import { ABI } from "./abi.ts";
import {
  type Bytes,
  call,
  callForBytes,
  cString,
  type Handle,
  type Library,
  library,
  NativeError,
  outPointer,
} from "./library.ts";
import { orSourceError } from "./source_error.ts";

const { pp_options, pp_state, pp_count, pp_clock_pair } = ABI.structs;
const { PP_ORDER, PP_EXCLUDE_SELF, PP_RING_SHRINK, PP_INHERIT, PP_WATCH_STDOUT, PP_EVENT_SIDEBAND } = ABI.constants;

/** How long a record may be on its way from the reading of its time to its publication, µs (docs/architecture.md). */
const SLACK_US = 5000;
/** Bytes for the first reading of the counts. */
const COUNTS_SIZE = 64 * pp_count.size;

/**
 * Opens a session, disabled.
 *
 * @throws {SourceError} The kernel's refusal
 */
export function openLive(request: SourceRequest): Source {
  const state = new Uint8Array(pp_state.size);
  const session = outPointer((library, out, error) => library.pp_session_new(optionsOf(request), state, out, error));
  try {
    orSourceError(() => {
      addEvents(session, request);
      addTarget(session, request.target);
      call((library, error) => library.pp_session_open(session, error));
    });
  } catch (error) {
    library().pp_session_close(session);
    throw error;
  }
  return new LiveSource(session, new NativeState(state, request.queueBytes), request.clockid);
}

function optionsOf(request: SourceRequest): Bytes {
  const { order, excludeSelf, ringShrink, watchStdout, target, clockid, ringPages, queueBytes } = request;
  const flags = [
    order && PP_ORDER,
    excludeSelf && PP_EXCLUDE_SELF,
    ringShrink && PP_RING_SHRINK,
    watchStdout && PP_WATCH_STDOUT,
    (target.kind === "pids" || target.kind === "command") && PP_INHERIT,
  ];
  const bytes = new Uint8Array(pp_options.size);
  const view = new DataView(bytes.buffer);
  const { fields } = pp_options;
  view.setUint32(fields.size.offset, pp_options.size, true);
  view.setUint32(fields.flags.offset, flags.reduce<number>((sum, flag) => sum | Number(flag), 0), true);
  view.setInt32(fields.clockid.offset, clockid, true);
  view.setUint32(fields.ring_pages.offset, ringPages, true);
  view.setUint32(fields.slack_us.offset, SLACK_US, true);
  view.setUint32(fields.queue_bytes.offset, queueBytes, true);
  return bytes;
}

function addEvents(session: Handle, { events }: SourceRequest): void {
  for (const { name, attr, cpus, filter, sideband } of events) {
    const list = new Uint8Array(Uint32Array.from(cpus).buffer);
    const flags = sideband ? PP_EVENT_SIDEBAND : 0;
    const index = call((library, error) =>
      library.pp_session_add_event(session, attr, attr.length, cString(name), list, cpus.length, flags, error)
    );
    if (filter !== undefined) call((library, error) => library.pp_session_set_filter(session, index, cString(filter), error));
  }
}

function addTarget(session: Handle, target: Target): void {
  const add = (invoke: (library: Library, error: Bytes) => number) => call(invoke);
  switch (target.kind) {
    case "all":
      return;
    case "pids":
      for (const pid of target.pids) add((library, error) => library.pp_session_add_task(session, pid, 1, error));
      return;
    case "tids":
      for (const tid of target.tids) add((library, error) => library.pp_session_add_task(session, tid, 0, error));
      return;
    case "cgroups":
      for (const path of target.paths) add((library, error) => library.pp_session_add_cgroup(session, cString(path), error));
      return;
    case "command": {
      const words = Uint8Array.from(target.words.flatMap((word) => [...cString(word)]));
      add((library, error) => library.pp_session_command(session, words, words.length, error));
    }
  }
}

class LiveSource implements Source {
  #session: Handle | undefined;
  /** The wait that a thread of the runtime is in. */
  #waiting: Promise<number> | undefined;
  readonly #clockid: number;
  readonly #state: NativeState;
  readonly #library = library();

  constructor(session: Handle, state: NativeState, clockid: number) {
    this.#session = session;
    this.#state = state;
    this.#clockid = clockid;
  }

  enable(): void {
    orSourceError(() => this.#call((library, session, error) => library.pp_session_enable(session, error)));
  }

  disable(): void {
    this.#call((library, session, error) => library.pp_session_disable(session, error));
  }

  async wait(timeoutMs: number, pause: boolean): Promise<number> {
    this.#waiting = this.#library.pp_session_wait(this.#open, timeoutMs, pause ? 1 : 0);
    try {
      return await this.#waiting;
    } finally {
      this.#waiting = undefined;
    }
  }

  wake(): void {
    if (this.#session !== undefined) this.#library.pp_session_wake(this.#session);
  }

  read(into: Bytes): number {
    try {
      return this.#call((library, session, error) => library.pp_session_read(session, into, into.length, error));
    } catch (error) {
      if (error instanceof NativeError && error.code === "PP_E_SPACE") return -error.need;
      throw error;
    }
  }

  state(): SourceState {
    return this.#state;
  }

  counts(): EventCount[] {
    const { result, buffer } = callForBytes(
      COUNTS_SIZE,
      (library, buffer, error) => library.pp_session_counts(this.#open, buffer, buffer.length, error),
    );
    const view = new DataView(buffer.buffer);
    const { event, cpu, delivered, lost, excluded } = pp_count.fields;
    return Array.from({ length: result }, (_, i) => {
      const at = i * pp_count.size;
      return {
        event: view.getUint32(at + event.offset, true),
        cpu: view.getUint32(at + cpu.offset, true),
        delivered: Number(view.getBigUint64(at + delivered.offset, true)),
        lost: Number(view.getBigUint64(at + lost.offset, true)),
        excluded: Number(view.getBigUint64(at + excluded.offset, true)),
      };
    });
  }

  clockPair(): ClockPair {
    const pair = new Uint8Array(pp_clock_pair.size);
    call((library, error) => library.pp_clock_read(this.#clockid, pair, error));
    const view = new DataView(pair.buffer);
    const { clock_ns, realtime_ns } = pp_clock_pair.fields;
    return { clockNs: view.getBigUint64(clock_ns.offset, true), realtimeNs: view.getBigUint64(realtime_ns.offset, true) };
  }

  close(): void {
    const session = this.#session;
    this.#session = undefined;
    if (session === undefined) return;
    if (this.#waiting === undefined) return this.#library.pp_session_close(session);
    // Another thread is still in the session: it is freed when that has come back.
    this.#library.pp_session_wake(session);
    this.#waiting.finally(() => this.#library.pp_session_close(session));
  }

  get #open(): Handle {
    if (this.#session === undefined) throw new TypeError("use a source failed: it is closed");
    return this.#session;
  }

  #call(invoke: (library: Library, session: Handle, error: Bytes) => number): number {
    return call((library, error) => invoke(library, this.#open, error));
  }
}

/** struct pp_state, read when its properties are. */
class NativeState implements SourceState {
  readonly #view: DataView;

  constructor(bytes: Bytes, readonly queueBytes: number) {
    this.#view = new DataView(bytes.buffer);
  }

  get safeTimeNs(): number {
    return this.#u64("safe_time");
  }
  get batchNewestNs(): number {
    return this.#u64("batch_newest");
  }
  get delivered(): number {
    return this.#u64("delivered");
  }
  get lost(): number {
    return this.#u64("lost");
  }
  get late(): number {
    return this.#u64("late");
  }
  get excluded(): number {
    return this.#u64("excluded");
  }
  get sidebandLost(): number {
    return this.#u64("sideband_lost");
  }
  get damaged(): number {
    return this.#u64("damaged");
  }
  get pending(): boolean {
    return this.#u32("pending") !== 0;
  }
  get ended(): boolean {
    return this.#u32("ended") !== 0;
  }
  get commandStatus(): number {
    return this.#view.getInt32(pp_state.fields.command_status.offset, true);
  }
  get ringBytes(): number {
    return this.#u64("ring_bytes");
  }
  get rings(): number {
    return this.#u32("rings");
  }

  #u32(field: keyof typeof pp_state.fields): number {
    return this.#view.getUint32(pp_state.fields[field].offset, true);
  }

  /** Exact to 2^53. */
  #u64(field: keyof typeof pp_state.fields): number {
    const { offset } = pp_state.fields[field];
    return this.#view.getUint32(offset, true) + this.#view.getUint32(offset + 4, true) * 0x1_0000_0000;
  }
}
