/**
 * The library door: sessions in a program of somebody else's, their types, their end without a trace, and the permissions that they
 * take, also where the sources are imported by URL.
 *
 * @module
 */

import assert from "node:assert/strict";
import { type EventName, type FieldValue, open, type PerfEvent, type Session, UsageError } from "../lib/mod.ts";
import { Child, EMIT, emittedNr, live, pause, perfprof, Stage, TempDir, until } from "./harness.ts";

/** True for the very same type. */
type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends (<T>() => T extends B ? 1 : 2) ? true : false;

/** Compiles only for `same<Same<A, B>>()` of equal types. */
function same<T extends true>(..._: T[]): void {}

const root = new URL("../", import.meta.url);
/** Nothing ever makes it. */
const QUIET = "sched:sched_process_hang";

Deno.test("names of events are known from their literal texts", () => {
  same<Same<EventName<"sched:sched_switch">, "sched:sched_switch">>();
  same<Same<EventName<"sched:sched_wakeup/pid>1 && prio<5/">, "sched:sched_wakeup">>();
  same<Same<EventName<"sched:sched_wakeup/pid>1/stack/alias=woken/cpus=1/">, "sched:woken">>();
  same<Same<EventName<"profile/-F 99/">, "profile">>();
  same<Same<EventName<"profile/-F 99/alias=hot/">, "hot">>();
  same<Same<EventName<"cycles:u/--period 1000/">, "cycles">>();
  same<Same<EventName<"sched:*">, string>>();
  same<Same<EventName<"a:b,c:d">, string>>();
  same<Same<EventName<"a:b/x==1/,c:d">, string>>();
  same<Same<EventName<'uprobe:malloc@"libc.so.6"'>, string>>();
  same<Same<EventName<string>, string>>();
});

Deno.test("what is no name of an event, or no field, does not compile", () => {
  type Events = { readonly "sched:sched_switch": PerfEvent & { readonly prev_pid: number } };
  const uses = async (session: Session<Events>) => {
    for await (const event of session) {
      same<Same<typeof event._event, "sched:sched_switch">>();
      same<Same<typeof event.prev_pid, number>>();
      // @ts-expect-error: a misspelt field
      void event.prev_pdi;
    }
    await session.run({ "sched:sched_switch": (event) => same<Same<typeof event.prev_pid, number>>() });
    // @ts-expect-error: a misspelt event
    await session.run({ "sched:sched_swich": () => {} });
    // @ts-expect-error: a field of another type
    await session.run({ "sched:sched_switch": (event: PerfEvent & { prev_pid: string }) => event.prev_pid });
  };
  assert.equal(typeof uses, "function");
});

Deno.test("options are checked before anything is opened", async () => {
  const refused: [Promise<unknown>, RegExp][] = [
    [open({ events: [] }), /^no event: events is empty$/],
    [open({ events: ["sched"] }), /sched/],
    [open({ events: [QUIET], cpus: [1.5] }), /^cpus: '1\.5' is not a whole number$/],
    [open({ events: [QUIET], pids: [1], tids: [1] }), /^pids and tids exclude each other$/],
    [open({ events: [QUIET], pids: [0] }), /^pids: '0' is out of range$/],
    [open({ events: [QUIET], ringBytes: 3 }), /^ringBytes: '3B' is not a power of two$/],
    [open({ events: [QUIET], watermarkPercent: 101 }), /^watermarkPercent: '101' is out of range$/],
  ];
  for (const [opening, message] of refused) {
    await assert.rejects(opening, (error: Error) => error instanceof UsageError && message.test(error.message));
  }
  await assert.rejects(
    open({ events: [QUIET], signal: AbortSignal.abort(new Error("not any more")) }),
    /^Error: not any more$/,
  );
});

live("a loop gets every event, and each with its fields", async () => {
  using stage = new Stage();
  await using session = await open({ events: [stage.event("alias=called"), stage.exitEvent("alias=back")] as const });
  const sent = await stage.emit("calls", 1000);
  session.stop();
  const seen = new Map<string, number>();
  for await (const event of session) {
    seen.set(event._event, (seen.get(event._event) ?? 0) + Number(event.get("id") === emittedNr()));
  }
  assert.deepEqual([...seen].sort(), [["raw_syscalls:back", sent], ["raw_syscalls:called", sent]]);
  const { delivered, lost, events } = session.stats;
  assert.deepEqual([delivered, lost, events.map((event) => event.delivered)], [2 * sent, 0, [sent, sent]]);
});

