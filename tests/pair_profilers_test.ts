/** The analyses that pair a beginning with its end, each over a script of samples: what comes of them, event by event. */

import assert from "node:assert/strict";
import { PERF_SAMPLE } from "../lib/layout.ts";
import { blktrace } from "../lib/profilers/blktrace.ts";
import { irqOff } from "../lib/profilers/irq_off.ts";
import { kmemleak } from "../lib/profilers/kmemleak.ts";
import { kvmExit } from "../lib/profilers/kvm_exit.ts";
import { Pairs } from "../lib/profilers/pairs.ts";
import { syscalls } from "../lib/profilers/syscalls.ts";
import { systemCalls } from "../lib/profilers/syscall_names.ts";
import {
  BLOCK_FORMATS,
  IRQ_FORMATS,
  KMEM_FORMATS,
  KVM_FORMATS,
  PREEMPTIRQ_FORMATS,
  SYSCALL_FORMATS,
} from "./fixtures/pair_formats.ts";
import { planOf, type Play, PlayedAnalysis } from "./fixtures/played_analysis.ts";
import type { Values } from "./fixtures/samples.ts";

type More = Partial<Pick<Play, "options" | "follows" | "key" | "machine">>;

/** Plays samples of one system's tracepoints. Thread T is of process 1000 * T. */
class Played extends PlayedAnalysis {
  readonly #system: string;

  constructor(system: string, play: Play) {
    super(play);
    this.#system = system;
  }

  at(timeNs: number, name: string, values: Values, { tid = 7, cpu = 0, chain = [0x1n] } = {}): this {
    this.take(`${this.#system}:${name}`, { pid: 1000 * tid, tid, timeNs, cpu }, values, chain);
    return this;
  }

  lost(name: string, endNs: number, cpu = 0): this {
    this.analysis.lost(this.indexOf(`${this.#system}:${name}`), cpu, endNs - 100, endNs);
    return this;
  }

  tick(nowNs: number, last: boolean): this {
    this.analysis.tick!(nowNs, last, (event) => this.events.push(event as typeof this.events[number]));
    return this;
  }
}

const nrOf = (name: string) => [...systemCalls(Deno.build.arch)].find(([, own]) => own === name)![0];
const READ = nrOf("read"), SIGRETURN = nrOf("rt_sigreturn"), EXECVE = nrOf("execve");
/** args[i] is the i-th of these. */
const args = (...values: bigint[]) => values.reduce((all, value, i) => all | value << BigInt(64 * i), 0n);

class Calls extends Played {
  constructor(more: More = {}) {
    super("raw_syscalls", { profiler: syscalls, formats: SYSCALL_FORMATS, ...more });
  }

  enter(timeNs: number, nr: number, tid = 7): this {
    return this.at(timeNs, "sys_enter", { id: nr, args: args(3n, 0x7ffd_0000_0000n, 64n, 0n, 0n, 0xffff_ffff_ffff_ffffn) }, {
      tid,
    });
  }

  exit(timeNs: number, nr: number, ret: number | bigint, tid = 7): this {
    return this.at(timeNs, "sys_exit", { id: nr, ret }, { tid, cpu: 1, chain: [0x10n, 0x20n] });
  }
}

Deno.test("syscalls: one event with all that enter and exit say", () => {
  const { events, written } = new Calls().enter(1000, READ).exit(1800, READ, -11);
  const [event] = events;
  assert.equal(events.length, 1);
  assert.deepEqual(event!.to_dict(), {
    ...{ _pid: 7000, _tid: 7, _time: 1800, _cpu: 1, _realtime: event!._realtime, _event: "syscalls" },
    ...{ pid: 7000, tid: 7, time: 1800, cpu: 1, name: "read", nr: READ },
    args: BigUint64Array.of(3n, 0x7ffd_0000_0000n, 64n, 0n, 0n, 0xffff_ffff_ffff_ffffn),
    ...{ ret: -11, latency: 800 },
  });
  event!.print({ timestamp: false });
  assert.match(written[0]!, /: syscalls: read\(0x3, 0x7ffd00000000, 0x40, 0x0, 0x0, 0xffffffffffffffff\) = -11 800 ns$/);
});

