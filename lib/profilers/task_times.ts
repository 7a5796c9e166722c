/**
 * What tasks do, and since when, as sched_switch and sched_wakeup tell of it:
 *
 *     runs -- switched out --> sleeps (S D T ...) -- woken --> waits for a CPU (R) -- switched in --> runs
 *          `- switched out while it could run ------------------> (R+) ---------------------^
 *
 * Owns the state of each task and the rule of what a loss makes doubtful. It reads no samples: an analysis does, and says what
 * happened in the order of time.
 *
 * Bound: MAX_TASKS tasks, about 10 MB. Beyond that the one known longest is forgotten: its next state has no known beginning.
 *
 * @module
 */

const MAX_TASKS = 65536;

/** The states by their bits (TASK_REPORT of include/linux/sched.h, which the kernels since 4.14 agree on). */
const LETTERS = "SDTtXZPI";
const STATE_BITS = 0xff;

/** A state as its letter. R waits for a CPU since it was woken, R+ since it lost one: it was preempted, or yielded. */
export type State = "S" | "D" | "T" | "t" | "X" | "Z" | "P" | "I" | "R" | "R+";

/** The state that prev_state of sched_switch tells of. Of preemptions the kernel marks those of its own code alone. */
export function stateOf(prevState: number | bigint): State {
  const state = Number(prevState) & STATE_BITS;
  return state === 0 ? "R+" : LETTERS[31 - Math.clz32(state & -state)] as State;
}

/** A state that is over. */
export interface EndedState<Note> {
  readonly state: State;
  /** How long it lasted. */
  readonly ns: number;
  readonly note: Note | undefined;
}

interface Task<Note> {
  /** Undefined while it runs, and where its beginning is not known. */
  state: State | undefined;
  sinceNs: number;
  note: Note | undefined;
}

/** The states of all tasks. A note is what the analysis keeps of a task until it runs again. */
export class TaskTimes<Note> {
  /** States that were given up: a loss, or a time that went backwards. */
  doubtful = 0;
  readonly #tasks = new Map<number, Task<Note>>();
  readonly #wanted: (tid: number, state: State) => boolean;
  #doubtUntilNs = -Infinity;

  /** @param wanted States of others are neither told nor counted */
  constructor(wanted: (tid: number, state: State) => boolean) {
    this.#wanted = wanted;
  }

  /** A task left its CPU. One that has ended is forgotten; a CPU's idle task has no state. */
  switchedOut(tid: number, state: State, timeNs: number, note?: Note): void {
    if (tid === 0) return;
    if (state === "Z" || state === "X") {
      this.#tasks.delete(tid);
      return;
    }
    const task = this.#task(tid);
    begin(task, state, timeNs);
    if (note !== undefined) task.note = note;
  }

  /** A task can run: its sleep is over. Of one that never slept that says nothing: it waits already, or runs. */
  woken(tid: number, timeNs: number): EndedState<Note> | undefined {
    const task = this.#task(tid);
    if (waits(task)) return undefined;
    const ended = this.#end(tid, task, timeNs);
    // Of one that runs this is no beginning; but then it is switched out next, which is one.
    begin(task, "R", timeNs);
    return ended;
  }

  /** A task got a CPU: its wait is over. */
  switchedIn(tid: number, timeNs: number): EndedState<Note> | undefined {
    const task = this.#tasks.get(tid);
    if (task === undefined) return undefined;
    const waited = waits(task);
    const ended = this.#end(tid, task, timeNs);
    task.state = undefined;
    task.note = undefined;
    // Without a wakeup it is not known how long it slept and how long it waited (Linux 5.18 to 6.13 also say S of a task that goes
    // on, because of a signal).
    return waited ? ended : undefined;
  }

  /** Also of a task that runs: it may be on its way to sleep. */
  note(tid: number, note: Note): void {
    this.#task(tid).note = note;
  }

  /** What happened up to `endNs` is not all known: any task may have changed its state unseen. */
  lost(endNs: number): void {
    this.#doubtUntilNs = Math.max(this.#doubtUntilNs, endNs);
  }

  #end(tid: number, { state, sinceNs, note }: Task<Note>, timeNs: number): EndedState<Note> | undefined {
    if (state === undefined || !this.#wanted(tid, state)) return undefined;
    if (sinceNs >= this.#doubtUntilNs && timeNs >= sinceNs) return { state, ns: timeNs - sinceNs, note };
    this.doubtful++;
    return undefined;
  }

  #task(tid: number): Task<Note> {
    let task = this.#tasks.get(tid);
    if (task === undefined) {
      if (this.#tasks.size >= MAX_TASKS) this.#tasks.delete(this.#tasks.keys().next().value!);
      this.#tasks.set(tid, task = { state: undefined, sinceNs: 0, note: undefined });
    }
    return task;
  }
}

function begin(task: Task<unknown>, state: State, timeNs: number): void {
  task.state = state;
  task.sinceNs = timeNs;
}

function waits({ state }: Task<unknown>): boolean {
  return state === "R" || state === "R+";
}
