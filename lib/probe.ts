/**
 * Text of a dynamic probe -> what it asks for: `uprobe:SYMBOL@"FILE"`, `kprobe:FUNCTION` and their ret kinds, each with `+OFFSET`,
 * and its arguments, `NAME=FETCHARG` where attributes stand. Pure text; probe_event.ts makes an event of it.
 *
 * @module
 */

import { type Span, textError } from "./event_text.ts";
import { PROBE_KINDS, type ProbeKind } from "./probes.ts";

/** What a probe's text begins with: a kind of the kernel's, or a marker that is compiled in. */
export const PROBE_WORDS = [...PROBE_KINDS, "usdt"] as const;
export type ProbeWord = typeof PROBE_WORDS[number];

/** A dynamic probe as written. */
export interface ProbeSpec {
  readonly kind: ProbeWord;
  /** The function, or `PROVIDER:NAME`; undefined where a place in the file was given. */
  readonly symbol: string | undefined;
  /** Bytes from the function's start, or from the file's. */
  readonly offset: bigint;
  /** Of uprobes: a path, or a library's name. */
  readonly file: string | undefined;
  /** `NAME=FETCHARG`, as written. */
  readonly args: readonly string[];
}

/** Its name, as it stands in `_event` after the kind, and the rest. */
export interface NamedProbe {
  readonly name: string;
  readonly probe: ProbeSpec;
}

/** A function of C, C++ (mangled) or a module's: `malloc`, `_ZN1aEv`, `foo.isra.0`, `ext4:ext4_sync_file`. */
const PLACE = /^([A-Za-z_.$][\w.$]*(?::[A-Za-z_.$][\w.$]*)?)?(?:(^|\+)(0x[0-9a-f]+|\d+))?$/i;
/** A marker, of one place or several. */
const MARKER = /^([\w.-]+:[\w.-]+)$/;
/** What the kernel reads as a value: a register, memory, the stack, the return value, a constant. */
const ARGUMENT = /^([A-Za-z_]\w*)\s*=\s*(["']?)([%$@+\-\\].*)\2$/s;

/** Is this what a dynamic probe's name begins with? */
export function isProbeKind(system: string): system is ProbeWord {
  return (PROBE_WORDS as readonly string[]).includes(system);
}

/** What the kernel calls it. */
export function kernelKind(kind: ProbeWord): ProbeKind {
  return kind === "usdt" ? "uprobe" : kind;
}

/** Is it of a program's code, rather than the kernel's? */
export function isUserProbe(kind: ProbeWord): boolean {
  return kernelKind(kind).startsWith("u");
}

/** Does it fire when the function returns? */
export function isReturnProbe(kind: ProbeWord): boolean {
  return kind === "kretprobe" || kind === "uretprobe";
}

/**
 * Reads a probe's name.
 *
 * @param text That of -e
 * @param span Where the name is, with the kind
 * @throws {UsageError} With a caret
 */
export function parseProbe(text: string, span: Span): NamedProbe {
  const written = text.slice(span.start, span.end);
  const kind = PROBE_WORDS.find((known) => written.startsWith(`${known}:`))!;
  const rest = written.slice(kind.length + 1);
  const at = rest.indexOf("@");
  const place = at < 0 ? rest : rest.slice(0, at);
  const wrong = (why: string) => textError(why, text, span, [`write it ${probeForm(kind)}`]);
  if (/[*?[]/.test(place)) throw wrong("a probe's name takes no wildcards");
  const [matched, symbol, , offset] = kind === "usdt" ? MARKER.exec(place) ?? [] : PLACE.exec(place) ?? [];
  if (matched === undefined || matched === "") {
    throw wrong(
      place === ""
        ? "the function is missing"
        : `'${place}' is no ${kind === "usdt" ? "PROVIDER:NAME" : "function with an offset"}`,
    );
  }
  const file = at < 0 ? undefined : unquoted(rest.slice(at + 1));
  if (isUserProbe(kind) && (file === undefined || file === "")) throw wrong("the file that has the function is missing");
  if (!isUserProbe(kind) && file !== undefined) throw wrong(`${kind} takes no file: it is of the kernel`);
  if (!isUserProbe(kind) && symbol === undefined) throw wrong("the function is missing");
  return { name: place, probe: { kind, symbol, offset: BigInt(offset ?? 0), file, args: [] } };
}

/** How a probe of a kind is written. */
export function probeForm(kind: ProbeWord): string {
  if (kind === "usdt") return 'usdt:PROVIDER:NAME@"FILE"';
  return isUserProbe(kind) ? `${kind}:FUNCTION@"FILE"` : `${kind}:FUNCTION`;
}

/** A probe's argument in the kernel's form, undefined where a part of an event's text is none. */
export function probeArgument(part: string): string | undefined {
  const [matched, name, , value] = ARGUMENT.exec(part) ?? [];
  return matched === undefined ? undefined : `${name}=${value}`;
}

/** Why it cannot have this name; undefined where it can. */
export function wrongArgument(argument: string): string | undefined {
  const name = argument.slice(0, argument.indexOf("="));
  return /^_|^common_/.test(name) ? `'${name}' cannot be an argument's name: events have fields that begin so` : undefined;
}

/** How arguments are written, a line each, for a person. */
export function argumentForms({ kind }: ProbeSpec): string[] {
  const returned = ["//NAME=$retval:s32/      what it returns, by type; without one there is ret=$retval, unsigned"];
  if (isReturnProbe(kind)) return returned;
  if (kind === "usdt") return ["//NAME=+0($arg1):string/ the text that an argument points to"];
  return [
    "//NAME=$arg1:s32/        the first argument as s8 to s64, u8 to u64 or x8 to x64",
    "//NAME=+0($arg1):string/ the text that it points to",
    "//NAME=%di/              a register, by the kernel's name; also $stack1, @ADDRESS, +8(%sp)",
  ];
}

/** The probe as -e takes it, without filter and attributes. */
export function probeText(name: string, { kind, file }: ProbeSpec): string {
  return file === undefined ? `${kind}:${name}` : `${kind}:${name}@"${file}"`;
}

function unquoted(text: string): string {
  return /^(["'])(.*)\1$/s.exec(text)?.[2] ?? text;
}
