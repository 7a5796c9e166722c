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
 * Elements of the ballast. V8 looks for dead buffers when its own young objects fill some MiB, or buffers have grown by 64 MiB, and
 * then it marks the whole heap. Events of a flood may never become objects (V8 sees that they do not escape), so each buffer brings
 * young garbage of a quarter of its size: scavenges find the buffers of a flood before they have grown so far. With half of that
 * each 220,000 events cost a marking, on all of V8's threads: 214 in place of 151 ns per event.
 */
const BALLAST = 1024;

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
