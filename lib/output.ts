/**
 * Stdout of a run: the lines of print() are gathered and written together, since a write for each costs several times what the line
 * does. They are written when the handlers of a batch have run (at most some 10 ms later), when there are many, and before anything
 * else is written: console, Deno.stdout, Deno.stderr (and with them process.stdout), and child processes that are started. So the
 * order is that of the calls. To a terminal each line is written at once: somebody watches.
 *
 * @module
 */

/** Gathered characters that are written without waiting for more. */
const MOST = 32 * 1024;

/** What writes to the same files, by the objects that its methods are of. */
const OTHER_WRITERS: readonly (readonly [object, readonly string[]])[] = [
  [console, Object.keys(console)],
  [Deno.stdout, ["write", "writeSync"]],
  [Deno.stderr, ["write", "writeSync"]],
  [Deno.Command.prototype, ["output", "outputSync", "spawn"]],
];

/** Takes what print() writes. There is one in a process: it stays in the way of the other writers for good. */
export class Output {
  readonly #direct = Deno.stdout.isTerminal();
  /** As it was before it was put behind `flush`. */
  readonly #writeSync = Deno.stdout.writeSync.bind(Deno.stdout);
  readonly #encoder = new TextEncoder();
  #gathered = "";

  constructor() {
    for (const [writer, methods] of OTHER_WRITERS) {
      for (const method of methods) this.#flushBefore(writer, method);
    }
    // Deno.exit in a handler.
    addEventListener("unload", () => this.flush());
  }

  /** Writes a line; its newline is added. */
  write(line: string): void {
    if (this.#gathered === "" && !this.#direct) queueMicrotask(() => this.flush());
    this.#gathered += line + "\n";
    if (this.#direct || this.#gathered.length > MOST) this.flush();
  }

  /** Writes what is gathered. */
  flush(): void {
    if (this.#gathered === "") return;
    let rest = this.#encoder.encode(this.#gathered);
    this.#gathered = "";
    try {
      while (rest.length > 0) rest = rest.subarray(this.#writeSync(rest));
    } catch {
      // As console.log does: nobody reads any more, which ends the run, or the disk is full.
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
