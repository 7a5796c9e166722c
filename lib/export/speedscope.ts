/**
 * Stacks as speedscope's own JSON: a profile for each thread, in which a sample is a stack and its whole weight. Pure.
 *
 * @module
 */

import { type StackNode, type StackTree, walkStacks } from "./stack_tree.ts";
import type { StackUnit } from "./units.ts";

const SCHEMA = "https://www.speedscope.app/file-format-schema.json";

const EMPTY: StackNode = { function: -1, own: 0, callees: new Map() };

/** The text of the file. */
export function speedscope(tree: StackTree, unit: StackUnit, title: string): string {
  // It opens no file without a profile.
  const threads = tree.threads.size > 0 ? [...tree.threads] : [["", EMPTY] as const];
  return JSON.stringify({
    $schema: SCHEMA,
    exporter: "perfprof",
    name: title,
    activeProfileIndex: 0,
    shared: { frames: tree.functions.map(({ name, dso, file }) => ({ name, file: file || dso })) },
    profiles: threads.map(([thread, root]) => {
      const stacks = [...walkStacks(root)];
      return {
        type: "sampled",
        name: thread || title,
        unit: unit.speedscope,
        startValue: 0,
        endValue: stacks.reduce((sum, { weight }) => sum + weight, 0),
        samples: stacks.map(({ path }) => path),
        weights: stacks.map(({ weight }) => weight),
      };
    }),
  });
}
