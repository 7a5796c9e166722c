/** Reads three fields and keeps a Map: what most handlers do. */
import { counts } from "./report.ts";
export { __exit__, __init__, __lost__ } from "./report.ts";

interface SysEnter {
  readonly id: number | bigint;
  readonly _pid: number;
  readonly _time: number;
}

/** Calls by system call, and who made the newest one when: exported, so that no compiler may leave the reads out. */
export const calls = new Map<number | bigint, number>();
export const newest = { pid: 0, timeNs: 0 };

export function raw_syscalls__sys_enter(event: SysEnter): void {
  const { id } = event;
  counts.events++;
  calls.set(id, (calls.get(id) ?? 0) + 1);
  newest.pid = event._pid;
  newest.timeNs = event._time;
}
