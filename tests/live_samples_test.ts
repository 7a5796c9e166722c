/**
 * Recorded samples of hundreds of different events of this machine: their fields against a second opinion on the same bytes, their
 * text against libtraceevent's own, and what the workload is known to have done.
 *
 * @module
 */

import assert from "node:assert/strict";
import { NativeMachine } from "../ffi/machine.ts";
import type { AnyEvent, EventClass } from "../lib/event_class.ts";
import { EVENT_LOST } from "../lib/source.ts";
import { live, TempDir } from "./harness.ts";
import { record, type Recorded, type Recording, WORKLOAD, workloadCalls } from "./live_recording.ts";
import { referenceTexts } from "./print_reference.ts";
import { fieldValue, pairs, parseFormat, type ReferenceFormat } from "./reference_format.ts";

/** Every event of these is recorded. Each takes some 10 ms to open: the kernel patches its code. */
const SYSTEMS =
  "block exceptions filemap irq kmem maple_tree mmap net pagemap sched signal skb sock task tcp timer workqueue writeback"
    .split(" ");
/** Of ext4's 114 these. */
const EXT4 = /^ext4_(?:allocate|da_write|es_insert|ext_map|free|journal_start|mark|request|sync|unlink)/;
/** System calls whose events are recorded, beside those that the workload names. */
const MORE_CALLS = ["openat", "execve", "mmap", "munmap", "wait4", "unlink", "rename", "clock_nanosleep", "rt_sigaction"];
/** Samples of one event that are looked at: the workload's own, and so many of others. */
const OTHERS = 20;
/** Of the raw data in a sample without a call chain. */
const RAW = 52;

/** A sample with all that is known of its event. */
interface Sample {
  readonly name: string;
  readonly format: ReferenceFormat;
  readonly formatText: string;
  readonly cpu: number;
  readonly view: DataView;
  readonly raw: Uint8Array<ArrayBuffer>;
  readonly event: AnyEvent;
}

interface Session extends Recording {
  readonly samples: readonly Sample[];
  /** Pid of the workload, and a time before and one after all samples. */
  readonly workload: number;
  readonly startedMs: number;
  readonly endedMs: number;
}

let session: Promise<Session> | undefined;

/** Recorded once, for all tests of this file. */
function recorded(): Promise<Session> {
  return session ??= recordSession();
}

/** The names of what is recorded. */
function eventNames(): string[] {
  const machine = new NativeMachine();
  const events = (system: string) => machine.names(system).map((name) => `${system}:${name}`);
  const calls = [...workloadCalls(), ...MORE_CALLS].flatMap((name) => [`sys_enter_${name}`, `sys_exit_${name}`]);
  return [
    ...SYSTEMS.flatMap(events),
    ...machine.names("ext4").filter((name) => EXT4.test(name)).map((name) => `ext4:${name}`),
    ...calls.map((name) => `syscalls:${name}`),
  ];
}

async function recordSession(): Promise<Session> {
  using folder = new TempDir();
  let workload = 0;
  const startedMs = Date.now();
  const recording = await record(eventNames(), async () => {
    const child = new Deno.Command(WORKLOAD, { args: [folder.path] }).spawn();
    workload = child.pid;
    assert.ok((await child.status).success);
  });
  const endedMs = Date.now();
  const { trace, records } = recording;
  for (const { event, record } of records) {
    if (event === trace.events.length) trace.sideband(new DataView(record.buffer), 0);
  }
  return { ...recording, samples: takeSamples(recording, workload), workload, startedMs, endedMs };
}

