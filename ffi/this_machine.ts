/**
 * The machine that this process runs on, for programs that import the library: one for all their sessions, as formats and symbols
 * live as long as the process.
 *
 * @module
 */

import type { Machine } from "../lib/machine.ts";
import { NativeMachine } from "./machine.ts";

let machine: Promise<Machine> | undefined;

/**
 * Opens the C library first, where the sources are imported by URL.
 *
 * @throws {PerfprofError} It cannot be opened
 */
export function thisMachine(): Promise<Machine> {
  machine ??= openMachine();
  return machine;
}

async function openMachine(): Promise<Machine> {
  try {
    if (!import.meta.url.startsWith("file:")) await (await import("./remote_library.ts")).openRemoteLibrary();
    return new NativeMachine();
  } catch (error) {
    // The next one may find a network.
    machine = undefined;
    throw error;
  }
}
