/**
 * Where a recording's symbols are looked for, and what is said where there are none: RecordedKernel and RecordedSymbols over a
 * library that only notes what it is asked.
 *
 * @module
 */

import assert from "node:assert/strict";
import { RecordedKernel } from "../lib/recorded_kernel.ts";
import { RecordedSymbols } from "../lib/recorded_symbols.ts";
import type { KernelPlace, Recording, RecordingHost } from "../lib/recording.ts";
import { SourceError } from "../lib/source.ts";
import type { MappedFile, SymbolAt, UnknownReason } from "../lib/symbolizer.ts";
import { FakeSymbolizer } from "./fixtures/symbols.ts";

const ENOENT = 2;
const EPERM = 1;
const TEXT = 0xffffffff81000000n;
const HERE = Uint8Array.from({ length: 20 }, (_, i) => i);
const OTHER = HERE.toReversed();
const RELEASE = "6.1.0-test";
const FILE: MappedFile = {
  start: 0n,
  end: 0x1000n,
  pgoff: 0n,
  inode: 7n,
  major: 8,
  minor: 1,
  pid: 12,
  parent: 3,
  buildId: new Uint8Array(),
  path: "/bin/a",
};

/** A library whose symbols of the kernel are where `places` has an outcome: moved or not, or an errno. */
class Library extends FakeSymbolizer {
  readonly places: KernelPlace[] = [];
  reason: UnknownReason = "known";

  constructor(readonly outcomes: readonly (boolean | number)[]) {
    super();
  }

  recordedKernel(place: KernelPlace): boolean {
    const outcome = this.outcomes[this.places.push(place) - 1] ?? ENOENT;
    if (typeof outcome === "number") throw new SourceError("file", "open kallsyms", outcome);
    return outcome;
  }

  override fileSymbol(): SymbolAt {
    return { name: this.reason === "known" ? "f" : undefined, offset: 0, module: "", reason: this.reason };
  }
}

/** What is of interest of a recording. */
interface Told {
  readonly text?: bigint;
  readonly buildId?: Uint8Array;
  readonly release?: string;
}

/** Symbols of a recording on a machine of RELEASE with the build id HERE, and what was said. */
function symbolsOf({ text = TEXT, buildId, release = RELEASE }: Told, ...outcomes: (boolean | number)[]) {
  const said: string[] = [];
  const library = new Library(outcomes);
  const note = new Uint8Array(12 + 4 + 20);
  new Uint32Array(note.buffer).set([4, 20, 3]);
  note.set(new TextEncoder().encode("GNU\0"), 12);
  note.set(HERE, 16);
  const recording = { file: { kernelText: text }, kernelBuildId: buildId, osRelease: release } as unknown as Recording;
  const host = { kernelNotes: () => note } as unknown as RecordingHost;
  const kernel = new RecordedKernel(recording, host, RELEASE, (line) => said.push(line));
  const symbols = new RecordedSymbols(library, new Map([["/bin/a", OTHER]]), kernel);
  return { symbols, library, said };
}

for (
  const [what, told, outcomes, asked, expected] of [
    ["of the kernel here", { buildId: HERE }, [false], [""], /^$/],
    ["of the kernel here, by its release alone", {}, [false], [""], /^$/],
    ["of another boot", { buildId: HERE }, [true], [""], /^perfprof: the recording's kernel was of another boot: /],
    ["of the kernel here, hidden, but cached", { buildId: HERE }, [EPERM, false], ["", HERE.toHex()], /^$/],
    ["of the kernel here, hidden", { buildId: HERE }, [EPERM], ["", HERE.toHex()], /hidden from this user.*hint: sudo sysctl/],
    ["of another build of the release", { buildId: OTHER }, [false], [OTHER.toHex()], /^$/],
    [
      "of another release",
      { buildId: HERE, release: "5.4.0" },
      [ENOENT],
      [HERE.toHex()],
      /5\.4\.0; hint: perf archive .*kallsyms$/,
    ],
    ["that cannot be used", { buildId: OTHER }, [EPERM], [OTHER.toHex()], /13\/1211\w+\/kallsyms has no addresses, or others/],
    ["without a build id", { release: "5.4.0" }, [], [], /: the recording is of another kernel, 5\.4\.0$/],
    ["that was not finished", { release: "" }, [], [], /: the recording does not tell which kernel it is of$/],
    ["that does not tell its place", { text: 0n }, [], [], /: the recording does not tell where the kernel lay$/],
  ] as const
) {
  Deno.test(`kernel symbols of a recording ${what}`, () => {
    const { symbols, library, said } = symbolsOf(told, ...outcomes);
    const [first, again] = [symbols.kernel(0x1234n), symbols.kernel(0x1234n)];
    assert.deepEqual(again, first);
    assert.deepEqual(library.places.map(({ buildId }) => buildId.toHex()), asked);
    assert.ok(library.places.every(({ text }) => text === TEXT));
    const isKnown = outcomes.some((outcome) => typeof outcome === "boolean");
    assert.equal(first.reason, isKnown ? "known" : "its kernel's symbols are not here");
    assert.match(said.join("\n"), expected);
    assert.ok(said.length <= 1);
  });
}

Deno.test("files of a recording are those with the recorded build ids, and no process's", () => {
  const { symbols, library } = symbolsOf({ buildId: HERE });
  symbols.openFile(FILE);
  symbols.openFile({ ...FILE, buildId: HERE });
  symbols.openFile({ ...FILE, path: "/bin/b" });
  assert.deepEqual(library.files.map(({ buildId }) => buildId.toHex()), [OTHER.toHex(), HERE.toHex(), ""]);
  assert.ok(library.files.every(({ pid, parent }) => pid === 0 && parent === 0));
});

Deno.test("a vdso without a build id is that of the kernel here only where the kernel is", () => {
  const vdso = { ...FILE, path: "[vdso]" };
  const idOf = (told: Told) => {
    const { symbols, library } = symbolsOf(told);
    symbols.openFile(vdso);
    return library.files[0]!.buildId.length;
  };
  assert.equal(idOf({ buildId: HERE }), 0);
  assert.equal(idOf({ buildId: OTHER }), 1);
});

Deno.test("a recording's frames have reasons of their own", () => {
  const { symbols, library } = symbolsOf({ buildId: HERE });
  assert.equal(symbols.jit().reason, "a recording has no JIT maps");
  const seen = (["the file is gone", "the file was replaced", "the file is stripped", "known"] as const).map((reason) => {
    library.reason = reason;
    return symbols.fileSymbol(0, 0n).reason;
  });
  assert.deepEqual(seen, ["the recorded file is not here", "the recorded file is not here", "the file is stripped", "known"]);
});
