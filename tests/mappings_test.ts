/** Address spaces over time: what a process had mapped when, from records written by hand. */

import assert from "node:assert/strict";
import { type AddressSpace, mappingAt, parseMaps } from "../lib/address_space.ts";
import { Mappings } from "../lib/mappings.ts";
import { comm, exit, fork, type Mapped, mmap, mmap2 } from "./fixtures/sideband.ts";
import { Random } from "./random.ts";

const A: Mapped = { start: 0x1000n, size: 0x4000n, path: "/bin/a", file: { major: 8, minor: 1, inode: 7n } };
const B: Mapped = { start: 0x9000n, size: 0x1000n, pgoff: 0x2000n, path: "/lib/b.so" };

/** Mappings of processes that /proc tells of so. */
function mappings(maps: Record<number, string> = {}, records: readonly DataView[] = []) {
  const read: number[] = [];
  const all = new Mappings({
    maps: (pid) => {
      read.push(pid);
      return maps[pid];
    },
    root: () => "/",
  });
  for (const record of records) all.record(record, 0);
  return { all, read };
}

function text({ mappings }: AddressSpace): string {
  return mappings.map(({ start, end, pgoff, path }) =>
    `${start.toString(16)}-${end.toString(16)} ${pgoff.toString(16)} ${path}`
  ).join(", ");
}

Deno.test("mappings: a record's file by device and inode, or by build id", () => {
  const byId = { ...B, file: { buildId: [1, 2, 3] } };
  const { all } = mappings({ 5: "" }, [mmap2(10, 5, A), mmap2(11, 5, byId)]);
  const { mappings: [a, b] } = all.at(5, 20);
  assert.deepEqual([a?.major, a?.minor, a?.inode, a?.buildId.length, a?.pid], [8, 1, 7n, 0, 5]);
  assert.deepEqual([b?.major, b?.inode, [...b?.buildId ?? []]], [0, 0n, [1, 2, 3]]);
  assert.equal(text(all.at(5, 20)), "1000-5000 0 /bin/a, 9000-a000 2000 /lib/b.so");
});

Deno.test("mappings: records of old kernels map code, but neither data nor the kernel's own", () => {
  const data = 1 << 13;
  const records = [mmap(10, 5, A), mmap(11, 5, B, data), mmap(12, -1, B), mmap2(13, -1, B)];
  const { all } = mappings({ 5: "" }, records);
  assert.equal(text(all.at(5, 20)), "1000-5000 0 /bin/a");
  assert.deepEqual([all.at(5, 20).mappings[0]?.inode, all.at(5, 20).mappings[0]?.buildId.length], [0n, 0]);
  assert.equal(text(all.at(-1, 20)), "");
  const whole = mmap(10, 6, A);
  const short = new DataView(whole.buffer, 0, 64);
  short.setUint16(6, 64, true);
  all.record(short, 0);
  assert.equal(text(all.at(6, 20)), "");
});

Deno.test("mappings: what is asked of the past is answered as of then, and the same space is the same object", () => {
  const { all } = mappings({ 5: "" }, [mmap2(10, 5, A), mmap2(20, 5, B)]);
  assert.equal(text(all.at(5, 25)), "1000-5000 0 /bin/a, 9000-a000 2000 /lib/b.so");
  assert.equal(text(all.at(5, 15)), "1000-5000 0 /bin/a");
  assert.equal(text(all.at(5, 5)), "");
  const now = all.at(5, 25);
  assert.equal(all.at(5, 30), now);
  // Mapped again, as JIT compilers do with their pages: nothing new.
  all.record(mmap2(40, 5, A), 0);
  assert.equal(all.at(5, 50), now);
});

Deno.test("mappings: a newer mapping shadows the old one, and leaves what it does not cover", () => {
  const middle: Mapped = { start: 0x2000n, size: 0x1000n, path: "/x" };
  const { all } = mappings({ 5: "" }, [mmap2(10, 5, A), mmap2(20, 5, B), mmap2(30, 5, middle)]);
  assert.equal(text(all.at(5, 40)), "1000-2000 0 /bin/a, 2000-3000 0 /x, 3000-5000 2000 /bin/a, 9000-a000 2000 /lib/b.so");
  all.record(mmap2(50, 5, { start: 0x1800n, size: 0x8000n, path: "/y" }), 0);
  assert.equal(text(all.at(5, 60)), "1000-1800 0 /bin/a, 1800-9800 0 /y, 9800-a000 2800 /lib/b.so");
});

