/**
 * Where a module is: MODULE of the command line -> the path of a file. Reads folders' and files' status, never a file.
 *
 * @module
 */

import { PerfprofError } from "./errors.ts";
import { COMMAND_WORDS } from "./options.ts";

/** In the order in which they are tried after a name. */
const EXTENSIONS = [".ts", ".mts", ".js", ".mjs", ".tsx", ".wasm", ".so"];
/** Of modules that Deno does not import: lib/compiled/ has them. */
const COMPILED = [".wasm", ".so"];

/** Where to look, and who asks. */
export interface SearchPlaces {
  /** The current folder, absolute. */
  readonly cwd: string;
  /** PERFPROF_PATH, folders separated by colons. */
  readonly searchPath: string;
  /** Users whose files are trusted in the current folder; undefined: everybody's (it is not root who asks). */
  readonly trusted: readonly number[] | undefined;
}

/** The places of this process. */
function searchPlaces(): SearchPlaces {
  return { cwd: Deno.cwd(), searchPath: Deno.env.get("PERFPROF_PATH") ?? "", trusted: trustedUsers() };
}

/** Whose files this user takes; undefined: everybody's. With sudo, root trusts the user who became root. */
export function trustedUsers(): readonly number[] | undefined {
  return Deno.uid() === 0 ? [0, Number(Deno.env.get("SUDO_UID") ?? 0)] : undefined;
}

/**
 * The file of a module.
 *
 * A word with a slash or one of EXTENSIONS is a path; `-` is standard input; any other is a bare name, looked for in the current
 * folder and then in those of PERFPROF_PATH. A path that is not there may lack its extension.
 *
 * @param module As on the command line
 * @param places Where to look
 * @returns An absolute path
 * @throws {PerfprofError} Not there (says where it was looked for), a folder, or not to be trusted
 */
export function resolveModule(module: string, places: SearchPlaces = searchPlaces()): string {
  if (module === "-") return "/dev/stdin";
  const isPath = module.includes("/") || EXTENSIONS.some((extension) => module.endsWith(extension));
  return behindLink(isPath ? resolvePath(module, places) : resolveName(module, places));
}

/** Is the module at `path` none in JavaScript or TypeScript? */
export function isCompiled(path: string): boolean {
  return COMPILED.some((extension) => path.endsWith(extension));
}

/** A script that is a link (~/bin/wake) imports what is beside the file itself. */
function behindLink(path: string): string {
  const isLink = !path.startsWith("/dev/") && !path.startsWith("/proc/") && Deno.lstatSync(path).isSymlink;
  return isLink ? Deno.realPathSync(path) : path;
}

function resolvePath(module: string, { cwd }: SearchPlaces): string {
  const path = join(cwd, module);
  const found = ["", ...EXTENSIONS].map((extension) => path + extension).find(isFile);
  if (found !== undefined) return found;
  if (statOf(path)?.isDirectory) throw new PerfprofError(`module ${module} cannot be loaded: ${path} is a folder`);
  throw new PerfprofError(`module ${module} was not found: there is no file ${path}`);
}

function resolveName(module: string, places: SearchPlaces): string {
  const folders = [
    places.cwd,
    ...places.searchPath.split(":").filter((folder) => folder !== "").map((at) => join(places.cwd, at)),
  ];
  for (const folder of folders) {
    const found = [...EXTENSIONS, ""].map((extension) => join(folder, module + extension)).find(isFile);
    if (found === undefined) continue;
    if (folder === places.cwd) rejectUntrusted(found, places);
    return found;
  }
  throw new PerfprofError(`module ${module} was not found in ${folders.join(", ")}`, {
    hints: [
      ...(COMMAND_WORDS.includes(module) ? [`the command is the first word: perfprof ${module} ...`] : []),
      `looked for ${module} with ${EXTENSIONS.join(" ")} or as it is`,
      "PERFPROF_PATH=FOLDER:... names more folders; a path has a slash: ./name",
    ],
  });
}

/** A bare name in a folder like /tmp may be somebody else's trap, as with `.` in PATH. */
function rejectUntrusted(path: string, { cwd, trusted }: SearchPlaces): void {
  if (trusted === undefined) return;
  const writable = [cwd, path].find((at) => othersCanWrite(statOf(at), trusted));
  if (writable === undefined) return;
  throw new PerfprofError(`module ${path} is not loaded by its bare name: other users can write ${writable}`, {
    hints: [`when you trust it, give its path: ./${path.slice(path.lastIndexOf("/") + 1)}`],
  });
}

/** Whether somebody else than these could have written a file. */
export function othersCanWrite(info: Deno.FileInfo | undefined, trusted: readonly number[]): boolean {
  if (info?.mode == null || info.uid === null || !trusted.includes(info.uid)) return true;
  const byGroup = (info.mode & 0o020) !== 0 && info.gid !== 0;
  return byGroup || (info.mode & 0o002) !== 0;
}

/** Not a folder: a pipe or a device will do. */
function isFile(path: string): boolean {
  return statOf(path)?.isDirectory === false;
}

function statOf(path: string): Deno.FileInfo | undefined {
  try {
    return Deno.statSync(path);
  } catch {
    // Not there, or not to be reached: the message says where it was looked for.
    return undefined;
  }
}

/** `name` in `folder`, without `.` and `..`. */
function join(folder: string, name: string): string {
  const kept: string[] = [];
  for (const part of (name.startsWith("/") ? name : `${folder}/${name}`).split("/")) {
    if (part === "..") kept.pop();
    else if (part !== "" && part !== ".") kept.push(part);
  }
  return `/${kept.join("/")}`;
}
