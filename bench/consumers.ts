/**
 * Who is measured: each consumer of the table, by what it does with an event (`work`) and by what it is (`tool`), with its command
 * line, its goal and its share of the events. Owns how each tool is told to do the same; bench/measure.ts does the measuring.
 *
 * @module
 */

import {
  type Counts,
  type Live,
  type Load,
  measureIdle,
  measureLive,
  measureRecorded,
  type Recorded,
  type Run,
  timeToFirst,
} from "./measure.ts";
import { type CommandLine, output, program } from "./process.ts";

/** 32 MiB with pages of 4 KiB: what perfprof takes by itself, given to every tool that can be told. */
const RING_PAGES = "8192";
const RING_MB = 32;
const EVENT = "raw_syscalls:sys_enter";

/** One row of the table. */
export interface Consumer {
  readonly name: string;
  readonly tool: string;
  readonly work: string;
  /** It gets one call in so many: what takes long per event needs no more. */
  readonly share: number;
  /** Goal: CPU ns per event. */
  readonly goalNs?: number;
  readonly run: (load: Load) => Promise<Run>;
  /** ms from its start to its first event, on the row of a tool that stands for it. */
  readonly first?: () => Promise<number>;
}

const here = (file: string) => new URL(file, import.meta.url).pathname;

/** It says nothing but what its handler does. */
const PERFPROF: CommandLine = [Deno.execPath(), "run", "-A", "-q", "--no-lock", here("../main.ts"), "-q"];

/** The compiler of the handlers that are WebAssembly: what it needs comes with it, from npm. */
const ASSEMBLYSCRIPT: CommandLine = [
  Deno.execPath(),
  ...["run", "-A", "-q", "--no-lock", "npm:assemblyscript@0.28.9/asc", "-O3", "--runtime", "minimal"],
];

function perfprof(event: string, module: string, ...options: string[]): CommandLine {
  return [...PERFPROF, "-m", RING_PAGES, ...options, "-e", event, module];
}

const script = (handler: string) => here(`handlers/${handler}.ts`);

/** perfprof with a handler of the calls of number `nr`: "ready" and the counts come on stderr. */
function perfprofLive(nr: number, module: string, ...options: string[]): Live {
  return {
    command: perfprof(`${EVENT}/id==${nr}/`, module, ...options),
    ready: /^ready$/m,
    stdout: "null",
    counts: jsonCounts,
  };
}

function jsonCounts(text: string): Counts {
  return JSON.parse(/^\{"events".*\}$/m.exec(text)?.[0] ?? "{}");
}

function bpftraceLive(body: string): Live {
  return {
    command: ["bpftrace", "-e", body],
    // It says so while it attaches, or, from 0.22, when it has: then it comes to rest.
    ready: /Attach(?:ing|ed) \d+ probe/,
    counts: (text) => ({ events: Number(/^@events(?:\[\d+\])?: (\d+)$/m.exec(text)?.[1] ?? 0) }),
  };
}

