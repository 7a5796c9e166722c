/**
 * Writes ffi/abi.ts from what the built library says of itself (`deno task abi`). Opens the library by itself: ffi/library.ts
 * would refuse one whose version is not yet that of ffi/abi.ts.
 *
 * @module
 */

import { LIBRARY_PATH } from "./library_path.ts";
import { SYMBOLS } from "./symbols.ts";

const HEAD = `/**
 * GENERATED from native/build/libperfprof.so by \`deno task abi\`: do not edit. Error codes, constants, sizes and offsets of
 * native/perfprof.h and of struct perf_event_attr, as the C compiler sees them.
 *
 * @module
 */

`;

/** What pp_abi_json says. */
export function readAbi(): unknown {
  const library = Deno.dlopen(LIBRARY_PATH, { pp_abi_json: SYMBOLS.pp_abi_json });
  try {
    const text = library.symbols.pp_abi_json();
    if (text === null) throw new Error("read the ABI of the library: no text");
    return JSON.parse(Deno.UnsafePointerView.getCString(text));
  } finally {
    library.close();
  }
}

async function formatted(source: string): Promise<Uint8Array> {
  const fmt = new Deno.Command(Deno.execPath(), {
    args: ["fmt", "--ext=ts", "--line-width=128", "-"],
    stdin: "piped",
    stdout: "piped",
  });
  const child = fmt.spawn();
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode(source));
  await writer.close();
  const { success, stdout } = await child.output();
  if (!success) throw new Error("format ffi/abi.ts: deno fmt failed");
  return stdout;
}

if (import.meta.main) {
  const source = `${HEAD}export const ABI = ${JSON.stringify(readAbi())} as const;\n`;
  Deno.writeFileSync(new URL("abi.ts", import.meta.url), await formatted(source));
}
