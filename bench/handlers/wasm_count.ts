// @ts-nocheck: AssemblyScript, not TypeScript
/** count.ts as WebAssembly: it takes each event, and counts. Speaks as report.ts does. */

let events: i64 = 0, lost: i64 = 0;
const room = new StaticArray<u64>(32768);

export function perfprof_abi(): i32 {
  return 1;
}

export function perfprof_memory(_size: i32): usize {
  return changetype<usize>(room);
}

export function __init__(): void {
  console.error("ready");
}

export function raw_syscalls__sys_enter(_record: usize): void {
  events++;
}

export function __lost__(_start: i64, _end: i64, count: i64): void {
  lost += count;
}

export function __exit__(): void {
  console.error('{"events":' + events.toString() + ',"lost":' + lost.toString() + "}");
}
