/**
 * The event whose handler runs, as an event object for whoever asks for more than its bytes: its text, its stack, a field by name.
 * Most handlers ask for nothing, so it is made when the first does. It is the handler's only while the handler runs.
 *
 * @module
 */

import type { AnyEvent, EventClass } from "../generated_class.ts";

/** Holds it. */
export class CurrentEvent {
  #class: EventClass | undefined;
  #memory: { readonly view: DataView } | undefined;
  #at = 0;
  #event: AnyEvent | undefined;
  /** What `#event` reads, where it was made here. */
  #view: DataView | undefined;

  /** A handler begins, of the sample whose header is at `at` in the view that `memory` has when it is asked. */
  enter(eventClass: EventClass, memory: { readonly view: DataView }, at: number): void {
    this.#class = eventClass;
    this.#memory = memory;
    this.#at = at;
  }

  /** A handler begins, of an event that is an object already. */
  enterMade(event: AnyEvent): void {
    this.#event = event;
  }

  /** The handler has ended. */
  leave(): void {
    this.#class = undefined;
    this.#event = undefined;
    this.#view = undefined;
  }

  /**
   * @throws {TypeError} No event's handler runs
   * @throws {DecodeError} Its record is damaged
   */
  get event(): AnyEvent {
    if (this.#class === undefined) {
      if (this.#event !== undefined) return this.#event;
      throw new TypeError("there is no event: only its handler can ask for it, while it runs");
    }
    // A handler may have its memory grow between two questions: what was made of the memory before is dead then.
    const { view } = this.#memory!;
    if (this.#event === undefined || this.#view !== view) {
      this.#view = view;
      this.#event = new this.#class(view, this.#at);
    }
    return this.#event;
  }
}
