/**
 * `deno task bench`: what an event costs the consumer, as a ratio to the C floor (bench/floor.c), with three handlers of rising
 * appetite; then whether counting keeps up with a million events a second, and how soon the first event comes. Owns the plan and
 * the table; bench/measure.ts does the measuring.
 *
 *     deno task bench [--calls N] [--runs N] [--json FILE]
 *
 * Consumers take turns in each round, so that a slow minute of the machine falls on all of them.
 */
import { type Consumer, generate, measure, program, type Run, timeToFirst } from "./measure.ts";

/** 32 MiB with pages of 4 KiB: what perfprof takes by itself, and stated so that the floor gets the same. */
const RING_PAGES = "8192";
const RATE = 1_000_000;
const RATE_SECONDS = 3;

interface Spread {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

interface Row {
  readonly consumer: string;
  readonly nsPerEvent: Spread;
  /** To the floor's. */
  readonly ratio: number;
  readonly lost: Spread;
  readonly peakRssMb: Spread;
  /** CPU time of one call of the generator. */
  readonly nsPerCall: Spread;
}

const perfprof = (handler: string): Consumer => ({
  name: handler,
  // deno-fmt-ignore
  command: [
    Deno.execPath(), "run", "-A", new URL("../main.ts", import.meta.url).pathname, "-q", "-m", RING_PAGES,
    "-e", "raw_syscalls:sys_enter", new URL(`handlers/${handler}.ts`, import.meta.url).pathname,
  ],
});

const floor: Consumer = { name: "C floor", command: [program("floor"), RING_PAGES] };

function spread(values: readonly number[]): Spread {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (index: number) => sorted[index] ?? NaN;
  return { median: at(sorted.length >> 1), min: at(0), max: at(sorted.length - 1) };
}

const nsPerEvent = (runs: readonly Run[]) => spread(runs.map((run) => run.cpuNs / run.events));

/** Rounds of all consumers, one after the other; the first consumer is the floor. */
async function compare(consumers: readonly Consumer[], rounds: number, load: readonly string[]): Promise<Row[]> {
  const runs: Run[][] = consumers.map(() => []);
  for (let round = 1; round <= rounds; round++) {
    console.error(`bench: round ${round} of ${rounds}`);
    for (const [index, consumer] of consumers.entries()) runs[index]!.push(await measure(consumer, load));
  }
  const floorNs = nsPerEvent(runs[0]!).median;
  return consumers.map(({ name }, index) => rowOf(name, runs[index]!, floorNs));
}

function rowOf(consumer: string, runs: readonly Run[], floorNs: number): Row {
  const cost = nsPerEvent(runs);
  return {
    consumer,
    nsPerEvent: cost,
    ratio: cost.median / floorNs,
    lost: spread(runs.map((run) => run.lost)),
    peakRssMb: spread(runs.map((run) => run.peakRssMb)),
    nsPerCall: spread(runs.map((run) => run.generated.nsPerCall)),
  };
}

async function repeat<T>(times: number, once: () => Promise<T>): Promise<T[]> {
  const results: T[] = [];
  for (let i = 0; i < times; i++) results.push(await once());
  return results;
}

function text({ median, min, max }: Spread, digits = 0): string {
  return `${median.toFixed(digits)} (${min.toFixed(digits)}-${max.toFixed(digits)})`;
}

function cells(row: Row): string[] {
  const { consumer, ratio } = row;
  return [consumer, text(row.nsPerEvent, 1), ratio.toFixed(1), text(row.lost), text(row.peakRssMb), text(row.nsPerCall)];
}

/** Lines of cells: the first column to the left, the others to the right. */
function table(lines: readonly (readonly string[])[]): string {
  const widths = lines[0]!.map((_, column) => Math.max(...lines.map((line) => line[column]!.length)));
  const align = (cell: string, column: number) => column === 0 ? cell.padEnd(widths[0]!) : cell.padStart(widths[column]!);
  return lines.map((line) => line.map(align).join("   ")).join("\n");
}

function option(name: string, fallback: string): string {
  const index = Deno.args.indexOf(name);
  return index < 0 ? fallback : Deno.args[index + 1] ?? fallback;
}

function count(name: string, fallback: number): number {
  const value = Number(option(name, String(fallback)));
  if (!Number.isInteger(value) || value < 1) throw new RangeError(`${name} takes a whole number from 1`);
  return value;
}

const rounds = count("--runs", 5);
const calls = count("--calls", 5_000_000);
const flood = ["flood", String(calls)];
const steady = ["rate", String(RATE), String(RATE_SECONDS)];
const jsonFile = option("--json", "");

const untraced = spread((await repeat(rounds, () => generate(flood))).map(({ nsPerCall }) => nsPerCall));
const rows = await compare([floor, ...["count", "fields", "to_dict"].map(perfprof)], rounds, flood);
console.error(`bench: ${RATE} events/s, and the first event`);
const steadyRuns = await repeat(rounds, () => measure(perfprof("count"), steady));
const steadyRate = spread(steadyRuns.map((run) => run.events / run.generated.seconds));
const steadyLost = spread(steadyRuns.map((run) => run.lost));
const firstMs = spread(await repeat(rounds, () => timeToFirst(perfprof("first"))));
const machine = { cpus: navigator.hardwareConcurrency, kernel: Deno.osRelease(), deno: Deno.version.deno };

console.log(`${calls} raw_syscalls:sys_enter; ${machine.cpus} CPUs, Linux ${machine.kernel}, Deno ${machine.deno}`);
console.log(`median (min-max) of ${rounds}\n`);
console.log(table([
  ["consumer", "CPU ns/event", "x floor", "lost", "peak RSS MB", "generator ns/call"],
  ["none", "", "", "", "", text(untraced)],
  ...rows.map(cells),
]));
console.log(`\ncount at ${RATE} calls/s: ${text(steadyRate)} events/s, ${text(steadyLost)} lost`);
console.log(`first event after start: ${text(firstMs)} ms`);
if (jsonFile !== "") {
  const result = { machine, calls, rounds, untraced, rows, steadyRate, steadyLost, firstMs };
  await Deno.writeTextFile(jsonFile, JSON.stringify(result, undefined, 2) + "\n");
}
