/**
 * What the measured handlers share: they say "ready" before the first event, and their counts as JSON at the end, in the words of
 * bench/floor.c, on stderr, since one of them has its stdout in /dev/null. The measured part is the event handler alone, in the
 * module that re-exports these.
 */

export const counts = { events: 0, lost: 0 };

export function __init__(): void {
  console.error("ready");
}

export function __lost__(_start: number, _end: number, info: { readonly count: number }): void {
  counts.lost += info.count;
}

export function __exit__(): void {
  console.error(JSON.stringify(counts));
}