function takeSamples({ trace, records }: Recording, workload: number): Sample[] {
  const texts = trace.events.map(({ spec: { system, name } }) =>
    Deno.readTextFileSync(`/sys/kernel/tracing/events/${system}/${name}/format`)
  );
  const formats = texts.map(parseFormat);
  const others = new Map<number, number>();
  const isTaken = ({ event, record }: Recorded) => {
    if (event >= trace.events.length) return false;
    if (new DataView(record.buffer).getInt32(16, true) === workload) return true;
    others.set(event, (others.get(event) ?? 0) + 1);
    return others.get(event)! <= OTHERS;
  };
  return records.filter(isTaken).map(({ event: index, cpu, record }) => {
    const { spec } = trace.events[index]!;
    const view = new DataView(record.buffer);
    return {
      name: spec.eventName,
      format: formats[index]!,
      formatText: texts[index]!,
      cpu,
      view,
      raw: record.slice(RAW, RAW + view.getUint32(RAW - 4, true)),
      event: new (classOf(trace, index))(view, 0),
    };
  });
}

function classOf({ events }: Recording["trace"], index: number): EventClass {
  const { run } = events[index]!;
  assert.equal(run.kind, "direct");
  return run.eventClass;
}

function eventCount(samples: readonly Sample[]): number {
  return new Set(samples.map(({ name }) => name)).size;
}

live("samples of 100 events and more decode as their bytes say", async () => {
  const { samples } = await recorded();
  let compared = 0;
  for (const { name, format, raw, view, cpu, event } of samples) {
    const dict = event.to_dict();
    for (const field of format.fields) {
      const expected = fieldValue(format, field, raw);
      assert.deepEqual(event.get(field.name), expected, `${name}: ${field.name}`);
      assert.deepEqual(dict[field.name], expected, `${name}: ${field.name}`);
      compared++;
    }
    const head = {
      _pid: view.getInt32(16, true),
      _tid: view.getInt32(20, true),
      _time: Number(view.getBigUint64(24, true)),
      _cpu: cpu,
      _period: Number(view.getBigUint64(40, true)),
      common_type: format.id,
      _event: name,
      _callchain: [],
    };
    for (const [key, value] of Object.entries(head)) assert.deepEqual(event.get(key), value, `${name}: ${key}`);
    assert.deepEqual(event.keys(), Object.keys(dict));
  }
  console.log(`${eventCount(samples)} events, ${samples.length} samples, ${compared} values`);
  assert.ok(eventCount(samples) >= 100, `only ${eventCount(samples)} events`);
});

live("recorded samples come in the order of their times, and none is lost", async () => {
  const { trace, records } = await recorded();
  assert.deepEqual(records.filter(({ event }) => event === EVENT_LOST), []);
  const samples = records.filter(({ event }) => event < trace.events.length);
  const times = samples.map(({ record }) => new DataView(record.buffer).getBigUint64(24, true));
  assert.equal(times.findIndex((time, i) => i > 0 && time < times[i - 1]!), -1);
  assert.equal(trace.source.state().lost, 0);
});

live("samples of 200 events and more print as libtraceevent prints them", async () => {
  const { machine, samples } = await recorded();
  const texts = await referenceTexts(samples.map(({ name, formatText, cpu, raw }) => ({ event: name, formatText, cpu, raw })));
  const alike = new Set<string>();
  const inPairs = new Set<string>();
  for (const [i, { name, format, raw, cpu }] of samples.entries()) {
    const text = machine.printText(format.id, raw, cpu);
    if (text === texts[i]) alike.add(name);
    else {
      assert.equal(text, pairs(format, raw), `${name}\nlibtraceevent: ${texts[i]}`);
      inPairs.add(name);
    }
  }
  console.log(`${alike.size} events print alike; as pairs: ${[...inPairs].join(" ")}`);
  assert.ok(alike.size >= 200, `only ${alike.size} events`);
});

/** Comm, tid, flags, CPU, time, event, text. */
const LINE = /^(.{16}) ( *\d+) ([.dDbX][.npNlbLB][.zZhHs][.0-9a-f]) \[(\d{3,})\] (\d+\.\d{6}): ([\w:]+): (.*)$/;