/** Consumers of the calls of number `nr`. `scratch` is a folder for recordings. */
export function consumers(nr: number, scratch: string): Consumer[] {
  const data = `${scratch}/perf.data`;
  const filter = `id==${nr}`;
  const bpf = (body: string) => bpftraceLive(`tracepoint:${EVENT} /args->id == ${nr}/ { ${body} }`);
  // -B -N: no build ids, which would be looked for in the whole recording when it ends.
  const record = ["perf", "record", "-q", "-B", "-N", "-a", "-m", RING_PAGES, "-o", data, "-e", EVENT] as const;
  const recordOwn = [...record, "--filter", filter] as const;
  const perfScript = ["perf", "script", "-i", data] as const;
  const python = (work: string): CommandLine => [...perfScript, "-s", here(`perf/${work}.py`)];
  const stats = async (): Promise<Counts> => {
    const text = await output(["perf", "report", "--stats", "-i", data]);
    return { events: Number(/SAMPLE events:\s+(\d+)/.exec(text)?.[1] ?? 0) };
  };
  // One CPU makes them all, and two calls take more than a ns.
  const twice = async (): Promise<number> => {
    const times = (await output([...perfScript, "-F", "time", "--ns"])).trim().split(/\s+/);
    return times.length - new Set(times).size;
  };
  const perf = { record: recordOwn, counts: stats, twice, ringMb: RING_MB * navigator.hardwareConcurrency };
  const perfPython = (work: string): Recorded => ({ ...perf, read: python(work), counts: jsonCounts });
  const replay = (read: CommandLine): Recorded => ({ ...perf, read, readOnly: true, counts: jsonCounts });
  const wasm = (work: string): Consumer => {
    const module = `${scratch}/${work}.wasm`;
    const { run, ...consumer } = live(work, "perfprof .wasm", perfprofLive(nr, module));
    let built: Promise<string> | undefined;
    const build = () => built ??= output([...ASSEMBLYSCRIPT, here(`handlers/wasm_${work}.ts`), "-o", module]);
    return { ...consumer, run: async (load) => await build().then(() => run(load)) };
  };
  const firstOfPerf = (read: CommandLine) => () => timeToFirst([[...record, "--", "true"], read], /sys_enter|"events"/);

  return [
    {
      ...live("count", "C floor", { command: [program("floor"), RING_PAGES, filter], ready: /^ready$/m, counts: jsonCounts }),
      first: () => timeToFirst([[program("floor"), RING_PAGES]], /^first$/m),
    },
    {
      ...live("count", "perfprof", perfprofLive(nr, script("count"))),
      goalNs: 40,
      first: () => timeToFirst([perfprof(EVENT, script("first"))], /^first$/m),
    },
    {
      ...live("count", "bpftrace", bpf("@events = count();")),
      first: () => timeToFirst([["bpftrace", "-e", `tracepoint:${EVENT} { printf("first\\n"); exit(); }`]], /^first$/m),
    },
    live("count", "perfprof .so", perfprofLive(nr, program("bench_count.so"))),
    wasm("count"),
    { ...recorded("count", "perf + Python", perfPython("count")), share: 10, first: firstOfPerf(python("count")) },
    { ...live("fields", "perfprof", perfprofLive(nr, script("fields"))), goalNs: 55 },
    live("fields", "perfprof .so", perfprofLive(nr, program("bench_fields.so"))),
    wasm("fields"),
    live("fields", "bpftrace", bpf("@events[args->id] = count(); @newest[pid] = nsecs;")),
    { ...recorded("fields", "perf + Python", perfPython("fields")), share: 10 },
    { ...live("to_dict", "perfprof", perfprofLive(nr, script("to_dict"))), goalNs: 90 },
    { ...recorded("to_dict", "perf + Python", perfPython("to_dict")), share: 20 },
    { ...live("print", "perfprof", perfprofLive(nr, script("print"))), goalNs: 500 },
    {
      ...recorded("print", "perf script", { ...perf, read: perfScript, stdout: "null" }),
      share: 10,
      first: firstOfPerf(perfScript),
    },
    { ...live("stacks", "perfprof", perfprofLive(nr, script("stacks"), "-g", "--user-callchain")), share: 20 },
    {
      ...recorded("stacks", "perf script", { ...perf, record: [...recordOwn, "-g"], read: perfScript, stdout: "null" }),
      share: 20,
    },
    { ...recorded("file", "perf record", perf), share: 5 },
    { ...recorded("replay", "perfprof", replay([...PERFPROF, "-I", data, script("count")])), goalNs: 90 },
    { ...recorded("replay", "perf + Python", replay(python("count"))), share: 10 },
    {
      ...recorded("replay", "perf script", { ...perf, read: perfScript, readOnly: true, stdout: "null" }),
      share: 10,
    },
  ];
}

/** perfprof, counting: does it keep up with a flow that is not a flood? */
export const steadyConsumer = (nr: number): Consumer => live("steady", "perfprof", perfprofLive(nr, script("count")));

const nameOf = (work: string, tool: string) => `${tool}-${work}`.toLowerCase().replaceAll(/[^a-z_]+/g, "-");

function live(work: string, tool: string, program: Live): Consumer {
  return { name: nameOf(work, tool), work, tool, share: 1, run: (load) => measureLive(program, load) };
}

function recorded(work: string, tool: string, programs: Recorded): Consumer {
  let idleNs: number | undefined;
  const run = async (load: Load) => await measureRecorded(programs, load, idleNs ??= await measureIdle(programs, load));
  return { name: nameOf(work, tool), work, tool, share: 1, run };
}

/** Debian's packages of the programs that are no part of perfprof. */
const PACKAGES = new Map([["perf", "linux-perf"], ["bpftrace", "bpftrace"]]);

/** Why a tool cannot be measured here; undefined when it can. */
export function absent(tool: string): string | undefined {
  const [name = ""] = tool.split(" ");
  const debian = PACKAGES.get(name);
  return debian === undefined || onPath(name) ? undefined : `${name} is not here: apt-get install ${debian}`;
}

function onPath(name: string): boolean {
  return (Deno.env.get("PATH") ?? "").split(":").some((folder) => {
    try {
      return Deno.statSync(`${folder}/${name}`).isFile;
    } catch {
      return false;
    }
  });
}
