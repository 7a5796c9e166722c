/**
 * The processes of the benchmark: every one is started here, so that none is left when the benchmark is stopped, and what the
 * kernel tells of one is read here. Knows nothing of what they are measured for.
 *
 * @module
 */

const BUILD = new URL("../native/build/", import.meta.url).pathname;
/** A process is at rest when it takes less CPU than a tenth of a pause. */
const PAUSE_MS = 250;
const REST_NS = PAUSE_MS * 1e6 / 10;
/** How long one that was told to end may take. */
const END_MS = 5000;

/** A program and its arguments. */
export type CommandLine = readonly [string, ...string[]];

/** Path of a program that the task has built. */
export const program = (name: string) => BUILD + name;

/** The benchmark was told to end: thrown by whatever waits for a process, or starts one. */
export class Stopped extends Error {
  constructor(readonly signal: Deno.Signal) {
    super(`stopped by ${signal}`);
  }
}

const running = new Set<Process>();
let stopped: Stopped | undefined;

/** Lets no process be started any more, and ends all that run. */
export async function stopAll(signal: Deno.Signal): Promise<void> {
  stopped ??= new Stopped(signal);
  await endAll();
}

/** Ends every process that runs. */
export async function endAll(): Promise<void> {
  await Promise.all([...running].map((process) => process.terminate()));
}

/** A process, and all that it writes. */
export class Process {
  /** What it wrote so far, to stdout and stderr. */
  text = "";
  readonly #child: Deno.ChildProcess;
  readonly #name: string;
  readonly #closed: Promise<unknown>;
  #changed = Promise.withResolvers<void>();
  #ended = false;

  /**
   * @param options `stdout: "null"` throws away what it writes there
   */
  constructor([path, ...args]: CommandLine, { stdout = "piped" }: { readonly stdout?: "piped" | "null" } = {}) {
    if (stopped) throw stopped;
    this.#name = path.replace(/.*\//, "");
    this.#child = new Deno.Command(path, { args, stdin: "null", stdout, stderr: "piped" }).spawn();
    running.add(this);
    const streams = stdout === "null" ? [this.#child.stderr] : [this.#child.stdout, this.#child.stderr];
    this.#closed = Promise.all(streams.map((stream) => this.#collect(stream))).then(() => {
      this.#ended = true;
      this.#changed.resolve();
    });
  }

  async #collect(stream: ReadableStream<Uint8Array>): Promise<void> {
    for await (const text of stream.pipeThrough(new TextDecoderStream())) {
      this.text += text;
      this.#changed.resolve();
      this.#changed = Promise.withResolvers();
    }
  }

  /** Waits until it has written this. */
  async says(pattern: RegExp): Promise<void> {
    while (!pattern.test(this.text)) {
      if (this.#ended) throw this.#failure("ended too soon");
      await this.#changed.promise;
    }
  }

  /** Waits for a pause that it spends at rest. @returns its CPU time when that began and when it ended */
  async rest(): Promise<{ readonly beganNs: number; readonly endedNs: number }> {
    for (let beganNs = this.#cpuNs();;) {
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
      const endedNs = this.#cpuNs();
      if (endedNs - beganNs < REST_NS) return { beganNs, endedNs };
      beganNs = endedNs;
    }
  }

  /** User and system time of all its threads, those that have ended as well, and not of its children. */
  #cpuNs(): number {
    const time = new BigInt64Array(2);
    // The CPU clock of another process, as clock_getcpuclockid(3) makes it: ~pid << 3 | CPUCLOCK_SCHED.
    if (libc.symbols.clock_gettime((~this.#child.pid << 3) | 2, time) !== 0) throw this.#failure("ended too soon");
    return Number(time[0]! * 1_000_000_000n + time[1]!);
  }

  peakRssMb(): number {
    const status = Deno.readTextFileSync(`/proc/${this.#child.pid}/status`);
    return Number(/^VmHWM:\s+(\d+) kB/m.exec(status)![1]) / 1024;
  }

  /** All that it has mapped of the kernel's ring buffers. */
  ringMb(): number {
    const maps = Deno.readTextFileSync(`/proc/${this.#child.pid}/maps`);
    const rings = maps.matchAll(/^([0-9a-f]+)-([0-9a-f]+) .*anon_inode:(?:\[perf_event\]|bpf-map)/gm);
    return rings.reduce((sum, [, start, end]) => sum + parseInt(end!, 16) - parseInt(start!, 16), 0) / 2 ** 20;
  }

  /** Ctrl-C. */
  interrupt(): void {
    this.#child.kill("SIGINT");
  }

  /** Waits for its end, which must be a good one. @returns all that it wrote */
  async end(): Promise<string> {
    const [{ code }] = await Promise.all([this.#child.status, this.#closed]);
    running.delete(this);
    if (code !== 0) throw this.#failure(`ended with status ${code}`);
    return this.text;
  }

  /** Ends it at once, one way or another. */
  async terminate(): Promise<void> {
    const kill = (signal: Deno.Signal) => {
      try {
        this.#child.kill(signal);
      } catch {
        // It has ended by itself.
      }
    };
    kill("SIGTERM");
    const timer = setTimeout(() => kill("SIGKILL"), END_MS);
    await this.#child.status;
    clearTimeout(timer);
    running.delete(this);
  }

  /** With the line that says most: the first that names an error, else the last. */
  #failure(what: string): Error {
    if (stopped) return stopped;
    const lines = this.text.split("\n").map((line) => line.trim()).filter((line) => line !== "");
    const line = lines.find((line) => /error|fail|perfprof: /i.test(line)) ?? lines.at(-1);
    return new Error(`${this.#name} ${what}${line === undefined ? "" : `: ${line}`}`);
  }
}

const libc = Deno.dlopen("libc.so.6", {
  // int clock_gettime(clockid_t clockid, struct timespec *tp)
  clock_gettime: { parameters: ["i32", "buffer"], result: "i32" },
});

/** Runs a program to its end. @returns all that it wrote */
export async function output(command: CommandLine): Promise<string> {
  return await new Process(command).end();
}

/** What a whole run of a program took. */
export interface Usage {
  readonly cpuNs: number;
  readonly peakRssMb: number;
  /** All that it wrote. */
  readonly text: string;
}

/** Runs a program to its end, and its children that it waits for. */
export async function usage(command: CommandLine, options: { readonly stdout?: "null" } = {}): Promise<Usage> {
  const text = await new Process([program("rusage"), ...command], options).end();
  const [, cpuNs, peakRssKb] = /"cpu_ns":(\d+),"peak_rss_kb":(\d+)/.exec(text)!;
  return { cpuNs: Number(cpuNs), peakRssMb: Number(peakRssKb) / 1024, text };
}
