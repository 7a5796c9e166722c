/**
 * `deno task install [--prefix DIR]`: installs the packed program for all users, to /usr/local unless told otherwise.
 *
 * @module
 */

import { resolve } from "node:path";
import { parseArgs } from "node:util";
import { installedFiles, writeFiles } from "./files.ts";

const { values } = parseArgs({ options: { prefix: { type: "string", default: "/usr/local" } } });
// A task runs in the checkout's folder; the path is meant from where it was called.
const prefix = resolve(Deno.env.get("INIT_CWD") ?? ".", values.prefix);
const files = await installedFiles();
writeFiles(prefix, files);
console.error(`install: ${files.length} files below ${prefix}`);
