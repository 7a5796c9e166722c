/**
 * Dynamic probes of a machine that a test makes up: remembers what is created and removed, and refuses what it is told to.
 *
 * @module
 */

import type { LeftoverProbe, Marker, ProbeDefinition, Probes } from "../lib/probes.ts";
import { SourceError } from "../lib/source.ts";

const ENOENT = 2;

/** Functions by name, each at its offset in whatever file is asked for. */
export class RecordedProbes implements Probes {
  readonly created: ProbeDefinition[] = [];
  readonly removed: string[] = [];
  readonly left: LeftoverProbe[];
  readonly #functions: Readonly<Record<string, bigint>>;
  readonly #markers: Marker[];
  readonly #refusal: SourceError | undefined;

  constructor(
    { functions = {}, markers = [], left = [], refusal }: {
      functions?: Readonly<Record<string, bigint>>;
      markers?: Marker[];
      left?: LeftoverProbe[];
      refusal?: SourceError;
    } = {},
  ) {
    this.#functions = functions;
    this.#markers = markers;
    this.left = left;
    this.#refusal = refusal;
  }

  create(definition: ProbeDefinition): string {
    if (this.#refusal !== undefined) throw this.#refusal;
    this.created.push(definition);
    return `perfprof_1_${this.created.length}`;
  }

  remove(): number {
    this.created.length = 0;
    return 0;
  }

  functionOffset(path: string, name: string): bigint {
    const offset = this.#functions[name];
    if (offset === undefined) throw new SourceError("elf", `${path} has no function '${name}'`, ENOENT);
    return offset;
  }

  functions(): string[] {
    return Object.keys(this.#functions);
  }

  markers(): Marker[] {
    return this.#markers;
  }

  leftovers(): LeftoverProbe[] {
    return this.left;
  }

  removeLeftover({ event }: LeftoverProbe): void {
    if (this.#refusal !== undefined) throw this.#refusal;
    this.removed.push(event);
  }
}
