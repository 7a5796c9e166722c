/**
 * Deno's own tools over a module, as check.ts asks them: what it exports (`deno doc`), and what its types are wrong in
 * (`deno check`). Runs them, and reads what they print.
 *
 * @module
 */

import { fileName } from "./error_text.ts";
import { PerfprofError } from "./errors.ts";

/** A place in a file, lines and columns from 1. */
export interface Place {
  readonly path: string;
  readonly line: number;
  readonly column: number;
}

/** An export of a module. */
export interface Export extends Place {
  readonly name: string;
  readonly isFunction: boolean;
}

/** What the compiler found. */
export interface Diagnostic {
  readonly place: Place;
  /** The first line, then its reasons from the outermost to the innermost. */
  readonly messages: readonly string[];
  /** Of what it refers to: `'com' is declared here`. */
  readonly related: Place | undefined;
}

/** The part of what `deno doc --json` prints that is read here. */
interface Doc {
  readonly nodes: Readonly<
    Record<string, {
      readonly symbols: readonly {
        readonly name: string;
        readonly declarations: readonly {
          readonly declarationKind: string;
          readonly kind: string;
          readonly location: { readonly filename: string; readonly line: number; readonly col: number };
        }[];
      }[];
    }>
  >;
}

/** What runs this, also where no path leads to it: a packed program may run from memory. */
const DENO = "/proc/self/exe";

const AT = /^ +at (\S+):(\d+):(\d+)$/;

/**
 * The exports of a module, at the places of their declarations.
 *
 * @param url Of a file
 * @returns Undefined when it cannot be read: its check says why
 */
export function moduleExports(url: string): Export[] | undefined {
  const { success, stdout } = deno(["doc", "--json", url]);
  if (!success) return undefined;
  const { nodes } = JSON.parse(stdout) as Doc;
  return (nodes[url]?.symbols ?? []).flatMap(({ name, declarations }) => {
    const declared = declarations.find(({ declarationKind }) => declarationKind === "export");
    if (declared === undefined) return [];
    const { kind, location: { filename, line, col } } = declared;
    return [{ name, isFunction: kind === "function", path: fileName(filename), line: line + 1, column: col + 1 }];
  });
}

/**
 * Checks types.
 *
 * @param path Of the module
 * @param config Its deno.json, undefined without one
 * @returns What is wrong
 * @throws {PerfprofError} It did not come to check them
 */
export function checkTypes(path: string, config: string | undefined): Diagnostic[] {
  const settings = config === undefined ? ["--no-config"] : ["--config", config];
  const { success, stderr } = deno(["check", "-q", "--no-lock", ...settings, path]);
  if (success) return [];
  const found = stderr.split(/^(?=TS\d+ \[ERROR\]: )/m).filter((text) => text.startsWith("TS")).flatMap(diagnostic);
  return found.length > 0 ? found : [refusal(stderr)];
}

function deno(args: string[]): { success: boolean; stdout: string; stderr: string } {
  if (Deno.build.standalone) {
    throw new PerfprofError("deno check failed: what deno compile makes has no type checker", {
      hints: ["deno task build makes a perfprof that has"],
    });
  }
  const { success, stdout, stderr } = new Deno.Command(DENO, { args, env: { NO_COLOR: "1" } }).outputSync();
  const decoder = new TextDecoder();
  return { success, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
}

/** The message and its reasons, the source line, what is marked in it, and the place; then what it refers to in the same form. */
function diagnostic(text: string): Diagnostic[] {
  const lines = text.split("\n");
  const [place, related] = lines.flatMap((line) => placeOf(line) ?? []);
  if (place === undefined) return [];
  const marked = lines.findIndex((line) => /^ *~+$/.test(line));
  const messages = lines.slice(0, marked < 0 ? 1 : marked - 1).map((line) => line.trim());
  return [{ place, related, messages: [messages[0]!.replace(/^TS\d+ \[ERROR\]: /, ""), ...messages.slice(1)] }];
}

function placeOf(line: string): Place | undefined {
  const [, url, row, column] = AT.exec(line) ?? [];
  return url === undefined ? undefined : { path: fileName(url), line: Number(row), column: Number(column) };
}

/** Text that does not parse, or an import that is not there. */
function refusal(stderr: string): Diagnostic {
  const lines = stderr.split("\n");
  const first = lines.find((line) => line.startsWith("error: "))?.slice("error: ".length) ?? stderr.trim();
  const [place] = lines.flatMap((line) => placeOf(line) ?? placeOf(` ${/ at \S+:\d+:\d+$/.exec(line)?.[0] ?? ""}`) ?? []);
  if (place === undefined) throw new PerfprofError(`deno check failed: ${first}`);
  return { place, messages: [first.replace(/ at \S+:\d+:\d+$/, "")], related: undefined };
}
