/**
 * A file that an export writes: all of it or nothing. It grows under a name of its own beside its place and takes it at the end, so
 * that a reader never sees half of one. It is made with care, since it is root who makes it: 0600, over no symbolic link, no device
 * and no pipe.
 *
 * @module
 */

import { cannotWrite, PerfprofError } from "../errors.ts";

/** What is gathered before it is written. */
const BUFFER = 64 * 1024;
/** S_IWGRP | S_IWOTH, and S_ISVTX: in a folder with it nobody takes away another's file. */
const SHARED = 0o022;
const STICKY = 0o1000;

/** A file that is being written. */
export class OutputFile {
  /** Where it will be. */
  readonly path: string;
  /** Where it grows. */
  readonly temporary: string;
  readonly #file: Deno.FsFile;
  readonly #buffer = new Uint8Array(BUFFER);
  #gathered = 0;
  #isOpen = true;
  readonly #encoder = new TextEncoder();
  readonly #atEnd: () => void;

  /**
   * Makes the file.
   *
   * @param atEnd Called when the process ends before finish() or discard(); it is to call one of them
   * @throws {PerfprofError} It cannot be made there
   */
  constructor(path: string, atEnd: () => void) {
    this.path = path;
    this.#atEnd = atEnd;
    this.temporary = `${path}.${Deno.pid}-${crypto.randomUUID().slice(0, 8)}.tmp`;
    refuseOther(path);
    try {
      this.#file = Deno.openSync(this.temporary, { write: true, createNew: true, mode: 0o600 });
    } catch (error) {
      throw cannotWrite(path, error);
    }
    addEventListener("unload", atEnd);
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }

  /**
   * Adds text, as UTF-8, or bytes. What fails gives the file up.
   *
   * @throws {PerfprofError} It cannot be written
   * @throws TypeError when it is finished or given up
   */
  write(data: string | Uint8Array): void {
    this.requireOpen();
    const bytes = typeof data === "string" ? this.#encoder.encode(data) : data;
    if (bytes.length > BUFFER - this.#gathered) this.#flush();
    if (bytes.length > BUFFER) return this.#writeAll(bytes);
    this.#buffer.set(bytes, this.#gathered);
    this.#gathered += bytes.length;
  }

  /** @throws TypeError when it is finished or given up */
  requireOpen(): void {
    if (!this.#isOpen) throw new TypeError(`Cannot add to ${this.path}: it is closed`);
  }

  /**
   * Puts it in its place, where it replaces the file that was there.
   *
   * @throws {PerfprofError} It cannot be written
   */
  finish(): void {
    if (!this.#isOpen) return;
    try {
      this.#flush();
      // Again: much may have happened there meanwhile. What is replaced is the name alone, so a link that comes now harms nobody.
      refuseOther(this.path);
      Deno.renameSync(this.temporary, this.path);
    } catch (error) {
      this.discard();
      throw cannotWrite(this.path, error);
    }
    this.#close();
  }

  /** Gives it up; what was in its place stays. */
  discard(): void {
    if (!this.#isOpen) return;
    this.#close();
    try {
      Deno.removeSync(this.temporary);
    } catch {
      // Somebody else has taken it away.
    }
  }

  #flush(): void {
    this.#writeAll(this.#buffer.subarray(0, this.#gathered));
    this.#gathered = 0;
  }

  #writeAll(bytes: Uint8Array): void {
    try {
      for (let rest = bytes; rest.length > 0;) rest = rest.subarray(this.#file.writeSync(rest));
    } catch (error) {
      this.discard();
      throw cannotWrite(this.path, error);
    }
  }

  #close(): void {
    this.#isOpen = false;
    this.#file.close();
    removeEventListener("unload", this.#atEnd);
  }
}

/**
 * Refuses a folder in which others could exchange a file between two looks at its name: for what is opened by its name again.
 *
 * @throws {PerfprofError}
 */
export function refuseSharedFolder(path: string): void {
  const folder = path.includes("/") ? path.slice(0, path.lastIndexOf("/") + 1) : ".";
  const { mode, uid } = ownerOf(path, folder);
  const isOthers = uid !== null && uid !== 0 && uid !== Deno.uid();
  if (((mode ?? 0) & SHARED && !((mode ?? 0) & STICKY)) || isOthers) {
    throw new PerfprofError(`writing ${path} failed: others can write in its folder`, {
      hints: ["a folder of your own, or /tmp"],
    });
  }
}

function ownerOf(path: string, folder: string): Deno.FileInfo {
  try {
    return Deno.statSync(folder);
  } catch (error) {
    throw cannotWrite(path, error);
  }
}

/** Only a regular file, or nothing, may be where the new one comes. */
function refuseOther(path: string): void {
  let there: Deno.FileInfo;
  try {
    there = Deno.lstatSync(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return;
    throw cannotWrite(path, error);
  }
  if (there.isFile) return;
  const what = there.isSymlink ? "a symbolic link" : there.isDirectory ? "a folder" : "no regular file";
  throw new PerfprofError(`writing ${path} failed: it is ${what}`, { hints: ["another name, or remove it first"] });
}
