/**
 * Events of analyses (rundelay, syscalls, ...) exist as JavaScript objects only: this writes one as a record, for handlers that read
 * records. It begins as a sample of a tracepoint does, its type is 0, and each member has a slot of 8 bytes behind that:
 *
 *      0  struct perf_event_header, type 0          40  the first member of its own
 *      8  u64 0                                     48  the second, and so on
 *     16  u32 pid, tid                                  an integer of 64 bits, or of a text or array the u32 that tells where
 *     24  u64 time                                      its bytes are (as a __data_loc, from the record's start)
 *     32  u32 cpu, 0                                    texts and arrays, each at a multiple of 8
 *
 * @module
 */

import { HEADER_SIZE } from "../layout.ts";
import type { AnyEvent } from "../generated_class.ts";
import type { Member } from "../profilers/profiler.ts";
import { TIME } from "../perf_event.ts";
import { type CompiledField, fixedField, headFields } from "./field.ts";
import type { CompiledEvent } from "./fields.ts";

const TID = 16, TIME_AT = 24, CPU = 32, FIRST_SLOT = 40, SLOT = 8;
/** Bytes of a text at most, with its NUL: names are some 16. */
const TEXT_MOST = 4096;
/** The largest record: its size is a u16, and a multiple of 8. */
export const ENCODED_MAX = 65528;

const ENCODER = new TextEncoder();
/** Members that the head has. */
const HEAD: Readonly<Record<string, CompiledField>> = Object.fromEntries(
  headFields(TID, TIME_AT, CPU).map((field) => [field.name.slice(1), { ...field, name: field.name.slice(1) }]),
);

/** Where the members are; those of other types than integers, texts and arrays of integers have no place. */
export function encodedFields(members: readonly Member[]): CompiledField[] {
  let at = FIRST_SLOT;
  const own = members.flatMap(({ name, type }): CompiledField[] => {
    if (Object.hasOwn(HEAD, name)) return [HEAD[name]!];
    const slot = slotField(name, type, at);
    if (slot !== undefined) at += SLOT;
    return slot === undefined ? [] : [slot];
  });
  return [...headFields(TID, TIME_AT, CPU), ...own];
}

function slotField(name: string, type: string, offset: number): CompiledField | undefined {
  switch (type) {
    case "number":
    case "number | bigint":
      return fixedField(name, "signed", offset, 8);
    case "bigint":
      return fixedField(name, "unsigned", offset, 8);
    case "string":
    case "BigUint64Array":
      return fixedField(name, "dynamic", offset, 4);
    default:
      return undefined;
  }
}

/**
 * Writes an event.
 *
 * @param view Room for ENCODED_MAX bytes
 * @returns The record's size
 * @throws {RangeError} It does not fit, or a number is no integer
 */
export function encodeEvent({ fields }: CompiledEvent, event: AnyEvent, view: DataView): number {
  const slots = fields.filter(({ offset }) => offset >= FIRST_SLOT);
  let end = FIRST_SLOT + SLOT * slots.length;
  new Uint8Array(view.buffer, view.byteOffset, end).fill(0);
  view.setInt32(TID, event._pid, true);
  view.setInt32(TID + 4, event._tid, true);
  view.setBigUint64(TIME_AT, event[TIME](), true);
  view.setUint32(CPU, event._cpu, true);
  for (const { name, kind, offset } of slots) {
    const value = event.get(name);
    if (kind === "dynamic") end = putBytes(view, offset, end, bytesOf(value));
    else view.setBigUint64(offset, BigInt.asUintN(64, BigInt(value as number | bigint)), true);
  }
  view.setUint16(HEADER_SIZE - 2, end, true);
  return end;
}

/** Of a text with its NUL. */
function bytesOf(value: unknown): Uint8Array {
  if (typeof value !== "string") {
    const { buffer, byteOffset, byteLength } = value as BigUint64Array;
    return new Uint8Array(buffer, byteOffset, byteLength);
  }
  const bytes = new Uint8Array(TEXT_MOST);
  const { written } = ENCODER.encodeInto(value, bytes.subarray(0, TEXT_MOST - 1));
  return bytes.subarray(0, written + 1);
}

/** Writes a value's bytes at `end`, and where they are at `slot`. Returns the new end. */
function putBytes(view: DataView, slot: number, end: number, bytes: Uint8Array): number {
  const next = (end + bytes.length + 7) & ~7;
  if (next > ENCODED_MAX) throw new RangeError(`an event of ${next} bytes has no room in a record`);
  new Uint8Array(view.buffer, view.byteOffset + end, next - end).fill(0);
  new Uint8Array(view.buffer, view.byteOffset + end, bytes.length).set(bytes);
  view.setUint32(slot, bytes.length << 16 | end, true);
  return next;
}
