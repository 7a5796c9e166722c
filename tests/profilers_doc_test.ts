/** docs/profilers.md says of each profiler what the profiler says itself: its options and members are compared with the registry. */

import assert from "node:assert/strict";
import { NativeMachine } from "../ffi/machine.ts";
import { PerfprofError } from "../lib/errors.ts";
import { parseEvents } from "../lib/event_spec.ts";
import { loadEvents } from "../lib/loaded_event.ts";
import { allMembers } from "../lib/profilers/analysis_class.ts";
import type { Member, Profiler } from "../lib/profilers/profiler.ts";
import { PROFILERS, profilersOf } from "../lib/profilers/registry.ts";
import { live } from "./harness.ts";

const TEXT = Deno.readTextFileSync(new URL("../docs/profilers.md", import.meta.url));

/** What every profiler's event has, said once for all. */
const COMMON = ["pid", "tid", "time", "cpu"];

/** However the lines are broken. */
function plain(text: string): string {
  return text.replace(/\s+/g, " ");
}

function section({ name }: Profiler): string {
  return plain(TEXT.split(`\n## ${name}\n`)[1]?.split("\n## ")[0] ?? "");
}

/** Options that several have are said before the sections. */
const common = plain(TEXT.split("\n## ")[0]!);

/** Of the example; undefined where this machine cannot have it. */
function members({ example }: Profiler): readonly Member[] | undefined {
  const machine = new NativeMachine();
  try {
    const [event] = loadEvents(machine, parseEvents([example.replace(/^'(.*)'$/, "$1")]), profilersOf(machine)).events;
    return allMembers(event!.plan);
  } catch (error) {
    if (error instanceof PerfprofError) return undefined;
    throw error;
  }
}

Deno.test("docs/profilers.md lists every profiler with its summary", () => {
  const rows = [...TEXT.matchAll(/^\| \[([\w-]+)\]\(#\1\) +\| (.*?) +\|$/gm)].map(([, name, summary]) => [name, summary]);
  assert.deepEqual(rows, PROFILERS.map(({ name, summary }) => [name, summary]));
});

for (const profiler of PROFILERS) {
  Deno.test(`docs/profilers.md has the options and an example of ${profiler.name}`, () => {
    const text = section(profiler);
    for (const { flags, help } of profiler.options) {
      assert.ok((text + common).includes(plain(`- \`${flags}\`: ${help}`)), flags);
    }
    assert.ok(text.includes(plain(profiler.help)), profiler.help);
    assert.ok(text.includes(`-e ${profiler.example}`), profiler.example);
  });

  live(`docs/profilers.md has the members of ${profiler.name}`, () => {
    const text = section(profiler);
    const own = (members(profiler) ?? []).filter(({ name }) => !COMMON.includes(name));
    for (const { name, type, help } of own) assert.ok(text.includes(plain(`- \`${name}: ${type}\`: ${help}`)), name);
  });
}
