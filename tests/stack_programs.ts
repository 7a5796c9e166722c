/**
 * Programs whose stacks are known, compiled for the live tests in the ways that matter: tests/native/stacks.c with frame pointers,
 * without, stripped, static; and what a handler saw of them.
 *
 * @module
 */

import type { Frame } from "../lib/event_services.ts";
import { fileURLToPath } from "node:url";
import { Child, type Ended, lastJson, perfprof, start, TempDir } from "./harness.ts";

const SOURCE = fileURLToPath(new URL("native/stacks.c", import.meta.url));
/** Where frames are found by their pointers. */
export const FRAME_POINTERS = ["-O2", "-g", "-fno-omit-frame-pointer"];

/** A handler that counts stacks: "symbol, symbol, ..." of each, outermost last, and how often it came. */
const COUNTER = `
const stacks = new Map();
const kept = [];
export function __init__() {
  setTimeout(() => console.error("ready"), 0);
}
export function __sample__(event) {
  kept.push(event);
}
export function __exit__() {
  for (const event of kept) {
    const frames = JSON.stringify(event._callchain.map((frame) => ({ ...frame, addr: String(frame.addr) })));
    stacks.set(frames, (stacks.get(frames) ?? 0) + 1);
  }
  console.log(JSON.stringify([...stacks].map(([frames, count]) => ({ count, frames: JSON.parse(frames) }))));
}
`;

/** A frame as the handler wrote it: JSON has no bigint. */
export type SeenFrame = Omit<Frame, "addr"> & { readonly addr: string };

/** A stack, and how many events had it. */
export interface SeenStack {
  readonly count: number;
  readonly frames: readonly SeenFrame[];
}

/** A folder with compiled programs and the handler. */
export class Programs implements Disposable {
  readonly dir = new TempDir();
  readonly handler = this.dir.write("h.ts", COUNTER);

  /** Compiles. @returns The program's path */
  compile(name: string, flags: readonly string[], compiler = "cc", source = SOURCE): string {
    const path = `${this.dir.path}/${name}`;
    run(compiler, [...flags, "-o", path, source]);
    return path;
  }

  strip(path: string): void {
    run("strip", [path]);
  }

  /** What a run saw of getppid. */
  async seen(options: readonly string[]): Promise<SeenStack[]> {
    return seenBy(await perfprof(["-e", getppid(), ...options, this.handler]));
  }

  /**
   * What a run saw of a program that is held (`stacks stay N`), while it lives.
   *
   * @param meanwhile What happens to its files before it makes its calls
   */
  async seenOf(held: Child, calls: number, options: readonly string[], meanwhile: () => void = () => {}): Promise<SeenStack[]> {
    try {
      const traced = start(["-e", getppid(), "-p", String(held.pid), "-N", String(calls), ...options, this.handler]);
      await traced.saw(/^ready$/m);
      meanwhile();
      await held.tell("\n");
      return seenBy(await traced.end());
    } finally {
      held.kill("SIGKILL");
      await held.end();
    }
  }

  [Symbol.dispose](): void {
    this.dir[Symbol.dispose]();
  }
}

/** The stacks that a run of the handler told of. */
export function seenBy(ended: Ended): SeenStack[] {
  if (ended.code !== 0) throw new Error(`status ${ended.code}: ${ended.stderr}`);
  return lastJson(ended);
}

/** Symbols up to main, as the tests write them: those outside of it are the C library's business. */
export function upToMain({ frames }: SeenStack): string[] {
  const symbols = frames.map(({ symbol }) => symbol);
  const main = symbols.indexOf("main");
  return main < 0 ? symbols : symbols.slice(0, main + 1);
}

function run(command: string, args: readonly string[]): string {
  const { success, stdout, stderr } = new Deno.Command(command, { args: [...args] }).outputSync();
  if (!success) throw new Error(`${command} ${args.join(" ")}:\n${new TextDecoder().decode(stderr)}`);
  return new TextDecoder().decode(stdout);
}

let event: string | undefined;

/** The event of the programs' system calls, as -e takes it. */
export function getppid(): string {
  event ??= `raw_syscalls:sys_enter/id==${
    run(fileURLToPath(new URL("../native/build/stacks", import.meta.url)), ["nr"]).trim()
  }/`;
  return event;
}

/** A program that makes its calls when it is told to, and stays: its files can be looked at as long as the test wants. */
export function hold(path: string, ...args: string[]): Child {
  return new Child(path, args, { stdin: "piped" });
}

/** Why a tool's tests cannot run here; undefined when they can. */
export function lacks(tool: string): string | undefined {
  try {
    const { success } = new Deno.Command(tool, { args: ["--version"], stdout: "null", stderr: "null" }).outputSync();
    // rustc may be a front that has no compiler yet.
    return success ? undefined : `${tool} does not run`;
  } catch {
    return `${tool} is not installed`;
  }
}
