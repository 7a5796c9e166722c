/**
 * `trace`: any tracepoints as one source, with the kernel's raw data and its print format.
 *
 * @module
 */

import { PERF } from "../attr.ts";
import { parseEvents } from "../event_spec.ts";
import { expandEvents } from "../event_pattern.ts";
import type { AnyEvent } from "../generated_class.ts";
import type { EventServices } from "../event_services.ts";
import type { TracepointFormat } from "../format.ts";
import type { Machine } from "../machine.ts";
import type { PlannedEvent, Profiler, ProfilerOptions, ProfilerPlan } from "./profiler.ts";
import { directPlan, STACK_OPTIONS, stackPart } from "./sampling.ts";

/** A tracepoint of the list, and its filter. */
interface Traced {
  readonly format: TracepointFormat;
  readonly filter: string | undefined;
}

/** The profiler. */
export const trace: Profiler = {
  name: "trace",
  summary: "any tracepoints as one source",
  help:
    `The events of -e, tracepoints with their filters as perfprof's own -e has them (wildcards too), come to one handler. raw is the
data as the kernel writes it: its first two bytes are the id of the tracepoint's format; id tells the opened events apart.`,
  options: [{ flags: "-e, --event EVENTS", help: "tracepoints, parted by commas" }, ...STACK_OPTIONS],
  example: "'trace/-e \"sched:sched_wakeup,sched:sched_switch\" -g/'",

  plan(options, machine): ProfilerPlan {
    const traced = tracedEvents(options, machine);
    const names = new Map(traced.map(({ format }) => [format.id, `${format.system}:${format.name}`]));
    const { sampleType, flags } = stackPart(options);
    const opens = traced.map(({ format: { id, system, name }, filter }): PlannedEvent => ({
      name: `${system}:${name}`,
      attr: {
        type: PERF.PERF_TYPE_TRACEPOINT,
        config: id,
        samplePeriod: 1,
        sampleType: PERF.PERF_SAMPLE_ID | PERF.PERF_SAMPLE_PERIOD | PERF.PERF_SAMPLE_RAW | sampleType,
        flags,
      },
      ...(filter !== undefined && { filter }),
    }));
    return directPlan({ opens, text: (event, services) => textOf(event, names, services) });
  },
};

function textOf({ raw, cpu }: AnyEvent, names: ReadonlyMap<number, string>, services: EventServices): string {
  const data = raw as Uint8Array;
  const id = data[0]! | data[1]! << 8; // common_type
  return `${names.get(id)}: ${services.printText(id, data, cpu as number)}`;
}

function tracedEvents(options: ProfilerOptions, machine: Machine): Traced[] {
  const text = options.given.event;
  if (typeof text !== "string") throw options.fail(undefined, "which tracepoints?", ["trace/-e sched:sched_wakeup/"]);
  const written = parseEvents([text]);
  const other = written.find(({ probe, profiler, attributes }) => probe ?? profiler ?? Object.keys(attributes)[0]);
  if (other !== undefined) throw options.fail("event", `'${other.eventName}' is not just a tracepoint and its filter`);
  return expandEvents(written, machine).map(({ system, name, filter }) => {
    if (!machine.names(system).includes(name)) {
      throw options.fail("event", `there is no tracepoint ${system}:${name}`, [`perfprof list '${system}:*'`]);
    }
    return { format: machine.format(system, name), filter };
  });
}
