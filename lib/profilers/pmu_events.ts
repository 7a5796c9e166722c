/**
 * Events of the devices under /sys/bus/event_source/devices, by terms: `event=0x3c,umask=1`, or a name of the folder events/. Their
 * folder format/ says which bits of the attr a term has (Documentation/ABI/testing/sysfs-bus-event_source-devices-format).
 *
 * @module
 */

import type { Machine } from "../machine.ts";
import { type Counter, pmuDevices, pmuFile, pmuFolder } from "./counters.ts";

/** Makes an error of the text that the terms are in. */
export type Fail = (why: string, hints?: readonly string[]) => Error;

type Field = "config" | "config1" | "config2";

/** Where a term's value goes: its lowest bits to the first range. */
interface TermFormat {
  readonly field: Field;
  readonly ranges: readonly (readonly [first: bigint, last: bigint])[];
}

const CONFIG = /^config[12]?$/;
const ALL_BITS: TermFormat["ranges"] = [[0n, 63n]];
/** What else is in the folder events/. */
const ATTRIBUTE_OF_EVENT = /\.(?:scale|unit|snapshot|per-pkg|retirement_latency\.\w+)$/;

/** Is there a device of that name whose events have terms? */
export function isPmu(name: string, machine: Machine): boolean {
  return pmuDevices(machine).includes(name) && pmuFolder(machine, name, "format").length > 0;
}

/** The events that devices name: `msr/tsc/`. */
export function pmuEventNames(machine: Machine): string[] {
  return pmuDevices(machine).flatMap((device) => eventNames(machine, device).map((event) => `${device}/${event}/`));
}

/** What a device's terms can be, for help and errors. */
export function termsText(device: string, machine: Machine): string[] {
  const events = eventNames(machine, device);
  const terms = pmuFolder(machine, device, "format").map((term) => `${term}=`);
  return [
    ...(events.length > 0 ? [`events of ${device}: ${events.join(" ")}`] : []),
    `terms of ${device}: ${[...terms, "config="].join(" ")}`,
  ];
}

function eventNames(machine: Machine, device: string): string[] {
  return pmuFolder(machine, device, "events").filter((name) => !ATTRIBUTE_OF_EVENT.test(name));
}

/**
 * The event of a device.
 *
 * @param terms `event=0x3c,umask=1`; later ones win
 * @throws What `fail` makes: a term is unknown, or its value does not fit
 */
export function pmuCounter(device: string, terms: string, machine: Machine, fail: Fail): Counter {
  const attr = { type: Number(pmuFile(machine, device, "type")), config: 0n, config1: 0n, config2: 0n };
  for (const [name, text] of expandTerms(device, terms, machine)) {
    const format = termFormat(device, name, machine);
    if (format === undefined) throw fail(`${device} has no term '${name}'`, termsText(device, machine));
    const value = /^(?:0x[0-9a-f]+|\d+)$/i.test(text) ? BigInt(text) : undefined;
    if (value === undefined) throw fail(`'${text}' of '${name}' is not a number`);
    const bits = spread(value, format.ranges);
    if (bits === undefined) throw fail(`'${text}' does not fit into the bits of '${name}'`);
    const own = format.ranges.reduce((mask, [first, last]) => mask | ((2n << (last - first)) - 1n) << first, 0n);
    attr[format.field] = attr[format.field] & ~own | bits;
  }
  return {
    ...{ name: `${device}/${terms}/`, kind: "pmu", clock: false, extra: 0 } as const,
    summary: `event of the device ${device}`,
    attr,
  };
}

/** Names of events/ stand for the terms that they contain. */
function expandTerms(device: string, terms: string, machine: Machine): [name: string, value: string][] {
  const events = eventNames(machine, device);
  return terms.split(",").flatMap((term): [string, string][] => {
    const [, name = "", value] = /^\s*([^=]*?)\s*(?:=\s*(.*?)\s*)?$/s.exec(term) ?? [];
    if (value !== undefined || !events.includes(name)) return [[name, value ?? "1"]];
    const inner = (pmuFile(machine, device, `events/${name}`) ?? "").split(",");
    return inner.map((part) => [part.split("=", 1)[0]!, part.split("=")[1] ?? "1"]);
  });
}

/** `config:0-7,32-35`. */
function termFormat(device: string, name: string, machine: Machine): TermFormat | undefined {
  if (CONFIG.test(name)) return { field: name as Field, ranges: ALL_BITS };
  if (!pmuFolder(machine, device, "format").includes(name)) return undefined;
  const [, field, list] = /^(config[12]?):([\d,-]+)$/.exec(pmuFile(machine, device, `format/${name}`) ?? "") ?? [];
  if (field === undefined || list === undefined) return undefined;
  const ranges = list.split(",").map((range) => {
    const [first = "0", last = first] = range.split("-");
    return [BigInt(first), BigInt(last)] as const;
  });
  return { field: field as Field, ranges };
}

/** A value's bits at their places; undefined where it has more. */
function spread(value: bigint, ranges: TermFormat["ranges"]): bigint | undefined {
  let bits = 0n;
  for (const [first, last] of ranges) {
    const width = last - first + 1n;
    bits |= BigInt.asUintN(Number(width), value) << first;
    value >>= width;
  }
  return value === 0n ? bits : undefined;
}
