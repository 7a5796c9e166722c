#!/usr/bin/env -S perfprof -e 'page-faults/-g --no-kernel-callchain/' -i 1000
/**
 * Who touches fresh memory: page faults of each interval by process and by the function that was at it.
 *
 *     perfprof -e 'page-faults/-g --no-kernel-callchain/' -i 1000 pagefaults.ts
 */

interface PageFault {
  readonly pid: number;
  readonly addr: bigint;
  readonly callchain: readonly { readonly symbol: string }[];
}

const TOP = 10;
const PAGE = 4096n;

interface Place {
  readonly pid: number;
  readonly symbol: string;
  faults: number;
  readonly pages: Set<bigint>;
}

const places = new Map<string, Place>();

export function page_faults({ pid, addr, callchain }: PageFault): void {
  const symbol = callchain[0]?.symbol ?? "[kernel]";
  const key = `${pid} ${symbol}`;
  let place = places.get(key);
  if (place === undefined) {
    place = { pid, symbol, faults: 0, pages: new Set() };
    places.set(key, place);
  }
  place.faults++;
  place.pages.add(addr / PAGE);
}

export function __interval__(): void {
  show();
}

export function __exit__(): void {
  show();
}

function show(): void {
  console.log(row("PID", "FAULTS", "PAGES", "FUNCTION"));
  const top = [...places.values()].sort((a, b) => b.faults - a.faults).slice(0, TOP);
  for (const { pid, faults, pages, symbol } of top) console.log(row(pid, faults, pages.size, symbol));
  console.log();
  places.clear();
}

function row(pid: number | string, faults: number | string, pages: number | string, symbol: string): string {
  return `${String(pid).padStart(8)} ${String(faults).padStart(8)} ${String(pages).padStart(8)}  ${symbol}`;
}
