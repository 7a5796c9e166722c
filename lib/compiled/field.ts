/**
 * A field, as compiled handlers know it. docs/compiled.md has this for users: the numbers here are part of it, and of
 * native/perfprof_handler.h.
 *
 * @module
 */

/** What a field holds. */
export const FIELD_KIND = {
  /** An integer, bool, enum or pointer of 1, 2, 4 or 8 bytes. */
  unsigned: 1,
  signed: 2,
  /** A text, an array or a struct, at a fixed place. */
  bytes: 3,
  /** The same, at a place that a u32 in the record tells: its offset and, << 16, its length. */
  dynamic: 4,
} as const;

/** Where a field is in the records of its event; all offsets count from the record's header. */
export interface CompiledField {
  readonly name: string;
  readonly kind: keyof typeof FIELD_KIND;
  readonly offset: number;
  /** In bytes; 0 of `bytes`: all that follows in the record. */
  readonly size: number;
  /** Of `dynamic`: what the offset in the record counts from. */
  readonly base: number;
  /** Of the u64 number of addresses of a call chain in front of the field: offset and base move by 8 for each. 0: none is. */
  readonly chain: number;
}

/** A field at a place that no call chain moves. */
export function fixedField(name: string, kind: CompiledField["kind"], offset: number, size: number): CompiledField {
  return { name, kind, offset, size, base: 0, chain: 0 };
}

/** What every event begins with, by the offsets of `u32 pid, tid`, `u64 time` and `u32 cpu`. */
export function headFields(tid: number, time: number, cpu: number): CompiledField[] {
  return [
    fixedField("_pid", "signed", tid, 4),
    fixedField("_tid", "signed", tid + 4, 4),
    fixedField("_time", "unsigned", time, 8),
    fixedField("_cpu", "unsigned", cpu, 4),
  ];
}
