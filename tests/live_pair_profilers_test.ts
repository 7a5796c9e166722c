/** The analyses that pair a beginning with its end, and their templates, on real events: exactly as many as were made. */

import assert from "node:assert/strict";
import { Child, EMIT, lastJson, live, pause, perfprof, Stage, TempDir, until } from "./harness.ts";

const GUEST = EMIT.replace(/emit$/, "kvm_guest");
const template = (name: string) => new URL(`../templates/${name}.ts`, import.meta.url).pathname;

/** A module that keeps all events and writes at the end what `tell` makes of them: `events` is an array. */
const collecting = (tell: string) => `
  const events = [];
  export function __sample__(event) { events.push(event); }
  export function __exit__() { console.log(JSON.stringify(${tell})); }`;

live("syscalls: each call of a command, with number, arguments and return value", async () => {
  using stage = new Stage();
  const module = stage.dir.write(
    "h.ts",
    collecting(`{
      count: events.length,
      all: [...new Set(events.map(({ name, ret, args, pid, tid }) => [name, ret, args[0], args.length, pid === tid].join(" ")))],
      shortest: Math.min(...events.map(({ latency }) => latency)),
    }`),
  );
  const ended = await perfprof(["-e", "syscalls/sched_get_priority_max/", "-c", `${stage.emitter} calls 1000`, module]);
  const { count, all, shortest } = lastJson(ended);
  assert.deepEqual([count, all], [1000, ["sched_get_priority_max 0 0 6 true"]]);
  assert.ok(shortest > 0, `${shortest}`);
});

live("syscalls: all that a command makes, and --than the one that sleeps", async () => {
  using dir = new TempDir();
  // Its exec was entered before events flowed, its exit_group does not return.
  const module = dir.write(
    "h.ts",
    collecting(`[
      events.filter(({ _event }) => _event === "syscalls").length,
      events.filter(({ _event }) => _event === "raw_syscalls:sys_exit").length,
      events.filter(({ _event }) => _event === "slow").map(({ name, latency }) => [name, latency >= 3e8 && latency < 5e9]),
    ]`),
  );
  const events = "syscalls,raw_syscalls:sys_exit,syscalls/--than 250ms/alias=slow/";
  const [calls, exits, slow] = lastJson(await perfprof(["-e", events, "-c", "sleep 0.3", module]));
  assert.equal(calls, exits - 1);
  assert.deepEqual(slow, [["clock_nanosleep", true]]);
});

/** Why the guest's exits cannot be traced here. */
const noGuest = (() => {
  const { code, stderr } = new Deno.Command(GUEST, { args: ["1"] }).outputSync();
  if (code === 77) return new TextDecoder().decode(stderr).trim();
  const modules = [...Deno.readDirSync("/sys/module")].map(({ name }) => name);
  const tracing = modules.includes("kvm_intel") || modules.includes("kvm_amd");
  return tracing ? undefined : "this machine's KVM emulates real mode, without a guest that is left";
})();

live("kvm-exit: a guest that writes to a port so often", async () => {
  using dir = new TempDir();
  const module = dir.write(
    "h.ts",
    collecting(`events.filter(({ exit_reason, latency, vcpu_id, guest_rip }) =>
      /^(?:IO_INSTRUCTION|io)$/.test(exit_reason) && latency > 0 && vcpu_id === 0 && guest_rip === 0x1000n).length`),
  );
  assert.equal(lastJson(await perfprof(["-e", "kvm-exit", "-c", `${GUEST} 1000`, module])), 1000);
  const { stdout } = await perfprof(["-q", "-e", "kvm-exit", "-c", `${GUEST} 1000`, template("kvmexits")]);
  assert.match(stdout, /^ *\d+ +0 +(?:IO_INSTRUCTION|io) +1000 /m);
}, noGuest);

live("irq-off: as many as the entries and exits of the same run make", async () => {
  using stage = new Stage();
  const module = stage.dir.write(
    "h.ts",
    `const open = new Map();
     let pairs = 0, told = 0, wrong = 0;
     export function __sample__(event) {
       const [, kind, end] = /^irq:(softirq|irq_handler)_(entry|exit)$/.exec(event._event);
       const key = kind + event._cpu;
       const number = kind === "softirq" ? event.vec : event.irq;
       if (end === "entry") open.set(key, number);
       else if (open.get(key) === number) pairs++;
       if (end === "exit") open.delete(key);
     }
     export function irq_off({ kind, name, duration }) {
       told++;
       if (!/^(?:irq|softirq)$/.test(kind) || name === "" || duration <= 0) wrong++;
     }
     export function __exit__() { console.log(JSON.stringify([told - pairs, wrong, told])); }`,
  );
  const ended = await perfprof(["-e", "irq:irq_handler_*,irq:softirq_e*,irq-off", "-c", `${stage.emitter} flood 0.5s`, module]);
  const [difference, wrong, told] = lastJson(ended);
  assert.deepEqual([difference, wrong], [0, 0]);
  assert.ok(told > 10, `${told}`);
});

/** Threads of the generator that were started and have not ended, by the scheduler's own events. */
function threadsOf(emitter: string): string {
  const fork = `sched:sched_process_fork/parent_comm=="${emitter.replace(/^.*\//, "")}"/key=child_pid/`;
  return `kmemleak/--alloc '${fork}' --free 'sched:sched_process_exit//key=pid/' -g --no-user-callchain/`;
}

