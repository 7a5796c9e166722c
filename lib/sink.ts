/**
 * Samples that go to handlers in C, where they lie, and into no batch (native/handler_sink.c): what a delivery and such a sink agree
 * on. The rules by which a read stops before the next of them are those of a walk.
 *
 * @module
 */

/** Why a walk ended: its batch is done; the watchdog asks for a turn of the event loop; the next event is too new, or one too many. */
export type Left = "done" | "yield" | "time" | "count";

/** Takes samples while a source is read. */
export interface Sink {
  /** Events handed to handlers so far. */
  readonly handed: number;
  /** Events that no handler got since `passOver`. */
  readonly passed: number;
  /** Why the last read ended before the next of its samples. */
  readonly left: Left;
  /** Time of that sample, with "time", ns. */
  readonly nextNs: number;
  /**
   * Says what the next read may hand over.
   *
   * @param untilNs No event newer than this
   * @param most So many in all, with those of before
   */
  limit(untilNs: number, most: number): void;
  /** From now on no handler gets an event. */
  passOver(): void;
}
