/**
 * The global `perf_prof` that every handler module finds: its arguments, the event class, hash and help. Makes the object; that it
 * becomes a global is the affair of whoever loads the module.
 *
 * @module
 */

import { hash, PerfEvent } from "./perf_event.ts";

/** What a handler module sees as `perf_prof`. */
export interface PerfProf {
  /** The script's path, then its arguments. */
  readonly argv: readonly string[];
  /** Every event is an instance of it. */
  readonly PerfEvent: typeof PerfEvent;
  /** 64-bit FNV-1a of the whole record: equal records, equal hashes. */
  hash(event: PerfEvent): bigint;
  /** Prints what an event can do. */
  help(): void;
}

/** Makes the object for a module started with `argv`. */
export function makePerfProf(argv: readonly string[]): PerfProf {
  return Object.freeze({ argv: Object.freeze([...argv]), PerfEvent, hash, help: () => console.log(HELP) });
}

/** What `perf_prof.help()` prints: one screen. */
export const HELP = `PerfEvent: one event, as handlers get it

Fields are decoded when they are read. An event may be kept: its bytes are its own.

  event.comm   event["comm"]       a field; an unknown name throws a TypeError that names the nearest
  event.get("comm", fallback)      the same, but the fallback (or undefined) where there is no such field
  event.get_bigint("addr")         an integer as a bigint, always exact
  "comm" in event                  true for fields only
  for (const [name, value] of event)
  event.keys()  values()  items()  arrays, in the order of the fields
  event.to_dict()                  a plain object: to spread, change, clone or send
  event.print({timestamp, callchain})    one line on stdout, then the stack; false leaves a part out
  event.to_text({timestamp, callchain})  the same as a string
  String(event)   console.log(event)     all fields in a line; <PerfEvent NAME cpu= pid= time=>
  JSON.stringify(event)            bigints to the last digit, arrays as arrays
  perf_prof.hash(event)            64-bit FNV-1a of the whole record

Every tracepoint event has

  _pid _tid _cpu                   who and where
  _time                            ns of the events' clock; exact up to 104 days, get_bigint("_time") always
  _realtime                        ns since 1970, in steps of 256; get_bigint("_realtime") is exact
  _period _event _callchain        _callchain is [] without stacks
  common_type common_flags common_preempt_count common_pid

and then its own fields (perfprof show EVENT lists them):

  integers up to 32 bits           number
  64 bits                          number when exact, else bigint
  pointers                         bigint
  bool                             boolean
  char[]                           string up to the first NUL
  other integers[]                 Uint8Array ... BigUint64Array, a copy
  structs                          Uint8Array, a copy`;