/** Traces five threads that wait, and the end of two others. */
async function traceThreads(stage: Stage, options: readonly string[], module: string) {
  let waiting: Child | undefined;
  const ended = await stage.trace(["-e", threadsOf(stage.emitter), ...options], module, async (traced) => {
    await stage.emit("threads", 2, 1);
    waiting = stage.hold("crowd", 5, 1);
    await until(() => [...Deno.readDirSync(`/proc/${waiting!.pid}/task`)].length === 6);
    if (options.length > 0) await traced.saw(/^held 5$/m);
  });
  await waiting!.tell("\n");
  await waiting!.end();
  return ended;
}

live("kmemleak: what was allocated and is not freed, at each interval and at the end", async () => {
  using stage = new Stage();
  const module = `const held = new Map();
    export function kmemleak({ time, ptr, comm, age, callchain }) {
      if (age <= 0 || comm !== "${stage.emitter.replace(/^.*\//, "")}" || callchain.length === 0) throw new Error(comm);
      held.set(time, (held.get(time) ?? new Set()).add(ptr));
      console.error("held " + held.get(time).size);
    }
    export function __interval__() {}
    export function __exit__() { console.log(JSON.stringify([...held.values()].at(-1).size)); }`;
  const ended = await traceThreads(stage, ["-i", "50"], module);
  assert.equal(lastJson(ended), 5);
  assert.doesNotMatch(ended.stderr, /held 6|Error/);
});

live("kmemleak.ts sums up what is held by stack", async () => {
  using stage = new Stage();
  const { stdout } = await traceThreads(stage, [], `export * from "${template("kmemleak")}";`);
  assert.match(stdout, /^0 bytes in 5 allocations by \S+\n(?: {4}\S+\+0x[\da-f]+\n)+$/m);
});

/** A disk that nobody else writes to, until the end of the scope. */
class LoopDisk implements Disposable {
  readonly dir = new TempDir();
  readonly path: string;

  constructor() {
    const file = this.dir.write("disk", "");
    Deno.truncateSync(file, 1 << 20);
    this.path = new TextDecoder().decode(new Deno.Command("losetup", { args: ["-f", "--show", file] }).outputSync().stdout)
      .trim();
    if (this.path === "") throw new Error("no loop device");
  }

  get name(): string {
    return this.path.replace("/dev/", "");
  }

  /** Writes 4 blocks of 64 KiB past the page cache. */
  async write(): Promise<void> {
    const ended = await new Child("dd", ["if=/dev/zero", `of=${this.path}`, "bs=64k", "count=4", "oflag=direct"]).end();
    assert.equal(ended.code, 0, ended.stderr);
  }

  [Symbol.dispose](): void {
    new Deno.Command("losetup", { args: ["-d", this.path] }).outputSync();
    this.dir[Symbol.dispose]();
  }
}

const noLoop = (() => {
  try {
    using _disk = new LoopDisk();
    return undefined;
  } catch {
    return "no loop device";
  }
})();

live("blktrace: each write to a disk, and its template", async () => {
  using stage = new Stage();
  using disk = new LoopDisk();
  // Others may read a disk that has just come.
  const module = `const writes = [];
    export function blktrace({ dev, sector, bytes, rwbs, queue, service, latency }) {
      if (!rwbs.startsWith("W")) return;
      writes.push([dev, sector, bytes, service > 0 && queue >= 0 && latency === queue + service]);
      if (writes.length === 4) console.log("all");
    }
    export function __exit__() { console.log(JSON.stringify(writes)); }`;
  const ended = await stage.trace(["-e", `blktrace/-d ${disk.name}/`], module, async (traced) => {
    await disk.write();
    await traced.saw(/^all$/m);
  });
  assert.deepEqual(lastJson(ended), [0, 128, 256, 384].map((sector) => [disk.name, sector, 65536, true]));

  const module2 = `export * from "${template("blktrace")}";`;
  const { stdout } = await stage.trace(["-e", `blktrace/-d ${disk.name}/`], module2, async () => {
    await disk.write();
    await pause(100); // longer than a delivery takes
  });
  assert.match(
    stdout,
    new RegExp(`^DISK +ACCESS +REQUESTS +KiB +QUEUE µs +SERVICE µs +MAX µs\\n(?:.*\\n)*${disk.name} +write +4 +256 `, "m"),
  );
}, noLoop);

live("syscalls.ts sums up a command's calls", async () => {
  using stage = new Stage();
  const { code, stdout } = await perfprof(["-q", "-e", "syscalls", "-c", `${stage.emitter} calls 1000`, template("syscalls")]);
  assert.equal(code, 0);
  assert.match(stdout, /^SYSCALL +CALLS +ERRORS +TOTAL µs +MEAN µs +MAX µs$/m);
  assert.match(stdout, /^sched_get_priority_max +1000 +0 +[\d.]+ +[\d.]+ +[\d.]+$/m);
});

live("irqoff.ts has the share of each CPU", async () => {
  using stage = new Stage();
  const { code, stdout } = await perfprof(["-q", "-e", "irq-off", "-c", `${stage.emitter} flood 0.3s`, template("irqoff")]);
  assert.equal(code, 0);
  assert.match(stdout, /^CPU +KIND +NAME +COUNT +TIME % +MAX µs\n(?: *\d+ +(?:soft)?irq +\S+ +\d+ +[\d.]+ +[\d.]+\n)+$/m);
});
