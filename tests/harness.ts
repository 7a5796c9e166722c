/**
 * What the live tests share: perfprof as a child process with a script of the test's own, a generator of exact numbers of events,
 * and the honest skip of a test that this machine cannot run.
 *
 * @module
 */

import { fileURLToPath } from "node:url";

const root = new URL("../", import.meta.url);

/** The event generator (tests/native/emit.c), built by the test task. */
export const EMIT = fileURLToPath(new URL("native/build/emit", root));
export const MAIN = fileURLToPath(new URL("main.ts", root));

/** The command that the tests take for perfprof: `PERFPROF` of the environment, or this checkout's main.ts. */
function command(): [string, string[]] {
  const given = Deno.env.get("PERFPROF");
  return given === undefined ? [Deno.execPath(), ["run", "-A", "-q", "--no-lock", MAIN]] : [given, []];
}

/** Why live tests cannot run here; undefined when they can. */
export const cannotTrace: string | undefined = (() => {
  if (Deno.uid() !== 0) return "needs root";
  try {
    Deno.statSync("/sys/kernel/tracing/events/sched");
  } catch {
    return "no tracefs at /sys/kernel/tracing";
  }
  return undefined;
})();

/**
 * Registers a test on real events. Where this machine cannot run it, it counts as skipped and its name says why.
 *
 * @param unless Another reason not to run it, besides the machine's
 */
export function live(name: string, test: () => void | Promise<void>, unless?: string): void {
  const reason = cannotTrace ?? unless;
  if (reason === undefined) Deno.test(name, test);
  else Deno.test({ name: `${name} (skipped: ${reason})`, ignore: true, fn: test });
}

/** A folder that is removed at the end of the scope: `using dir = new TempDir()`. */
export class TempDir {
  readonly path = Deno.makeTempDirSync({ prefix: "perfprof-test-" });

  /** Writes a file into it. */
  write(name: string, text: string, mode = 0o644): string {
    const path = `${this.path}/${name}`;
    Deno.mkdirSync(path.slice(0, path.lastIndexOf("/")), { recursive: true });
    Deno.writeTextFileSync(path, text, { mode });
    return path;
  }

  [Symbol.dispose](): void {
    Deno.removeSync(this.path, { recursive: true });
  }
}

/** How a child ended, and all that it wrote. */
export interface Ended {
  readonly code: number;
  readonly signal: Deno.Signal | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A child process whose output can be waited for while it runs. */
export class Child {
  stdout = "";
  stderr = "";
  readonly process: Deno.ChildProcess;
  readonly #readers: Promise<void>[];
  readonly #changed: { notify: () => void }[] = [];
  #closed = 0;

  constructor(
    path: string,
    args: readonly string[],
    options: { env?: Record<string, string>; cwd?: string; stdin?: "piped" | "null" } = {},
  ) {
    this.process = new Deno.Command(path, {
      args: [...args],
      stdin: options.stdin ?? "null",
      stdout: "piped",
      stderr: "piped",
      ...(options.env && { env: options.env }),
      ...(options.cwd && { cwd: options.cwd }),
    }).spawn();
    this.#readers = [
      this.#read(this.process.stdout, (text) => this.stdout += text),
      this.#read(this.process.stderr, (text) => this.stderr += text),
    ];
  }

  get pid(): number {
    return this.process.pid;
  }

  async #read(stream: ReadableStream<Uint8Array>, add: (text: string) => void): Promise<void> {
    const decoder = new TextDecoder();
    for await (const chunk of stream) {
      add(decoder.decode(chunk, { stream: true }));
      this.#wake();
    }
    this.#closed++;
    this.#wake();
  }

  #wake(): void {
    for (const { notify } of this.#changed.splice(0)) notify();
  }

  /** Waits until what it wrote (both streams) matches; fails when it ends first. */
  async saw(pattern: RegExp): Promise<RegExpExecArray> {
    for (;;) {
      const match = pattern.exec(this.stdout) ?? pattern.exec(this.stderr);
      if (match !== null) return match;
      if (this.#closed === 2) throw new Error(`the child ended without ${pattern}:\n${this.stdout}\n${this.stderr}`);
      await new Promise<void>((notify) => this.#changed.push({ notify }));
    }
  }

  /** Writes to its stdin (`stdin: "piped"`) and closes it. */
  async tell(text: string): Promise<void> {
    const writer = this.process.stdin.getWriter();
    await writer.write(new TextEncoder().encode(text));
    await writer.close();
  }

  kill(signal: Deno.Signal): void {
    this.process.kill(signal);
  }

  /** Waits for its end. After `limitMs` it is killed, and this fails: a hang is a failure, not a slow test. */
  async end(limitMs = 60_000): Promise<Ended> {
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      this.process.kill("SIGKILL");
    }, limitMs);
    const { code, signal } = await this.process.status;
    clearTimeout(timer);
    await Promise.all(this.#readers);
    if (late) throw new Error(`the child did not end within ${limitMs} ms:\n${this.stdout}\n${this.stderr}`);
    return { code, signal, stdout: this.stdout, stderr: this.stderr };
  }
}

/** Starts perfprof with these arguments. */
export function start(args: readonly string[], options: { env?: Record<string, string>; cwd?: string } = {}): Child {
  const [path, before] = command();
  return new Child(path, [...before, ...args], options);
}

