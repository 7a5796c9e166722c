/** What a person sees: nothing wider than the terminal, colours on a terminal only, and none with NO_COLOR. */

import assert from "node:assert/strict";
import { shownMessage } from "../lib/terminal.ts";
import { pathWith } from "./command.ts";
import { Child, live, TempDir } from "./harness.ts";

/** Each with a line that is wide where it may be. */
const COMMANDS = [
  "help",
  "help PerfEvent",
  "list 'sched:*'",
  "show sched:sched_switch",
  "show syscalls:sys_enter_openat",
  "doctor",
];
/** Those that have colours. */
const COLOURED = /^(?:list|show|doctor)\b/;
// deno-lint-ignore no-control-regex
const ESCAPE = /\x1b/;
// deno-lint-ignore no-control-regex
const STYLE = /\x1b\[[0-9;]*m/g;

/** What a command writes on a terminal of so many columns. */
async function onTerminal(dir: TempDir, columns: number, command: string, env: Record<string, string> = {}): Promise<string> {
  const line = `stty cols ${columns}; perfprof ${command}`;
  const { stdout } = await new Child("script", ["-qec", line, "/dev/null"], {
    cwd: dir.path,
    env: { PATH: pathWith(dir), TERM: "xterm", NO_COLOR: "", ...env },
  }).end();
  return stdout.replaceAll("\r", "");
}

live("on a terminal no line is wider than it, at 80 columns and at 200", async () => {
  using dir = new TempDir();
  for (const command of COMMANDS) {
    for (const columns of [80, 200]) {
      const text = await onTerminal(dir, columns, command);
      assert.equal(ESCAPE.test(text), COLOURED.test(command), `${command} at ${columns}`);
      const lines = text.replace(STYLE, "").trimEnd().split("\n");
      assert.ok(lines.length > 4, text);
      assert.deepEqual(lines.filter((line) => line.length > columns), [], `${command} at ${columns}`);
      assert.deepEqual(lines.filter((line) => /\s$/.test(line)), [], `${command} at ${columns}`);
    }
  }
});

live("no colours with NO_COLOR, nor on a terminal that knows none", async () => {
  using dir = new TempDir();
  for (const command of COMMANDS.filter((command) => COLOURED.test(command))) {
    for (const env of [{ NO_COLOR: "1" }, { TERM: "dumb" }]) {
      assert.doesNotMatch(await onTerminal(dir, 80, command, env), ESCAPE, command);
    }
  }
});

live("no colours through a pipe, whatever is printed", async () => {
  using dir = new TempDir();
  dir.write("h.ts", "export function __sample__(event) { console.log(event); event.print(); }\n");
  const runs = ["-e sched:sched_process_exec -c 'ls /' h.ts", "-e sched:nonesuch h.ts", "-e sched:sched_process_exec help"];
  for (const command of [...COMMANDS, ...runs]) {
    const { stdout, stderr } = await new Child("/bin/sh", ["-c", `perfprof ${command}`], {
      cwd: dir.path,
      env: { PATH: pathWith(dir), TERM: "xterm", NO_COLOR: "" },
    }).end();
    assert.ok((stdout + stderr).length > 40, command);
    assert.doesNotMatch(stdout + stderr, ESCAPE, command);
  }
});

Deno.test("a message is broken between words, a caret's place and a command are not", () => {
  const long = `perfprof: ${"word ".repeat(20).trimEnd()}`;
  assert.equal(shownMessage(long, 80), `perfprof: ${"word ".repeat(13).trimEnd()}\n    ${"word ".repeat(7).trimEnd()}`);
  const kept = [
    `    sched:${"a b ".repeat(30)}`,
    `    ${" ".repeat(90)}^`,
    `hint: perfprof ${"a b ".repeat(30)}`,
    "perfprof: short",
  ];
  assert.equal(shownMessage(kept.join("\n"), 80), kept.join("\n"));
  assert.equal(shownMessage(long, 0), long);
});

live("a long message is broken on a terminal, and one line through a pipe", async () => {
  using dir = new TempDir();
  const command = `-e sched:${"nonesuch_".repeat(6)} ${dir.write("h.ts", "export function __sample__() {}\n")}`;
  const shown = (await onTerminal(dir, 80, command)).split("\n")[0]!;
  const { stderr } = await new Child("/bin/sh", ["-c", `perfprof ${command}`], { env: { PATH: pathWith(dir) } }).end();
  assert.ok(shown.length <= 80 && stderr.startsWith(`${shown} `), shown);
});
