/** Stacks as other viewers of profiles read them: the text itself, what speedscope shows of each format it opens, and Go's pprof. */

import assert from "node:assert/strict";
import { gunzipSync } from "node:zlib";
import { Profile } from "npm:pprof-format@2.3.2";
import type { StackFormat } from "../lib/export/formats.ts";
import { Stacks } from "../lib/export/stacks.ts";
import { CHROMIUM } from "./browser.ts";
import { Child, TempDir } from "./harness.ts";
import { inSpeedscope } from "./speedscope.ts";

const FRAME = { kernel: false, dso: "/usr/bin/app" } as const;

/** 6 of two threads: a kernel function, an inlined one, an unknown one, names with what separates frames. */
function stacksOfTwoThreads(): Stacks {
  const stacks = new Stacks({ unit: "ms", title: "Two threads" });
  const chain = Object.freeze([
    { symbol: "do_read", kernel: true, dso: "[kernel.kallsyms]" },
    { ...FRAME, symbol: "inner;most", inlined: true as const },
    { ...FRAME, symbol: "main", file: "app.c" },
  ]);
  stacks.add(chain, 1, "app one");
  stacks.add(chain, 2n, "app one");
  stacks.add([{ ...FRAME, symbol: "Unknown", reason: "stripped" }, chain[2]!], 2.5, "app two");
  stacks.add([], 0.5, "app two");
  return stacks;
}

Deno.test("folded: a line for each stack, the outermost function first", async () => {
  assert.equal(
    await stacksOfTwoThreads().encode("folded"),
    "app_one;main;inner:most_[i];do_read_[k] 3\napp_two 1\napp_two;main;[app] 3\n",
  );
});

Deno.test("a stack that is changed after it was added stays what it was", async () => {
  const stacks = new Stacks();
  const names = ["leaf", "main"];
  stacks.add(names);
  names[0] = "other";
  stacks.add(names);
  assert.equal(await stacks.encode("folded"), "main;leaf 1\nmain;other 1\n");
  assert.equal(stacks.total, 2);
});

Deno.test("more stacks than are remembered by their arrays", async () => {
  const stacks = new Stacks();
  const many = Array.from({ length: 70_000 }, (_, i) => Object.freeze([`f${i % 7}`]));
  for (const frames of [...many, ...many]) stacks.add(frames);
  assert.equal(await stacks.encode("folded"), [0, 1, 2, 3, 4, 5, 6].map((i) => `f${i} 20000\n`).join(""));
});

Deno.test("a weight is a number from 0", () => {
  const stacks = new Stacks();
  for (const weight of [-1, NaN, Infinity, -1n]) assert.throws(() => stacks.add(["f"], weight), RangeError);
});

Deno.test("pprof: functions, files, whole weights and the thread", async () => {
  const { stringTable: { strings }, ...profile } = Profile.decode(
    gunzipSync(await stacksOfTwoThreads().encode("pprof") as Uint8Array),
  );
  const text = (index: number | bigint) => strings[Number(index)];
  const functions = profile.function.map(({ name, filename }) => [text(name), text(filename)]);
  assert.deepEqual(profile.sampleType.map(({ type, unit }) => [text(type), text(unit)]), [["time", "milliseconds"]]);
  assert.deepEqual(
    profile.sample.map(({ locationId, value, label }) => [
      locationId.map((id) => functions[Number(id) - 1]),
      value.map(Number),
      label.map(({ key, str }) => [text(key), text(str)]),
    ]),
    [
      [[["do_read", "[kernel.kallsyms]"], ["inner;most", "/usr/bin/app"], ["main", "app.c"]], [3], [["thread", "app one"]]],
      [[["[no stack]", ""]], [1], [["thread", "app two"]]],
      [[["[app]", "/usr/bin/app"], ["main", "app.c"]], [3], [["thread", "app two"]]],
    ],
  );
  assert.deepEqual(profile.mapping.map(({ filename }) => text(filename)), ["/usr/bin/app", "[kernel.kallsyms]"]);
});

/** Own and total weight of a function, as speedscope writes them. */
const OPENED: readonly (readonly [StackFormat, string, RegExp])[] = [
  ["folded", "s.folded", /^3 \(43%\)\t3 \(43%\)\tdo_read_\[k\]$/m],
  ["speedscope", "s.speedscope.json", /^3.00ms \(100%\)\t3.00ms \(100%\)\tdo_read$/m],
  ["pprof", "s.pb.gz", /^3.00ms \(43%\)\t3.00ms \(43%\)\tdo_read$/m],
];

for (const [format, name, row] of OPENED) {
  Deno.test({
    name: `speedscope opens ${format}${CHROMIUM === undefined ? " (skipped: no Chromium)" : ""}`,
    ignore: CHROMIUM === undefined,
    fn: async () => {
      using dir = new TempDir();
      await stacksOfTwoThreads().write(`${dir.path}/${name}`);
      const { title, table } = await inSpeedscope(`${dir.path}/${name}`);
      assert.match(title, format === "speedscope" ? /^Two threads / : /^s\./);
      assert.match(table, row);
    },
  });
}

Deno.test({
  name: `speedscope opens what has no stack${CHROMIUM === undefined ? " (skipped: no Chromium)" : ""}`,
  ignore: CHROMIUM === undefined,
  fn: async () => {
    using dir = new TempDir();
    const path = `${dir.path}/s.speedscope.json`;
    await new Stacks({ title: "None" }).write(path);
    const { title, table } = await inSpeedscope(path);
    assert.match(title, /^None /);
    assert.match(table, /No symbols found/);
  },
});

/** Is the program here that profile.proto belongs to? */
const GO = (() => {
  try {
    return new Deno.Command("go", { args: ["tool", "-n", "pprof"], stdout: "null", stderr: "null" }).outputSync().success;
  } catch {
    return false;
  }
})();

Deno.test({
  name: `go tool pprof opens pprof${GO ? "" : " (skipped: no go)"}`,
  ignore: !GO,
  fn: async () => {
    using dir = new TempDir();
    const path = `${dir.path}/s.pb.gz`;
    await stacksOfTwoThreads().write(path);
    const said = async (option: string) =>
      (await new Child("go", ["tool", "pprof", option, path], { env: { PPROF_TMPDIR: dir.path } }).end()).stdout;
    const rows = [...(await said("-top")).matchAll(/^ +(\S+) +\S+% +\S+% +(\S+) +\S+% {2}(.*)$/gm)].map((row) =>
      row.slice(1).join(" ")
    );
    assert.deepEqual(rows, ["3ms 3ms [app]", "3ms 3ms do_read", "1ms 1ms [no stack]", "0 3ms inner;most", "0 6ms main"]);
    assert.match(await said("-tags"), /^ thread: Total 7\.0ms\n +4\.0ms \(57\.14%\): app two\n +3\.0ms \(42\.86%\): app one$/m);
    assert.match(await said("-traces"), /thread: +app one\n +3ms +do_read\n +inner;most\n +main\n/);
  },
});
