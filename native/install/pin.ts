/**
 * `deno task pin [FOLDER]`: makes the checkout, or a copy of its sources in FOLDER, a release that can be imported by URL. The library
 * that was built becomes a JSON module, dist/libperfprof-ARCH.json, and the SHA-256 of each library that lies there goes to
 * ffi/library_pin.ts, which ffi/remote_library.ts compares it with.
 *
 * @module
 */

import { resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { strippedLibrary } from "../launcher/program.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const LIBRARY = /^libperfprof-(\w+)\.json$/;
/** What stands in the braces of ffi/library_pin.ts. */
const PINS = /\{[^}]*\};\n$/;

// A task runs in the checkout's folder; a path is meant from where it was called.
const [given] = Deno.args;
const folder = given === undefined ? ROOT : resolve(Deno.env.get("INIT_CWD") ?? ".", given);
const dist = `${folder}/dist`;
const pin = `${folder}/ffi/library_pin.ts`;

async function sha256(file: string): Promise<string> {
  const { base64 } = JSON.parse(Deno.readTextFileSync(file));
  return new Uint8Array(await crypto.subtle.digest("SHA-256", Uint8Array.fromBase64(base64))).toHex();
}

Deno.mkdirSync(dist, { recursive: true });
const base64 = (await strippedLibrary()).toBase64();
Deno.writeTextFileSync(`${dist}/libperfprof-${Deno.build.arch}.json`, JSON.stringify({ base64 }));
const names = [...Deno.readDirSync(dist)].map(({ name }) => name).filter((name) => LIBRARY.test(name)).sort();
const pins = await Promise.all(names.map(async (name) => `${LIBRARY.exec(name)![1]}: "${await sha256(`${dist}/${name}`)}"`));
Deno.writeTextFileSync(pin, Deno.readTextFileSync(pin).replace(PINS, `{\n${pins.map((line) => `  ${line},\n`).join("")}};\n`));
console.error(pins.map((line) => `pin: ${line}`).join("\n"));
