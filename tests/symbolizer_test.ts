/**
 * Symbols through the FFI: of the kernel against /proc/kallsyms, of libc and of a program of the test's own against nm(1), of code
 * that this process says it has made.
 *
 * @module
 */

import assert from "node:assert/strict";
import { NativeMachine } from "../ffi/machine.ts";
import { SourceError } from "../lib/source.ts";
import type { MappedFile, Symbolizer } from "../lib/symbolizer.ts";

const symbolizer: Symbolizer = new NativeMachine().symbolizer(false);
const NO_FILE: MappedFile = {
  start: 0x7000_0000n,
  end: 0x7100_0000n,
  pgoff: 0n,
  inode: 0n,
  major: 0,
  minor: 0,
  pid: Deno.pid,
  parent: 0,
  buildId: new Uint8Array(),
  path: "[heap]",
};

interface KernelSymbol {
  readonly address: bigint;
  readonly name: string;
  readonly module: string;
}

/** Of code, in the order of the file. */
function kernelSymbols(): KernelSymbol[] {
  const lines = Deno.readTextFileSync("/proc/kallsyms").matchAll(/^(\w+) [tTwW] (\S+)(?:\t\[(\w+)\])?$/gm);
  return [...lines].map(([, address, name, module]) => ({
    address: BigInt(`0x${address}`),
    name: name!,
    module: module ?? "",
  }));
}

const kernel = kernelSymbols();
const kernelHidden = kernel.every(({ address }) => address === 0n);

Deno.test({
  name: "symbolizer: every 500th symbol of the kernel is found at its address, and inside",
  ignore: kernelHidden,
  fn() {
    const aliases = Map.groupBy(kernel, ({ address }) => address);
    const addresses = new BigUint64Array([...aliases.keys()]).sort();
    const ends = new Set(["_etext", "_einittext", "_end"]);
    let looked = 0;
    for (let i = 0; i + 1 < addresses.length; i += 500) {
      const names = aliases.get(addresses[i]!)!;
      if (names.every(({ name }) => ends.has(name))) continue;
      for (const offset of [0n, 1n]) {
        if (addresses[i]! + offset >= addresses[i + 1]!) continue;
        const found = symbolizer.kernel(addresses[i]! + offset);
        assert.equal(found.reason, "known", names[0]!.name);
        assert.equal(found.offset, Number(offset), names[0]!.name);
        assert.ok(names.some(({ name, module }) => name === found.name && module === found.module), found.name);
        looked++;
      }
    }
    assert.ok(looked > 200, `only ${looked} addresses were looked up`);
  },
});

Deno.test({
  name: "symbolizer: an address that the kernel has nothing at",
  ignore: kernelHidden,
  fn() {
    const text = kernel.find(({ name }) => name === "_text")!.address;
    const end = kernel.find(({ name }) => name === "_etext")!.address;
    assert.deepEqual(symbolizer.kernel(end + 8n), {
      name: undefined,
      offset: Number(end + 8n - text),
      module: "",
      reason: "no symbol covers it",
    });
    assert.equal(symbolizer.kernel(4096n).name, undefined);
  },
});

/** The executable mappings of this process that have a path. */
function ownMappings(): MappedFile[] {
  const lines = Deno.readTextFileSync("/proc/self/maps").matchAll(
    /^(\w+)-(\w+) r.x. (\w+) (\w+):(\w+) (\d+) +(\/.*|\[vdso\])$/gm,
  );
  return [...lines].map(([, start, end, pgoff, major, minor, inode, path]) => ({
    ...NO_FILE,
    start: BigInt(`0x${start}`),
    end: BigInt(`0x${end}`),
    pgoff: BigInt(`0x${pgoff}`),
    major: parseInt(major!, 16),
    minor: parseInt(minor!, 16),
    inode: BigInt(inode!),
    path: path!,
  }));
}

async function output(command: string, ...args: string[]): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command(command, { args, stdout: "piped", stderr: "piped" }).output();
  assert.ok(success, new TextDecoder().decode(stderr));
  return new TextDecoder().decode(stdout);
}

