/** Takes a plain object of every event: all fields decoded. */
import { counts } from "./report.ts";
export { __exit__, __init__, __lost__ } from "./report.ts";

interface SysEnter {
  to_dict(): Record<string, unknown>;
}

/** Exported, so that no compiler may leave the objects out. */
export let newest: Record<string, unknown> = {};

export function raw_syscalls__sys_enter(event: SysEnter): void {
  counts.events++;
  newest = event.to_dict();
}
