/** Whose events an analysis of all tasks wants: targets, and who is born of them as side-band records tell. */

import assert from "node:assert/strict";
import { Followed } from "../lib/followed.ts";
import type { Target } from "../lib/source.ts";

const COMM = 3, EXIT = 4, FORK = 7;

/** A record of `type` with these u32 behind its header, and a trailer of 32 bytes with a time. */
function record(type: number, ...words: number[]): DataView {
  const view = new DataView(new ArrayBuffer(8 + 4 * words.length + 32));
  view.setUint32(0, type, true);
  view.setUint16(6, view.byteLength, true);
  words.forEach((word, i) => view.setUint32(8 + 4 * i, word, true));
  view.setBigUint64(view.byteLength - 24, 1n, true);
  return view;
}

/** As at the begin of a recording. */
function earlier(view: DataView): DataView {
  view.setBigUint64(view.byteLength - 24, 0n, true);
  return view;
}

const fork = (pid: number, parent: number, tid: number) => record(FORK, pid, parent, tid, parent, 0, 0);
const exit = (pid: number, tid: number) => record(EXIT, pid, 1, tid, 1, 0, 0);
const comm = (pid: number, tid: number) => record(COMM, pid, tid, 0, 0);

function follow(target: Target, ...records: DataView[]): Followed {
  const followed = new Followed(target);
  followed.start([{ pid: 10, tid: 10, comm: "a" }, { pid: 10, tid: 11, comm: "b" }, { pid: 20, tid: 20, comm: "c" }]);
  for (const view of records) followed.sideband(view, 0);
  return followed;
}

const among = ({ has }: Followed) => [10, 11, 12, 20, 30, 31].filter(has);

Deno.test("followed: without targets, and with cgroups, everybody is", () => {
  assert.deepEqual(among(follow({ kind: "all" })), [10, 11, 12, 20, 30, 31]);
  assert.deepEqual(among(follow({ kind: "cgroups", paths: ["/x"] })), [10, 11, 12, 20, 30, 31]);
});

Deno.test("followed: the threads of a process, those born later, and its children", () => {
  const target = { kind: "pids", pids: [10] } as const;
  assert.deepEqual(among(follow(target)), [10, 11]);
  assert.deepEqual(among(follow(target, fork(10, 10, 12), fork(30, 10, 30))), [10, 11, 12, 30]);
});

Deno.test("followed: threads by their numbers, and nobody born of them", () => {
  assert.deepEqual(among(follow({ kind: "tids", tids: [11] }, fork(30, 10, 30), comm(10, 11))), [11]);
});

Deno.test("followed: a command from its exec on, and its children", () => {
  const target = { kind: "command", words: ["x"] } as const;
  assert.deepEqual(among(follow(target)), []);
  assert.deepEqual(among(follow(target, comm(30, 30), fork(31, 30, 31))), [30, 31]);
});

Deno.test("followed: of the tasks that a recording begins with, those of the process, and no command", () => {
  const before = [fork(30, 1, 30), comm(30, 30), fork(30, 30, 31), comm(30, 31), fork(20, 1, 20), comm(20, 20)].map(earlier);
  assert.deepEqual(among(follow({ kind: "pids", pids: [30] }, ...before)), [30, 31]);
  assert.deepEqual(among(follow({ kind: "command", words: ["x"] }, ...before)), []);
  assert.deepEqual(among(follow({ kind: "command", words: ["x"] }, ...before, comm(30, 30))), [30]);
  assert.deepEqual(among(follow({ kind: "all" }, ...before)), [10, 11, 12, 20, 30, 31]);
});

Deno.test("followed: an ended thread is remembered for its last switch, but not for ever", () => {
  const target = { kind: "pids", pids: [10] } as const;
  assert.deepEqual(among(follow(target, exit(10, 11))), [10, 11]);
  const others = Array.from({ length: 1024 }, (_, i) => exit(1000 + i, 1000 + i));
  assert.deepEqual(among(follow(target, exit(10, 11), ...others)), [10]);
  assert.deepEqual(among(follow(target, exit(10, 11), fork(30, 10, 11), ...others)), [10, 11], "its number lives again");
});

Deno.test("followed: without our own threads where they are excluded, until their numbers are others'", () => {
  const followed = new Followed({ kind: "all" }, 10);
  followed.start([{ pid: 10, tid: 10, comm: "a" }, { pid: 10, tid: 11, comm: "b" }, { pid: 20, tid: 20, comm: "c" }]);
  followed.sideband(fork(10, 10, 12), 0);
  assert.deepEqual(among(followed), [20, 30, 31]);
  followed.sideband(fork(11, 20, 11), 0);
  assert.deepEqual(among(followed), [11, 20, 30, 31]);
});

Deno.test("followed: a record that is too short says nothing", () => {
  const short = fork(30, 10, 30);
  short.setUint16(6, 24, true);
  const beyond = fork(31, 10, 31);
  beyond.setUint16(6, 4096, true);
  assert.deepEqual(among(follow({ kind: "pids", pids: [10] }, short, beyond)), [10, 11]);
});
