/**
 * Stdout of a run: the lines of print() are gathered and written together, since a write for each costs several times what the line
 * does. They are written when the handlers of a batch have run (at most some 10 ms later), when there are many, and before anything
 * else is written: console, Deno.stdout, Deno.stderr (and with them process.stdout), and child processes that are started. So the
 * order is that of the calls. To a terminal each line is written at once: somebody watches.
 *
 * What cannot be written (the disk is full) is told once; that nobody reads any more is not: the run sees that by itself.
 *
 * @module
 */

import { cannotWrite, type PerfprofError } from "./errors.ts";
import { type Lines, TextBytes } from "./text_bytes.ts";

/** Gathered bytes that are written without waiting for more. */
const MOST = 32 * 1024;
const NEWLINE = 0x0a;
/** How long a full pipe is left to its reader, ms. */
const FULL_PIPE_MS = 1;

/** What writes to the same files, by the objects that its methods are of. */
const OTHER_WRITERS: readonly (readonly [object, readonly string[]])[] = [
  [console, Object.keys(console)],
  [Deno.stdout, ["write", "writeSync"]],
  [Deno.stderr, ["write", "writeSync"]],
  [Deno.Command.prototype, ["output", "outputSync", "spawn"]],
];

/** Takes what print() writes. There is one in a process: it stays in the way of the other writers for good. */
export class Output implements Lines {
  /** What is gathered: whole lines up to `#ended`, of which those from `#begin` on are not written yet. */
  readonly text = new TextBytes();
  readonly #direct = Deno.stdout.isTerminal();
  /** As it was before it was put behind `flush`. */
  readonly #writeSync = Deno.stdout.writeSync.bind(Deno.stdout);
  readonly #name: string;
  readonly #never = new Int32Array(new SharedArrayBuffer(4));
  #begin = 0;
  #ended = 0;
  #failed = false;
  /** Is told why nothing can be written any more. */
  onFailure: (error: PerfprofError) => void = () => {};

  /** @param name Of the file that stdout is, for messages */
  constructor(name = "stdout") {
    this.#name = name;
    for (const [writer, methods] of OTHER_WRITERS) {
      for (const method of methods) this.#flushBefore(writer, method);
    }
    // Deno.exit in a handler.
    addEventListener("unload", () => this.flush());
  }

  /** The text is a line, which is written; its newline is added. */
  end(): void {
    const { text } = this;
    text.room(1).setUint8(text.used++, NEWLINE);
    if (this.#begin === this.#ended) {
      // All before was written: its place is used again.
      text.slice(0).copyWithin(0, this.#begin);
      text.used -= this.#begin;
      this.#begin = 0;
      if (!this.#direct) queueMicrotask(() => this.flush());
    }
    this.#ended = text.used;
    if (this.#direct || this.#ended - this.#begin > MOST) this.flush();
  }

  /** Writes what is gathered, but for a line that is being put together. */
  flush(): void {
    const bytes = this.text.slice(this.#begin, this.#ended);
    if (bytes.length === 0) return;
    this.#begin = this.#ended;
    if (this.#failed) return;
    try {
      for (let rest = bytes; rest.length > 0;) rest = rest.subarray(this.#writeSome(rest));
    } catch (error) {
      this.#failed = true;
      if (!(error instanceof Deno.errors.BrokenPipe)) this.onFailure(cannotWrite(this.#name, error));
    }
  }

  /** @returns How many bytes: none where a pipe is full that somebody who shares it has made nonblocking; it is waited for */
  #writeSome(bytes: Uint8Array): number {
    try {
      return this.#writeSync(bytes);
    } catch (error) {
      if (!(error instanceof Deno.errors.WouldBlock)) throw error;
      Atomics.wait(this.#never, 0, 0, FULL_PIPE_MS);
      return 0;
    }
  }

  #flushBefore(writer: object, method: string): void {
    const original: unknown = Reflect.get(writer, method);
    if (typeof original !== "function") return;
    const flush = () => this.flush();
    Reflect.set(writer, method, function (this: unknown, ...args: unknown[]): unknown {
      flush();
      return Reflect.apply(original, this, args);
    });
  }
}