live("handlers get the events of their names, and a loop that is left is taken up again", async () => {
  using stage = new Stage();
  await using session = await open({ events: [stage.event("alias=a"), stage.exitEvent("alias=b")] as readonly string[] });
  const sent = await stage.emit("calls", 1000);
  session.stop();
  const kept: PerfEvent[] = [];
  for await (const event of session) {
    if (kept.push(event) === 10) break;
  }
  await session.run({ "raw_syscalls:a": (event) => kept.push(event) });
  const looped = kept.slice(0, 10).filter(({ _event }) => _event === "raw_syscalls:b").length;
  assert.equal(kept.length, sent + looped);
  await session.close();
  const ids: (FieldValue | undefined)[] = [...new Set(kept.map((event) => event.get("id")))];
  assert.deepEqual(ids, [emittedNr()], "kept events answer after the end");
  assert.match(kept[0]!.to_text(), /raw_syscalls:[ab]: NR /);
});

live("what a handler throws or rejects comes out of run(), and the session goes on", async () => {
  using stage = new Stage();
  await using session = await open({ events: [stage.event("alias=a")] as const });
  const sent = await stage.emit("calls", 100);
  let seen = 0;
  const thrown = () => {
    seen++;
    throw new Error("thrown");
  };
  await assert.rejects(session.run(thrown), /^Error: thrown$/);
  await assert.rejects(
    session.run({ "raw_syscalls:a": () => (seen++, Promise.reject(new Error("rejected"))) }),
    /^Error: rejected$/,
  );
  session.stop();
  await session.run(() => void seen++);
  assert.equal(seen, sent);
  await assert.rejects(session.run({ "raw_syscalls:b": () => {} }), /no such event; did you mean 'raw_syscalls:a'\?$/);
});

live("one reads at a time; several sessions do", async () => {
  using stage = new Stage();
  await using one = await open({ events: [stage.event("alias=one")] as const });
  await using other = await open({ events: [stage.event("alias=other")] as const });
  const ends = [one, other].map(async (session) => {
    let seen = 0;
    await session.run(() => void seen++);
    return seen;
  });
  await assert.rejects(one.run(() => {}), /somebody else is reading it/);
  const sent = await stage.emit("calls", 500);
  one.stop();
  other.stop();
  assert.deepEqual(await Promise.all(ends), [sent, sent]);
});

live("a signal stops, close() ends at once, and a command ends the session with itself", async () => {
  const aborter = new AbortController();
  await using aborted = await open({ events: [QUIET], signal: aborter.signal });
  const reading = aborted.run(() => {});
  aborter.abort();
  await reading;

  const closed = await open({ events: [QUIET] });
  const loop = closed.run(() => {});
  await closed.close();
  await loop;
  await closed.close();
  assert.equal(closed.stats.delivered, 0);

  let calls = 0;
  const nr = emittedNr();
  await using session = await open({
    events: [`raw_syscalls:sys_enter/id==${nr}/`] as const,
    command: `${EMIT} calls 200 >/dev/null`,
  });
  await session.run({ "raw_syscalls:sys_enter": () => void calls++ });
  assert.ok(calls >= 200, `${calls}`);
});

live("timers run in a flood that a loop reads", async () => {
  using stage = new Stage();
  await using session = await open({ events: [stage.event("alias=a")] as const });
  let ticks = 0;
  const timer = setInterval(() => ticks++, 10);
  const flood = stage.emit("flood", "1s").then(() => session.stop());
  for await (const _ of session);
  clearInterval(timer);
  await flood;
  assert.ok(ticks > 15, `${ticks} ticks`);
});

live("what the rings cannot hold is told, and counted", async () => {
  using stage = new Stage();
  const lost: number[] = [];
  await using session = await open({
    events: [stage.event("alias=a")] as const,
    ringBytes: 8192,
    onLost: ({ count, event }) => (assert.equal(event, "raw_syscalls:a"), lost.push(count)),
  });
  const sent = await stage.emit("calls", 5000);
  session.stop();
  let seen = 0;
  await session.run(() => void seen++);
  const total = lost.reduce((a, b) => a + b, 0);
  assert.ok(total > 0);
  assert.equal(seen + total, sent);
  assert.equal(session.stats.lost, total);
});

live("20 sessions leave no file, no thread, no timer and no listener", async () => {
  let listeners = 0;
  const { signal } = new AbortController();
  const { addEventListener, removeEventListener } = signal;
  signal.addEventListener = (type: string, listener: EventListenerOrEventListenerObject) => {
    listeners++;
    addEventListener.call(signal, type, listener);
  };
  signal.removeEventListener = (type: string, listener: EventListenerOrEventListenerObject) => {
    listeners--;
    removeEventListener.call(signal, type, listener);
  };
  const opened = async () => {
    await using session = await open({
      events: [QUIET, "sched:sched_switch"],
      stacks: { user: true },
      signal,
    });
    const run = session.run(() => {});
    await pause(20);
    session.stop();
    await run;
  };
  const count = (what: string) => [...Deno.readDirSync(`/proc/self/${what}`)].length;
  // The runtime starts threads of its own, and opens files for them.
  for (let i = 0; i < 3; i++) await opened();
  const before = [count("fd"), count("task")];
  for (let i = 0; i < 20; i++) await opened();
  assert.equal(listeners, 0);
  await until(() => count("fd") <= before[0]! && count("task") <= before[1]!);
});

