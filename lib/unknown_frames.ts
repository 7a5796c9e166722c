/**
 * Counts frames without a symbol, by file, and says at the end of a run what is missing and what would bring it.
 *
 * @module
 */

import { printable } from "./print.ts";
import type { Frame } from "./event_services.ts";
import type { UnknownReason } from "./symbolizer.ts";

/** Fewer unknown frames than this are not worth a word. */
const SHARE = 0.05;
/** Files that are told of: those with the most unknown frames. */
const MOST_LINES = 5;
/** More files than this are not counted. */
const MOST_FILES = 4096;

interface File {
  frames: number;
  unknown: number;
  reason: string;
}

/** Frames are counted when they are looked up, so those of a stack that comes again count once. */
export class UnknownFrames {
  readonly #files = new Map<string, File>();
  readonly #hidden: () => void;
  #isHidden = false;

  /** @param hidden Called at the first kernel frame whose symbol this user may not see */
  constructor(hidden: () => void) {
    this.#hidden = hidden;
  }

  add({ dso, reason }: Frame): void {
    const name = reason === NO_MAP || reason === NOT_RECORDED ? "code of JIT compilers" : dso;
    let file = this.#files.get(name);
    if (file === undefined) {
      if (this.#files.size >= MOST_FILES) return;
      this.#files.set(name, file = { frames: 0, unknown: 0, reason: "" });
    }
    file.frames++;
    if (reason === undefined) return;
    file.unknown++;
    file.reason = reason;
    if (this.#isHidden || reason !== HIDDEN) return;
    this.#isHidden = true;
    this.#hidden();
  }

  /** A line for each file, none when most frames are known. */
  lines(): string[] {
    const files = [...this.#files].map(([dso, file]) => ({ dso, ...file }));
    const sum = (key: "frames" | "unknown") => files.reduce((total, file) => total + file[key], 0);
    if (sum("unknown") <= SHARE * sum("frames")) return [];
    const missing = files.filter(({ unknown, reason }) => unknown > 0 && reason !== HIDDEN)
      .sort((a, b) => b.unknown - a.unknown);
    const lines = missing.slice(0, MOST_LINES).map(({ dso, frames, unknown, reason }) => {
      const hint = HINTS[reason as UnknownReason]?.(dso);
      return `perfprof: ${printable(dso)}: ${unknown} of ${frames} frames unknown: ${reason}${
        hint === undefined ? "" : `; hint: ${hint}`
      }`;
    });
    const rest = missing.length - lines.length;
    return rest > 0 ? [...lines, `perfprof: ${rest} more files have unknown frames`] : lines;
  }
}

const HIDDEN: UnknownReason = "kernel addresses are hidden";
const NO_MAP: UnknownReason = "no JIT map";
const NOT_RECORDED: UnknownReason = "a recording has no JIT maps";

const HINTS: Readonly<Partial<Record<UnknownReason, (dso: string) => string>>> = {
  "the file is stripped": symbolsOf,
  "no symbol covers it": (dso) => isCLibrary(dso) ? symbolsOf(dso) : "--call-graph dwarf, if it has no frame pointers",
  "the file was replaced": () => "restart the program that runs the old file",
  "the file is not readable": () => "run perfprof as root",
  [NO_MAP]: () =>
    "node --perf-basic-prof --interpreted-frames-native-stack; java -XX:+DumpPerfMapAtExit -XX:+PreserveFramePointer",
  "the recorded file is not here": () => "perf buildid-cache -a FILE, or perf archive where perf has recorded it",
  [NOT_RECORDED]: () => "perf record -k mono of programs that write jitdump files, then perf inject --jit",
  "nothing is mapped there": () => "--call-graph dwarf: such code has no frame pointers",
};

/**
 * Debian's packages with the symbols of another's files; a file of nobody's package was stripped by whoever built it. dpkg may know
 * the path as it was before /usr was merged. A path is the traced program's: only a plain one is put into a command.
 */
function symbolsOf(dso: string): string {
  if (isCLibrary(dso)) return "apt install libc6-dbg";
  const [, path] = /^(?:\/usr)?(\/(?:s?bin|lib\w*|libexec)\/[\w.+/-]+)$/.exec(dso) ?? [];
  if (path === undefined) return "build it without -s and do not strip it";
  return `apt install $(dpkg -S '*${path}' | cut -d: -f1)-dbgsym   (from debian-debug)`;
}

function isCLibrary(dso: string): boolean {
  return /\/(?:lib(?:c|m|pthread|dl|rt)|ld(?:-linux[\w-]*)?)(?:-[\d.]+)?\.so[.\d]*$/.test(dso);
}
