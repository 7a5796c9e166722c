// @ts-nocheck: AssemblyScript, not TypeScript
/**
 * perfprof for handlers in AssemblyScript (docs/compiled.md): what they import, and how they read fields. Copy it beside the handler,
 * under this name: it is what the import module is called by.
 */

export declare function find_event(name: usize, length: i32): i32;
export declare function event_name(event: i32, room: usize, size: i32): i32;
export declare function field(event: i32, name: usize, length: i32, into: usize): void;
export declare function has_field(event: i32, name: usize, length: i32): i32;
export declare function get(name: usize, length: i32, room: usize, size: i32): i32;
export declare function get_i64(name: usize, length: i32): i64;
export declare function text(flags: i32, room: usize, size: i32): i32;
export declare function print(flags: i32): void;
export declare function hash(): i64;
export declare function frame_count(): i32;
export declare function frame_address(frame: i32): i64;
export declare function frame_offset(frame: i32): i64;
export declare function frame_symbol(frame: i32, room: usize, size: i32): i32;
export declare function frame_dso(frame: i32, room: usize, size: i32): i32;
export declare function comm(tid: i32, time: i64, room: usize, size: i32): i32;
export declare function now(): i64;
export declare function realtime(time: i64): i64;
export declare function arg_count(): i32;
export declare function arg(index: i32, room: usize, size: i32): i32;
export declare function write(fd: i32, text: usize, length: i32): void;
export declare function fail(text: usize, length: i32): void;

/** Where a field is in the records of one event. */
@unmanaged
export class Place {
  source: u32;
  kind: u32;
  offset: u32;
  size: u32;
  base: u32;
  chain: u32;
}

/** A field of an event, found once: `new Field("sched:sched_switch", "next_pid")` in __init__. */
export class Field {
  private place: usize = heap.alloc(offsetof<Place>());

  constructor(event: string, name: string) {
    const events = String.UTF8.encode(event);
    const number = find_event(changetype<usize>(events), events.byteLength);
    if (number < 0) throw new Error("-e lacks " + event);
    const names = String.UTF8.encode(name);
    field(number, changetype<usize>(names), names.byteLength, this.place);
  }

  /** An integer; those with a sign are extended. */
  @inline
  int(record: usize): i64 {
    const place = changetype<Place>(this.place);
    const at = record + place.offset + moved(record, place);
    const signed = place.kind == 2;
    switch (place.size) {
      case 8:
        return load<i64>(at);
      case 4:
        return signed ? i64(load<i32>(at)) : i64(load<u32>(at));
      case 2:
        return signed ? i64(load<i16>(at)) : i64(load<u16>(at));
      default:
        return signed ? i64(load<i8>(at)) : i64(load<u8>(at));
    }
  }

  /** A text, up to its NUL. */
  text(record: usize): string {
    const place = changetype<Place>(this.place);
    let at = record + place.offset + moved(record, place);
    let size = place.size;
    if (place.kind == 4) {
      const word = load<u32>(at);
      at = record + place.base + moved(record, place) + (word & 0xffff);
      size = word >> 16;
    }
    return String.UTF8.decodeUnsafe(at, size, true);
  }
}

/** What the addresses of a call chain in front of a field move it by. */

function moved(record: usize, place: Place): usize {
  return place.chain == 0 ? 0 : 8 * load<u32>(record + place.chain);
}
