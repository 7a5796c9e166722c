/**
 * Writes what a release needs to be imported by URL: the library that was built as a JSON module (dist/libperfprof-ARCH.json), and
 * its SHA-256 into ffi/library_pin.ts. A folder as argument: the release's, if it is not this checkout.
 *
 * @module
 */

import { LIBRARY_PATH } from "./library_path.ts";

const PIN = "ffi/library_pin.ts";

const [folder = decodeURIComponent(new URL("../", import.meta.url).pathname)] = Deno.args;
const library = Deno.readFileSync(LIBRARY_PATH);
const sha256 = new Uint8Array(await crypto.subtle.digest("SHA-256", library)).toHex();
Deno.mkdirSync(`${folder}/dist`, { recursive: true });
Deno.writeTextFileSync(`${folder}/dist/libperfprof-${Deno.build.arch}.json`, JSON.stringify({ base64: library.toBase64() }));

const { LIBRARY_SHA256 } = await import("./library_pin.ts");
const pins = Object.entries({ ...LIBRARY_SHA256, [Deno.build.arch]: sha256 });
const record = `{\n${pins.map(([arch, pin]) => `  ${arch}: "${pin}",\n`).join("")}};\n`;
Deno.writeTextFileSync(
  `${folder}/${PIN}`,
  Deno.readTextFileSync(new URL(`../${PIN}`, import.meta.url)).replace(/\{[^}]*\};\n$/, record),
);
