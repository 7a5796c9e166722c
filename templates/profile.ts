#!/usr/bin/env -S perfprof -e 'profile/-F 997 -g/' -i 1000
/**
 * Where CPU time goes: the functions that were found at work most often in each interval.
 *
 *     perfprof -e 'profile/-F 997 -g/' -i 1000 profile.ts
 */

interface Profile {
  readonly callchain: readonly { readonly symbol: string }[];
}

const TOP = 10;
const samples = new Map<string, number>();

export function profile({ callchain }: Profile): void {
  const innermost = callchain[0]?.symbol;
  if (innermost !== undefined) samples.set(innermost, (samples.get(innermost) ?? 0) + 1);
}

export function __interval__(): void {
  console.log(`\n${"FUNCTION".padEnd(40)} ${"COUNT".padStart(8)}`);
  console.log("-".repeat(49));
  const top = [...samples].sort(([, a], [, b]) => b - a).slice(0, TOP);
  for (const [name, count] of top) console.log(`${name.padEnd(40)} ${String(count).padStart(8)}`);
  samples.clear();
}

/** What came since the last interval. */
export function __exit__(): void {
  if (samples.size > 0) __interval__();
}
