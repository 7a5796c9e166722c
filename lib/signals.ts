/**
 * The signals of a run. Made before anything else is loaded: without a listener SIGUSR1 and SIGUSR2 would kill the process while
 * it starts. Signals that come before anyone asks for them are kept.
 *
 * @module
 */

const NAMES = ["SIGINT", "SIGTERM", "SIGHUP", "SIGUSR1", "SIGUSR2"] as const;

/** A signal that perfprof answers. */
export type SignalName = (typeof NAMES)[number];

/** Listens from its construction on. */
export class Signals {
  readonly #early: SignalName[] = [];
  #receive: ((signal: SignalName) => void) | undefined;

  constructor() {
    for (const name of NAMES) {
      Deno.addSignalListener(name, () => this.#receive === undefined ? this.#early.push(name) : this.#receive(name));
    }
  }

  /** Sends all signals there, those that came before first. */
  receive(receive: (signal: SignalName) => void): void {
    this.#receive = receive;
    for (const name of this.#early.splice(0)) receive(name);
  }
}
