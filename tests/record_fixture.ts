/**
 * Records tests/fixtures/recording.json and recording.txt anew, on a machine with tracefs, as root:
 *
 *     make -C native check-build && deno run -A tests/record_fixture.ts
 *
 * To be run when the workload or what is recorded of it changes, and the difference of recording.txt to be read by a person: it is
 * what replay_test.ts takes for right.
 *
 * @module
 */

import { WAIT_ENDED } from "../lib/source.ts";
import type { Trace } from "../lib/trace.ts";
import { describe, openRecording, play, type RecordingFile, TEXT_PATH, writeRecording } from "./fixtures/recording.ts";
import { TempDir } from "./harness.ts";
import { record, type Recorded, WORKLOAD } from "./live_recording.ts";
import { prefixed } from "./recorded_source.ts";

/** Of all kinds of fields, and none whose text needs this kernel's symbols. */
const EVENTS = [
  "sched:sched_switch",
  "sched:sched_wakeup",
  "sched:sched_process_exec",
  "sched:sched_process_exit",
  "task:task_newtask",
  "task:task_rename",
  "signal:signal_generate",
  "raw_syscalls:sys_enter",
  "raw_syscalls:sys_exit",
  "syscalls:sys_enter_openat",
  "block:block_rq_issue",
  "kmem:mm_page_alloc",
  "net:net_dev_queue",
  "sock:inet_sock_set_state",
  "maple_tree:ma_write",
];
/** Samples of one event: the first so many. */
const SAMPLES = 40;

async function recordWorkload() {
  using dir = new TempDir();
  Deno.copyFileSync(WORKLOAD, `${dir.path}/workload`);
  Deno.mkdirSync(`${dir.path}/files`);
  // Relative paths: those of this machine have no place in a fixture.
  Deno.chdir(dir.path);
  const untilItsEnd = async ({ source }: Trace) => {
    while ((await source.wait(1000, true) & WAIT_ENDED) === 0);
  };
  const recording = await record(EVENTS, untilItsEnd, { kind: "command", words: ["./workload", "files"] });
  Deno.chdir("/");
  return recording;
}

const { trace, records } = await recordWorkload();
// From the first record of a task on: what came before has no name.
const named = records.slice(records.findIndex(({ event }) => event === trace.events.length));
const taken = new Map<number, number>();
const isTaken = ({ event }: Recorded) => {
  taken.set(event, (taken.get(event) ?? 0) + 1);
  return event === trace.events.length || taken.get(event)! <= SAMPLES;
};
const file: RecordingFile = {
  events: trace.events.map(({ spec: { system, name, eventName } }) => ({
    name: eventName,
    format: Deno.readTextFileSync(`/sys/kernel/tracing/events/${system}/${name}/format`),
  })),
  records: named.filter(isTaken).map(({ event, cpu, record }) => prefixed(event, cpu, record).toBase64()),
};
const texts: string[] = [];
const thrown = await play(openRecording(file), (event) => void texts.push(describe(event)));
if (thrown.length > 0) throw thrown[0];
writeRecording(file);
Deno.writeTextFileSync(TEXT_PATH, texts.join(""));
console.log(`${file.records.length} records of ${file.events.length} events and of tasks; ${texts.length} described`);
