/**
 * What perfprof says of a run: its status on SIGUSR2, and the last lines. Pure text from counts.
 *
 * @module
 */

import type { EventCount, SourceState } from "./source.ts";
import { mebibytes, type Usage } from "./usage.ts";

/** Events with lines of their own, where there are more. */
const EVENTS_SHOWN = 20;

/** What a status is made from. */
export interface Status {
  /** Since the events were enabled. */
  readonly seconds: number;
  /** Since the process started, which is what its CPU time is measured against. */
  readonly upSeconds: number;
  readonly state: SourceState;
  readonly counts: readonly EventCount[];
  /** By event index; undefined: side-band, not shown. */
  readonly names: readonly (string | undefined)[];
  readonly usage: Usage;
  /** How far `__interval__` is behind, ns. */
  readonly lagNs: number;
}

/** The lines of SIGUSR2. */
export function statusLines({ seconds, upSeconds, state, counts, names, usage, lagNs }: Status): string[] {
  const rate = Math.round(state.delivered / Math.max(seconds, 0.001));
  const extra = [
    state.late > 0 ? `, ${state.late} late` : "",
    state.excluded > 0 ? `, ${state.excluded} of our own excluded` : "",
    state.damaged > 0 ? `, ${state.damaged} damaged` : "",
    state.sidebandLost > 0 ? `, ${state.sidebandLost} task records lost` : "",
  ].join("");
  const queue = state.queueBytes > 0 ? `, queue ${mebibytes(state.queueBytes)}` : "";
  const cpu = ((usage.userSeconds + usage.systemSeconds) / upSeconds) * 100;
  const lines = [
    `perfprof: ${seconds.toFixed(1)} s, ${state.delivered} events (${rate}/s), ${state.lost} lost${extra}`,
    `    cpu ${cpu.toFixed(1)}%, rss ${mebibytes(usage.rssBytes)} (peak ${mebibytes(usage.peakRssBytes)}), ` +
    `rings ${state.rings} x ${mebibytes(state.ringBytes)}${queue}`,
  ];
  if (lagNs > 0) lines.push(`    interval: ${(lagNs / 1e9).toFixed(1)} s behind`);
  lines.push(...eventLines(names, counts));
  return lines;
}

/** A line for each event; of more than EVENTS_SHOWN those with the highest counts, and the others together. */
function eventLines(names: Status["names"], counts: readonly EventCount[]): string[] {
  const rows = names.flatMap((name, event) => name === undefined ? [] : [{ name, event, delivered: 0, lost: 0 }]);
  const byEvent = new Map(rows.map((row) => [row.event, row]));
  for (const { event, delivered, lost } of counts) {
    const row = byEvent.get(event);
    if (row === undefined) continue;
    row.delivered += delivered;
    row.lost += lost;
  }
  const text = ({ delivered, lost }: { delivered: number; lost: number }) => `${delivered} delivered, ${lost} lost`;
  const shown = rows.length > EVENTS_SHOWN
    ? rows.toSorted((a, b) => b.delivered + b.lost - a.delivered - a.lost).slice(0, EVENTS_SHOWN)
      .filter(({ delivered, lost }) => delivered + lost > 0)
    : rows;
  const width = Math.max(0, ...shown.map(({ name }) => name.length));
  const lines = shown.map((row) => `    ${row.name.padEnd(width)}  ${text(row)}`);
  const rest = rows.filter((row) => !shown.includes(row));
  if (rest.length === 0) return lines;
  const sum = (key: "delivered" | "lost") => rest.reduce((total, row) => total + row[key], 0);
  const which = `${rest.length}${shown.length > 0 ? " more" : ""} events`;
  return [...lines, `    ${which}: ${text({ delivered: sum("delivered"), lost: sum("lost") })}`];
}

/** What the last lines are made from. */
export interface Ending {
  readonly state: SourceState;
  /** Lines of the loss report and of the exceptions. */
  readonly losses: readonly string[];
  readonly exceptions: string | undefined;
  /** Events that no handler got because the end would not wait for them. */
  readonly skipped: number;
  /** Events that handlers got. The source may have delivered more: events that nobody takes, and those read behind the last of -N. */
  readonly handed: number;
  /** Of -v and -q. */
  readonly verbosity: number;
}

/** The lines at the end of a run: what went wrong, always; the rest as -v and -q ask for. */
export function endLines({ state, losses, exceptions, skipped, handed, verbosity }: Ending): string[] {
  const { late, lost, damaged, commandStatus } = state;
  const lines = [...losses];
  if (exceptions !== undefined) lines.push(exceptions);
  if (damaged > 0) lines.push(`perfprof: ${damaged} records made no sense and were dropped`);
  if (skipped > 0) {
    lines.push(`perfprof: ${skipped} events were not delivered: the handlers were too slow for them at the end`);
  }
  if (verbosity > 0) lines.push(`perfprof: ${handed} events delivered, ${lost} lost, ${late} late`);
  if (verbosity >= 0 && commandStatus >= 0) lines.push(`perfprof: the command ${commandEnd(commandStatus)}`);
  return lines;
}

/** A wait status (wait(2)) in words. */
export function commandEnd(status: number): string {
  const signal = status & 0x7f;
  return signal === 0 ? `exited with status ${status >> 8}` : `was ended by signal ${signal}`;
}
