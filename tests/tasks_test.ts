/**
 * The ways in from outside: `deno task perfprof` from another folder, and the last line and status of .ci/run, for which an npx of
 * the test's own plays deno.
 */
import assert from "node:assert/strict";
import { Child, live, TempDir } from "./harness.ts";

const ROOT = new URL("../", import.meta.url).pathname;

/** Runs .ci/run with an npx that ends `task lint` and `task test` like this. */
async function ci({ lint = 0, test, output }: { lint?: number; test: number; output: string }): Promise<[string, number]> {
  using dir = new TempDir();
  dir.write("output", output);
  dir.write("npx", `#!/bin/sh\n[ "$4" = lint ] && exit ${lint}\ncat ${dir.path}/output\nexit ${test}\n`, 0o755);
  const env = { PATH: `${dir.path}:${Deno.env.get("PATH")}` };
  const { code, stdout } = await new Child("bash", [`${ROOT}.ci/run`], { env }).end();
  return [stdout.trimEnd().split("\n").at(-1)!, code];
}

Deno.test(".ci/run ends with the counts of deno test", async () => {
  const output = "a ... ok (1ms)\n\nok | 12 passed (3 steps) | 0 failed | 2 ignored (1 step) (5s)\n\n";
  assert.deepEqual(await ci({ test: 0, output }), ["12 passed, 0 failed, 2 skipped", 0]);
  assert.deepEqual(await ci({ test: 0, output: "ok | 7 passed | 0 failed (20ms)\n" }), ["7 passed, 0 failed, 0 skipped", 0]);
});

Deno.test(".ci/run fails with a test", async () => {
  const output = "FAILED | 3 passed (1 step) | 2 failed (4 steps) | 1 ignored (1s)\n\nerror: Test failed\n";
  assert.deepEqual(await ci({ test: 1, output }), ["3 passed, 2 failed, 1 skipped", 1]);
});

Deno.test(".ci/run counts what fails outside of a test", async () => {
  const output = "ok | 3 passed | 0 failed (1s)\n";
  assert.deepEqual(await ci({ lint: 1, test: 0, output }), ["3 passed, 1 failed, 0 skipped", 1], "a static check");
  assert.deepEqual(await ci({ test: 1, output: "error: TS2322\n" }), ["0 passed, 1 failed, 0 skipped", 1], "a type error");
});

Deno.test(".ci/run fails when no test ran", async () => {
  assert.deepEqual(await ci({ test: 0, output: "" }), ["0 passed, 0 failed, 0 skipped", 1]);
});

live("deno task perfprof takes a module from the folder that it is called from", async () => {
  using dir = new TempDir();
  dir.write(
    "handler.ts",
    `export const sched__sched_switch = () => {};\nexport const __exit__ = () => console.log(Deno.cwd());\n`,
  );
  const task = ["task", "-q", "--config", `${ROOT}deno.json`, "perfprof"];
  const run = ["-q", "-e", "sched:sched_switch", "-N", "1", "handler.ts"];
  // A task sets INIT_CWD only where no task around it has.
  const child = new Child("env", ["-u", "INIT_CWD", Deno.execPath(), ...task, ...run], { cwd: dir.path });
  const { code, stdout, stderr } = await child.end();
  assert.deepEqual({ code, stdout, stderr }, { code: 0, stdout: `${dir.path}\n`, stderr: "" });
});
