/**
 * What the command line says of call stacks, from option values to one checked object. Which events have stacks at all is said by
 * -g or by their own attributes; what this machine can do of it, by trace.ts.
 *
 * @module
 */

import { UsageError } from "./errors.ts";
import { parseInteger, parseName } from "./option_values.ts";

/** How the user side of a stack is found: by frame pointers, from a copy of the stack's bytes, from the CPU's branch stack. */
const MODES = ["fp", "dwarf", "lbr"] as const;
type Mode = typeof MODES[number];

/** A word that --call-graph takes for its value; any other word that follows is the module. */
export const CALL_GRAPH_VALUE = /^(?:fp|lbr|dwarf(?:,.*)?)$/;

/** Bytes that `dwarf` copies of each stack: as perf does. */
const DUMP_BYTES = 8192;
/** sample_stack_user is less than USHRT_MAX (perf_copy_attr() of kernel/events/core.c), in steps of 8. */
const DUMP_BYTES_MAX = 65528;

/** The value of --call-graph. */
export interface CallGraph {
  readonly mode: Mode;
  /** Of `dwarf`; else 0. */
  readonly dumpBytes: number;
}

/** The stacks of a trace. */
export interface StackOptions extends CallGraph {
  /** Every event has stacks: -g. Else those whose attributes ask for them. */
  readonly everywhere: boolean;
  /** A side was named, which means -g where no event asks for a stack of its own. */
  readonly implied: boolean;
  readonly kernel: boolean;
  readonly user: boolean;
  /** Source lines and inlined functions are wanted. */
  readonly lines: boolean;
  /** Names of C++ and Rust are left as they are in the files. */
  readonly mangled: boolean;
}

/** What was given of it, as the option table names it. */
export interface GivenStacks {
  readonly g?: true | undefined;
  readonly callGraph?: true | CallGraph | undefined;
  readonly userCallchain?: boolean | undefined;
  readonly kernelCallchain?: boolean | undefined;
  readonly srcline?: true | undefined;
  readonly demangle: boolean;
}

/**
 * `fp`, `lbr`, `dwarf` or `dwarf,BYTES`.
 *
 * @throws {UsageError} Another word, or bytes that the kernel would not copy
 */
export function parseCallGraph(what: string, text: string): CallGraph {
  const [word = "", bytes, ...more] = text.split(",");
  const mode = parseName(what, word, MODES);
  if (mode !== "dwarf" && bytes !== undefined || more.length > 0) {
    throw new UsageError(`${what}: '${text}' has too many parts`, { hints: ["allowed are fp, lbr, dwarf and dwarf,BYTES"] });
  }
  if (mode !== "dwarf") return { mode, dumpBytes: 0 };
  if (bytes === undefined) return { mode, dumpBytes: DUMP_BYTES };
  const dumpBytes = parseInteger(what, bytes, 8, DUMP_BYTES_MAX);
  if (dumpBytes % 8 !== 0) {
    throw new UsageError(`${what}: '${bytes}' is not a multiple of 8`, { hints: [`--call-graph dwarf,${dumpBytes & ~7}`] });
  }
  return { mode, dumpBytes };
}

/** Which of some events have stacks, by their attributes `stack` and `max-stack`. In their order. */
export function stackedEvents(
  { everywhere, implied }: StackOptions,
  events: readonly { readonly stack?: boolean; readonly maxStack?: number }[],
): boolean[] {
  const own = events.map(({ stack = false, maxStack }) => stack || maxStack !== undefined);
  const all = everywhere || (implied && !own.includes(true));
  return own.map((has) => has || all);
}

/**
 * Joins what was given.
 *
 * @throws {UsageError} Stacks without a side, or a mode for the side that is off
 */
export function stackOptions(given: GivenStacks): StackOptions {
  const { userCallchain, kernelCallchain } = given;
  const graph: CallGraph = typeof given.callGraph === "object" ? given.callGraph : { mode: "fp", dumpBytes: 0 };
  const kernel = kernelCallchain ?? true;
  const user = userCallchain ?? graph.mode !== "fp";
  if (graph.mode !== "fp" && !user) {
    throw new UsageError(
      `option --call-graph ${graph.mode}: it is about the user side, and --no-user-callchain leaves that out`,
      {
        hints: ["leave out --no-user-callchain", "--call-graph fp"],
      },
    );
  }
  if (!kernel && !user) {
    throw new UsageError("option --no-kernel-callchain: stacks without the kernel and the user side are empty", {
      hints: ["--user-callchain"],
    });
  }
  return {
    ...graph,
    everywhere: given.g === true || given.callGraph !== undefined,
    implied: userCallchain !== undefined || kernelCallchain !== undefined,
    kernel,
    user,
    lines: given.srcline ?? false,
    mangled: !given.demangle,
  };
}
