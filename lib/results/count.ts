/**
 * `perf_prof.count()`: how often each key, or each combination of keys, was seen. Exact, and so as large as the number of keys:
 * for keys without end (addresses, names of files) there is top().
 *
 * @module
 */

import { type Key, Result } from "./result.ts";
import { alignRows } from "./table.ts";

/** A key behind those that lead to it. Joined keys would be faster to write down, and 1, "1" and 1n the same. */
interface Node {
  count: number;
  readonly next: Map<Key, Node>;
}

/**
 * Counts by key.
 *
 * @example
 * ```ts
 * const switches = perf_prof.count();
 *
 * export function sched__sched_switch(event: { prev_comm: string; _cpu: number }) {
 *   switches.add(event.prev_comm, event._cpu);
 * }
 *
 * export function __exit__() {
 *   switches.print();
 * }
 * ```
 */
export class Count extends Result {
  #root = makeNode();

  /** Counts these keys together once. Without any it is a plain counter. */
  add(...keys: Key[]): void {
    let node = this.#root;
    for (const key of keys) {
      let next = node.next.get(key);
      if (next === undefined) node.next.set(key, next = makeNode());
      node = next;
    }
    node.count++;
  }

  /** How often these very keys were added. */
  get(...keys: Key[]): number {
    let node: Node | undefined = this.#root;
    for (const key of keys) node = node?.next.get(key);
    return node?.count ?? 0;
  }

  /** [keys, count] of all that was added, greatest first; equal ones in the order they came. */
  entries(): [Key[], number][] {
    return [...walk(this.#root, [])].sort((a, b) => b[1] - a[1]);
  }

  protected override forget(): void {
    this.#root = makeNode();
  }

  protected override lines(): string[] {
    const entries = this.entries();
    return entries.length === 0 ? ["(no keys)"] : alignRows(entries.map(([keys, count]) => [...keys, count]));
  }
}

function makeNode(): Node {
  return { count: 0, next: new Map() };
}

function* walk(node: Node, keys: Key[]): Generator<[Key[], number]> {
  if (node.count > 0) yield [keys, node.count];
  for (const [key, next] of node.next) yield* walk(next, [...keys, key]);
}
