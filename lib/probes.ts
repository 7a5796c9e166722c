/**
 * The interface of dynamic probes and of the places in a program that they can be put at. ffi/probes.ts implements it over tracefs.
 *
 * @module
 */

/** The kinds of dynamic probes, as -e names them: enum pp_probe_kind, of the same order. */
export const PROBE_KINDS = ["kprobe", "kretprobe", "uprobe", "uretprobe"] as const;
export type ProbeKind = typeof PROBE_KINDS[number];

/** A dynamic probe, in the kernel's own terms. */
export interface ProbeDefinition {
  readonly kind: ProbeKind;
  /** Of its event: letters, digits and _. */
  readonly name: string;
  /** `PATH:OFFSET` or `FUNCTION`, and after it the arguments: `/usr/lib/libc.so.6:0x98930 size=%di`. Each has the same ones. */
  readonly places: readonly string[];
}

/** One of the places of a marker that a program was compiled with (USDT). Offsets in the file. */
export interface Marker {
  readonly provider: string;
  readonly name: string;
  readonly offset: bigint;
  /** Of the counter that says whether somebody listens, 0n without one. */
  readonly semaphore: bigint;
  /** As the assembler wrote them: `-4@%edi 8@-16(%rbp)`. */
  readonly args: string;
}

/** A probe that nobody owns any more: perfprof was killed. */
export interface LeftoverProbe {
  readonly kind: ProbeKind;
  /** `perfprof_PID_N/NAME`. */
  readonly event: string;
}

/** Dynamic probes. Those that this process creates are removed when it ends, in whichever way short of SIGKILL. */
export interface Probes {
  /**
   * Creates one.
   *
   * @returns The system, `perfprof_PID_N`, in which its event is
   * @throws {SourceError} `probe` with the kernel's reason; `file` where the kernel has or gives no such probes
   */
  create(definition: ProbeDefinition): string;
  /** Removes all that this process created, and closes their events. @returns How many somebody else keeps open */
  remove(): number;
  /** Where a function begins in its file. @throws {SourceError} `elf` or `file` */
  functionOffset(path: string, name: string): bigint;
  /** Names of a file's functions. @throws {SourceError} `elf` or `file` */
  functions(path: string): string[];
  /** A file's markers. @throws {SourceError} `elf` or `file` */
  markers(path: string): Marker[];
  leftovers(): LeftoverProbe[];
  /** @throws {SourceError} `probe` where somebody has it open */
  removeLeftover(probe: LeftoverProbe): void;
}
