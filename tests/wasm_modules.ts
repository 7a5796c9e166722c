/**
 * WebAssembly handlers for tests, compiled from AssemblyScript in this process, and loaded for an event at hand. A source may import
 * `./perfprof.ts`, which is that of docs/compiled.
 *
 * @module
 */

import assert from "node:assert/strict";
import * as asc from "npm:assemblyscript@0.28.9/asc";
import type { EventAttr } from "../lib/attr.ts";
import { loadCompiled, type LoadedModule } from "../lib/compiled/load.ts";
import { parseEvents } from "../lib/event_spec.ts";
import { tracepointPlan } from "../lib/loaded_event.ts";
import type { TracedEvent } from "../lib/trace.ts";
import { SAMPLE_TYPE, SERVICES, WAKEUP } from "./fixtures/bytes.ts";
import type { TempDir } from "./harness.ts";
import { linesTo } from "../lib/text_bytes.ts";
import { RecordedSource } from "./recorded_source.ts";

const root = new URL("../", import.meta.url);
export const LIBRARY = Deno.readTextFileSync(new URL("docs/compiled/perfprof.ts", root));

/** What a module that takes events has to have. */
export const ROOM = `
export function perfprof_abi(): i32 { return 1; }
const room = new StaticArray<u64>(32768);
export function perfprof_memory(size: i32): usize { return changetype<usize>(room); }
`;

/** Functions on texts, for modules of tests. */
export const TEXTS = `
import * as host from "./perfprof.ts";
const space = new StaticArray<u8>(65536);
const at = changetype<usize>(space);
function taken(length: i32): string { return length < 0 ? "none" : String.UTF8.decodeUnsafe(at, length); }
function value(name: string): string {
  const bytes = String.UTF8.encode(name);
  return taken(host.get(changetype<usize>(bytes), bytes.byteLength, at, space.length));
}
`;

/**
 * Prints fields of every event, which its arguments name: `i:pid`, `u:ip` and `t:comm` an integer with and without a sign and a text,
 * by their places; `v:x` by asking.
 */
export const DUMP = ROOM + TEXTS + `
  const names = new Array<string>(), kinds = new Array<string>();
  const fields = new Map<string, host.Field>();
  export function __init__(): void {
    for (let i = 1; i < host.arg_count(); i++) {
      const word = taken(host.arg(i, at, 100));
      kinds.push(word.slice(0, 1));
      names.push(word.slice(2));
    }
  }
  function fieldOf(event: string, name: string): host.Field {
    const key = event + "." + name;
    if (!fields.has(key)) fields.set(key, new host.Field(event, name));
    return fields.get(key);
  }
  export function __sample__(record: usize, number: i32): void {
    const event = taken(host.event_name(number, at, 100));
    let line = event;
    for (let i = 0; i < names.length; i++) {
      const name = names[i], kind = kinds[i];
      line += " " + (kind == "i" ? fieldOf(event, name).int(record).toString()
        : kind == "u" ? u64(fieldOf(event, name).int(record)).toString()
        : kind == "t" ? fieldOf(event, name).text(record) : value(name));
    }
    console.log(line);
  }
`;
/** The same as a script. */
export const DUMP_SCRIPT = `
  const names = Deno.args.map((word) => word.slice(2));
  export function __sample__(event) {
    console.log([event._event, ...names.map((name) => String(event.get(name) ?? "none"))].join(" "));
  }
`;

/**
 * Compiles a module.
 *
 * @param source Of its one file
 * @param options Of asc
 * @returns Its bytes
 */
export async function assemble(source: string, options: readonly string[] = []): Promise<Uint8Array<ArrayBuffer>> {
  const files: Readonly<Record<string, string>> = { "h.ts": source, "perfprof.ts": LIBRARY };
  return await compile("h.ts", options, (name) => files[name] ?? null);
}

/** Compiles a file of this checkout, as it stands. @param path From its root */
export async function assembleFile(path: string): Promise<Uint8Array<ArrayBuffer>> {
  return await compile(path, [], (name) => {
    try {
      return Deno.readTextFileSync(new URL(name, root));
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return null;
      throw error;
    }
  });
}

async function compile(
  path: string,
  options: readonly string[],
  readFile: (name: string) => string | null,
): Promise<Uint8Array<ArrayBuffer>> {
  let bytes = new Uint8Array();
  const { error, stderr } = await asc.main([path, "-o", "h.wasm", "--runtime", "minimal", ...options], {
    readFile,
    writeFile: (name, contents) => {
      if (name === "h.wasm") bytes = Uint8Array.from(contents as Uint8Array);
    },
    listFiles: () => [],
  });
  if (error !== null) throw new Error(`asc failed: ${stderr}`);
  return bytes;
}

/** An open sched:sched_wakeup, as a trace has it. */
export function wakeupEvent(): TracedEvent {
  const [spec] = parseEvents(["sched:sched_wakeup"]);
  const plan = tracepointPlan(spec!, WAKEUP);
  const attrs = [{ ...plan.opens[0]!.attr, sampleType: SAMPLE_TYPE } as EventAttr];
  const context = {
    services: SERVICES,
    kernel: [6, 18] as const,
    lines: linesTo(() => {}),
    ofTasks: false,
    follows: () => true,
  };
  const run = plan.start({ ...context, event: "sched:sched_wakeup", attrs });
  const loaded = { kind: "tracepoint", spec: spec!, format: WAKEUP, plan } as const;
  return { spec: spec!, loaded, run, attrs, indices: [0], timeOffsets: [24] };
}

/** Loads a module of these bytes for that event. */
export async function loadBytes(
  dir: TempDir,
  content: Uint8Array<ArrayBuffer>,
  { argv = [], cells = new Int32Array(4) }: { argv?: readonly string[]; cells?: Int32Array } = {},
): Promise<LoadedModule & { readonly event: TracedEvent }> {
  const path = `${dir.path}/h.wasm`;
  Deno.writeFileSync(path, content);
  const event = wakeupEvent();
  const trace = { events: [event], names: ["sched:sched_wakeup"], services: SERVICES, source: new RecordedSource([]) };
  return {
    ...await loadCompiled({ path, argv: ["h.wasm", ...argv], trace, cells }, () => assert.fail("it is no shared object")),
    event,
  };
}
