/**
 * Weighted stacks, added up: a tree of functions for each thread, from the outermost inwards. Owns the tree and the functions; how
 * they are written is the affair of folded.ts and its neighbours.
 *
 * Bound: what differs. The same stack again takes no memory, however often it is added.
 *
 * @module
 */

import type { Frame } from "../event_services.ts";

/** What stacks are made of: a frame of an event, or just a name. */
export type StackFrame = string | Pick<Frame, "symbol" | "kernel" | "dso" | "file" | "inlined" | "reason">;

/** A function: frames with the same of all this are the same. */
export interface StackFunction {
  /** `[libc.so.6]` where the symbol is unknown. */
  readonly name: string;
  readonly kind: "kernel" | "user" | "inlined";
  /** The file that its code is in; "" when not known. */
  readonly dso: string;
  /** Its source file; "" when not known. */
  readonly file: string;
}

/** A function that was called by those above it. */
export interface StackNode {
  /** Index in StackTree.functions. */
  readonly function: number;
  /** Of stacks that end here. */
  own: number;
  readonly callees: Map<number, StackNode>;
}

/** Stacks whose arrays are known: those of events are frozen, and the same stack is the same array. */
const MAX_KNOWN = 65536;

/** The sums. */
export class StackTree {
  /** Every function once. */
  readonly functions: StackFunction[] = [];
  /** The thread, "" where none was given, and the node above its outermost functions. */
  readonly threads = new Map<string, StackNode>();
  /** Weight of all stacks. */
  total = 0;
  readonly #ids = new Map<string, number>();
  readonly #idOfFrame = new WeakMap<object, number>();
  readonly #known = new Map<string, Map<readonly StackFrame[], StackNode>>();
  #knownCount = 0;

  /** @param frames The innermost first */
  add(frames: readonly StackFrame[], weight: number, thread: string): void {
    this.#node(frames, thread).own += weight;
    this.total += weight;
  }

  #node(frames: readonly StackFrame[], thread: string): StackNode {
    const known = this.#known.get(thread)?.get(frames);
    if (known !== undefined) return known;
    let node = this.threads.get(thread);
    if (node === undefined) this.threads.set(thread, node = makeNode(-1));
    for (let i = frames.length - 1; i >= 0; i--) node = callee(node, this.#id(frames[i]!));
    // One that can still change may be another stack at the next look.
    if (Object.isFrozen(frames)) this.#remember(frames, thread, node);
    return node;
  }

  #remember(frames: readonly StackFrame[], thread: string, node: StackNode): void {
    if (++this.#knownCount > MAX_KNOWN) {
      this.#known.clear();
      this.#knownCount = 1;
    }
    let nodes = this.#known.get(thread);
    if (nodes === undefined) this.#known.set(thread, nodes = new Map());
    nodes.set(frames, node);
  }

  #id(frame: StackFrame): number {
    if (typeof frame === "string") return this.#idOf({ name: frame, kind: "user", dso: "", file: "" });
    let id = this.#idOfFrame.get(frame);
    if (id === undefined) this.#idOfFrame.set(frame, id = this.#idOf(functionOf(frame)));
    return id;
  }

  #idOf(its: StackFunction): number {
    const key = JSON.stringify([its.name, its.kind, its.dso, its.file]);
    let id = this.#ids.get(key);
    if (id === undefined) {
      this.#ids.set(key, id = this.functions.length);
      this.functions.push(its);
    }
    return id;
  }
}

/** The stacks of a thread that have a weight. @returns Their functions from the outermost inwards */
export function* walkStacks(node: StackNode, above: readonly number[] = []): Generator<{ path: number[]; weight: number }> {
  if (node.own > 0) yield { path: [...above], weight: node.own };
  for (const [id, next] of node.callees) yield* walkStacks(next, [...above, id]);
}

function makeNode(id: number): StackNode {
  return { function: id, own: 0, callees: new Map() };
}

function callee(node: StackNode, id: number): StackNode {
  let next = node.callees.get(id);
  if (next === undefined) node.callees.set(id, next = makeNode(id));
  return next;
}

function functionOf({ symbol, kernel, dso, file = "", inlined, reason }: Exclude<StackFrame, string>): StackFunction {
  const name = reason === undefined ? symbol : `[${dso.replace(/^.*\/|[[\]]/g, "")}]`;
  return { name, kind: kernel ? "kernel" : inlined ? "inlined" : "user", dso, file };
}
