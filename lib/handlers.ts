/**
 * The exports of a handler module -> the callbacks of a run, with everything that looks wrong said before it starts.
 *
 * @module
 */

import { nearest, PerfprofError } from "./errors.ts";
import { importModule, type ModuleExports } from "./module_import.ts";

/** What `__lost__` is told beside the times. */
export interface LostInfo {
  readonly count: number;
  readonly cpu: number;
  /** Undefined where the kernel cannot tell. */
  readonly event: string | undefined;
}

/** Gets a PerfEvent. What it returns is not awaited; a promise's rejection is reported. */
export type EventHandler = (event: unknown) => unknown;

/** The callbacks of a module. */
export interface Handlers {
  readonly init?: () => unknown;
  readonly exit?: () => unknown;
  readonly interval?: () => unknown;
  readonly printStat?: (indent: number) => unknown;
  readonly lost?: (lostStartNs: number, lostEndNs: number, info: LostInfo) => unknown;
  /** Takes every event without a handler of its own. */
  readonly sample?: EventHandler;
  /** By handler name, of the events that are opened. */
  readonly byEvent: ReadonlyMap<string, EventHandler>;
}

/** A loaded module. */
export interface LoadedHandlers {
  readonly handlers: Handlers;
  /** Lines about exports that nobody will call. */
  readonly warnings: readonly string[];
}

/** The exports that are callbacks, and what they are in Handlers. */
export const CALLBACKS = {
  __init__: "init",
  __exit__: "exit",
  __interval__: "interval",
  __print_stat__: "printStat",
  __lost__: "lost",
  __sample__: "sample",
} as const satisfies Record<string, Exclude<keyof Handlers, "byEvent">>;

/**
 * Imports a module and takes its callbacks.
 *
 * @param path Absolute
 * @param handlerNames Of the events that are opened
 * @throws {PerfprofError} It cannot be imported, a callback is no function, or there is none at all
 */
export async function loadHandlers(path: string, handlerNames: readonly string[]): Promise<LoadedHandlers> {
  return takeHandlers(path, await importModule(path), handlerNames);
}

/** The same for exports that are at hand. */
export function takeHandlers(path: string, exported: ModuleExports, handlerNames: readonly string[]): LoadedHandlers {
  const wanted = [...Object.keys(CALLBACKS), ...handlerNames];
  const found = wanted.filter((name) => exported[name] !== undefined);
  const wrong = found.find((name) => typeof exported[name] !== "function");
  if (wrong !== undefined) {
    throw new PerfprofError(
      `module ${path} cannot be used: its export ${wrong} is not a function but ${kindOf(exported[wrong])}`,
    );
  }
  const functions = Object.keys(exported).filter((name) => typeof exported[name] === "function");
  const warnings = functions.flatMap((name) => exportWarning(name, wanted));
  if (found.length === 0) throw noHandlers(path, exported, handlerNames, warnings);
  return { handlers: pick(exported, handlerNames), warnings };
}

/**
 * False when a handler cannot know its event: an empty parameter list, and no way round it. Such a one only counts or marks, and
 * needs no event made.
 */
export function takesEvent(handler: EventHandler): boolean {
  const text = Function.prototype.toString.call(handler);
  const empty = /^(?:async\s+)?(?:function\s*[\w$]*\s*)?\(\s*\)/.test(text);
  return !empty || /\b(?:arguments|eval)\b|\[native code\]/.test(text);
}

/** The functions themselves: which types they take is the script's word. */
function pick(exported: ModuleExports, handlerNames: readonly string[]): Handlers {
  const own = Object.entries(CALLBACKS).filter(([name]) => exported[name] !== undefined);
  const byEvent = handlerNames.filter((name) => exported[name] !== undefined);
  return {
    ...Object.fromEntries(own.map(([name, role]) => [role, exported[name]])),
    byEvent: new Map(byEvent.map((name) => [name, exported[name] as EventHandler])),
  };
}

/**
 * What is to be said of a function that looks like a callback, by its underscores or by a name that is nearly right, and is none.
 *
 * @param wanted The names that are called
 * @returns A line, or none
 */
export function exportWarning(name: string, wanted: readonly string[]): string[] {
  if (wanted.includes(name)) return [];
  const [near] = nearest(name, wanted, 1);
  const looks = /^__.*__$/.test(name) ? "is no callback" : /.__./.test(name) ? "handles no event that is opened" : undefined;
  if (looks === undefined && near === undefined) return [];
  const guess = near === undefined ? "" : `; did you mean ${near}?`;
  return [`export ${name} is never called: it ${looks ?? "is no callback"}${guess}`];
}

function noHandlers(
  path: string,
  exported: ModuleExports,
  handlerNames: readonly string[],
  warnings: readonly string[],
): PerfprofError {
  const names = Object.keys(exported);
  return new PerfprofError(
    `module ${path} has no handlers: it exports ${names.length > 0 ? names.join(", ") : "nothing"}`,
    {
      detail: warnings,
      hints: [`export function ${handlerNames[0] ?? "__sample__"}(event) { ... }, or __sample__ for all events`],
    },
  );
}

function kindOf(value: unknown): string {
  return value === null ? "null" : `${/^[aeiou]/.test(typeof value) ? "an" : "a"} ${typeof value}`;
}