Deno.test("mappings: a child has what its parent had at the fork, and nothing of what came after", () => {
  const { all } = mappings({ 5: "" }, [mmap2(10, 5, A), fork(20, 6, 5), mmap2(30, 5, B), mmap2(40, 6, { ...B, path: "/c" })]);
  assert.equal(text(all.at(6, 25)), "1000-5000 0 /bin/a");
  assert.equal(text(all.at(6, 50)), "1000-5000 0 /bin/a, 9000-a000 2000 /c");
  assert.equal(text(all.at(5, 50)), "1000-5000 0 /bin/a, 9000-a000 2000 /lib/b.so");
  assert.equal(all.at(6, 50).mappings[0]?.pid, 5);
});

Deno.test("mappings: a thread shares its process's, an exec begins anew, and so does a number that lives again", () => {
  const { all } = mappings({ 5: "" }, [
    mmap2(10, 5, A),
    fork(20, 5, 5, 51),
    comm(25, 5, "name", false),
    comm(30, 5, "b", true),
    mmap2(31, 5, B),
    exit(40, 5, 51),
    exit(41, 5),
    fork(50, 5, 1),
  ]);
  assert.equal(text(all.at(5, 29)), "1000-5000 0 /bin/a");
  assert.equal(text(all.at(5, 35)), "9000-a000 2000 /lib/b.so");
  assert.equal(text(all.at(5, 45)), "9000-a000 2000 /lib/b.so");
  assert.equal(text(all.at(5, 55)), "");
});

const MAPS = `00400000-00401000 r--p 00000000 fe:00 12   /bin/prog
00401000-00479000 r-xp 00001000 fe:00 2163249                            /bin/prog with space (deleted)
7f0000000000-7f0000001000 rwxp 00000000 00:00 0 
7f0000002000-7f0000003000 r-xp 00000000 00:1f 9    /a\\012b
7ffe00000000-7ffe00002000 r-xp 00000000 00:00 0                          [vdso]
ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0                  [vsyscall]
nonsense
`;

Deno.test("mappings: the executable lines of /proc/PID/maps", () => {
  const [prog, anon, odd, vdso, vsyscall, ...more] = parseMaps(MAPS, 9);
  assert.deepEqual(prog, {
    start: 0x401000n,
    end: 0x479000n,
    pgoff: 0x1000n,
    inode: 2163249n,
    major: 0xfe,
    minor: 0,
    pid: 9,
    parent: 0,
    buildId: new Uint8Array(0),
    path: "/bin/prog with space (deleted)",
    dso: -1,
  });
  assert.deepEqual([anon?.path, odd?.path, vdso?.path, vsyscall?.path], ["//anon", "/a\nb", "[vdso]", "[vsyscall]"]);
  assert.deepEqual(more, []);
  // In a root of its own: paths as the process sees them.
  assert.equal(parseMaps("1000-2000 r-xp 0 8:1 5 /jail/bin/x", 9, "/jail")[0]?.path, "/bin/x");
  assert.equal(parseMaps("1000-2000 r-xp 0 8:1 5 /jailed/bin/x", 9, "/jail")[0]?.path, "/jailed/bin/x");
});

Deno.test("mappings: a process that nobody told of is read once, when it is asked for", () => {
  const { all, read } = mappings({ 9: MAPS });
  assert.equal(all.at(9, 10).mappings.length, 5);
  all.at(9, 20);
  assert.equal(all.at(404, 10).mappings.length, 0);
  all.at(404, 20);
  assert.equal(all.at(0, 20).mappings.length, 0);
  all.scan([9, 3]);
  assert.deepEqual(read, [9, 404, 3]);
});

Deno.test("mappings: the nearest ancestor that is still there", () => {
  const { all } = mappings({ 1: "" }, [fork(10, 2, 1), fork(20, 3, 2), fork(30, 4, 3), exit(40, 3), exit(41, 4)]);
  assert.deepEqual([4, 3, 2, 1].map((pid) => all.ancestor(pid)), [2, 2, 1, 0]);
  // Numbers that lived again lead round.
  const round = mappings({}, [fork(10, 6, 7), fork(20, 7, 6), exit(30, 6), exit(31, 7)]);
  assert.equal(round.all.ancestor(7), 0);
});

