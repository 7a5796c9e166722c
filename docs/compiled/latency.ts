// @ts-nocheck: AssemblyScript, not TypeScript
/**
 * How long tasks wait for a CPU, from the wake-up to the switch, as a histogram by powers of two at the end.
 *
 *     asc latency.ts -o latency.wasm -O3 --runtime minimal
 *     perfprof -e sched:sched_wakeup,sched:sched_switch latency.wasm
 */
import { Field } from "./perfprof.ts";

let woken!: Field, wokenAt!: Field, next!: Field, switchedAt!: Field;
const since = new Map<i64, i64>();
const waits = new StaticArray<i32>(64);
/** Where events come to. */
const room = new StaticArray<u64>(32768);

export function perfprof_abi(): i32 {
  return 1;
}

export function perfprof_memory(size: i32): usize {
  assert(size <= 8 * room.length);
  return changetype<usize>(room);
}

export function __init__(): void {
  woken = new Field("sched:sched_wakeup", "pid");
  wokenAt = new Field("sched:sched_wakeup", "_time");
  next = new Field("sched:sched_switch", "next_pid");
  switchedAt = new Field("sched:sched_switch", "_time");
}

export function sched__sched_wakeup(record: usize): void {
  since.set(woken.int(record), wokenAt.int(record));
}

export function sched__sched_switch(record: usize): void {
  const pid = next.int(record);
  if (!since.has(pid)) return;
  const ns = switchedAt.int(record) - since.get(pid);
  since.delete(pid);
  waits[63 - i32(clz(ns | 1))]++;
}

export function __lost__(): void {
  since.clear();
}

export function __exit__(): void {
  for (let power = 0; power < 64; power++) {
    const count = waits[power];
    if (count > 0) console.log("from " + (i64(1) << power).toString() + " ns: " + count.toString());
  }
}
