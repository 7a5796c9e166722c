/**
 * The file that a probe's text names -> its path. A path is taken as it is; a bare name is a library, searched as the dynamic linker
 * does, else a program of PATH.
 *
 * @module
 */

import { nearest, PerfprofError } from "./errors.ts";

/** Where the dynamic linker looks after its cache (ld.so(8)), and Debian's folders. */
const LIBRARY_FOLDERS = [`/lib/${Deno.build.arch}-linux-gnu`, `/usr/lib/${Deno.build.arch}-linux-gnu`, "/lib64", "/usr/lib64"]
  .concat("/lib", "/usr/lib", "/usr/local/lib");
/** ldconfig(8) is not on every user's PATH. */
const LDCONFIG = ["ldconfig", "/sbin/ldconfig", "/usr/sbin/ldconfig"];
/** What the cache says of this machine's own libraries, rather than those of its 32-bit programs. */
const NATIVE = /x86-64|AArch64|64bit/i;
/** The kernel cuts a probe's definition at white space, and ends it at # (trace_parse_run_command, kernel/trace/trace.c). */
const IMPOSSIBLE = /[\s#]/;

/**
 * Finds a probe's file.
 *
 * @param file As written
 * @returns Its absolute path. Links are left in it: `/proc/PID/root` is one that only the kernel follows as it is meant
 * @throws {PerfprofError} There is none, or the kernel cannot take its path
 */
export function findProbeFile(file: string): string {
  const path = file.includes("/") ? absolute(file) : bareFile(file);
  if (path === undefined || !exists(file, path)) throw notFound(file);
  if (!IMPOSSIBLE.test(path)) return path;
  throw new PerfprofError(`probing '${file}' failed: the kernel takes no path with white space or #`, {
    hints: [`a link without them: ln -s '${path}' /tmp/NAME`],
  });
}

function absolute(path: string): string {
  return path.startsWith("/") ? path : `${Deno.cwd()}/${path}`;
}

function exists(file: string, path: string): boolean {
  try {
    Deno.statSync(path);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory) return false;
    throw unreadable(file, error);
  }
}

function bareFile(name: string): string | undefined {
  const cached = libraryCache().find((entry) => entry.name === name)?.path;
  const folders = [...LIBRARY_FOLDERS, ...(Deno.env.get("PATH") ?? "").split(":").filter((folder) => folder.startsWith("/"))];
  return cached ?? folders.map((folder) => `${folder}/${name}`).find(isElf);
}

interface Library {
  readonly name: string;
  readonly path: string;
}

/** What `ldconfig -p` lists, this machine's own libraries first; none where there is no such program (musl). */
function libraryCache(): Library[] {
  for (const command of LDCONFIG) {
    try {
      const { stdout } = new Deno.Command(command, { args: ["-p"], stdin: "null", stderr: "null" }).outputSync();
      const lines = [...new TextDecoder().decode(stdout).matchAll(/^\t(\S+) \(([^)]*)\) => (\/.*)$/gm)];
      const [native, others] = [
        lines.filter(([, , abi]) => NATIVE.test(abi!)),
        lines.filter(([, , abi]) => !NATIVE.test(abi!)),
      ];
      return [...native, ...others].map(([, name, , path]) => ({ name: name!, path: path! }));
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
  }
  return [];
}

/** Not a linker script, as libc.so is. */
function isElf(path: string): boolean {
  try {
    using file = Deno.openSync(path);
    const magic = new Uint8Array(4);
    return file.statSync().isFile && file.readSync(magic) === 4 && String.fromCharCode(...magic) === "\x7fELF";
  } catch {
    return false;
  }
}

function isFile(path: string): boolean {
  try {
    return Deno.statSync(path).isFile;
  } catch {
    return false;
  }
}

function notFound(file: string): PerfprofError {
  if (file.includes("/")) return new PerfprofError(`probing '${file}' failed: there is no such file`);
  const names = new Set(libraryCache().map(({ name }) => name));
  const near = [...names].filter((name) => name.startsWith(`${file}.`)).concat(nearest(file, names)).slice(0, 3);
  const hints = isFile(file) ? [`the file of this folder: "./${file}"`] : [];
  if (near.length > 0) hints.push(`did you mean ${near.join(" or ")}?`);
  return new PerfprofError(`probing '${file}' failed: it is neither a library of the dynamic linker nor a program of PATH`, {
    hints: hints.length > 0 ? hints : ['a path: uprobe:FUNCTION@"/path/of/the/file"'],
  });
}

function unreadable(file: string, cause: unknown): PerfprofError {
  const why = cause instanceof Error ? cause.message : String(cause);
  return new PerfprofError(`probing '${file}' failed: ${why}`, { cause });
}
