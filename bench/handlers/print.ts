/** Prints every event, with the kernel's own print format. */
import { counts } from "./report.ts";
export { __exit__, __init__, __lost__ } from "./report.ts";

interface SysEnter {
  print(): void;
}

export function raw_syscalls__sys_enter(event: SysEnter): void {
  counts.events++;
  event.print();
}
