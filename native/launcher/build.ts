/**
 * `deno task build`: makes dist/perfprof, one executable file with all that perfprof needs. It is the launcher, then the packed
 * files (the Deno that runs this, the bundled program, its templates, the C library), then their table, as pack.h has it. Built
 * twice from the same, it is the same bytes.
 *
 * @module
 */

import { createHash } from "node:crypto";
import { constants, zstdCompressSync } from "node:zlib";
import config from "../../deno.json" with { type: "json" };
import { MAIN, type ProgramFile, programFiles, run, strippedLibrary } from "./program.ts";

const ROOT = new URL("../../", import.meta.url);
const OUTPUT = new URL("dist/perfprof", ROOT);
/** Compressed once: it takes a minute, and changes with Deno's version only. */
const CACHE = new URL("native/build/", ROOT);

/** enum pack_kind. */
const KINDS = { folder: 0, file: 1, runtime: 2, program: 3, library: 4 } as const;
/** struct pack_entry and struct pack_footer. */
const ENTRY = { size: 96, kind: 64, mode: 68, offset: 72, packed: 80, unpacked: 88 } as const;
const FOOTER = { size: 64, count: 48, magic: 56 } as const;
const MAGIC = "PERFPRF1";

interface Packed extends ProgramFile {
  readonly kind: keyof typeof KINDS;
  readonly mode: number;
}

const encoder = new TextEncoder();

function sha256(...parts: readonly (Uint8Array | string)[]): string {
  const hash = createHash("sha256");
  for (const part of parts) hash.update(part);
  return hash.digest("hex");
}

/** One zstd frame, with the hash of its contents at the end. */
function compress(bytes: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  const params = { [constants.ZSTD_c_compressionLevel]: 19, [constants.ZSTD_c_checksumFlag]: 1 };
  return new Uint8Array(zstdCompressSync(bytes, { params }));
}

function compressRuntime(bytes: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  const cached = new URL(`deno-${sha256(bytes).slice(0, 16)}.zst`, CACHE);
  try {
    return Deno.readFileSync(cached);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  console.error("build: compressing Deno: this takes a minute, once");
  const packed = compress(bytes);
  Deno.writeFileSync(cached, packed);
  return packed;
}

function entryBytes({ path, kind, mode, bytes }: Packed, offset: number, packed: number): Uint8Array<ArrayBuffer> {
  const entry = new Uint8Array(ENTRY.size);
  if (encoder.encode(path).length >= ENTRY.kind) throw new RangeError(`pack ${path}: its name is too long`);
  encoder.encodeInto(path, entry);
  const view = new DataView(entry.buffer);
  view.setUint32(ENTRY.kind, KINDS[kind], true);
  view.setUint32(ENTRY.mode, mode, true);
  view.setBigUint64(ENTRY.offset, BigInt(offset), true);
  view.setBigUint64(ENTRY.packed, BigInt(packed), true);
  view.setBigUint64(ENTRY.unpacked, BigInt(bytes.length), true);
  return entry;
}

function footerBytes(id: string, count: number): Uint8Array<ArrayBuffer> {
  const footer = new Uint8Array(FOOTER.size);
  encoder.encodeInto(id, footer);
  new DataView(footer.buffer).setUint32(FOOTER.count, count, true);
  encoder.encodeInto(MAGIC, footer.subarray(FOOTER.magic));
  return footer;
}

/** The whole file. Folders come before what is in them. */
function pack(launcher: Uint8Array<ArrayBuffer>, files: readonly Packed[]): Blob {
  const id = `${config.version}-${sha256(...files.flatMap(({ path, bytes }) => [path, bytes])).slice(0, 16)}`;
  let offset = launcher.length;
  const contents = [launcher];
  const table = [];
  for (const file of files) {
    const packed = file.kind === "folder"
      ? file.bytes
      : file.kind === "runtime"
      ? compressRuntime(file.bytes)
      : compress(file.bytes);
    table.push(entryBytes(file, offset, packed.length));
    contents.push(packed);
    offset += packed.length;
  }
  return new Blob([...contents, ...table, footerBytes(id, files.length)]);
}

async function build(): Promise<void> {
  await run("make", ["-s", "-j2", "-C", "native", "all", "launcher"]);
  const program = await programFiles(new URL("library_path.ts", import.meta.url));
  const files: Packed[] = [
    { path: "deno", kind: "runtime", mode: 0o500, bytes: Deno.readFileSync(Deno.execPath()) },
    ...["lib", "lib/npm", "templates"].map((path): Packed => ({ path, kind: "folder", mode: 0o700, bytes: new Uint8Array() })),
    ...program.map((file): Packed => ({ ...file, kind: file.path === MAIN ? "program" : "file", mode: 0o400 })),
    { path: "libperfprof.so", kind: "library", mode: 0o400, bytes: await strippedLibrary() },
  ];
  const file = pack(Deno.readFileSync(new URL("native/build/launcher", ROOT)), files);
  Deno.mkdirSync(new URL(".", OUTPUT), { recursive: true });
  // Never half of it, nor over one that is running.
  const unfinished = new URL("perfprof.new", OUTPUT);
  await Deno.writeFile(unfinished, file.stream(), { mode: 0o755 });
  await Deno.chmod(unfinished, 0o755);
  await Deno.rename(unfinished, OUTPUT);
  console.error(`build: dist/perfprof, ${(file.size / 1e6).toFixed(1)} MB`);
}

await build();
