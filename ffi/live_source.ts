/**
 * lib/source.ts over a native session: the only place where the handle and the buffers of one live. The state, which C writes to,
 * is held here until the session is closed; nothing of a closed session is touched again.
 *
 * @module
 */

import type { Sink } from "../lib/sink.ts";
import type { ClockPair, EventCount, Source, SourceRequest, SourceState, Target } from "../lib/source.ts";
import { ABI } from "./abi.ts";
import { HandlerSink } from "./handler_sink.ts";
import { type Bytes, call, cString, type Handle, type Library, library, NativeError, outPointer } from "./library.ts";
import { NativeState, readCounts } from "./native_state.ts";
import { orSourceError } from "./source_error.ts";

const { pp_options, pp_state, pp_clock_pair } = ABI.structs;
const {
  PP_ORDER,
  PP_EXCLUDE_SELF,
  PP_RING_SHRINK,
  PP_INHERIT,
  PP_WATCH_STDOUT,
  PP_COMMAND_STDERR,
  PP_EVENT_SIDEBAND,
  PP_EVENT_PROBE,
  PP_EVENT_EVERY_TASK,
} = ABI.constants;

/** How long a record may be on its way from the reading of its time to its publication, µs (docs/architecture.md). */
const SLACK_US = 5000;

/**
 * Opens a session, disabled.
 *
 * @throws {SourceError} The kernel's refusal
 */
export function openLive(request: SourceRequest): LiveSource {
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
  const { order, excludeSelf, ringShrink, watchStdout, commandToStderr, target, clockid, ringPages, queueBytes } = request;
  const flags = [
    order && PP_ORDER,
    excludeSelf && PP_EXCLUDE_SELF,
    ringShrink && PP_RING_SHRINK,
    watchStdout && PP_WATCH_STDOUT,
    commandToStderr && PP_COMMAND_STDERR,
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
  for (const { name, attr, cpus, filter, sideband, probe, everyTask, leader } of events) {
    const list = new Uint8Array(Uint32Array.from(cpus).buffer);
    const flags = (sideband ? PP_EVENT_SIDEBAND : 0) | (probe !== undefined ? PP_EVENT_PROBE : 0) |
      (everyTask ? PP_EVENT_EVERY_TASK : 0);
    const index = call((library, error) =>
      library.pp_session_add_event(session, attr, attr.length, cString(name), list, cpus.length, flags, error)
    );
    if (leader !== undefined) call((library, error) => library.pp_session_set_leader(session, index, leader, error));
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

/** A source over a session. */
export class LiveSource implements Source {
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

  setBrief(event: number): void {
    this.#call((library, session, error) => library.pp_session_set_brief(session, event, error));
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

  waitHere(timeoutMs: number): number {
    return this.#library.pp_session_wait_here(this.#open, timeoutMs);
  }

  wake(): void {
    if (this.#session !== undefined) this.#library.pp_session_wake(this.#session);
  }

  read(into: Bytes, sink?: Sink): number {
    try {
      return this.#call((library, session, error) =>
        sink instanceof HandlerSink
          ? library.pp_session_hand(session, sink.handlers, into, into.length, error)
          : library.pp_session_read(session, into, into.length, error)
      );
    } catch (error) {
      if (error instanceof NativeError && error.code === "PP_E_SPACE") return -error.need;
      throw error;
    }
  }

  state(): SourceState {
    return this.#state;
  }

  counts(): EventCount[] {
    return readCounts((library, buffer, error) => library.pp_session_counts(this.#open, buffer, buffer.length, error));
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

  /** For what records the session, until this is closed. */
  get session(): Handle {
    return this.#open;
  }

  get #open(): Handle {
    if (this.#session === undefined) throw new TypeError("use a source failed: it is closed");
    return this.#session;
  }

  #call(invoke: (library: Library, session: Handle, error: Bytes) => number): number {
    return call((library, error) => invoke(library, this.#open, error));
  }
}
