/**
 * Stacks as flamegraph.pl, inferno and speedscope read them: `thread;outermost;...;innermost WEIGHT`, kernel functions with `_[k]`,
 * inlined ones with `_[i]`. Pure.
 *
 * @module
 */

import { type StackFunction, type StackTree, walkStacks } from "./stack_tree.ts";

/** The text, its lines in alphabetical order. Weights are rounded, as their readers take whole numbers; what is 0 then is left out. */
export function folded({ functions, threads }: StackTree): string {
  const names = functions.map(foldedName);
  const sums = new Map<string, number>();
  for (const [thread, root] of threads) {
    const before = thread === "" ? [] : [plain(thread)];
    for (const { path, weight } of walkStacks(root)) {
      // Names that differ in what cannot be written are the same here.
      const stack = [...before, ...path.map((id) => names[id]!)].join(";");
      sums.set(stack, (sums.get(stack) ?? 0) + weight);
    }
  }
  return [...sums]
    .map(([stack, weight]) => [stack || "[no_stack]", Math.round(weight)] as const)
    .filter(([, weight]) => weight > 0)
    .sort(([a], [b]) => a < b ? -1 : 1)
    .map(([stack, weight]) => `${stack} ${weight}\n`).join("");
}

function foldedName({ name, kind }: StackFunction): string {
  return plain(name) + (kind === "kernel" ? "_[k]" : kind === "inlined" ? "_[i]" : "");
}

/** What separates frames cannot be in them. */
function plain(text: string): string {
  return text.replaceAll(";", ":").replace(/\s/g, "_");
}