Deno.test("syscalls: threads do not mix, and an exit needs the entry of the same call", () => {
  const played = new Calls()
    .exit(10, READ, 0) // entered before the trace
    .enter(100, READ, 1)
    .enter(200, READ, 2)
    .exit(300, READ, 5, 2)
    .enter(400, SIGRETURN, 2)
    .exit(410, -1, 77, 2) // the interrupted code's register
    .exit(500, READ, 9, 1)
    .enter(600, READ, 1)
    .exit(700, EXECVE, 0, 1) // of another thread of the process, which has this one's number now
    .exit(800, READ, 0, 1);
  assert.deepEqual(played.all("tid", "nr", "ret", "latency"), [
    [2, READ, 5, 100],
    [2, SIGRETURN, 77, 10],
    [1, READ, 9, 400],
  ]);
  assert.equal(played.analysis.doubtful, 0);
});

Deno.test("syscalls: what a loss makes doubtful is dropped and counted", () => {
  const played = new Calls()
    .enter(100, READ, 1)
    .lost("sys_exit", 150)
    .enter(150, READ, 2)
    .exit(200, READ, 1, 1) // perhaps of a later call than that of 100
    .exit(210, READ, 2, 2)
    .enter(220, READ, 1)
    .exit(230, READ, 3, 1);
  assert.deepEqual(played.all("tid", "ret"), [[2, 2], [1, 3]]);
  assert.equal(played.analysis.doubtful, 1);
});

Deno.test("syscalls: --than leaves shorter ones out; a number without a name has one made of it", () => {
  const played = new Calls({ options: "--than 1us" }).enter(0, 9999).exit(999, 9999, -38).enter(2000, 9999).exit(
    3000,
    9999,
    -38,
  );
  assert.deepEqual(played.all("name", "nr", "ret", "latency"), [["syscall_9999", 9999, -38, 1000]]);
});

Deno.test("syscalls: a return value of 64 bits is exact", () => {
  const played = new Calls().enter(0, READ).exit(1, READ, 0x7fff_ffff_ffff_ffffn);
  assert.deepEqual(played.all("ret"), [[0x7fff_ffff_ffff_ffffn]]);
});

Deno.test("syscalls: -g has the stack of the exit", () => {
  const played = new Calls({ options: "-g" }).enter(0, READ).exit(1, READ, 0);
  assert.deepEqual((played.events[0]!.callchain as { addr: bigint }[]).map(({ addr }) => addr), [0x10n, 0x20n]);
  const { opens } = played.plan;
  assert.deepEqual(opens.map(({ attr }) => attr.sampleType & PERF_SAMPLE.CALLCHAIN), [0, PERF_SAMPLE.CALLCHAIN]);
  assert.ok(!("callchain" in new Calls().enter(0, READ).exit(1, READ, 0).events[0]!));
});

Deno.test("syscalls: names become the kernel's filters, and only of the traced tasks", () => {
  const filters = (options?: string) =>
    planOf({ profiler: syscalls, formats: SYSCALL_FORMATS, ...(options && { options }) }).opens.map(({ filter, everyTask }) => {
      assert.equal(everyTask, false);
      return filter;
    });
  assert.deepEqual(filters(), [undefined, undefined]);
  const reads = `id==${READ}||id==${EXECVE}`;
  assert.deepEqual(filters("read,execve read"), [reads, reads]);
  assert.deepEqual(filters("rt_sigreturn"), [`id==${SIGRETURN}`, `id==${SIGRETURN}||id==-1`]);
  assert.throws(() => filters("read,reaad"), {
    name: "PerfprofError",
    message: "option -e: syscalls: no system call has the name 'reaad'",
    detail: ["    syscalls/read,reaad/", "             ^^^^^^^^^^"],
    hints: ["did you mean read?"],
  });
});