/** Runs perfprof to its end. */
export async function perfprof(
  args: readonly string[],
  options: { env?: Record<string, string>; cwd?: string } = {},
): Promise<Ended> {
  return await start(args, options).end();
}

/** Lets so many ms go by. */
export const pause = (ms: number) => new Promise<void>((done) => setTimeout(done, ms));

/** Waits until something is so, but not for ever. */
export async function until(so: () => boolean): Promise<void> {
  for (const end = Date.now() + 10_000; !so(); await pause(5)) {
    if (Date.now() > end) throw new Error(`still not after 10 s: ${so}`);
  }
}

let stages = 0;

/** What a test on real events plays on: a handler module, and an event generator whose events nobody else makes. */
export class Stage implements Disposable {
  readonly dir = new TempDir();
  /** EMIT under a name that no other task has, so that filters can ask for its events (and its threads' and children's) alone. */
  readonly emitter: string;
  readonly #name = `e${Deno.pid}x${++stages}`;

  constructor() {
    this.emitter = `${this.dir.path}/${this.#name}`;
    Deno.symlinkSync(EMIT, this.emitter);
  }

  /**
   * The generator's events, as -e takes them.
   *
   * @param attributes As in `alias=a/cpus=1`
   */
  event(attributes = "", nr = emittedNr()): string {
    return `raw_syscalls:sys_enter/id==${nr} && comm=="${this.#name}"/${attributes}`;
  }

  /** The returns from the same system calls. */
  exitEvent(attributes = ""): string {
    return this.event(attributes).replace("sys_enter", "sys_exit");
  }

  /** Runs the generator to its end. @returns The calls it made */
  async emit(...args: (string | number)[]): Promise<number> {
    return callsOf(await new Child(this.emitter, args.map(String)).end());
  }

  /** Starts a generator that makes nothing before it is told to: its pid is known in time for -p. */
  hold(...args: (string | number)[]): Child {
    return new Child(this.emitter, ["--wait", ...args.map(String)], { stdin: "piped" });
  }

  /** Starts perfprof on a module that says `ready` once events flow. */
  async start(options: readonly string[], module: string): Promise<Child> {
    const path = this.dir.write("h.ts", `export function __init__() { setTimeout(() => console.log("ready"), 0); }\n${module}`);
    const child = start([...options, path]);
    await child.saw(/^ready$/m);
    return child;
  }

  /** Runs perfprof, does `work` once events flow, and ends the run as Ctrl-C does. */
  async trace(options: readonly string[], module: string, work: (perfprof: Child) => unknown): Promise<Ended> {
    const child = await this.start(options, module);
    try {
      await work(child);
    } finally {
      child.kill("SIGINT");
    }
    return await child.end();
  }

  [Symbol.dispose](): void {
    this.dir[Symbol.dispose]();
  }
}

/** The calls that a generator made, from what it wrote at its end. */
export function callsOf({ code, stdout, stderr }: Ended): number {
  if (code !== 0) throw new Error(`the event generator ended with status ${code}: ${stderr}`);
  return JSON.parse(stdout).calls;
}

let nr: number | undefined;

/** The number of the system call that the generator makes. */
export function emittedNr(): number {
  nr ??= Number(new TextDecoder().decode(new Deno.Command(EMIT, { args: ["nr"] }).outputSync().stdout));
  return nr;
}

/** The last line of stdout, which a module wrote as JSON in its __exit__. */
// deno-lint-ignore no-explicit-any
export function lastJson({ stdout, stderr }: Ended): any {
  const line = stdout.trimEnd().split("\n").at(-1) ?? "";
  try {
    return JSON.parse(line);
  } catch {
    throw new Error(`the last line is no JSON:\n${stdout}\n${stderr}`);
  }
}

/** A user without rights, who sees Deno, its cache and this checkout through mounts of his own. */
const AS_NOBODY = `
set -e
root=$1 deno=$2 main=$3 cache=$4; shift 4
mkdir "$root/checkout" "$root/cache"; touch "$root/deno"
mount --bind "$deno" "$root/deno"
mount --bind "$(dirname "$main")" "$root/checkout"
mount --bind "$cache" "$root/cache"
export DENO_DIR="$root/cache" HOME=/
exec setpriv --reuid=65534 --regid=65534 --clear-groups "$root/deno" run -A --no-lock "$root/checkout/main.ts" "$@"`;

/** Where Deno keeps what it has loaded. */
function denoDir(): string {
  const { stdout } = new Deno.Command(Deno.execPath(), { args: ["info", "--json"] }).outputSync();
  return JSON.parse(new TextDecoder().decode(stdout)).denoDir;
}

/** Runs perfprof as nobody. @param dir Which he may enter; it takes the mounts */
export async function asNobody(dir: TempDir, args: readonly string[]): Promise<Ended> {
  const shell = ["-m", "sh", "-c", AS_NOBODY, "sh", dir.path, Deno.execPath(), MAIN, denoDir()];
  return await new Child("unshare", [...shell, ...args]).end();
}

/** What `body` prints with console.log. */
export function printed(body: () => void): string {
  const { log } = console;
  const lines: string[] = [];
  console.log = (...data: unknown[]) => lines.push(data.join(" "));
  try {
    body();
  } finally {
    console.log = log;
  }
  return lines.join("\n");
}
