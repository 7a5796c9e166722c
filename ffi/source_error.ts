/**
 * What C refused, in the words of lib/source.ts.
 *
 * @module
 */

import { SourceError, type SourceOperation } from "../lib/source.ts";
import type { ABI } from "./abi.ts";
import { NativeError } from "./library.ts";

const OPERATIONS: Readonly<Partial<Record<keyof typeof ABI.codes, SourceOperation>>> = {
  PP_E_NOMEM: "memory",
  PP_E_FILE: "file",
  PP_E_TRACEFS: "tracefs",
  PP_E_FORMAT: "format",
  PP_E_OPEN: "open",
  PP_E_MMAP: "mmap",
  PP_E_FILTER: "filter",
  PP_E_CGROUP: "cgroup",
  PP_E_TASK: "task",
  PP_E_EXEC: "exec",
  PP_E_IOCTL: "ioctl",
  PP_E_OUTPUT: "output",
  PP_E_PROBE: "probe",
  PP_E_ELF: "elf",
  PP_E_RECORDING: "recording",
};

function sourceError(error: NativeError): SourceError {
  const { code, text, sysErrno, event, cpu, pid } = error;
  return new SourceError(OPERATIONS[code] ?? "system", text, sysErrno, event, cpu, pid);
}

/**
 * Runs what may fail in C.
 *
 * @throws {SourceError} When it does
 */
export function orSourceError<T>(step: () => T): T {
  try {
    return step();
  } catch (error) {
    throw asSourceError(error);
  }
}

/** What was thrown, in the words of lib/source.ts where C refused. */
export function asSourceError(error: unknown): unknown {
  return error instanceof NativeError ? sourceError(error) : error;
}
