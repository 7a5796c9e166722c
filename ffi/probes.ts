/**
 * lib/source.ts's Probes over native/probe.c and native/elf_find.c. What this process created is remembered there, not here: it is
 * removed also when no TypeScript runs any more.
 *
 * @module
 */

import {
  type LeftoverProbe,
  type Marker,
  PROBE_KINDS,
  type ProbeDefinition,
  type ProbeKind,
  type Probes,
} from "../lib/probes.ts";
import { type Bytes, call, callForText, cString, type Library, library } from "./library.ts";
import { orSourceError } from "./source_error.ts";

/** First sizes of buffers, in bytes. */
const GROUP_SIZE = 64;
const NAMES_SIZE = 256 * 1024;
/** The control files, and a kind that each has. */
const CONTROL_FILES: readonly (readonly [file: string, kind: ProbeKind])[] = [
  ["kprobe_events", "kprobe"],
  ["uprobe_events", "uprobe"],
];

/** The probes of this machine. */
export class NativeProbes implements Probes {
  readonly #tracefs: () => string;
  readonly #kernelFile: (path: string) => string | undefined;

  /**
   * @param tracefs Its path, found when it is needed
   * @param kernelFile Text of a file, undefined when it is not there
   */
  constructor(tracefs: () => string, kernelFile: (path: string) => string | undefined) {
    this.#tracefs = tracefs;
    this.#kernelFile = kernelFile;
  }

  create({ kind, name, places }: ProbeDefinition): string {
    const tracefs = cString(this.#tracefs());
    const lines = cString(places.join("\n"));
    return this.#text(
      GROUP_SIZE,
      (library, group, error) =>
        library.pp_probe_create(tracefs, kindOf(kind), cString(name), lines, group, group.length, error),
    );
  }

  remove(): number {
    return library().pp_probes_remove();
  }

  functionOffset(path: string, name: string): bigint {
    const offset = new BigUint64Array(1);
    const out = new Uint8Array(offset.buffer);
    orSourceError(() => call((library, error) => library.pp_elf_find(cString(path), cString(name), out, error)));
    return offset[0]!;
  }

  functions(path: string): string[] {
    const text = this.#text(
      NAMES_SIZE,
      (library, names, error) => library.pp_elf_functions(cString(path), names, names.length, error),
    );
    return text.trimEnd().split("\n");
  }

  markers(path: string): Marker[] {
    const text = this.#text(
      NAMES_SIZE,
      (library, lines, error) => library.pp_elf_markers(cString(path), lines, lines.length, error),
    );
    return text.split("\n").slice(0, -1).map((line) => {
      const [offset, semaphore, provider, name, args] = line.split("\t") as [string, string, string, string, string];
      return { provider, name, offset: BigInt(`0x${offset}`), semaphore: BigInt(`0x${semaphore}`), args };
    });
  }

  leftovers(): LeftoverProbe[] {
    return CONTROL_FILES.flatMap(([file, kind]) => {
      const text = this.#kernelFile(`${this.#tracefs()}/${file}`) ?? "";
      const own = [...text.matchAll(/^[pr]\d*:(perfprof_(\d+)_\d+\/\w+)/gm)];
      return own.filter(([, , pid]) => !controls(Number(pid), file)).map(([, event]) => ({ kind, event: event! }));
    });
  }

  removeLeftover({ kind, event }: LeftoverProbe): void {
    const tracefs = cString(this.#tracefs());
    orSourceError(() => call((library, error) => library.pp_probe_remove_left(tracefs, kindOf(kind), cString(event), error)));
  }

  #text(size: number, invoke: (library: Library, buffer: Bytes, error: Bytes) => number): string {
    return orSourceError(() => callForText(size, invoke));
  }
}

function kindOf(kind: ProbeKind): number {
  return PROBE_KINDS.indexOf(kind);
}

/** Who has probes keeps the control file open: a process that got the number of one that was killed does not. */
function controls(pid: number, file: string): boolean {
  try {
    return [...Deno.readDirSync(`/proc/${pid}/fd`)].some(({ name }) => linkEnds(`/proc/${pid}/fd/${name}`, `/${file}`));
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

/** False for a descriptor that was closed meanwhile. */
function linkEnds(link: string, end: string): boolean {
  try {
    return Deno.readLinkSync(link).endsWith(end);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}