/** Address and size of a function. */
async function nm(path: string, name: string, ...options: string[]): Promise<{ address: bigint; size: bigint }> {
  const text = await output("nm", "-S", "--defined-only", ...options, path);
  const [, address, size] = text.match(new RegExp(`^(\\w+) (\\w+) [tTwWiu] ${name}(?:@@.*)?$`, "m"))!;
  return { address: BigInt(`0x${address}`), size: BigInt(`0x${size}`) };
}

Deno.test("symbolizer: write of the libc that this process has mapped", async () => {
  const libc = ownMappings().find(({ path }) => /\/libc[.-][^/]*$/.test(path))!;
  const dso = symbolizer.openFile(libc);
  const { address, size } = await nm(libc.path, "write", "-D");
  // libc's segments have each byte at the address of its offset.
  const last = symbolizer.fileSymbol(dso, address + size - 1n);
  assert.equal(last.reason, "known");
  assert.equal(last.offset, Number(size) - 1);
  assert.match(last.name!, /^_*(GI_+)?(libc_)?write$/);
  assert.equal(symbolizer.openFile(libc), dso, "the same file, another number");
  assert.match(symbolizer.buildId(dso)!, /^[0-9a-f]{40}$/);
});

Deno.test("symbolizer: the vdso", () => {
  const vdso = ownMappings().find(({ path }) => path === "[vdso]")!;
  const dso = symbolizer.openFile(vdso);
  const names = Array.from({ length: 512 }, (_, i) => symbolizer.fileSymbol(dso, BigInt(i) * 16n).name);
  assert.ok(names.some((name) => name?.endsWith("clock_gettime")), String(new Set(names)));
});

Deno.test("symbolizer: a static function of a program, and where it has ended", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const path = `${folder}/program`;
    await Deno.writeTextFile(
      `${path}.c`,
      "static __attribute__((noinline, noclone)) int helper(int n) { return n * 7 / 3; }\n" +
        "int main(int argc, char **argv) { return argv ? helper(argc) : 0; }\n",
    );
    await output("cc", "-O1", "-fPIE", "-pie", "-o", path, `${path}.c`);
    const { address, size } = await nm(path, "helper");
    const { ino, dev } = await Deno.stat(path);
    const dso = symbolizer.openFile({
      ...NO_FILE,
      path,
      inode: BigInt(ino!),
      major: dev >> 8 & 0xfff,
      minor: dev & 0xff,
    });
    assert.deepEqual(symbolizer.fileSymbol(dso, address + 1n), { name: "helper", offset: 1, module: "", reason: "known" });
    assert.notEqual(symbolizer.fileSymbol(dso, address + size).name, "helper");
    await output("strip", "-o", `${path}.stripped`, path);
    const stripped = symbolizer.openFile({ ...NO_FILE, path: `${path}.stripped` });
    assert.deepEqual(symbolizer.fileSymbol(stripped, address), {
      name: undefined,
      offset: Number(address),
      module: "",
      reason: "the file is stripped",
    });
    const gone = symbolizer.openFile({ ...NO_FILE, path: `${folder}/none` });
    assert.equal(symbolizer.fileSymbol(gone, 0n).reason, "the file is gone");
    assert.equal(symbolizer.buildId(gone), undefined);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("symbolizer: a name longer than the buffer, of code that this process says it has made", async () => {
  const path = `/tmp/perf-${Deno.pid}.map`;
  const name = "x".repeat(10_000);
  assert.equal(symbolizer.jit(Deno.pid, 0x1000n).reason, "no JIT map");
  await Deno.writeTextFile(path, `1000 10 ${name}\n2000 10 short\n`);
  try {
    assert.deepEqual(symbolizer.jit(Deno.pid, 0x1004n), { name, offset: 4, module: "", reason: "known" });
    assert.equal(symbolizer.jit(Deno.pid, 0x2000n).name, "short");
    assert.equal(symbolizer.jit(Deno.pid, 0x3000n).reason, "no symbol covers it");
  } finally {
    await Deno.remove(path);
  }
});

Deno.test("symbolizer: what is no file, and a number of none", () => {
  assert.equal(symbolizer.fileSymbol(symbolizer.openFile(NO_FILE), 0n).reason, "no JIT map");
  assert.throws(() => symbolizer.fileSymbol(0x7fff_ffff, 0n), SourceError);
});
