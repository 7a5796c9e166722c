/** Values that the profiler which perfprof is modelled on gets wrong, each on a real event: what they are here. */

import assert from "node:assert/strict";
import { emittedNr, lastJson, live, perfprof, Stage, TempDir } from "../harness.ts";

/** Makes the system call of the event generator with arguments of its own choice. */
function call(times: number, ...args: bigint[]): void {
  const libc = Deno.dlopen("libc.so.6", {
    syscall: { parameters: ["i64", "u64", "u64", "u64", "u64", "u64", "u64"], result: "i64" },
  });
  const [a = 0n, b = 0n, c = 0n, d = 0n, e = 0n, f = 0n] = args;
  for (let i = 0; i < times; i++) libc.symbols.syscall(BigInt(emittedNr()), a, b, c, d, e, f);
  libc.close();
}

/** As emittedNr() does nothing but look at its first argument, any numbers will do. */
const ARGS = [0xffff_ffff_ffff_fffen, 0x8000_0000_0000_0000n, 2n ** 53n + 1n, 1n, 0x7fff_ffff_ffff_ffffn, 0n];
/** The test's own calls, and nobody else's. */
const OWN = ["-q", "-p", `${Deno.pid}`, "-N", "7", "-e", `raw_syscalls:sys_enter/id==${emittedNr()}/`];

live("unsigned 64-bit values are never negative, and arrays of them are typed arrays", async () => {
  using stage = new Stage();
  const child = await stage.start(
    OWN,
    `const seen = new Set();
     export function __sample__({ args }) { seen.add(args.constructor.name + " " + args.join()); }
     export function __exit__() { console.log(JSON.stringify([...seen])); }`,
  );
  call(7, ...ARGS);
  assert.deepEqual(lastJson(await child.end()), [`BigUint64Array ${ARGS.join()}`]);
});

live("pointers are never negative", async () => {
  using dir = new TempDir();
  const path = dir.write(
    "h.ts",
    `let kernel = 0, wrong = 0;
     export function __sample__(event) {
       for (const value of [event.ptr, event.call_site]) value > 2n ** 63n ? kernel++ : wrong++;
     }
     export function __exit__() { console.log(JSON.stringify({ kernel, wrong })); }`,
  );
  const ended = await perfprof(["-q", "-e", "kmem:kmalloc/ptr!=0/", "-c", "cat /proc/self/status /proc/self/maps", path]);
  const { kernel, wrong } = lastJson(ended);
  assert.ok(kernel > 0);
  assert.equal(wrong, 0);
});

live("a signed 64-bit value keeps its sign", async () => {
  using dir = new TempDir();
  const path = dir.write(
    "h.ts",
    `const rets = new Set();
     export function __sample__(event) { rets.add(event.ret); }
     export function __exit__() { console.log(JSON.stringify([...rets])); }`,
  );
  const event = "raw_syscalls:sys_exit/ret==-2/";
  assert.deepEqual(lastJson(await perfprof(["-q", "-e", event, "-c", "cat /no/such/file", path])), [-2]);
});

live("a field's name that is built at run time is found", async () => {
  using stage = new Stage();
  const child = await stage.start(
    OWN,
    `const built = ["i", "d"].join(""), missing = ["n", "o"].join("");
     let found = 0;
     export function __sample__(event) {
       found += event.get(built, -1) === event.id && event[built] === event.id && built in event &&
         event.get(missing, -1) === -1 && !(missing in event);
     }
     export function __exit__() { console.log(JSON.stringify(found)); }`,
  );
  call(7);
  assert.equal(lastJson(await child.end()), 7);
});

live("a task's name that is no UTF-8 is a text, and costs no field", async () => {
  using stage = new Stage();
  const named = stage.dir.write(
    "run",
    `cd ${stage.dir.path}\nname=$(printf 'a\\377b')\nln -s ${stage.emitter} "$name"\nexec "./$name" calls 1\n`,
  );
  const path = stage.dir.write(
    "h.ts",
    `let last;
     export function __sample__(event) { last = event; }
     export function __exit__() { console.log(JSON.stringify([last.comm, last.keys().length, Object.keys(last.to_dict()).length])); }`,
  );
  const options = ["-q", "-e", "sched:sched_process_exit", "-c", `sh ${named}`];
  const [comm, keys, values] = lastJson(await perfprof([...options, path]));
  assert.equal(comm, "a\ufffdb");
  assert.equal(keys, values);
  assert.ok(keys > 12, `${keys}`);
});

live("a kept event can be copied, and is the same at the end", async () => {
  using stage = new Stage();
  const child = await stage.start(
    OWN,
    `const kept = [], copies = [];
     export function __sample__(event) { kept.push(event); copies.push(structuredClone(event.to_dict())); }
     export function __exit__() {
       const text = (value) => JSON.stringify(value, (_, part) => typeof part === "bigint" ? String(part) : part);
       const same = kept.filter((event, i) => text(event.to_dict()) === text(copies[i]) && text({ ...event.to_dict() }) === text(copies[i]));
       console.log(JSON.stringify([kept.length, same.length, new Set(copies.map(({ _time }) => _time)).size]));
     }`,
  );
  call(7, ...ARGS);
  assert.deepEqual(lastJson(await child.end()), [7, 7, 7]);
});

live("an event that is printed twice is printed the same twice", async () => {
  using stage = new Stage();
  const child = await stage.start(OWN, "export function __sample__(event) { event.print(); event.print(); }");
  call(7, ...ARGS);
  const lines = (await child.end()).stdout.trimEnd().split("\n").slice(1);
  assert.equal(lines.length, 14);
  for (let i = 0; i < 14; i += 2) {
    assert.match(lines[i]!, / raw_syscalls:sys_enter: NR \d+ \(fffffffffffffffe, /);
    assert.equal(lines[i], lines[i + 1]);
  }
});