/** A program that opens a session, and says whether it saw an event. */
const PROGRAM = `
await using session = await open({ events: ["sched:sched_switch"], stacks: true, signal: AbortSignal.timeout(200) });
let seen = 0;
for await (const event of session) seen += event.get("next_pid") === undefined ? 0 : Math.min(1, event._callchain.length);
console.log(seen > 0, String(session.notes));
`;

async function run(
  program: string,
  permissions: string[],
  env: Record<string, string> = {},
): Promise<[number, string, string]> {
  const args = ["run", "--no-prompt", "--no-lock", "--no-config", "-q", ...permissions, program];
  const { code, stdout, stderr } = await new Child(Deno.execPath(), args, { env: { NO_COLOR: "1", ...env } }).end();
  return [code, stdout, stderr];
}

live("a local import takes --allow-ffi, and nothing else", async () => {
  using dir = new TempDir();
  const program = dir.write("p.ts", `import { open } from "${new URL("lib/mod.ts", root)}";\n${PROGRAM}`);
  assert.deepEqual(await run(program, ["--allow-ffi"]), [0, "true \n", ""]);
  const [code, , stderr] = await run(program, []);
  assert.equal(code, 1);
  assert.match(stderr, /Requires ffi access/);
});

/** The sources as a release has them, on a server of their own. */
class Release implements AsyncDisposable {
  readonly dir = new TempDir();
  readonly #server = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen() {} }, (request) => this.#answer(request));
  readonly asked: string[] = [];

  get host(): string {
    return `127.0.0.1:${this.#server.addr.port}`;
  }

  static async make(): Promise<Release> {
    const release = new Release();
    const copies = ["lib", "ffi"].map((name) => new URL(name, root).pathname);
    await new Deno.Command("cp", { args: ["-r", ...copies, release.dir.path] }).output();
    const args = ["run", "-A", "-q", "--no-lock", new URL("native/install/pin.ts", root).pathname, release.dir.path];
    const { success, stderr } = await new Deno.Command(Deno.execPath(), { args }).output();
    assert.ok(success, new TextDecoder().decode(stderr));
    return release;
  }

  #answer(request: Request): Response {
    const { pathname } = new URL(request.url);
    this.asked.push(pathname);
    const types = { ts: "application/typescript", json: "application/json" };
    const type = types[pathname.split(".").at(-1) as keyof typeof types] ?? "text/plain";
    try {
      return new Response(Deno.readFileSync(this.dir.path + pathname), { headers: { "content-type": type } });
    } catch {
      return new Response("not there", { status: 404 });
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.shutdown();
    this.dir[Symbol.dispose]();
  }
}

live("an import by URL takes the permission to import besides; the library is cached, and pinned", async () => {
  await using release = await Release.make();
  using dir = new TempDir();
  const program = dir.write("p.ts", `import { open } from "http://${release.host}/lib/mod.ts";\n${PROGRAM}`);
  const permissions = ["--allow-ffi", `--allow-import=${release.host}`];
  const env = { DENO_DIR: `${dir.path}/cache`, HOME: dir.path };
  const library = `/dist/libperfprof-${Deno.build.arch}.json`;
  assert.deepEqual(await run(program, permissions, env), [0, "true \n", ""]);
  assert.equal(release.asked.filter((path) => path === library).length, 1);
  assert.deepEqual(release.asked.filter((path) => path.startsWith("/native/")), []);

  release.asked.length = 0;
  assert.deepEqual(await run(program, permissions, env), [0, "true \n", ""]);
  assert.deepEqual(release.asked, [], "everything is cached");

  const served = JSON.parse(Deno.readTextFileSync(release.dir.path + library)).base64;
  const other = Uint8Array.fromBase64(served);
  other[other.length - 1]! ^= 1;
  release.dir.write(library.slice(1), JSON.stringify({ base64: other.toBase64() }));
  const [code, , stderr] = await run(program, permissions, { ...env, DENO_DIR: `${dir.path}/other` });
  assert.equal(code, 1);
  assert.match(stderr, /libperfprof-\w+\.json failed: its SHA-256 is [0-9a-f]{64}, not the release's [0-9a-f]{64}/);
});

live("the programs of docs/library.md run with the permissions that it names", async () => {
  using dir = new TempDir();
  const { stdout: types } = await perfprof(["types", "sched:sched_switch"]);
  dir.write("events.d.ts", types);
  const text = Deno.readTextFileSync(new URL("docs/library.md", root));
  const programs = [...text.matchAll(/^```typescript\n([^]*?)^```$/gm)].map(([, program]) => program!);
  assert.equal(programs.length, 3);
  for (const [i, program] of programs.entries()) {
    const path = dir.write(`p${i}.ts`, program.replaceAll("https://example.org/perfprof/", String(root)));
    const [code, , stderr] = await run(path, ["--check", "--allow-ffi"]);
    assert.deepEqual([code, stderr], [0, ""], program);
  }
});
