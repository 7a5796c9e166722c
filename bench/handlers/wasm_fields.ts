// @ts-nocheck: AssemblyScript, not TypeScript
/** fields.ts as WebAssembly: reads three fields and keeps a Map. */
import { Field } from "../../docs/compiled/perfprof.ts";
import {
  __exit__,
  __init__ as ready,
  __lost__,
  perfprof_abi,
  perfprof_memory,
  raw_syscalls__sys_enter as counted,
} from "./wasm_count.ts";

export { __exit__, __lost__, perfprof_abi, perfprof_memory };

const calls = new Map<i64, i32>();
let id!: Field, pid!: Field, time!: Field;
let newestPid: i64 = 0, newestTimeNs: i64 = 0;

export function __init__(): void {
  id = new Field("raw_syscalls:sys_enter", "id");
  pid = new Field("raw_syscalls:sys_enter", "_pid");
  time = new Field("raw_syscalls:sys_enter", "_time");
  ready();
}

export function raw_syscalls__sys_enter(record: usize): void {
  counted(record);
  const call = id.int(record);
  calls.set(call, (calls.has(call) ? calls.get(call) : 0) + 1);
  newestPid = pid.int(record);
  newestTimeNs = time.int(record);
}

/** Exported, so that no compiler may leave the reads out. */
export function newest(): i64 {
  return newestPid + newestTimeNs;
}
