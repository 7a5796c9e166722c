/**
 * The parts of a handler template that are the same for all events: text, in the order in which it stands there. What depends on
 * the events is written by template.ts between them.
 *
 * @module
 */

/** What an event is, and the callbacks that have no event. */
export const HEADER = `// =============================================================================
// TypeScript handler template for perfprof
// =============================================================================
//
// Save this template to a .ts file and customize as needed.
// Functions marked [OPTIONAL] can be safely deleted if not needed.
// Exceptions thrown in functions are printed but do not stop processing.
//
// PerfEvent object fields:
//
//   Tracepoint events (-e sys:name):
//   _pid, _tid    : Process/thread ID (number)
//   _time         : Event timestamp in nanoseconds (number)
//   _cpu          : CPU number (number)
//   _period       : Sample period (number | bigint)
//   common_type, common_flags, common_preempt_count, common_pid : trace_entry
//                   fields (number)
//   _realtime     : Wall clock time in ns since the Unix epoch (number)
//                   Note: has drift, only for display, not for latencies
//   _callchain    : Stack, innermost frame first; empty without stacks
//                   Each frame: { addr: bigint, symbol: string, offset: number,
//                                 kernel: boolean, dso: string }
//   _event        : Event name, with the alias if set (string)
//   <field>       : Event-specific fields, decoded when they are read:
//                   number, boolean, string, typed arrays; a pointer is a
//                   bigint, another 64-bit integer a number when exact, else
//                   a bigint
//
//   Profiler events (-e profile, -e task-state, ...):
//   _pid, _tid, _time, _cpu, _realtime, _event : as above; _event is the
//                   profiler's name or alias
//   pid, tid, time, cpu : the same once more
//   <member>      : what the profiler's events have, perfprof show NAME;
//                   with -g callchain, a stack as _callchain
//
// PerfEvent access methods:
//   event.field or event["field"]  - Access field value
//   event.get("field", fallback)   - Get field with fallback
//   event.get_bigint("field")      - An integer as a bigint, always exact
//   "field" in event               - Check if field exists
//   event.keys().length            - Number of fields
//   event.keys(), event.values(), event.items()  - Arrays, in field order
//   for (const [field, value] of event)          - Iterate over fields
//   event.print({ timestamp: true, callchain: true })  - Print in perf format:
//       YYYY-MM-DD HH:MM:SS.uuuuuu            comm   pid .... [cpu] time.us: sys:name: fields
//           addr symbol+offset (dso)
//   event.to_text({ timestamp: true, callchain: true }) - The same as a string
//   event.to_dict()                - Convert to a plain object
//   String(event), JSON.stringify(event)         - All fields as text
//   perf_prof.hash(event)          - Hash of the entire event (bigint)
//
// =============================================================================

// Import other modules as needed (examples)
// import { parseArgs } from "node:util";
// import { writeFileSync } from "node:fs";

// Script arguments available via Deno.args and perf_prof.argv:
//   perfprof -e EVENT -- script.ts --foo bar
//   Deno.args = ["--foo", "bar"]
//   perf_prof.argv = ["script.ts", "--foo", "bar"]

// Global variables for statistics
let eventCount = 0;
let intervalCount = 0;
let lastTimeNs = 0;
const sampleCounts = new Map<string, number>();

/**
 * [OPTIONAL] Delete if no initialization needed
 * Called once before event processing starts. May be async.
 */
export function __init__(): void {
  console.log(\`Handlers initialized: \${perf_prof.argv.join(" ")}\`);
}

/**
 * [OPTIONAL] Delete if no cleanup/summary needed
 * Called once at the end, after the last event. May be async.
 */
export function __exit__(): void {
  console.log(\`Total events processed: \${eventCount}\`);
  console.log(\`Total intervals: \${intervalCount}\`);
  for (const [key, count] of sampleCounts) console.log(\`\${key}: \${count}\`);
}

/**
 * [OPTIONAL] Delete if -i interval not used
 * Called at each -i interval.
 */
export function __interval__(): void {
  intervalCount++;
  console.log(\`Interval \${intervalCount}: \${eventCount} events so far\`);
}

/**
 * [OPTIONAL] Delete if SIGUSR2 stats not needed
 * Called on SIGUSR2, after the status of perfprof itself.
 */
export function __print_stat__(indent: number): void {
  const prefix = " ".repeat(indent);
  console.log(\`\${prefix}Events: \${eventCount}, the newest at \${lastTimeNs} ns\`);
}

/**
 * [OPTIONAL] Delete if event loss notification not needed
 * Called when events are lost.
 * lost_start: timestamp of the last sample before the loss
 * lost_end: timestamp of the first sample after the loss
 * info: how many, on which CPU, and of which event where the kernel can tell
 */
export function __lost__(
  lost_start: number,
  lost_end: number,
  info: { count: number; cpu: number; event: string | undefined },
): void {
  const { count, cpu, event = "all events" } = info;
  console.log(\`Warning: \${count} of \${event} lost on CPU \${cpu}!\`);
  console.log(\`  time range: \${lost_start} - \${lost_end}\`);
}
`;

/** Before the events' own handlers. */
export const EVENT_HANDLERS = `// =============================================================================
// Event-specific handlers (higher priority than __sample__)
// [OPTIONAL] Delete these if using __sample__ for all events
// =============================================================================
`;

/** After them. */
export const DEFAULT_HANDLER = `// =============================================================================
// Default event handler (used when no specific handler is defined)
// [OPTIONAL] Delete if using event-specific handlers for all events
// =============================================================================

/**
 * Default handler for all events without specific handlers.
 * Its _event is "sys:name" or "sys:alias", of a profiler its name or alias.
 */
export function __sample__(event: PerfEvent): void {
  eventCount++;

  lastTimeNs = event._time;
  const key = \`\${event._event} cpu=\${event._cpu}\`;
  sampleCounts.set(key, (sampleCounts.get(key) ?? 0) + 1);

  // Example: print event
  // event.print(); // or console.log(event);
}
`;

/** Before the declarations. */
export const TYPES = `// =============================================================================
// Types: deno check finds misspelt fields by them. They cost nothing at run time
// =============================================================================
`;
