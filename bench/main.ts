/**
 * `deno task bench`: what an event costs, by perfprof and by the tools that one would use in its stead, as multiples of a C program
 * that only counts (bench/floor.c). Owns the command line and what is written where; bench/rounds.ts has the plan.
 */

import { parseArgs } from "node:util";
import { chart } from "./chart.ts";
import { endAll, stopAll, Stopped } from "./process.ts";
import type { Results } from "./results.ts";
import { measureAll, names } from "./rounds.ts";
import { markdownText, terminalText } from "./table.ts";

const USAGE = `deno task bench [OPTION...]

  --calls N      calls of the generator, 4000000; slow consumers get a fraction of them
  --runs N       rounds, 5
  --only NAMES   these rows only (and the floor): names, or how they begin, with commas between
  --json FILE    the figures
  --svg FILE     the picture
  --update       writes docs/performance.json, .svg and the table in .md
  --from FILE    measures nothing: takes the figures that --json wrote

rows: ${names().join(", ")}`;

const DOCS = new URL("../docs/performance", import.meta.url).pathname;
const BLOCK = /(?<=<!-- bench -->\n)[^]*(?=\n<!-- \/bench -->)/;

/** They end the benchmark. */
const SIGNALS = new Map<Deno.Signal, number>([["SIGHUP", 1], ["SIGINT", 2], ["SIGTERM", 15]]);

class UsageError extends Error {}

function options() {
  try {
    const { values } = parseArgs({
      args: Deno.args,
      options: {
        calls: { type: "string", default: "4000000" },
        runs: { type: "string", default: "5" },
        only: { type: "string", default: "" },
        json: { type: "string" },
        svg: { type: "string" },
        from: { type: "string" },
        update: { type: "boolean", default: false },
        help: { type: "boolean", short: "h", default: false },
      },
    });
    if (values.update && values.only !== "") throw new UsageError("--update takes all rows: leave out --only");
    const only = values.only.split(",").filter((name) => name !== "");
    return { ...values, calls: count("--calls", values.calls), rounds: count("--runs", values.runs), only: only.map(known) };
  } catch (error) {
    if (error instanceof UsageError) throw error;
    // The parser's first sentence is the error, the others are about something else.
    throw new UsageError(String(error instanceof Error ? error.message : error).split(". ")[0]);
  }
}

function count(option: string, value: string): number {
  if (!/^[1-9]\d{0,8}$/.test(value)) throw new UsageError(`${option} takes a whole number from 1 to 999999999, not "${value}"`);
  return Number(value);
}

function known(name: string): string {
  if (names().some((row) => row === name || row.startsWith(`${name}-`))) return name;
  throw new UsageError(`--only: there is no row "${name}"; rows: ${names().join(", ")}`);
}

/** Measures; whatever ends the benchmark, no process and no recording is left. */
async function measured(calls: number, rounds: number, only: readonly string[]): Promise<Results> {
  if (Deno.uid() !== 0) throw new UsageError("tracing system calls of every process needs root");
  const scratch = Deno.makeTempDirSync({ prefix: "perfprof-bench-" });
  for (const signal of SIGNALS.keys()) Deno.addSignalListener(signal, () => void stopAll(signal));
  try {
    return await measureAll({ calls, rounds, only, scratch, progress: (what) => console.error(`bench: ${what}`) });
  } finally {
    await endAll();
    Deno.removeSync(scratch, { recursive: true });
  }
}

async function updateDocs(results: Results): Promise<void> {
  const page = await Deno.readTextFile(`${DOCS}.md`);
  if (!BLOCK.test(page)) throw new Error(`${DOCS}.md has no <!-- bench --> block`);
  await Deno.writeTextFile(`${DOCS}.md`, page.replace(BLOCK, () => `\n${markdownText(results)}\n`));
  await Deno.writeTextFile(`${DOCS}.json`, json(results));
  await Deno.writeTextFile(`${DOCS}.svg`, chart(results));
  const format = new Deno.Command(Deno.execPath(), { args: ["fmt", "-q", `${DOCS}.md`, `${DOCS}.json`, `${DOCS}.svg`] });
  if (!(await format.output()).success) throw new Error("deno fmt failed on what --update wrote");
}

const json = (results: Results) => JSON.stringify(results, undefined, 2) + "\n";

try {
  const { calls, rounds, only, help, from, json: jsonFile, svg, update } = options();
  if (help) {
    console.log(USAGE);
  } else {
    const results = from === undefined ? await measured(calls, rounds, only) : JSON.parse(await Deno.readTextFile(from));
    console.log(terminalText(results));
    if (jsonFile !== undefined) await Deno.writeTextFile(jsonFile, json(results));
    if (svg !== undefined) await Deno.writeTextFile(svg, chart(results));
    if (update) await updateDocs(results);
  }
  Deno.exit(0);
} catch (error) {
  console.error(`bench: ${error instanceof Error ? error.message : error}`);
  if (error instanceof Stopped) Deno.exit(128 + SIGNALS.get(error.signal)!);
  Deno.exit(error instanceof UsageError ? 2 : 1);
}
