/**
 * What is installed, and where below the prefix: the packed program, its man page, completions for three shells, the handler
 * templates, the header of compiled handlers and the licences.
 *
 * @module
 */

import { gzipSync } from "node:zlib";
import config from "../../deno.json" with { type: "json" };
import { manPage } from "./man_page.ts";

const ROOT = new URL("../../", import.meta.url);
const PROGRAM = new URL("dist/perfprof", ROOT);
/** Where each shell looks for them. */
const COMPLETIONS = {
  bash: "share/bash-completion/completions/perfprof",
  zsh: "share/zsh/site-functions/_perfprof",
  fish: "share/fish/vendor_completions.d/perfprof.fish",
} as const;

/** One of them. */
export interface InstalledFile {
  /** From the prefix. */
  readonly path: string;
  readonly mode: number;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/** The version that stands in deno.json. */
export const VERSION: string = config.version;

/** Gzip, without a time or name in it: the same bytes from the same text. */
export function gzip(text: string): Uint8Array<ArrayBuffer> {
  return new Uint8Array(gzipSync(text, { level: 9 }));
}

/** A text file that all may read. */
export function textFile(path: string, text: string): InstalledFile {
  return { path, mode: 0o644, bytes: new TextEncoder().encode(text) };
}

async function completion(shell: keyof typeof COMPLETIONS): Promise<InstalledFile> {
  const { success, stdout, stderr } = await new Deno.Command(PROGRAM, { args: ["completions", shell] }).output();
  if (!success) throw new Error(`perfprof completions ${shell}: ${new TextDecoder().decode(stderr)}`);
  return { path: COMPLETIONS[shell], mode: 0o644, bytes: stdout };
}

/** They run by their first line. */
function templates(): InstalledFile[] {
  const folder = new URL("templates/", ROOT);
  return [...Deno.readDirSync(folder)].map(({ name }) => name).sort().map((name) => ({
    path: `share/perfprof/templates/${name}`,
    mode: 0o755,
    bytes: Deno.readFileSync(new URL(name, folder)),
  }));
}

/** All files, of a program that is built. */
export async function installedFiles(): Promise<InstalledFile[]> {
  return [
    { path: "bin/perfprof", mode: 0o755, bytes: Deno.readFileSync(PROGRAM) },
    { path: "share/man/man1/perfprof.1.gz", mode: 0o644, bytes: gzip(manPage(VERSION)) },
    ...await Promise.all([completion("bash"), completion("zsh"), completion("fish")]),
    ...templates(),
    // What compiled handlers include (docs/compiled.md).
    textFile("include/perfprof_handler.h", Deno.readTextFileSync(new URL("native/perfprof_handler.h", ROOT))),
    textFile("share/doc/perfprof/copyright", Deno.readTextFileSync(new URL("LICENSE", ROOT))),
  ];
}

/** Writes them below a prefix; a file that is there gives way to the new one in one step, also while it runs. */
export function writeFiles(prefix: string, files: readonly InstalledFile[]): void {
  for (const { path, mode, bytes } of files) {
    const target = `${prefix}/${path}`;
    Deno.mkdirSync(target.slice(0, target.lastIndexOf("/")), { recursive: true, mode: 0o755 });
    Deno.writeFileSync(`${target}.new`, bytes, { mode });
    Deno.chmodSync(`${target}.new`, mode);
    Deno.renameSync(`${target}.new`, target);
  }
}
