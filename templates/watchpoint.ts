#!/usr/bin/env -S perfprof -e 'breakpoint/0x404030/8:w -g/'
/**
 * Who writes a variable: each place in the code with its number of writes, and the stack of the first.
 *
 *     perfprof -e 'breakpoint/0x404030/8:w -g/' -p 378 watchpoint.ts
 *
 * Of a program that is not position-independent `nm PROGRAM` tells the address; of any other a debugger does.
 */

interface Frame {
  readonly symbol: string;
  readonly offset: number;
  readonly dso: string;
}

interface Breakpoint {
  readonly ip: bigint;
  readonly tid: number;
  readonly callchain: readonly Frame[];
}

interface Writer {
  hits: number;
  readonly threads: Set<number>;
  readonly stack: readonly Frame[];
}

const writers = new Map<bigint, Writer>();

export function breakpoint(event: Breakpoint): void {
  let writer = writers.get(event.ip);
  if (writer === undefined) {
    writer = { hits: 0, threads: new Set(), stack: event.callchain };
    writers.set(event.ip, writer);
  }
  writer.hits++;
  writer.threads.add(event.tid);
}

export function __exit__(): void {
  const sorted = [...writers].sort(([, a], [, b]) => b.hits - a.hits);
  for (const [ip, { hits, threads, stack }] of sorted) {
    console.log(`${hits} writes, threads: ${threads.size}, before 0x${ip.toString(16)}`);
    for (const { symbol, offset, dso } of stack) console.log(`    ${symbol}+0x${offset.toString(16)} (${dso})`);
  }
}
