/**
 * The plan of a benchmark: all consumers take turns in each round, so that a slow minute of the machine falls on all of them, each
 * beside an untraced run of the generator. One that fails is left out from then on, and the row says why.
 *
 * @module
 */

import { absent, type Consumer, consumers, steadyConsumer } from "./consumers.ts";
import { generate, type Load } from "./measure.ts";
import { output, program, Stopped } from "./process.ts";
import { type Missing, type Results, type Row, rowOf, type Sample, spread, type Steady } from "./results.ts";

/** No system call has this number, so nobody else makes it; the kernel traces it like any other. */
const NR = 1000;
const RATE = 1_000_000;
const STEADY_SECONDS = 3;
/** The row that all are compared with. */
const FLOOR = "c-floor-count";

export interface Plan {
  readonly calls: number;
  readonly rounds: number;
  /** Names of rows, or how they begin; all when empty. */
  readonly only: readonly string[];
  /** Folder for recordings. */
  readonly scratch: string;
  /** Called with what is measured next. */
  readonly progress: (what: string) => void;
}

/** What a consumer did so far, or why it does nothing any more. */
interface Progress {
  readonly consumer: Consumer;
  readonly load: Load;
  readonly samples: Sample[];
  readonly firstMs: number[];
  missing: string | undefined;
}

/** What `only` can name. */
export function names(): string[] {
  return [...consumers(0, ""), steadyConsumer(0)].map(({ name }) => name);
}

/** Measures everything that the plan asks for. */
export async function measureAll(plan: Plan): Promise<Results> {
  const { calls, rounds, scratch } = plan;
  const load = { calls, nr: NR, cpu: lastCpu() };
  const all = consumers(load.nr, scratch).filter((one) => one.name === FLOOR || isWanted(one, plan.only))
    .map((consumer) => start(consumer, { ...load, calls: Math.ceil(calls / consumer.share) }));
  // At a rate the generator makes the call of its own choice.
  const ownNr = Number(await output([program("emit"), "nr"]));
  const steadyLoad = { ...load, calls: Math.min(calls, STEADY_SECONDS * RATE), perSecond: RATE, nr: ownNr };
  const steady = [steadyConsumer(ownNr)].filter((one) => isWanted(one, plan.only)).map((one) => start(one, steadyLoad));
  const untraced: number[] = [];
  for (let round = 1; round <= rounds; round++) {
    const progress = (what: string) => plan.progress(`round ${round} of ${rounds}: ${what}`);
    progress("untraced");
    const untracedNs = await generate(load);
    untraced.push(untracedNs);
    for (const one of [...all, ...steady]) await turn(one, untracedNs, progress);
  }
  return {
    machine: machine(),
    versions: await versions(),
    calls,
    rounds,
    untracedNs: spread(untraced),
    rows: rowsOf(all),
    ...(steady[0] && { steady: steadyOf(steady[0]) }),
  };
}

function start(consumer: Consumer, load: Load): Progress {
  return { consumer, load, samples: [], firstMs: [], missing: absent(consumer.tool) };
}

function isWanted({ name }: Consumer, only: readonly string[]): boolean {
  return only.length === 0 || only.some((start) => name === start || name.startsWith(`${start}-`));
}

async function turn(one: Progress, untracedNs: number, progress: (what: string) => void): Promise<void> {
  const { consumer, load, samples, firstMs } = one;
  if (one.missing !== undefined) return;
  progress(consumer.name);
  try {
    samples.push({ ...await consumer.run(load), untracedNs });
    if (consumer.first) firstMs.push(await consumer.first());
  } catch (error) {
    if (error instanceof Stopped) throw error;
    one.missing = error instanceof Error ? error.message : String(error);
    progress(`${consumer.name} is left out: ${one.missing}`);
  }
}

function rowsOf(all: readonly Progress[]): Row[] {
  const floor = all.find(({ consumer }) => consumer.name === FLOOR)!;
  if (floor.missing !== undefined) throw new Error(`there is nothing to compare with: ${floor.missing}`);
  const floorNs = spread(floor.samples.map(({ nsPerEvent }) => nsPerEvent)).median;
  return all.map(({ consumer, load: { calls }, samples, firstMs, missing }) =>
    missing === undefined
      ? rowOf(consumer, { samples, calls, firstMs }, floorNs)
      : { work: consumer.work, tool: consumer.tool, missing }
  );
}

function steadyOf({ consumer: { work, tool }, samples, missing }: Progress): Steady | Missing {
  if (missing !== undefined) return { work, tool, missing };
  const perSecond = spread(samples.map(({ events, seconds = NaN }) => Math.round(events / seconds)));
  return { asked: RATE, perSecond, lost: spread(samples.map(({ lost }) => lost)) };
}

/** The last CPU that this process may use. */
function lastCpu(): number {
  const list = /^Cpus_allowed_list:\s*(.*)$/m.exec(Deno.readTextFileSync("/proc/self/status"))![1]!;
  return Number(list.split(/[,-]/).at(-1));
}

function machine(): string {
  const model = /^model name\s*: (.*)$/m.exec(Deno.readTextFileSync("/proc/cpuinfo"))?.[1] ?? Deno.build.arch;
  return `${navigator.hardwareConcurrency} x ${model}`;
}

async function versions(): Promise<string[]> {
  const others = ["perf", "bpftrace"].filter((tool) => absent(tool) === undefined);
  const said = await Promise.all(
    others.map(async (tool) => (await output([tool, "--version"])).trim().replace("version ", "")),
  );
  return [`Linux ${Deno.osRelease()}`, `Deno ${Deno.version.deno}`, ...said];
}
