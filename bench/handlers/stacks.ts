/** Reads the stack of every event (-g): what most profiles do. */
import { counts } from "./report.ts";
export { __exit__, __init__, __lost__ } from "./report.ts";

/** Exported, so that no compiler may leave the reads out. */
export const seen = { frames: 0 };

export function raw_syscalls__sys_enter(event: { readonly _callchain: readonly unknown[] }): void {
  counts.events++;
  seen.frames += event._callchain.length;
}
