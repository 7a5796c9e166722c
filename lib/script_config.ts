/**
 * The settings of a script: the deno.json of its folder, or of one above, as Deno finds it for a program of its own. Reads no more than
 * where it is.
 *
 * @module
 */

import { othersCanWrite, trustedUsers } from "./module_path.ts";

/** As Deno looks for them. */
const NAMES = ["deno.json", "deno.jsonc"];

/**
 * Where the settings are.
 *
 * @param path Of the script, absolute
 * @param trusted Users whose files root takes; undefined: everybody's
 * @returns Undefined without any; `foreign` are those that others could have put in a script's way
 */
export function configOf(
  path: string,
  trusted: readonly number[] | undefined = trustedUsers(),
): { readonly path: string; readonly foreign: boolean } | undefined {
  for (let folder = path; folder !== "";) {
    folder = folder.slice(0, folder.lastIndexOf("/"));
    for (const name of NAMES) {
      const info = fileInfo(`${folder}/${name}`);
      if (info === undefined) continue;
      return { path: `${folder}/${name}`, foreign: trusted !== undefined && othersCanWrite(info, trusted) };
    }
  }
  return undefined;
}

function fileInfo(path: string): Deno.FileInfo | undefined {
  try {
    const info = Deno.statSync(path);
    return info.isFile ? info : undefined;
  } catch {
    // Not there, or not to be reached.
    return undefined;
  }
}
