/**
 * `perfprof check MODULE -e EVENT,...`: is the module right for these events, as this machine's kernel has them, or as others' do whose
 * formats were saved? Its exports and its types are compared with declarations of the events; nothing of the module runs.
 *
 * @module
 */

import type { CommandContext, CommandOutput } from "./commands.ts";
import { PERF_EVENT_TYPES, PERF_PROF_TYPES } from "./declaration_text.ts";
import { eventInterfaces, eventTypes, interfaceNames, ownFields } from "./declarations.ts";
import { checkTypes, type Diagnostic, type Export, moduleExports, type Place } from "./deno_check.ts";
import { type DescribedEvent, describeEvents, formatName } from "./described_event.ts";
import { nearest, PerfprofError, UsageError } from "./errors.ts";
import { parseEvents } from "./event_spec.ts";
import { CALLBACKS, exportWarning } from "./handlers.ts";
import { isCompiled, resolveModule } from "./module_path.ts";
import { configOf } from "./script_config.ts";

const FORMATS = "--formats";
/** What Deno takes for a program. */
const PROGRAM = /(?:\/[^./]*|\.(?:[cm]?[jt]s|[jt]sx))$/;
/** Types of the callbacks that take no event. */
const SIGNATURES: Readonly<Record<string, string>> = {
  __print_stat__: "(indent: number) => unknown",
  __lost__: "(start: number, end: number, info: { count: number; cpu: number; event: string | undefined }) => unknown",
};

/** Fields of every event. */
const SHARED_FIELDS = [...PERF_EVENT_TYPES.matchAll(/^ {2}readonly ((?:_|common_)\w+):/gm)].map(([, name]) => name!);

/** What is wrong, and where. */
interface Finding extends Place {
  readonly text: string;
}

/** The events as one kernel has them. */
interface Kernel {
  readonly events: readonly DescribedEvent[];
  /** Names of the events' interfaces, by formatName(). */
  readonly names: ReadonlyMap<string, string>;
}

/**
 * Checks modules.
 *
 * @returns A line for each finding; status 1 when there is any
 * @throws {PerfprofError} Wrong arguments, an unknown event, a module that is not there
 */
export function check({ args, events, machine }: CommandContext): CommandOutput {
  const { modules, folders } = argumentsOf(args);
  if (events.length === 0) {
    throw new UsageError("no event: option -e is missing", { hints: ["perfprof check h.ts -e sched:*"] });
  }
  const paths = modules.map((module) => resolveModule(module));
  if (folders.length > 0) rejectProbes(events);
  const findings = (folders.length > 0 ? folders : [undefined]).flatMap((folder) => {
    const described = describeEvents(machine(folder), events);
    const kernel = { events: described, names: interfaceNames(described) };
    const where = folders.length > 1 ? ` (${folder})` : "";
    return paths.flatMap((path) => checkModule(path, kernel)).map((finding) => `${shown(finding)}: ${finding.text}${where}`);
  });
  const lines = [...new Set(findings)];
  if (lines.length === 0) return { text: `${modules.join(", ")}: nothing is wrong\n`, status: 0 };
  return { text: lines.map((line) => `${line}\n`).join(""), status: 1 };
}

function argumentsOf(args: readonly string[]): { modules: string[]; folders: string[] } {
  const modules: string[] = [];
  const folders: string[] = [];
  for (let i = 0; i < args.length; i++) {
    const [name, value] = args[i]!.split(/=(.*)/s, 2);
    if (name === FORMATS) folders.push(value ?? args[++i] ?? "");
    else if (args[i]!.startsWith("-")) {
      throw new UsageError(`option ${args[i]} is unknown to the command 'check'`, { hints: [`it knows -e and ${FORMATS}`] });
    } else modules.push(args[i]!);
  }
  if (folders.includes("")) {
    throw new UsageError(`option ${FORMATS}: the value is missing`, { hints: ["a folder as tracefs/events"] });
  }
  if (modules.length === 0) {
    throw new UsageError("no MODULE to check", { hints: ["perfprof check h.ts -e sched:sched_wakeup"] });
  }
  return { modules, folders };
}

/** A probe's fields are made when it is created, on a machine that has the function. */
function rejectProbes(events: readonly string[]): void {
  const probe = parseEvents(events).find((spec) => spec.probe !== undefined);
  if (probe !== undefined) throw new UsageError(`option ${FORMATS}: ${probe.eventName} is a probe, and has no saved format`);
}

/** From the current folder, where it is below. */
function shown({ path, line, column }: Place): string {
  const here = `${Deno.cwd()}/`;
  return `${path.startsWith(here) ? path.slice(here.length) : path}:${line}:${column}`;
}

