/** The templates of the analyses that pair, on events written here: what each prints, to the letter. */

import assert from "node:assert/strict";
import { table } from "../lib/results/table.ts";
import * as blktrace from "../templates/blktrace.ts";
import * as irqoff from "../templates/irqoff.ts";
import * as kmemleak from "../templates/kmemleak.ts";
import * as kvmexits from "../templates/kvmexits.ts";
import * as syscalls from "../templates/syscalls.ts";

/** What `body` prints with console.log, where perfprof's global is. */
function printed(body: () => void): string {
  const { log } = console;
  const lines: string[] = [];
  console.log = (...data: unknown[]) => lines.push(data.join(" "));
  const scope = globalThis as { perf_prof?: unknown };
  scope.perf_prof = { table };
  try {
    body();
  } finally {
    console.log = log;
    delete scope.perf_prof;
  }
  return lines.join("\n");
}

Deno.test("syscalls.ts lists first what took most, and counts errors", () => {
  for (const ret of [-11, 5, -4096]) syscalls.syscalls({ name: "read", ret, latency: 1500 });
  syscalls.syscalls({ name: "futex", ret: 0, latency: 9_000_000 });
  assert.equal(
    printed(syscalls.__interval__),
    `SYSCALL  CALLS  ERRORS  TOTAL µs  MEAN µs  MAX µs
futex        1       0    9000.0   9000.0  9000.0
read         3       1       4.5      1.5     1.5
`,
  );
  assert.equal(printed(syscalls.__exit__), "");
});

Deno.test("kvmexits.ts has a line for each virtual CPU and reason", () => {
  for (const latency of [1000, 3000]) kvmexits.kvm_exit({ pid: 42, vcpu_id: 0, exit_reason: "HLT", latency });
  kvmexits.kvm_exit({ pid: 42, vcpu_id: 1, exit_reason: "EPT_VIOLATION", latency: 5500 });
  assert.equal(
    printed(kvmexits.__exit__),
    `PID  VCPU  REASON         EXITS  TOTAL µs  MEAN µs  MAX µs
 42     1  EPT_VIOLATION      1       5.5      5.5     5.5
 42     0  HLT                2       4.0      2.0     3.0
`,
  );
});

Deno.test("irqoff.ts has the share of the time between the first beginning and the last end", () => {
  irqoff.irq_off({ cpu: 1, time: 11_000, kind: "softirq", name: "NET_RX", duration: 1000 });
  irqoff.irq_off({ cpu: 0, time: 19_000, kind: "irq", name: "eth0", duration: 500 });
  irqoff.irq_off({ cpu: 1, time: 20_000, kind: "softirq", name: "NET_RX", duration: 4000 });
  assert.equal(
    printed(irqoff.__interval__),
    `CPU  KIND     NAME    COUNT  TIME %  MAX µs
  0  irq      eth0        1    5.00     0.5
  1  softirq  NET_RX      2   50.00     4.0
`,
  );
});

Deno.test("kmemleak.ts sums up by stack what the last interval had", () => {
  const held = (time: number, size: number, symbol: string, comm: string) =>
    kmemleak.kmemleak({ time, ptr: 1n, size, comm, callchain: [{ symbol, offset: 16 }, { symbol: "entry", offset: 1 }] });
  held(100, 4096, "freed", "old");
  for (const comm of ["b", "a", "a"]) held(200, 64, "f", comm);
  held(200, 100, "g", "c");
  assert.equal(
    printed(kmemleak.__exit__),
    `192 bytes in 3 allocations by a b
    f+0x10
    entry+0x1
100 bytes in 1 allocations by c
    g+0x10
    entry+0x1`,
  );
});

Deno.test("blktrace.ts has a line for each disk and kind of access", () => {
  const request = (dev: string, rwbs: string, queue: number, service: number) =>
    blktrace.blktrace({ dev, rwbs, bytes: 4096, queue, service, latency: queue + service });
  request("vdb", "R", 0, 2000);
  request("vda", "WS", 1000, 2000);
  request("vda", "W", 3000, 4000);
  request("vda", "FF", 0, 500);
  assert.equal(
    printed(blktrace.__interval__),
    `DISK  ACCESS  REQUESTS  KiB  QUEUE µs  SERVICE µs  MAX µs
vda   flush          1    4       0.0         0.5     0.5
vda   write          2    8       2.0         3.0     7.0
vdb   read           1    4       0.0         2.0     2.0
`,
  );
});
