/**
 * Stacks as pprof's profile.proto, compressed, for `go tool pprof` and all that reads it. A location is a function here: addresses
 * were added up. The thread is the label `thread`. The protobuf is pprof-format's affair, which is loaded when it is asked for.
 *
 * @module
 */

import { gzipSync } from "node:zlib";
import { loadPackage } from "./package.ts";
import { type StackFunction, type StackTree, walkStacks } from "./stack_tree.ts";
import type { StackUnit } from "./units.ts";

/** Of samples without frames: pprof counts those in the total, and shows them nowhere. */
const NO_STACK: StackFunction = { name: "[no stack]", kind: "user", dso: "", file: "" };

/** The bytes of the file. */
export async function pprof(tree: StackTree, unit: StackUnit): Promise<Uint8Array> {
  const { Profile, StringTable } = await loadPackage<typeof import("npm:pprof-format@2.3.2")>("pprof-format");
  const stringTable = new StringTable();
  const text = (string: string) => stringTable.dedup(string);
  const functions = [...tree.functions, NO_STACK];
  const mappings = [...new Set(tree.functions.map(({ dso }) => dso))].filter((dso) => dso !== "");
  const profile = new Profile({
    stringTable,
    sampleType: [{ type: text(unit.type), unit: text(unit.speedscope === "none" ? "count" : unit.speedscope) }],
    timeNanos: BigInt(Date.now()) * 1_000_000n,
    mapping: mappings.map((dso, i) => ({ id: i + 1, filename: text(dso), hasFunctions: true })),
    function: functions.map((its, i) => functionOf(its, i + 1, text)),
    location: functions.map(({ dso }, i) => ({
      id: i + 1,
      mappingId: mappings.indexOf(dso) + 1,
      line: [{ functionId: i + 1 }],
    })),
    sample: [...samples(tree, text)],
  });
  return gzipSync(profile.encode());
}

function functionOf({ name, file, dso }: StackFunction, id: number, text: (string: string) => number) {
  return { id, name: text(name), systemName: text(name), filename: text(file || dso) };
}

/** Innermost first, with whole weights: the format has no others. */
function* samples({ threads, functions }: StackTree, text: (string: string) => number) {
  for (const [thread, root] of threads) {
    const label = thread === "" ? [] : [{ key: text("thread"), str: text(thread) }];
    for (const { path, weight } of walkStacks(root)) {
      const locationId = path.length === 0 ? [functions.length + 1] : path.map((id) => id + 1).reverse();
      yield { locationId, value: [Math.round(weight)], label };
    }
  }
}