function checkModule(path: string, kernel: Kernel): Finding[] {
  if (isCompiled(path)) {
    throw new PerfprofError(
      `module ${path} cannot be checked: it is compiled, and TypeScript and JavaScript are what is checked`,
      {
        hints: ["a run compares its exports with the events before it begins"],
      },
    );
  }
  if (!PROGRAM.test(path)) {
    throw new PerfprofError(`module ${path} cannot be checked: its name does not say that it is TypeScript`, {
      hints: ["a name that ends with .ts, or has no dot"],
    });
  }
  const folder = Deno.makeTempDirSync({ prefix: "perfprof-check-" });
  try {
    const url = `file://${path.split("/").map(encodeURIComponent).join("/")}`;
    const exports = moduleExports(url) ?? [];
    const wrapper = `${folder}/wrapper.ts`;
    const types = [...eventTypes(kernel.events), PERF_PROF_TYPES, eventInterfaces(kernel.events)];
    Deno.writeTextFileSync(`${folder}/events.d.ts`, types.join("\n"));
    const known = exports.filter(({ name }) => signature(name, exports, kernel) !== undefined);
    const lines = known.map(({ name }) => `module[${JSON.stringify(name)}] satisfies ${signature(name, exports, kernel)};\n`);
    const head = `/// <reference types="./events.d.ts" />\nimport * as module from ${JSON.stringify(url)};\n`;
    Deno.writeTextFileSync(wrapper, head + lines.join(""));
    const diagnostics = checkTypes(wrapper, configOf(path)?.path);
    const found = diagnostics.filter(({ place }) => place.path !== `${folder}/events.d.ts`).flatMap((diagnostic) =>
      diagnostic.place.path === wrapper
        ? misfits(diagnostic, known[diagnostic.place.line - head.split("\n").length]!, kernel)
        : [{ ...diagnostic.place, text: typeError(diagnostic, kernel) }]
    );
    const unused = unusedExports(exports, kernel);
    if (known.length === 0 && unused.length === 0 && diagnostics.length === 0) return [noHandlers(path, exports)];
    return [...unused, ...found].sort((a, b) => a.line - b.line);
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
}

function noHandlers(path: string, exports: readonly Export[]): Finding {
  const names = exports.map(({ name }) => name);
  return { path, line: 1, column: 1, text: `the module has no handlers: it exports ${names.join(", ") || "nothing"}` };
}

/** The type that an export of this name must have; undefined where nobody calls it. */
function signature(name: string, exports: readonly Export[], { events, names }: Kernel): string | undefined {
  const typeOf = (event: DescribedEvent) => names.get(formatName(event.spec))!;
  const event = events.find(({ spec }) => spec.handlerName === name);
  if (event !== undefined) return `(event: ${typeOf(event)}) => unknown`;
  if (name === "__sample__") {
    const taken = new Set(exports.map((other) => other.name));
    const left = events.filter(({ spec }) => !taken.has(spec.handlerName));
    return `(event: ${left.length === 0 ? "never" : [...new Set(left.map(typeOf))].join(" | ")}) => unknown`;
  }
  return Object.hasOwn(CALLBACKS, name) ? SIGNATURES[name] ?? "() => unknown" : undefined;
}

function unusedExports(exports: readonly Export[], { events }: Kernel): Finding[] {
  const wanted = [...Object.keys(CALLBACKS), ...events.map(({ spec }) => spec.handlerName)];
  return exports.filter(({ isFunction }) => isFunction).flatMap(({ name, path, line, column }) =>
    exportWarning(name, wanted).map((text) => ({ path, line, column, text }))
  );
}

/** What of a callback's type is not as the event has it. */
function misfits({ messages, related, place }: Diagnostic, callback: Export | undefined, kernel: Kernel): Finding[] {
  const at = related !== undefined && related.path !== place.path ? related : callback ?? place;
  const name = callback?.name ?? "the module";
  const last = messages.at(-1)!;
  const [, one, type, several, many] =
    /^Property '([^']+)' is missing in type '(\w+)'|^Type '(\w+)' is missing the following properties from type .*: (.*)$/.exec(
      last,
    ) ?? [];
  const event = kernel.events.find(({ spec }) => kernel.names.get(formatName(spec)) === (type ?? several));
  if (event !== undefined) {
    const fields = one === undefined ? many!.replace(/,? and \d+ more\.?$/, "").split(", ") : [one];
    return fields.map((field) => ({ ...at, text: `${name}: ${missing(field, event)}` }));
  }
  const property = messages.findLast((line) => line.startsWith("Types of property "));
  const [, field] = /^Types of property '([^']+)'/.exec(property ?? "") ?? [];
  const why = messages.length > 1 ? last : messages.join(" ");
  return [{ ...(callback ?? at), text: `${name}: ${field === undefined ? "" : `field '${field}': `}${why}` }];
}

/** What the compiler says of the module itself; of an event's field in the words of an event. */
function typeError({ messages }: Diagnostic, kernel: Kernel): string {
  const [, field, type] = /^Property '([^']+)' does not exist on type '(\w+)'/.exec(messages[0]!) ?? [];
  const event = kernel.events.find(({ spec }) => kernel.names.get(formatName(spec)) === type);
  return event === undefined || field === undefined ? messages.join(" ") : missing(field, event);
}

function missing(field: string, event: DescribedEvent): string {
  const own = ownFields(event).map(({ name }) => name);
  const [near] = nearest(field, [...own, ...SHARED_FIELDS], 1);
  return `${event.spec.eventName} has no field '${field}'; ${
    near === undefined ? `it has ${own.join(", ")}` : `did you mean '${near}'?`
  }`;
}
