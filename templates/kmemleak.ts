#!/usr/bin/env -S perfprof -e 'kmemleak/-g --no-user-callchain --than 1s/'
/**
 * Which places in the kernel hold memory that they allocated in this run: bytes and allocations by stack, the most bytes first. At
 * the end; what is younger than --than may well be freed soon.
 *
 *     perfprof -e 'kmemleak/-g --no-user-callchain --than 1s/' kmemleak.ts
 */

interface Frame {
  readonly symbol: string;
  readonly offset: number;
}

interface Held {
  readonly ptr: bigint;
  readonly size: number;
  readonly comm: string;
  readonly callchain: readonly Frame[];
}

const TOP = 10;

const held: Held[] = [];

/** With -i, at each interval again: what counts is the last. */
let timeNs = 0;

export function kmemleak(event: Held & { readonly time: number }): void {
  if (event.time !== timeNs) held.length = 0;
  timeNs = event.time;
  held.push(event);
}

export function __exit__(): void {
  const stacks = Map.groupBy(held, ({ callchain }) => callchain.map(place).join("\n    "));
  const rows = [...stacks].map(([stack, those]) => ({ stack, those, bytes: those.reduce((sum, { size }) => sum + size, 0) }));
  for (const { stack, those, bytes } of rows.sort((a, b) => b.bytes - a.bytes).slice(0, TOP)) {
    const tasks = [...new Set(those.map(({ comm }) => comm))].sort().join(" ");
    console.log(`${bytes} bytes in ${those.length} allocations by ${tasks}\n    ${stack}`);
  }
}

function place({ symbol, offset }: Frame): string {
  return `${symbol}+0x${offset.toString(16)}`;
}
