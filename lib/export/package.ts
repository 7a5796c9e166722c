/**
 * The npm packages of exports: loaded, and on a machine's first use fetched, only for who asks for them.
 *
 * @module
 */

import { PerfprofError } from "../errors.ts";
import { requireOwnFiles } from "../own_files.ts";

/** Not where they are imported: Deno fetches what an import() names literally at the start of every program. */
const PACKAGES = {
  "apache-arrow": "npm:apache-arrow@21.2.0",
  "hyparquet-writer": "npm:hyparquet-writer@0.17.0",
  "pprof-format": "npm:pprof-format@2.3.2",
};

/**
 * Loads a package.
 *
 * @throws {PerfprofError} It is not at hand and cannot be fetched
 */
export async function loadPackage<Module>(name: keyof typeof PACKAGES): Promise<Module> {
  const specifier = PACKAGES[name];
  requireOwnFiles(`load ${name}`);
  try {
    return await import(specifier);
  } catch (cause) {
    throw new PerfprofError(`load ${specifier} failed: it is not here yet, and cannot be fetched`, {
      hints: [`where there is a network: deno cache ${specifier}`],
      cause,
    });
  }
}