Deno.test("the names of system calls are those of the kernel's header", async () => {
  const names = systemCalls(Deno.build.arch);
  const { stdout } = await new Deno.Command("cc", { args: ["-E", "-dM", "-include", "asm/unistd.h", "-xc", "/dev/null"] })
    .output();
  const defined = [...new TextDecoder().decode(stdout).matchAll(/^#define __NR_(\w+) (\d+)$/gm)]
    .filter(([, name]) => !/^(?:syscalls|arch_specific_syscall)$/.test(name!))
    // A newer header than this table may have more.
    .filter(([, , nr]) => Number(nr) <= Math.max(...names.keys()));
  assert.ok(defined.length > 250, `${defined.length}`);
  for (const [, name, nr] of defined) assert.equal(names.get(Number(nr)), name);
});

Deno.test("the names of arm64's system calls are at their numbers", () => {
  const names = systemCalls("aarch64");
  const numbers = { io_setup: 0, openat: 56, read: 63, rt_sigreturn: 139, getpid: 172, recvmmsg: 243, wait4: 260, execve: 221 };
  for (const [name, nr] of Object.entries({ ...numbers, kexec_file_load: 294, clone3: 435, file_setattr: 469 })) {
    assert.equal(names.get(nr), name);
  }
  assert.equal(names.get(250), undefined);
});

Deno.test("pairs: the number of beginnings is bounded, and those given up are counted", () => {
  const pairs = new Pairs<number, { timeNs: number }>();
  for (let key = 0; key < 65536 + 10; key++) pairs.begin(key, { timeNs: key });
  assert.equal(pairs.doubtful, 10);
  assert.equal(pairs.end(9), undefined);
  assert.deepEqual(pairs.end(10), { timeNs: 10 });
  assert.equal(pairs.end(10), undefined);
  assert.equal([...pairs.open()].length, 65535);
});

const VMX = 1, SVM = 2;

class Guest extends Played {
  constructor(more: More = {}) {
    super("kvm", { profiler: kvmExit, formats: KVM_FORMATS, ...more });
  }

  /** Leaves the guest, and is back after so many ns. */
  exit(timeNs: number, isa: number, exit_reason: number, ns: number, tid = 7): this {
    return this.at(timeNs, "kvm_exit", { exit_reason, isa, guest_rip: 0xffff_ffff_8100_0000n }, { tid }).enter(
      timeNs + ns,
      tid,
    );
  }

  enter(timeNs: number, tid = 7): this {
    return this.at(timeNs, "kvm_entry", { vcpu_id: tid - 7 }, { tid, cpu: 1 });
  }
}

Deno.test("kvm-exit: reasons have the names that the kernel gives them for VMX and SVM", () => {
  const played = new Guest()
    .enter(0)
    .exit(100, VMX, 30, 10)
    .exit(200, VMX, 0x8000_0000 + 12, 20)
    .exit(300, VMX, 999, 30)
    .exit(400, SVM, 0x7b, 40)
    .exit(500, SVM, 0x4e, 50)
    .exit(600, SVM, 0xffff_ffff, 60)
    .exit(700, SVM, 0x999, 70, 8);
  assert.deepEqual(played.all("exit_reason", "latency", "vcpu_id"), [
    ["IO_INSTRUCTION", 10, 0],
    ["HLT FAILED_VMENTRY", 20, 0],
    ["0x3e7", 30, 0],
    ["io", 40, 0],
    ["PF excp", 50, 0],
    ["invalid_guest_state", 60, 0],
    ["0x999", 70, 1],
  ]);
  const [event] = played.events;
  assert.deepEqual([event!.time, event!.cpu, event!.pid, event!.tid, event!.guest_rip], [
    110,
    1,
    7000,
    7,
    0xffff_ffff_8100_0000n,
  ]);
  assert.match(event!.to_text({ timestamp: false }), /: kvm-exit: vcpu 0 IO_INSTRUCTION 10 ns rip 0xffffffff81000000$/);
});

Deno.test("kvm-exit: --than, and what a loss makes doubtful", () => {
  const played = new Guest({ options: "--than 50ns" })
    .exit(100, SVM, 0x7b, 49)
    .exit(200, SVM, 0x7b, 50)
    .at(300, "kvm_exit", { isa: SVM, exit_reason: 0x7b })
    .lost("kvm_entry", 350)
    .enter(400)
    .exit(500, SVM, 0x7b, 60);
  assert.deepEqual(played.all("time"), [[250], [560]]);
  assert.equal(played.analysis.doubtful, 1);
});

Deno.test("kvm-exit: where exits have no isa it says so", () => {
  const [exit, entry] = KVM_FORMATS as [typeof KVM_FORMATS[0], typeof KVM_FORMATS[0]];
  const other = { ...exit, fields: exit.fields.filter(({ name }) => name !== "isa") };
  assert.throws(() => planOf({ profiler: kvmExit, formats: [other, entry] }), /kvm-exit: .* no field isa/);
});

class Irqs extends Played {
  constructor(more: More = {}, formats = IRQ_FORMATS) {
    super("irq", { profiler: irqOff, formats, ...more });
  }

  softirq(timeNs: number, vec: number, ns: number, cpu = 0): this {
    return this.at(timeNs, "softirq_entry", { vec }, { cpu }).at(timeNs + ns, "softirq_exit", { vec }, { cpu });
  }
}

Deno.test("irq-off: handlers by CPU and kind, with an interrupt within a softirq", () => {
  const played = new Irqs()
    .at(10, "softirq_exit", { vec: 3 }) // began before the trace
    .at(100, "softirq_entry", { vec: 3 })
    .at(110, "irq_handler_entry", { irq: 36, name: "virtio1-req.0" })
    .at(115, "softirq_entry", { vec: 1 }, { cpu: 1 })
    .at(130, "irq_handler_exit", { irq: 36, ret: 1 })
    .at(150, "softirq_exit", { vec: 3 })
    .at(190, "softirq_exit", { vec: 1 }, { cpu: 1, tid: 0 })
    .softirq(200, 12, 5);
  assert.deepEqual(played.all("kind", "name", "duration", "cpu", "tid"), [
    ["irq", "virtio1-req.0", 20, 0, 7],
    ["softirq", "NET_RX", 50, 0, 7],
    ["softirq", "TIMER", 75, 1, 0],
    ["softirq", "12", 5, 0, 7],
  ]);
  assert.match(played.events[1]!.to_text({ timestamp: false }), /: irq-off: softirq NET_RX 50 ns$/);
});

Deno.test("irq-off: a loss makes doubtful what runs on its CPU, and nothing of the others", () => {
  const played = new Irqs({ options: "--than 10ns" })
    .at(100, "softirq_entry", { vec: 3 })
    .at(100, "softirq_entry", { vec: 3 }, { cpu: 1 })
    .lost("softirq_exit", 120, 1)
    .at(150, "softirq_exit", { vec: 3 })
    .at(150, "softirq_exit", { vec: 3 }, { cpu: 1 })
    .softirq(200, 1, 10, 1)
    .softirq(300, 1, 9, 1)
    .at(400, "softirq_entry", { vec: 1 })
    .at(450, "softirq_exit", { vec: 3 }); // not the one that began
  assert.deepEqual(played.all("cpu", "duration"), [[0, 50], [1, 10]]);
  assert.equal(played.analysis.doubtful, 1);
});

Deno.test("irq-off: -g has the stack of the exit", () => {
  const played = new Irqs({ options: "-g" })
    .at(100, "softirq_entry", { vec: 3 }, { chain: [1n] })
    .at(150, "softirq_exit", { vec: 3 }, { chain: [2n, 3n] });
  assert.deepEqual((played.events[0]!.callchain as { addr: bigint }[]).map(({ addr }) => addr), [2n, 3n]);
});

Deno.test("irq-off: where the kernel traces it, for how long interrupts were disabled, and by whom", () => {
  const machine = { kernelFile: () => "ffffffff81000000 T _text\nffffffff81000040 T _stext\nffffffff81000040 T x_stext\n" };
  const played = new Irqs({ machine }, [...IRQ_FORMATS, ...PREEMPTIRQ_FORMATS]);
  const made = (timeNs: number) => ({ pid: 1, tid: 1, timeNs, cpu: 0 });
  played.take("preemptirq:irq_disable", made(100), { caller_offs: 0x10, parent_offs: 0 });
  played.take("preemptirq:irq_enable", made(130), { caller_offs: 0x20, parent_offs: 0 });
  assert.deepEqual(played.all("kind", "name", "duration"), [["preemptirq", "0xffffffff81000050", 30]]);
});

class Memory extends Played {
  constructor(more: More = {}) {
    super("kmem", { profiler: kmemleak, formats: KMEM_FORMATS, machine: { pageSize: 4096 }, ...more });
  }

  alloc(timeNs: number, ptr: bigint, bytes_alloc = 64, tid = 7): this {
    return this.at(timeNs, "kmalloc", { ptr, bytes_alloc, bytes_req: 60 }, { tid, chain: [ptr, 0x20n] });
  }

  free(timeNs: number, ptr: bigint): this {
    return this.at(timeNs, "kfree", { ptr }, { tid: 9 });
  }
}

const A = 0xffff_8880_0000_0040n, B = 0xffff_8880_0000_0080n, C = 0xffff_8880_0000_00c0n;

Deno.test("kmemleak: what is held, at each interval and at the end", () => {
  const played = new Memory().alloc(100, A).alloc(200, B, 128, 8).free(250, A).free(260, C).tick(300, false);
  assert.deepEqual(played.all("time", "ptr", "size", "age", "comm", "pid", "tid"), [[300, B, 128, 100, "task-8", 8000, 8]]);
  assert.match(
    played.events[0]!.to_text({ timestamp: false }),
    /: kmemleak: ptr 0xffff888000000080 size 128 age 100 ns comm task-8$/,
  );
  // The address of A again, with another size; an allocation that failed.
  played.alloc(400, A, 32).alloc(410, 0n).tick(500, true);
  assert.deepEqual(played.all("time", "ptr", "size", "age").slice(1), [[500, B, 128, 300], [500, A, 32, 100]]);
  assert.equal(played.analysis.doubtful, 0);
});

Deno.test("kmemleak: --than, and the stack of the allocation", () => {
  const played = new Memory({ options: "--than 100ns -g" }).alloc(100, A).alloc(201, B).tick(300, true);
  assert.deepEqual(played.all("ptr"), [[A]]);
  assert.deepEqual((played.events[0]!.callchain as { addr: bigint }[]).map(({ addr }) => addr), [A, 0x20n]);
});

Deno.test("kmemleak: what may have been freed in a loss is not told, and counted at the end", () => {
  const played = new Memory().alloc(100, A).lost("kmalloc", 150).tick(160, false).lost("kfree", 200).alloc(200, B);
  played.tick(250, false).tick(300, true);
  assert.deepEqual(played.all("time", "ptr"), [[160, A], [250, B], [300, B]]);
  assert.equal(played.analysis.doubtful, 1);
});

Deno.test("kmemleak: any two tracepoints with a field in common", () => {
  const options = "--alloc kmem:mm_page_alloc --free 'kmem:mm_page_free/order==1/key=pfn/'";
  const played = new Memory({ options, key: "pfn" })
    .at(100, "mm_page_alloc", { pfn: 5, order: 1 })
    .at(110, "mm_page_alloc", { pfn: 6, order: 0 })
    .at(120, "mm_page_free", { pfn: 6, order: 0 })
    .tick(200, true);
  assert.deepEqual(played.all("ptr", "size", "age"), [[5n, 8192, 100]]);
  assert.deepEqual(played.plan.opens.map(({ name, filter, everyTask }) => [name, filter, everyTask]), [
    ["kmem:mm_page_alloc", undefined, false],
    ["kmem:mm_page_free", "order==1", true],
  ]);
});

Deno.test("kmemleak: an event that cannot be one of the two", () => {
  const plan = (options: string) => () => planOf({ profiler: kmemleak, formats: KMEM_FORMATS, options });
  assert.throws(plan("--alloc kmem:nothing"), { message: "option -e: kmemleak: there is no tracepoint kmem:nothing" });
  assert.throws(plan("--free kmem:mm_page_free"), {
    message: "option -e: kmemleak: kmem:mm_page_free has no field 'ptr' to be paired by",
    hints: ["key=FIELD, of pfn order"],
  });
  assert.throws(plan("--free 'kmem:kfree//stack/'"), /'kmem:kfree\/\/stack\/' is not one tracepoint/);
  assert.throws(plan("--free kmem:kfree,kmem:kmalloc"), /is not one tracepoint/);
});

const VDA = 254 << 20;
const DISKS: Readonly<Record<string, string>> = {
  "vda/dev": "254:0\n",
  "vda1/dev": "254:1\n",
  "vda1/partition": "1\n",
  "loop0/dev": "7:0\n",
};
const BLOCK_MACHINE: NonNullable<Play["machine"]> = {
  kernelFolder: () => ["vda", "vda1", "loop0"],
  kernelFile: (path) => DISKS[path.replace("/sys/class/block/", "")],
};

class Disk extends Played {
  constructor(more: More = {}) {
    super("block", { profiler: blktrace, formats: BLOCK_FORMATS, machine: BLOCK_MACHINE, ...more });
  }

  insert(timeNs: number, sector: number | bigint, sectors = 8, tid = 7): this {
    return this.at(timeNs, "block_rq_insert", { dev: VDA, sector, nr_sector: sectors, bytes: sectors * 512, rwbs: "WS" }, {
      tid,
    });
  }

  issue(timeNs: number, sector: number | bigint, sectors = 8, dev = VDA): this {
    return this.at(timeNs, "block_rq_issue", { dev, sector, nr_sector: sectors, bytes: sectors * 512, rwbs: "WS" }, { tid: 9 });
  }

  complete(timeNs: number, sector: number | bigint, sectors = 8, dev = VDA): this {
    return this.at(timeNs, "block_rq_complete", { dev, sector, nr_sector: sectors, rwbs: "WS" }, { tid: 0, cpu: 1 });
  }
}

const TIMES = ["sector", "bytes", "queue", "service", "latency"];

Deno.test("blktrace: a request that was queued, and one that was issued directly", () => {
  const played = new Disk().complete(5, 50).insert(10, 100).issue(30, 200).issue(40, 100).complete(70, 100).complete(90, 200);
  assert.deepEqual(played.all("dev", "tid", "pid", "cpu", "time", "rwbs", ...TIMES), [
    ["vda", 7, 7000, 1, 70, "WS", 100, 4096, 30, 30, 60],
    ["vda", 9, 9000, 1, 90, "WS", 200, 4096, 0, 60, 60],
  ]);
  assert.match(
    played.events[0]!.to_text({ timestamp: false }),
    /: blktrace: vda WS 100 \+ 4096 bytes queue 30 service 30 latency 60 ns$/,
  );
});

Deno.test("blktrace: a flush has no sector; the same sector of another device is another request", () => {
  const played = new Disk()
    .issue(10, 0)
    .issue(20, 0, 0)
    .issue(30, 0, 8, 259 << 20 | 3)
    .complete(40, 0xffff_ffff_ffff_ffffn, 0)
    .complete(50, 0, 8, 259 << 20 | 3)
    .complete(60, 0);
  assert.deepEqual(played.all("dev", ...TIMES), [["vda", 0, 0, 0, 20, 20], ["259:3", 0, 4096, 0, 20, 20], [
    "vda",
    0,
    4096,
    0,
    50,
    50,
  ]]);
});

Deno.test("blktrace: merged requests are one, since the first of them was inserted", () => {
  const played = new Disk()
    .insert(10, 108)
    .insert(20, 100) // merged in front of it
    .insert(30, 300)
    .issue(50, 100, 24) // and a third behind it
    .complete(80, 100, 24)
    .issue(90, 108) // later, and directly
    .complete(95, 108)
    .issue(100, 300)
    .complete(110, 300);
  assert.deepEqual(played.all(...TIMES), [[100, 12288, 40, 30, 70], [108, 4096, 0, 5, 5], [300, 4096, 70, 10, 80]]);
});

Deno.test("blktrace: a request that is completed in parts ends with the last one", () => {
  const played = new Disk().issue(10, 100, 24).complete(20, 100, 8).complete(30, 108, 8).complete(40, 116, 8);
  assert.deepEqual(played.all(...TIMES), [[100, 12288, 0, 30, 30]]);
});

Deno.test("blktrace: --than, the tasks that are followed, and what a loss makes doubtful", () => {
  const played = new Disk({ options: "--than 20ns", follows: [7] })
    .insert(10, 100)
    .insert(10, 200, 8, 8) // another task's
    .issue(20, 100)
    .issue(20, 200)
    .issue(20, 300) // directly by thread 9
    .complete(29, 100)
    .complete(60, 200)
    .complete(60, 300)
    .insert(70, 100)
    .issue(75, 100)
    .lost("block_rq_complete", 80)
    .complete(99, 100)
    .insert(100, 100)
    .issue(105, 100)
    .complete(125, 100);
  assert.deepEqual(played.all("time", "latency"), [[125, 25]]);
  assert.equal(played.analysis.doubtful, 1);
});

Deno.test("blktrace: -d takes a disk's name, its file and its number", () => {
  const filter = (options: string) =>
    planOf({ profiler: blktrace, formats: BLOCK_FORMATS, machine: BLOCK_MACHINE, options }).opens.map((event) => event.filter);
  for (const vda of ["vda", "'/dev/vda'", "254:0"]) assert.deepEqual(filter(`-d ${vda}`), Array(3).fill(`dev==${VDA}`));
  assert.equal(filter("-d loop0,vda")[0], `dev==${7 << 20}||dev==${VDA}`);
  assert.equal(filter("--than 1ms")[0], undefined);
  assert.throws(() => filter("-d vdb"), {
    message: "option -e: blktrace: there is no disk 'vdb'",
    detail: ["    blktrace/-d vdb/", "             ^^^^^^"],
    hints: ["disks are loop0 vda"],
  });
  assert.throws(() => filter("-d vda1"), /'vda1' is a partition: requests are those of its disk/);
});
