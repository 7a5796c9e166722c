/**
 * The memory that batches are read into. Batches are appended to one ArrayBuffer until little of it is left; then a new one is
 * taken. No byte that a handler was shown is written twice, so an event that a script keeps stays valid: it holds its buffer alive.
 *
 * That is the bound of what keeping costs: an event pins at most ARENA_SIZE bytes (or its own record, where that is larger), and
 * events of one buffer share them.
 *
 * @module
 */

/** Bytes of one buffer: what one kept event can pin at most. */
const ARENA_SIZE = 32 * 1024;

/** A new buffer is taken when less than this is left: batches stay large enough that the call behind each costs little. */
const LEAST_FREE = ARENA_SIZE / 4;

/** Bytes of a buffer that is used again: a batch that fits the CPU's second cache. */
const REUSED_SIZE = 256 * 1024;

/**
 * Elements of the ballast. V8 looks for dead buffers when its own young objects fill a MiB or so, or buffers have grown by 64 MiB.
 * Events of a flood may never become objects, so each buffer brings some: a flood peaks at 75 MB instead of 128, and costs the same.
 */
const BALLAST = 512;

/** Where batches go. */
export interface BatchMemory {
  /** Over all of it, as it is now. */
  readonly view: DataView;
  /** Where the next batch goes. */
  free(): Uint8Array<ArrayBuffer>;
  /** What was there is nobody's any more. */
  rewind(): void;
  /** Makes room for `size` bytes. */
  grow(size: number): void;
  /**
   * Counts `bytes` of the free part as used.
   *
   * @returns Where they begin in `view`
   */
  take(bytes: number): number;
}

/** That of handlers in JavaScript. */
export class Arena implements BatchMemory {
  /** Over the whole current buffer. */
  view = new DataView(new ArrayBuffer(ARENA_SIZE));
  /** Young garbage, in proportion to the buffers. */
  ballast: unknown[] = [];
  /** Where the free part begins, a multiple of 8. */
  #used = 0;

  /** The free part of the current buffer, or of a new one when that is nearly full. */
  free(): Uint8Array<ArrayBuffer> {
    if (this.view.byteLength - this.#used < LEAST_FREE) this.grow(ARENA_SIZE);
    return new Uint8Array(this.view.buffer as ArrayBuffer, this.#used);
  }

  /** Uses one buffer again and again: only where nobody can have kept anything of it. */
  rewind(): void {
    if (this.view.byteLength < REUSED_SIZE) this.grow(REUSED_SIZE);
    this.#used = 0;
  }

  /** Takes a new buffer, of `size` bytes or ARENA_SIZE, whichever is more. */
  grow(size: number): void {
    this.view = new DataView(new ArrayBuffer(Math.max(size, ARENA_SIZE)));
    this.ballast = new Array(BALLAST);
    this.#used = 0;
  }

  /**
   * Counts `bytes` of the free part as used.
   *
   * @returns Where they begin in `view`
   */
  take(bytes: number): number {
    const start = this.#used;
    this.#used += bytes;
    return start;
  }
}
