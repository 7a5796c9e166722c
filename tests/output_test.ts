/**
 * What cannot be written is not passed over: one line, status 1, whatever stdout is. Over a recording, whose events are always the
 * same.
 */

import assert from "node:assert/strict";
import { Output } from "../lib/output.ts";
import { shell } from "./command.ts";
import { TempDir } from "./harness.ts";

const RECORDING = new URL("recordings/offcpu.perf.data", import.meta.url).pathname;
const PRINT = "export function __sample__(event) { event.print(); }\n";
const FULL = "no space left on device";
const MOUNTS = Deno.uid() === 0 && new Deno.Command("unshare", { args: ["-m", "true"], stderr: "null" }).outputSync().success;

for (
  const [what, module] of [
    ["a full disk", PRINT],
    ["a full disk, with a handler that exits,", PRINT.replace("print();", "print(); Deno.exit(0);")],
  ] as const
) {
  Deno.test(`output: ${what} ends the run with a line and status 1`, async () => {
    using dir = new TempDir();
    dir.write("h.ts", module);
    const { code, stderr } = await shell(dir, `perfprof -q -I ${RECORDING} h.ts >/dev/full`);
    assert.deepEqual([code, stderr], [1, `perfprof: writing stdout failed: ${FULL}\n`]);
  });
}

Deno.test("output: that nobody reads any more is no failure", async () => {
  using dir = new TempDir();
  dir.write("h.ts", PRINT);
  const { stderr } = await shell(dir, `{ perfprof -q -I ${RECORDING} h.ts; echo "status $?" >&2; } | true`);
  assert.equal(stderr, "status 0\n");
});

Deno.test({
  name: "output: a disk that -o fills is told on the stderr of before; what went onto it stays",
  ignore: !MOUNTS,
  async fn() {
    using dir = new TempDir();
    dir.write("h.ts", PRINT);
    Deno.mkdirSync(`${dir.path}/disk`);
    const line = `perfprof -q -o disk/out -I ${RECORDING} h.ts; echo "status $?"; head -c 100 disk/out`;
    dir.write("run.sh", `mount -t tmpfs -o size=4k none disk\n${line}\n`);
    const { stdout, stderr } = await shell(dir, "unshare -m sh run.sh");
    assert.equal(stderr, `perfprof: writing disk/out failed: ${FULL}\n`);
    assert.match(stdout, /^status 1\n.* sched:sched_/);
  },
});

Deno.test("output: a full pipe that is nonblocking is waited for, and what fails is told once", () => {
  const { writeSync } = Deno.stdout;
  let taken = "";
  let fails: Error | undefined;
  let calls = 0;
  Deno.stdout.writeSync = (bytes) => {
    if (fails !== undefined) throw fails;
    if (calls++ % 2 === 0) throw new Deno.errors.WouldBlock("Resource temporarily unavailable (os error 11)");
    taken += new TextDecoder().decode(bytes.subarray(0, 3));
    return Math.min(bytes.length, 3);
  };
  try {
    const output = new Output();
    const told: string[] = [];
    output.onFailure = ({ message }) => told.push(message);
    output.text.addString("what is written");
    output.end();
    output.flush();
    assert.equal(taken, "what is written\n");
    fails = new Error("No space left on device (os error 28)");
    for (const line of ["one", "two"]) {
      output.text.addString(line);
      output.end();
      output.flush();
    }
    assert.deepEqual(told, [`writing stdout failed: ${FULL}`]);
  } finally {
    Deno.stdout.writeSync = writeSync;
  }
});

Deno.test("output: a line that is being put together is not written before it ends, and places are used again", () => {
  const { writeSync } = Deno.stdout;
  let taken = "";
  Deno.stdout.writeSync = (bytes) => {
    taken += new TextDecoder().decode(bytes);
    return bytes.length;
  };
  try {
    const output = new Output();
    let expected = "";
    for (let i = 0; i < 2000; i++) {
      const line = "é".repeat(i % 100) + i;
      output.text.addString(line.slice(0, 3));
      if (i % 7 === 0) output.flush();
      assert.equal(taken, expected.slice(0, taken.length));
      output.text.addString(line.slice(3));
      output.end();
      expected += `${line}\n`;
    }
    output.flush();
    output.flush();
    assert.equal(taken, expected);
    assert.ok(output.text.used < 40_000, `${output.text.used} bytes are kept`);
  } finally {
    Deno.stdout.writeSync = writeSync;
  }
});