Deno.test("mappings: spaces that were left are forgotten first", () => {
  const { all, read } = mappings({ 5: "" }, [mmap2(1, 5, A)]);
  for (let i = 0; i < 40_000; i++) {
    all.record(fork(10 + i, 100 + i, 5), 0);
    all.record(comm(10 + i, 100 + i, "x", true), 0);
    all.record(exit(10 + i, 100 + i), 0);
  }
  assert.equal(text(all.at(5, 1e9)), "1000-5000 0 /bin/a");
  assert.deepEqual(read, [5]);
  all.at(100, 1e9);
  assert.deepEqual(read, [5, 100]);
  all.at(100 + 39_999, 1e9);
  assert.deepEqual(read, [5, 100]);
});

Deno.test("mappings: of too many changes the past is forgotten, not the present", () => {
  const { all } = mappings({ 5: "" });
  const page = (i: number): Mapped => ({ start: BigInt(i) * 0x2000n, size: 0x1000n, path: "/f", pgoff: BigInt(i) << 12n });
  for (let i = 0; i < 5000; i++) all.record(mmap2(i, 5, page(i)), 0);
  assert.equal(all.at(5, 1e9).mappings.length, 5000);
  assert.equal(mappingAt(all.at(5, 1e9), 0x2000n * 4999n)?.pgoff, 4999n << 12n);
});

Deno.test("mappings: a space that only grows is read anew, and cut when there is nothing to read", () => {
  const maps: Record<number, string> = { 5: "" };
  const { all, read } = mappings(maps);
  const page = (i: number): Mapped => ({ start: BigInt(i) * 0x2000n, size: 0x1000n, path: "/f" });
  for (let i = 1; i <= 4 * 4097; i++) all.record(mmap2(i, 5, page(i)), 0);
  assert.deepEqual(read, [5, 5]);
  assert.equal(text(all.at(5, 1e9)), "");
  all.record(mmap2(1e6, 5, page(7)), 0);
  assert.equal(text(all.at(5, 1e9)), "e000-f000 0 /f");
  delete maps[5];
  for (let i = 1; i <= 8 * 4097; i++) all.record(mmap2(1e6 + i, 5, page(i)), 0);
  assert.ok(all.at(5, 1e9).mappings.length <= 16384 + 4096);
});

Deno.test("mappings: those of all processes are bounded, and what is forgotten is read when it is asked for", () => {
  const { all, read } = mappings();
  const page = (i: number): Mapped => ({ start: BigInt(i) * 0x2000n, size: 0x1000n, path: "/f" });
  for (let pid = 1; pid <= 140; pid++) {
    all.record(fork(pid, pid, 0), 0);
    for (let i = 1; i <= 1000; i++) all.record(mmap2(pid, pid, page(i)), 0);
  }
  read.length = 0;
  assert.equal(all.at(140, 1e9).mappings.length, 1000);
  assert.deepEqual(read, []);
  assert.equal(all.at(1, 1e9).mappings.length, 0);
  assert.deepEqual(read, [1]);
});

Deno.test("mappings: records whose lengths make no sense are passed over", () => {
  const { all } = mappings({ 5: "" }, [mmap2(1, 5, A)]);
  const random = new Random(1);
  for (const made of [mmap2(2, 5, B), fork(2, 5, 3), comm(2, 5, "x", true), exit(2, 5)]) {
    const own = new Uint8Array(made.buffer.slice(0));
    for (let size = 0; size < own.length; size += 4) {
      const view = new DataView(own.slice(0, size + 8).buffer);
      view.setUint16(6, size, true);
      all.record(view, 0);
      view.setUint16(6, own.length + 8 * (1 + random.below(100)), true);
      all.record(view, 0);
    }
  }
  assert.ok(all.at(5, 0.5) !== undefined);
});

Deno.test("mappings: against a map of every page, whatever comes", () => {
  const random = new Random(42);
  const { all } = mappings({ 5: "" });
  const pages = new Array<string>(64).fill("");
  for (let i = 0; i < 400; i++) {
    const start = random.below(60);
    const size = 1 + random.below(64 - start);
    const path = `/f${i % 7}`;
    all.record(mmap2(i, 5, { start: BigInt(start) << 12n, size: BigInt(size) << 12n, pgoff: BigInt(i) << 12n, path }), 0);
    for (let page = start; page < start + size; page++) pages[page] = `${path} ${i + page - start}`;
    const space = all.at(5, i);
    const found = pages.map((_, page) => {
      const mapping = mappingAt(space, BigInt(page) << 12n);
      return mapping === undefined ? "" : `${mapping.path} ${(mapping.pgoff + (BigInt(page) << 12n) - mapping.start) >> 12n}`;
    });
    assert.deepEqual(found, pages);
  }
});
