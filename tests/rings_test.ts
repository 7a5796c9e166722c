/**
 * lib/rings.ts: rings and queue for machines of all sizes, and how the status states them.
 *
 * @module
 */

import assert from "node:assert/strict";
import { type Buffers, defaultBuffers, memoryBytes } from "../lib/rings.ts";
import { statusLines } from "../lib/status.ts";
import { RecordedSource } from "./recorded_source.ts";

const KIB = 1024;
const MIB = 1024 * KIB;
const GIB = 1024 * MIB;
const PAGE = 4096;

interface Case {
  readonly cpus: number;
  readonly memoryBytes: number;
  readonly ringBytes: number;
  readonly queueBytes: number;
  readonly pageSize?: number;
}

const CASES: readonly Case[] = [
  { cpus: 2, memoryBytes: 24 * GIB, ringBytes: 32 * MIB, queueBytes: 0 },
  { cpus: 16, memoryBytes: 256 * GIB, ringBytes: 32 * MIB, queueBytes: 0 },
  { cpus: 17, memoryBytes: 256 * GIB, ringBytes: 8 * MIB, queueBytes: 376 * MIB },
  { cpus: 64, memoryBytes: 256 * GIB, ringBytes: 4 * MIB, queueBytes: 256 * MIB },
  { cpus: 64, memoryBytes: 256 * GIB, ringBytes: 4 * MIB, queueBytes: 256 * MIB, pageSize: 64 * KIB },
  { cpus: 256, memoryBytes: 64 * GIB, ringBytes: 1 * MIB, queueBytes: 256 * MIB },
  { cpus: 4, memoryBytes: 2 * GIB, ringBytes: 8 * MIB, queueBytes: 32 * MIB },
  { cpus: 1, memoryBytes: 1 * GIB, ringBytes: 32 * MIB, queueBytes: 0 },
  { cpus: 1, memoryBytes: 512 * MIB, ringBytes: 16 * MIB, queueBytes: 0 },
  { cpus: 256, memoryBytes: 512 * MIB, ringBytes: 64 * KIB, queueBytes: 8 * MIB },
];

function buffersOf({ cpus, memoryBytes, pageSize = PAGE }: Case): Buffers {
  return defaultBuffers({ pageSize, memoryBytes, cpus });
}

for (const item of CASES) {
  const { cpus, memoryBytes, ringBytes, queueBytes, pageSize = PAGE } = item;
  Deno.test(`${cpus} CPUs, ${memoryBytes / MIB} MiB, pages of ${pageSize}: rings and queue`, () => {
    assert.deepEqual(buffersOf(item), { ringPages: ringBytes / pageSize, queueBytes });
  });
}

Deno.test("with CPUs to share it, a queue holds a stall of 1 s, within the bound for the machine", () => {
  for (const memory of [16 * GIB, 256 * GIB]) {
    for (let cpus = 1; cpus <= 1024; cpus++) {
      const { ringPages, queueBytes } = buffersOf({ cpus, memoryBytes: memory, ringBytes: 0, queueBytes: 0 });
      const total = ringPages * PAGE * cpus + queueBytes;
      assert.ok(total <= 512 * MIB, `${cpus} CPUs take ${total} bytes`);
      // 128 bytes of record; in the queue a prefix of 8 as well.
      assert.ok(Math.max(ringPages * PAGE / 128, queueBytes / 136) >= 200_000, `${cpus} CPUs lose events in a stall`);
    }
  }
});

Deno.test("memory of a machine that does not say: a cautious guess", () => {
  assert.equal(memoryBytes("MemTotal:       16384 kB\nMemFree: 1 kB\n"), 16 * MIB);
  assert.equal(memoryBytes(undefined), 512 * MIB);
});

Deno.test("the status states the rings, and the queue where there is one", () => {
  const idle = new RecordedSource([]).state();
  const usage = { userSeconds: 0, systemSeconds: 0, rssBytes: 0, peakRssBytes: 0 };
  const memoryLine = (queueBytes: number) => {
    const state = { ...idle, rings: 64, ringBytes: 4 * MIB, queueBytes };
    return statusLines({ seconds: 1, upSeconds: 1, state, counts: [], names: [], usage, lagNs: 0 })[1];
  };
  assert.match(memoryLine(256 * MIB) ?? "", /, rings 64 x 4 MiB, queue 256 MiB$/);
  assert.match(memoryLine(0) ?? "", /, rings 64 x 4 MiB$/);
});
