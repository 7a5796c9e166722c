/**
 * `perfprof -e EVENT,... help`: a handler module for these events that runs as it is, types included, and is already as `deno fmt`
 * and `deno lint` want it in a folder without settings. Also the other topics of `help`.
 *
 * @module
 */

import type { CommandContext } from "./commands.ts";
import { PERF_PROF_TYPES } from "./declaration_text.ts";
import { eventInterfaces, eventTypes, interfaceNames, ownFields } from "./declarations.ts";
import { type DescribedEvent, describeEvents, formatName } from "./described_event.ts";
import { nearest, UsageError } from "./errors.ts";
import { eventText } from "./event_spec.ts";
import { helpText } from "./options.ts";
import { HELP } from "./perf_prof.ts";
import { DEFAULT_HANDLER, EVENT_HANDLERS, HEADER, TYPES } from "./template_text.ts";

/** The kernel reads no more of a script's first line (BINPRM_BUF_SIZE of include/uapi/linux/binfmts.h, less the newline). */
const SHEBANG_BYTES = 255;
/** What `deno fmt` fits code into by default. */
const COLUMNS = 80;
/** Without -i nothing calls the template's __interval__. */
const INTERVAL_MS = 1000;
/** Fields that the example reads. */
const EXAMPLES = 4;

const TOPICS: Readonly<Record<string, (context: CommandContext) => string>> = {
  PerfEvent: () => `${HELP}\n`,
  template,
};

/**
 * With options a template; else the topic, or the general help.
 *
 * @throws {PerfprofError} No such topic, or an unknown event
 */
export function help(context: CommandContext): string {
  const { args: [topic, ...more], options } = context;
  if (topic === undefined) return options.length > 0 ? template(context) : `${helpText()}\n`;
  const write = Object.hasOwn(TOPICS, topic) ? TOPICS[topic] : undefined;
  if (write !== undefined && more.length === 0) return write(context);
  const known = Object.keys(TOPICS);
  const [near] = nearest(topic, known, 1);
  throw new UsageError(`help has no topic '${[topic, ...more].join(" ")}'`, {
    hints: near === undefined ? [`topics are ${known.join(" ")}`, "perfprof --help   (commands)"] : [`did you mean ${near}?`],
  });
}

function template({ events: texts, options, intervalMs, machine }: CommandContext): string {
  const events = texts.length === 0 ? [] : describeEvents(machine(), texts);
  const names = interfaceNames(events);
  const interval = intervalMs === undefined && events.length > 0 ? ["-i", String(INTERVAL_MS)] : [];
  // White space of every kind is alike in -e, and the first line is one.
  const words = [...options, ...interval].map((word) => word.replace(/\s+/g, " "));
  const handlers = events.map((event) => handler(event, names.get(formatName(event.spec))!));
  return [
    firstLines(words, events.length > 0),
    HEADER,
    ...(handlers.length > 0 ? [EVENT_HANDLERS, ...handlers] : []),
    DEFAULT_HANDLER,
    TYPES,
    ...eventTypes(events),
    PERF_PROF_TYPES,
    ...(events.length > 0 ? [eventInterfaces(events)] : []),
  ].join("\n");
}

const PLAIN = /^[\w.,:=@%+/-]+$/;

/** A word for `env -S`: within single quotes env(1) knows `\\` and `\'`. */
function quotedForEnv(word: string): string {
  return PLAIN.test(word) ? word : `'${word.replace(/[\\']/g, "\\$&")}'`;
}

function quotedForShell(word: string): string {
  return PLAIN.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}

function firstLines(words: readonly string[], hasEvents: boolean): string {
  const shebang = `#!/usr/bin/env -S ${["perfprof", ...words.map(quotedForEnv)].join(" ")}\n`;
  const fits = new TextEncoder().encode(shebang).length <= SHEBANG_BYTES;
  const options = hasEvents ? words.map(quotedForShell).join(" ") : "-e EVENT[,EVENT...]";
  const usage = `//     perfprof ${options} script.ts\n`;
  if (fits) return `${shebang}//\n${usage}`;
  return `// This is too long for the first line of a script that runs by itself:\n//\n${usage}`;
}

function handler(event: DescribedEvent, type: string): string {
  const { handlerName, attributes } = event.spec;
  const fields = ownFields(event);
  const title = `${eventText(event.spec)}${attributes.alias === undefined ? "" : ` (alias: ${attributes.alias})`}`;
  const list = fields.length > 0 ? fields.map((field) => ` *   ${field.name}: ${field.type}`) : [" *   none"];
  // A module can export what is no identifier, but not declare it.
  const legal = /^[\p{ID_Start}_$]/u.test(handlerName);
  const local = legal ? handlerName : `_${handlerName}`;
  return `/**
 * [OPTIONAL] Handler for ${title}
 * event is a PerfEvent: a field is decoded when it is read.
 *
 * ${event.kind === "profiler" ? "Members beyond _pid _tid _time _cpu _realtime _event" : "Event-specific fields"}:
${list.join("\n")}
 */
${signature(legal ? "export function" : "function", local, type)}
  eventCount++;

  // Access common fields
  lastTimeNs = event._time;
  // const { _pid, _cpu } = event;

  // Access event-specific fields
${
    fields.slice(0, EXAMPLES).map((field) => `  // const ${variable(field.name)} = event.${field.name}; // ${field.type}\n`)
      .join("")
  }
  // Example: print event
  // event.print(); // or event.print({ timestamp: true, callchain: true });
}
${legal ? "" : `export { ${local} as "${handlerName}" };\n`}`;
}

/** As `deno fmt` breaks it. */
function signature(words: string, name: string, type: string): string {
  const line = `${words} ${name}(event: ${type}): void {`;
  return line.length <= COLUMNS ? line : `${words} ${name}(\n  event: ${type},\n): void {`;
}

/** A field's name as that of a variable: some are words of the language. */
function variable(name: string): string {
  try {
    new Function(`"use strict"; const ${name} = 0;`);
    return name;
  } catch {
    return `${name}_`;
  }
}
