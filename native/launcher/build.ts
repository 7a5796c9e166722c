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

/** A package that is loaded only when a handler asks for it: the bundler leaves what stands in a variable. */
const LATER = /"npm:([^"]+)"/g;

/** What sketches-js needs for a format of its own, that nothing here asks for. */
const NOT_PACKED = "protobufjs/minimal";

interface Packed {
  readonly path: string;
  readonly kind: keyof typeof KINDS;
  readonly mode: number;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

const encoder = new TextEncoder();

function sha256(...parts: readonly (Uint8Array | string)[]): string {
  const hash = createHash("sha256");
  for (const part of parts) hash.update(part);
  return hash.digest("hex");
}

async function run(command: string, args: readonly string[], cwd: URL = ROOT): Promise<void> {
  const { success } = await new Deno.Command(command, { args: [...args], cwd, stdout: "inherit", stderr: "inherit" }).spawn()
    .status;
  if (!success) throw new Error(`${command} ${args.join(" ")} failed`);
}

function copyFolder(from: URL, to: URL): void {
  Deno.mkdirSync(to, { recursive: true });
  for (const { name, isDirectory } of Deno.readDirSync(from)) {
    if (isDirectory) copyFolder(new URL(`${name}/`, from), new URL(`${name}/`, to));
    else Deno.copyFileSync(new URL(name, from), new URL(name, to));
  }
}

/** The sources, with the library where the launcher has it. */
function stage(folder: URL): void {
  for (const name of ["main.ts", "deno.json", "deno.lock"]) Deno.copyFileSync(new URL(name, ROOT), new URL(name, folder));
  for (const name of ["lib/", "ffi/", "templates/"]) copyFolder(new URL(name, ROOT), new URL(name, folder));
  Deno.copyFileSync(new URL("library_path.ts", import.meta.url), new URL("ffi/library_path.ts", folder));
}

/** A module with all that it imports, as one. @returns Its text */
async function bundle(folder: URL, source: string): Promise<string> {
  const output = "bundle.js";
  await run(Deno.execPath(), ["bundle", "-q", "--platform", "deno", "--external", NOT_PACKED, "-o", output, source], folder);
  return Deno.readTextFileSync(new URL(output, folder));
}

/** Of npm's `@scope/name@1.2.3`. */
function packageFile(specifier: string): string {
  return `npm/${specifier.replace(/@[^@]*$/, "").replaceAll("/", "_")}.js`;
}

/** With the names that it has in Deno: of a module of CommonJS only Deno itself knows them. */
async function bundlePackage(folder: URL, specifier: string): Promise<string> {
  const names = Object.keys(await import(`npm:${specifier}`)).filter((name) =>
    /^[A-Za-z_$][\w$]*$/.test(name) && name !== "default"
  );
  Deno.writeTextFileSync(new URL("package.ts", folder), `export { ${names.join(", ")} } from "npm:${specifier}";\n`);
  return await bundle(folder, "package.ts");
}

/** The sources as modules of lib/, which is where their own URLs are relative to; packages are files beside them. */
async function programFiles(folder: URL): Promise<Packed[]> {
  stage(folder);
  // lib/export/command.ts names the second by that: the handlers of `perfprof export`.
  const sources = { "perfprof.js": "main.ts", "recording.ts": "lib/export/recording.ts" };
  const texts = new Map<string, string>();
  const packages = new Set<string>();
  for (const [name, source] of Object.entries(sources)) {
    const replaced = (await bundle(folder, source)).replace(LATER, (_, specifier: string) => {
      packages.add(specifier);
      return `new URL("${packageFile(specifier)}", import.meta.url).href`;
    });
    texts.set(name, replaced);
  }
  for (const specifier of [...packages].sort()) texts.set(packageFile(specifier), await bundlePackage(folder, specifier));
  return [...texts].map(([name, text]) => ({
    path: `lib/${name}`,
    kind: name === "perfprof.js" ? "program" : "file",
    mode: 0o400,
    bytes: encoder.encode(text),
  }));
}

async function inTempDir<T>(work: (folder: URL) => Promise<T>): Promise<T> {
  const folder = Deno.makeTempDirSync({ prefix: "perfprof-build-" });
  try {
    return await work(new URL(`file://${folder}/`));
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
}

function templates(): Packed[] {
  const folder = new URL("templates/", ROOT);
  const names = [...Deno.readDirSync(folder)].map(({ name }) => name).sort();
  return names.map((name) => ({
    path: `templates/${name}`,
    kind: "file",
    mode: 0o400,
    bytes: Deno.readFileSync(new URL(name, folder)),
  }));
}

/** Without what only debuggers read. */
async function library(folder: URL): Promise<Packed> {
  const stripped = new URL("stripped.so", folder);
  await run("strip", ["--strip-unneeded", "-o", stripped.pathname, "native/build/libperfprof.so"]);
  return { path: "libperfprof.so", kind: "library", mode: 0o400, bytes: Deno.readFileSync(stripped) };
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
  const folders = ["lib", "lib/npm", "templates"];
  const files: Packed[] = [
    { path: "deno", kind: "runtime", mode: 0o500, bytes: Deno.readFileSync(Deno.execPath()) },
    ...folders.map((path): Packed => ({ path, kind: "folder", mode: 0o700, bytes: new Uint8Array() })),
    ...await inTempDir(programFiles),
    ...templates(),
    await inTempDir(library),
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
