/**
 * What a script threw, as text: what it is, and where in the user's own files. Whatever was thrown (no Error, an Error whose
 * getters throw) this never throws itself.
 *
 * @module
 */

/** A place in a user's file. */
export interface Frame {
  /** A path, or the URL of what is no file. */
  readonly file: string;
  readonly line: number;
  readonly column: number;
  /** The function's name, "" where it has none. */
  readonly name: string;
}

/** How far causes and the errors of an AggregateError are followed, and how many of those are shown. */
const DEPTH_MAX = 4;
const ERRORS_MAX = 8;

/** Where perfprof's own frames come from. Its templates are the user's. */
const OWN = [
  new URL(".", import.meta.url).href,
  new URL("../ffi/", import.meta.url).href,
  new URL("../main.ts", import.meta.url).href,
];
const FRAME = /^\s*at (?:async )?(?:(.*) \()?((?:file|https?|data|blob):[^\s()]+):(\d+):(\d+)\)?$/;
/** Of a handler in WebAssembly: its module has a made-up name, and the place is a byte of it. */
const WASM_FRAME = /^\s*at (?:(.*) \()?wasm:\/\/[^\s()]*:0x([0-9a-f]+)\)?$/;

/** The file of that module: there is one in a process, and its frames do not tell. */
let wasmFile = "";

/** Says what file the frames of WebAssembly are of. */
export function setWasmFile(path: string): void {
  wasmFile = path;
}

/** `TypeError: x is not a function`; of what is no Error, its value. */
export function headline(thrown: unknown): string {
  try {
    if (!(thrown instanceof Error)) return typeof thrown === "string" ? thrown : Deno.inspect(thrown, { depth: 2 });
    return [thrown.name, thrown.message].map(String).filter((part) => part !== "").join(": ") || "Error";
  } catch {
    return "an error that cannot be shown";
  }
}

/** The user's frames of an error, innermost first; none where it has no stack. */
export function userFrames(thrown: unknown): Frame[] {
  return stackOf(thrown).split("\n").flatMap((line) => {
    const [, wasmName, byte] = WASM_FRAME.exec(line) ?? [];
    if (byte !== undefined) return [wasmFrame(wasmName, byte)];
    const [, name = "", url = "", row, column] = FRAME.exec(line) ?? [];
    if (url === "" || OWN.some((own) => url.startsWith(own))) return [];
    return [{ file: fileName(url), line: Number(row), column: Number(column), name }];
  });
}

/** Line 1, and as its column the byte: as source maps count. */
function wasmFrame(name = "", byte: string): Frame {
  return { file: wasmFile, line: 1, column: parseInt(byte, 16), name: name === "<anonymous>" ? "" : name };
}

/** The stack without the colours that Deno puts into those of failed imports. */
function stackOf(thrown: unknown): string {
  try {
    const stack = thrown instanceof Error ? thrown.stack : undefined;
    return typeof stack === "string" ? plain(stack) : "";
  } catch {
    return "";
  }
}

/** Text without terminal colours. */
export function plain(text: string): string {
  // deno-lint-ignore no-control-regex
  return text.replace(/\x1b\[[0-9;]*m/g, "");
}

/** The path of a file URL; any other URL as it is. */
export function fileName(url: string): string {
  try {
    return url.startsWith("file://") ? decodeURIComponent(new URL(url).pathname) : url;
  } catch {
    return url;
  }
}

/** `/home/u/h.ts:3:9`. */
export function place({ file, line, column }: Frame): string {
  return `${file}:${line}:${column}`;
}

/**
 * All there is to show of what was thrown, from the headline on: the user's frames, causes and the parts of an AggregateError.
 *
 * @returns Lines, those after the headline indented
 */
export function errorLines(thrown: unknown, depth = 0): string[] {
  const frames = userFrames(thrown).map((frame) =>
    `    at ${frame.name === "" ? place(frame) : `${frame.name} (${place(frame)})`}`
  );
  return [...headline(thrown).split("\n"), ...frames, ...(depth < DEPTH_MAX ? innerLines(thrown, depth) : [])];
}

function innerLines(thrown: unknown, depth: number): string[] {
  try {
    if (!(thrown instanceof Error)) return [];
    const errors: unknown[] = thrown instanceof AggregateError ? thrown.errors : [];
    const parts = errors.slice(0, ERRORS_MAX).map((part, i): [string, unknown] => [`[${i}] `, part]);
    if (thrown.cause !== undefined) parts.push(["caused by ", thrown.cause]);
    const lines = parts.flatMap(([label, part]) => {
      const [first = "", ...rest] = errorLines(part, depth + 1);
      return [`  ${label}${first}`, ...rest.map((line) => `  ${line}`)];
    });
    return errors.length > ERRORS_MAX ? [...lines, `  and ${errors.length - ERRORS_MAX} more`] : lines;
  } catch {
    return [];
  }
}
