/**
 * Measures one consumer of events against the C generator. The kernel's own CPU accounting (/proc/PID/task/TID/schedstat, exact to
 * the ns for a thread that sleeps) is read when the consumer has come to rest before and after: start and end are not in it, all
 * of its threads are. Knows nothing of which consumers there are or of how results are shown.
 *
 * @module
 */

const BUILD = new URL("../native/build/", import.meta.url).pathname;
const PAUSE_MS = 250;
/** A consumer is at rest when it takes less CPU than this, a tenth, in a pause: its own system calls are events as well. */
const REST_NS = PAUSE_MS * 1e6 / 10;

/** A program that says "ready", consumes raw_syscalls:sys_enter until SIGINT, and says `{"events":N,"lost":N}`. */
export interface Consumer {
  readonly name: string;
  readonly command: readonly string[];
}

/** What a consumer did and needed under a load. */
export interface Run {
  readonly events: number;
  readonly lost: number;
  /** CPU of the consumer under the load, user and system. */
  readonly cpuNs: number;
  readonly peakRssMb: number;
  readonly generated: Generated;
}

/** What the generator needed: CPU by call, and wall time in all. */
export interface Generated {
  readonly nsPerCall: number;
  readonly seconds: number;
}

/** Path of a program that the task has built. */
export function program(name: string): string {
  return BUILD + name;
}

/** A consumer that runs. */
class Running {
  readonly #child: Deno.ChildProcess;
  readonly #output: ReadableStreamDefaultReader<string>;
  readonly #name: string;
  /** CPU time by thread id. */
  readonly #threadNs = new Map<string, number>();
  #text = "";

  constructor({ name, command: [path, ...args] }: Consumer) {
    this.#name = name;
    this.#child = new Deno.Command(path!, { args, stdin: "null", stdout: "piped" }).spawn();
    this.#output = this.#child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  }

  async ready(): Promise<void> {
    while (!this.#text.includes("ready\n")) {
      if (!await this.#readMore()) throw new Error(`${this.#name} ended before it was ready`);
    }
  }

  /** Waits for a pause that it spends at rest: its CPU time when that began and when it ended. */
  async rest(): Promise<{ beganNs: number; endedNs: number }> {
    for (let beganNs = this.#cpuNs();;) {
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
      const endedNs = this.#cpuNs();
      if (endedNs - beganNs < REST_NS) return { beganNs, endedNs };
      beganNs = endedNs;
    }
  }

  /** A thread that has ended keeps what it was last seen with. */
  #cpuNs(): number {
    const tasks = `/proc/${this.#child.pid}/task`;
    for (const { name } of Deno.readDirSync(tasks)) {
      try {
        this.#threadNs.set(name, Number(Deno.readTextFileSync(`${tasks}/${name}/schedstat`).split(" ")[0]));
      } catch (error) {
        if (!(error instanceof Deno.errors.NotFound)) throw error;
      }
    }
    return this.#threadNs.values().reduce((sum, ns) => sum + ns, 0);
  }

  peakRssMb(): number {
    const status = Deno.readTextFileSync(`/proc/${this.#child.pid}/status`);
    return Number(/^VmHWM:\s+(\d+) kB/m.exec(status)![1]) / 1024;
  }

  interrupt(): void {
    this.#child.kill("SIGINT");
  }

  /** Until its end: all that it wrote. */
  async end(): Promise<string> {
    while (await this.#readMore());
    const { code } = await this.#child.status;
    if (code !== 0) throw new Error(`${this.#name} ended with status ${code}`);
    return this.#text;
  }

  async #readMore(): Promise<boolean> {
    const { value, done } = await this.#output.read();
    this.#text += value ?? "";
    return !done;
  }
}

/**
 * Runs the generator (tests/native/emit.c) to its end.
 *
 * @param args What it does
 * @returns What that took
 */
export async function generate(args: readonly string[]): Promise<Generated> {
  const started = performance.now();
  const { success, stdout } = await new Deno.Command(program("emit"), { args: [...args], stdin: "null" }).output();
  if (!success) throw new Error(`emit ${args.join(" ")} failed`);
  const { ns_per_call: nsPerCall } = JSON.parse(new TextDecoder().decode(stdout));
  return { nsPerCall, seconds: (performance.now() - started) / 1000 };
}

/**
 * Runs a consumer, and a load beside it.
 *
 * @param consumer Who consumes
 * @param load What the generator does meanwhile
 * @returns What was counted and what it cost
 */
export async function measure(consumer: Consumer, load: readonly string[]): Promise<Run> {
  const running = new Running(consumer);
  await running.ready();
  const before = await running.rest();
  const generated = await generate(load);
  const after = await running.rest();
  const peakRssMb = running.peakRssMb();
  running.interrupt();
  const text = await running.end();
  const { events, lost } = JSON.parse(text.slice(text.indexOf("{")));
  return { events, lost, cpuNs: after.beganNs - before.endedNs, peakRssMb, generated };
}

/**
 * From the start of a program to its "ready", which it says at the first event.
 *
 * @param consumer Ends by itself at the first event
 * @returns ms
 */
export async function timeToFirst(consumer: Consumer): Promise<number> {
  const started = performance.now();
  const running = new Running(consumer);
  await running.ready();
  const elapsed = performance.now() - started;
  await running.end();
  return elapsed;
}
