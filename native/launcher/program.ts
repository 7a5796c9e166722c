/**
 * perfprof's program as a few files: its sources and npm packages bundled, its templates, its C library. For what puts them into one
 * file with a runtime (build.ts, compile.ts); writes to folders of its own only.
 *
 * @module
 */

const ROOT = new URL("../../", import.meta.url);

/** The module that the runtime is to run. */
export const MAIN = "lib/perfprof.js";

/** A package that is loaded only when a handler asks for it: the bundler leaves what stands in a variable. */
const LATER = /"npm:([^"]+)"/g;

/** What sketches-js needs for a format of its own, that nothing here asks for. */
const NOT_PACKED = "protobufjs/minimal";

/** Of the program; the path is from the folder that it is put to. */
export interface ProgramFile {
  readonly path: string;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/**
 * Runs a command in the checkout.
 *
 * @throws {Error} It fails
 */
export async function run(command: string, args: readonly string[], cwd: URL = ROOT): Promise<void> {
  const { success } = await new Deno.Command(command, { args: [...args], cwd, stdout: "inherit", stderr: "inherit" }).spawn()
    .status;
  if (!success) throw new Error(`${command} ${args.join(" ")} failed`);
}

/** Does some work in a folder that is removed afterwards. */
export async function inTempDir<T>(work: (folder: URL) => Promise<T>): Promise<T> {
  const folder = Deno.makeTempDirSync({ prefix: "perfprof-build-" });
  try {
    return await work(new URL(`file://${folder}/`));
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
}

function copyFolder(from: URL, to: URL): void {
  Deno.mkdirSync(to, { recursive: true });
  for (const { name, isDirectory } of Deno.readDirSync(from)) {
    if (isDirectory) copyFolder(new URL(`${name}/`, from), new URL(`${name}/`, to));
    else Deno.copyFileSync(new URL(name, from), new URL(name, to));
  }
}

/** The sources, with `libraryPath` in the place of ffi/library_path.ts. */
function stage(folder: URL, libraryPath: URL): void {
  for (const name of ["main.ts", "deno.json", "deno.lock"]) Deno.copyFileSync(new URL(name, ROOT), new URL(name, folder));
  for (const name of ["lib/", "ffi/", "templates/"]) copyFolder(new URL(name, ROOT), new URL(name, folder));
  // Its imports are from where it lies.
  const text = Deno.readTextFileSync(libraryPath).replaceAll(`"../../ffi/`, `"./`);
  Deno.writeTextFileSync(new URL("ffi/library_path.ts", folder), text);
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

/** The program as a module of lib/, which is where its own URLs are relative to; packages are files beside it. */
async function modules(folder: URL): Promise<Map<string, string>> {
  const packages = new Set<string>();
  const program = (await bundle(folder, "main.ts")).replace(LATER, (_, specifier: string) => {
    packages.add(specifier);
    return `new URL("${packageFile(specifier)}", import.meta.url).href`;
  });
  const texts = new Map([[MAIN, program]]);
  for (const specifier of [...packages].sort()) {
    texts.set(`lib/${packageFile(specifier)}`, await bundlePackage(folder, specifier));
  }
  return texts;
}

function templates(): ProgramFile[] {
  const folder = new URL("templates/", ROOT);
  const names = [...Deno.readDirSync(folder)].map(({ name }) => name).sort();
  return names.map((name) => ({ path: `templates/${name}`, bytes: Deno.readFileSync(new URL(name, folder)) }));
}

/**
 * The program, but for its C library: MAIN comes first.
 *
 * @param libraryPath The module that finds the library there, of the exports of ffi/library_path.ts
 */
export async function programFiles(libraryPath: URL): Promise<ProgramFile[]> {
  const texts = await inTempDir((folder) => {
    stage(folder, libraryPath);
    return modules(folder);
  });
  const encoder = new TextEncoder();
  return [...[...texts].map(([path, text]) => ({ path, bytes: encoder.encode(text) })), ...templates()];
}

/** The C library that was built, without what only debuggers read: so it is the same bytes wherever it was built. */
export async function strippedLibrary(): Promise<Uint8Array<ArrayBuffer>> {
  return await inTempDir(async (folder) => {
    const stripped = new URL("stripped.so", folder);
    await run("strip", ["--strip-unneeded", "-o", stripped.pathname, "native/build/libperfprof.so"]);
    return Deno.readFileSync(stripped);
  });
}
