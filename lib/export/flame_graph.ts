/**
 * Stacks as an interactive flame graph: one HTML file that needs nothing else, to be opened from a disk. The page is
 * flame_graph.html; here is the profile that is put into it. Names come from programs that nobody vouches for: they get into the
 * page as JSON without `<`, and from there as text only.
 *
 * @module
 */

import type { StackNode, StackTree } from "./stack_tree.ts";
import type { StackUnit } from "./units.ts";
import page from "./flame_graph.html" with { type: "text" };

/** In the page, what the profile takes the place of. */
const PLACE = '"PROFILE"';

/** The text of the file. */
export function flameGraph(tree: StackTree, unit: StackUnit, title: string): string {
  const profile = JSON.stringify({ title, unit: unit.name, ...layOut(tree) }).replaceAll("<", "\\u003c");
  return page.replace(PLACE, () => profile);
}

/** [name, kind, dso]; kinds beside those of functions are `all` and `thread`. */
type PageFunction = readonly [string, string, string];

/** Depth, function and weight of each node, one after the other: a node, then all that is below it. */
function layOut({ functions, threads, total }: StackTree): { functions: PageFunction[]; nodes: number[] } {
  const all: PageFunction[] = functions.map(({ name, kind, dso }) => [name, kind, dso]);
  const nodes = [0, all.push(["all", "all", ""]) - 1, total];
  for (const [thread, root] of threads) {
    if (thread === "") { for (const callee of inOrder(root)) lay(callee, 1, nodes); }
    else lay({ ...root, function: all.push([thread, "thread", ""]) - 1 }, 1, nodes);
  }
  return { functions: all, nodes };
}

/** Appends a node and those below it. @returns Its weight */
function lay(node: StackNode, depth: number, nodes: number[]): number {
  const at = nodes.push(depth, node.function, 0) - 1;
  let weight = node.own;
  for (const callee of inOrder(node)) weight += lay(callee, depth + 1, nodes);
  return nodes[at] = weight;
}

/** Functions that were seen first come first. */
function inOrder({ callees }: StackNode): StackNode[] {
  return [...callees.values()].sort((a, b) => a.function - b.function);
}
