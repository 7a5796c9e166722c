/**
 * Whether a shared object may be loaded: it runs with all the rights of this process, from its first byte on. Root takes none that
 * another user could have put there or changed, wherever it is. Reads the status of files only.
 *
 * @module
 */

import { PerfprofError } from "../lib/errors.ts";
import { othersCanWrite, trustedUsers } from "../lib/module_path.ts";

/** What keeps users from replacing each other's files in a folder that all can write (/tmp). */
const STICKY = 0o1000;

/**
 * @param path Absolute, of a file
 * @param trusted Users whose files are taken; undefined: everybody's
 * @returns Where the file is, without links that somebody could lead elsewhere meanwhile
 * @throws {PerfprofError} Somebody else can write it, its folder, or one above
 */
export function requireTrusted(path: string, trusted: readonly number[] | undefined = trustedUsers()): string {
  const real = Deno.realPathSync(path);
  if (trusted === undefined) return real;
  const [file, folder, ...above] = [real, ...foldersOf(real)];
  const writable = [file, folder].find((at) => at !== undefined && othersCanWrite(Deno.statSync(at), trusted)) ??
    above.find((at) => canReplace(at, trusted));
  if (writable === undefined) return real;
  throw new PerfprofError(`module ${path} is not loaded: other users can write ${writable}`, {
    hints: ["a .so runs with all rights of perfprof: keep it in a folder that only root can write"],
  });
}

/** Can somebody else put another folder in the place of one in this one? Its owner can, sticky or not. */
function canReplace(folder: string, trusted: readonly number[]): boolean {
  const info = Deno.statSync(folder);
  const isSticky = ((info.mode ?? 0) & STICKY) !== 0 && info.uid !== null && trusted.includes(info.uid);
  return othersCanWrite(info, trusted) && !isSticky;
}

/** From the innermost to the root. */
function foldersOf(path: string): string[] {
  const folders: string[] = [];
  for (let end = path.lastIndexOf("/"); end > 0; end = path.lastIndexOf("/", end - 1)) folders.push(path.slice(0, end));
  return [...folders, "/"];
}