live("the line of print() has the task, flags, CPU and time of the sample, then its text", async () => {
  const { machine, samples } = await recorded();
  for (const { name, format, raw, cpu, view, event } of samples) {
    const line = event.to_text({ timestamp: false });
    const [, , tid, flags, cpuText, seconds, eventName, text] = LINE.exec(line) ?? assert.fail(line);
    const time = String(view.getBigUint64(24, true));
    const task = view.getInt32(20, true);
    assert.equal(tid, String(task === -1 ? event.common_pid : task).padStart(6), line);
    assert.equal(cpuText, String(cpu).padStart(3, "0"), line);
    assert.equal(seconds, `${time.slice(0, -9)}.${time.slice(-9, -3)}`, line);
    assert.equal(eventName, name, line);
    // deno-lint-ignore no-control-regex
    assert.equal(text, machine.printText(format.id, raw, cpu).trimEnd().replace(/[\0-\x08\x0a-\x1f\x7f-\x9f]/g, "?"), line);
    assert.equal("dDbX.".indexOf(flags![0]!) < 2, (event.common_flags & 1) !== 0, line);
    assert.equal(flags![3], (event.common_preempt_count & 15).toString(16).replace(/^0$/, "."), line);
  }
});

live("the wall clock before the line is when the workload ran", async () => {
  const { samples, startedMs, endedMs } = await recorded();
  for (const { event } of samples) {
    const [, time, micros, rest] = /^(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)\.(\d{6}) (.*)$/s.exec(event.to_text()) ?? assert.fail();
    const ms = new Date(time!.replace(" ", "T")).getTime() + Number(micros) / 1000;
    assert.ok(ms > startedMs - 1 && ms < endedMs + 1, `${time}.${micros}`);
    assert.equal(rest, event.to_text({ timestamp: false }));
    assert.equal(Math.floor(event._realtime / 1000), Math.floor(Number(event.get_bigint("_realtime")) / 1000));
  }
});

live("the name of the task is the one that it had then, as sched_switch itself says", async () => {
  const { samples } = await recorded();
  // Not the idle task, and not workers: /proc adds to their names what they work on.
  const hasName = ({ prev_pid, prev_comm }: AnyEvent) => prev_pid !== 0 && !String(prev_comm).startsWith("kworker/");
  const switches = samples.filter(({ name, event }) => name === "sched:sched_switch" && hasName(event));
  assert.ok(switches.length > 0);
  for (const { event } of switches) {
    // A task that has ended has given its pid back when it is switched from for the last time.
    if (event._tid !== -1) assert.equal(event._tid, event.prev_pid);
    assert.equal(event.to_text({ timestamp: false }).slice(0, 17).trim(), event.prev_comm);
  }
});

live("what the workload did is what its events say", async () => {
  const { trace, records, samples, workload } = await recorded();
  const own = (name: string) =>
    samples.filter((sample) => sample.name === name && sample.event._pid === workload).map(({ event }) => event);
  const minusOne = 2n ** 64n - 1n;
  assert.deepEqual(own("syscalls:sys_enter_tee").map(({ fdin, fdout, len }) => [fdin, fdout, len]), [[minusOne, minusOne, 0]]);
  assert.equal(own("syscalls:sys_exit_getsockname").at(-1)?.ret, -9, "EBADF");
  assert.deepEqual(own("syscalls:sys_exit_getpgid").map(({ ret }) => ret), [-3], "ESRCH");
  assert.equal(typeof own("syscalls:sys_enter_openat")[0]?.filename, "bigint");
  assert.ok(own("signal:signal_deliver").some(({ sig }) => sig === 10), "SIGUSR1");
  assert.ok(own("task:task_rename").some(({ newcomm }) => newcomm === "a \ufffd\tb"), "a name that is no UTF-8");
  const born = own("task:task_newtask");
  assert.deepEqual(born.map(({ comm }) => comm), ["workload", "workload"], "a thread and a child");

  const exec = trace.events.findIndex(({ spec }) => spec.name === "sched_process_exec");
  const execs = records.filter(({ event }) => event === exec)
    .map(({ record }) => new (classOf(trace, exec))(new DataView(record.buffer), 0));
  assert.deepEqual(execs.filter(({ pid }) => pid === born[1]?.pid).map(({ filename }) => filename), ["/bin/sh"]);
});
