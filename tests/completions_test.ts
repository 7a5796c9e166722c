/** The completion scripts, each tried in its shell, with a `perfprof` on PATH that knows four events and counts its calls. */

import assert from "node:assert/strict";
import { completions } from "../lib/completions.ts";
import { COMMANDS } from "../lib/options.ts";
import { Child, TempDir } from "./harness.ts";

const EVENTS = ["sched:sched_switch", "sched:sched_wakeup", "sched:sched_wakeup_new", "irq:softirq_entry"];

function script(...args: string[]): string {
  const unused = () => assert.fail("completions ask no machine");
  return completions({
    kind: "command",
    name: "completions",
    args,
    events: [],
    options: [],
    intervalMs: undefined,
    machine: unused,
    terminal: { columns: undefined, colours: false },
  });
}

/** Registers a test that needs a shell; without the shell it is skipped and says why. */
function inShell(shell: string, name: string, test: () => Promise<void>): void {
  let reason = "";
  try {
    new Deno.Command(shell, { args: ["-c", ":"] }).outputSync();
  } catch {
    reason = ` (skipped: ${shell} is not installed)`;
  }
  Deno.test({ name: `completions ${shell}: ${name}${reason}`, ignore: reason !== "", fn: test });
}

/** A folder with the script, a module, and bin/perfprof. */
function prepare(shell: string, list = `printf '${EVENTS.join("\\n")}\\n'`): { dir: TempDir; PATH: string } {
  const dir = new TempDir();
  dir.write("script", script(shell));
  dir.write("module.ts", "");
  dir.write("bin/perfprof", `#!/bin/sh\necho "$@" >>"${dir.path}/calls"\n${list}\n`, 0o755);
  return { dir, PATH: `${dir.path}/bin:${Deno.env.get("PATH")}` };
}

async function output(shell: string, args: string[], env: Record<string, string>, cwd: string): Promise<string> {
  const { code, stdout, stderr } = await new Child(shell, args, { env: { ...env, HOME: cwd }, cwd }).end();
  assert.deepEqual([code, stderr], [0, ""]);
  return stdout;
}

/** What bash makes of the words: at colons and equals signs it breaks them, and offers what comes after. */
const BASH: [words: string, want: string][] = [
  ["-e sched : sched_w", "sched_wakeup sched_wakeup_new"],
  ["-e sch", "sched:sched_switch sched:sched_wakeup sched:sched_wakeup_new"],
  ["-e sched :", "sched_switch sched_wakeup sched_wakeup_new"],
  ["-e irq : softirq_entry,sched : sched_sw", "sched_switch"],
  ["--event = sched : sched_sw", "sched_switch"],
  ["--clock = t", "tai"],
  ["--clock b", "boottime"],
  ["--ex", "--exclude-self --exit-N"],
  ["sh", "show"],
  ["show irq : so", "softirq_entry"],
  ["types --a", "--ambient"],
  ["completions z", "zsh"],
  ["new x la", "latency"],
  ["help P", "PerfEvent"],
  ["-e a : b mo", "module.ts"],
  ["-e a : b ./mo", "./module.ts"],
  ["-C mo", ""],
  ["doctor mo", ""],
  ["te", "test"],
  ["test --u", "--update"],
  ["test bi", "bin"],
];
inShell("bash", "every kind of word", async () => {
  const { dir, PATH } = prepare("bash");
  using _ = dir;
  const ask = ([words]: readonly [string, string]) =>
    `COMP_WORDS=(perfprof ${words}); COMP_CWORD=$((\${#COMP_WORDS[@]} - 1)); _perfprof; echo "\${COMPREPLY[@]}"`;
  const text = await output("bash", ["-c", ["set -u; . ./script", ...BASH.map(ask)].join("\n")], { PATH }, dir.path);
  assert.deepEqual(text.trimEnd().split("\n"), BASH.map(([, want]) => want).join("\n").trimEnd().split("\n"));
  assert.equal(Deno.readTextFileSync(`${dir.path}/calls`), "list\n");
});

inShell("bash", "a perfprof that fails completes nothing, and is asked again", async () => {
  const { dir, PATH } = prepare("bash", "echo no >&2; exit 1");
  using _ = dir;
  const ask = "COMP_WORDS=(perfprof -e sch); COMP_CWORD=2; _perfprof; echo ${#COMPREPLY[@]}";
  assert.equal(await output("bash", ["-c", `. ./script; ${ask}; ${ask}`], { PATH }, dir.path), "0\n0\n");
  assert.equal(Deno.readTextFileSync(`${dir.path}/calls`), "list\nlist\n");
});

/** What is typed before the tabulator, and the words that are offered. */
const FISH: [typed: string, want: string[]][] = [
  ["-e sched:sched_w", ["sched:sched_wakeup", "sched:sched_wakeup_new"]],
  ["-e irq:softirq_entry,sched:sched_sw", ["irq:softirq_entry,sched:sched_switch"]],
  ["--event=sched:sched_sw", ["--event=sched:sched_switch"]],
  ["--clock t", ["tai"]],
  ["--ex", ["--exclude-self", "--exit-N"]],
  ["sh", ["show"]],
  ["show irq:", ["irq:softirq_entry"]],
  ["completions z", ["zsh"]],
  ["new x la", ["latency"]],
  ["help P", ["PerfEvent"]],
  ["-e a:b mod", ["module.ts"]],
  ["doctor mod", []],
  ["te", ["test"]],
  ["test --upd", ["--update"]],
  ["test bi", ["bin/"]],
];
inShell("fish", "every kind of word", async () => {
  const { dir, PATH } = prepare("fish");
  using _ = dir;
  const lines = FISH.map(([typed]) => `complete -C 'perfprof ${typed}'; echo ==`);
  const text = await output("fish", ["-c", ["source ./script", ...lines].join("\n")], { PATH }, dir.path);
  const offered = text.split("==\n").slice(0, -1).map((part) =>
    part.split("\n").filter((line) => line !== "").map((line) => line.split("\t")[0])
  );
  assert.deepEqual(offered, FISH.map(([, want]) => want));
  assert.equal(Deno.readTextFileSync(`${dir.path}/calls`), "list\n");
});

/** What is typed before the tabulator, and what then stands on the line. */
const ZSH: [typed: string, want: string][] = [
  ["-e sched:sched_s", "-e sched:sched_switch"],
  ["-e irq:softirq_entry,sched:sched_w", "-e irq:softirq_entry,sched:sched_wakeup"],
  ["--event=irq", "--event=irq:softirq_entry"],
  ["--clock t", "--clock tai"],
  ["--exc", "--exclude-self"],
  ["compl", "completions"],
  ["completions z", "completions zsh"],
  ["new x la", "new x latency"],
  ["help Per", "help PerfEvent"],
  ["tes", "test"],
  ["test bi", "test bin/"],
  ["-e a:b mod", "-e a:b module.ts"],
];
inShell("zsh", "every kind of word", async () => {
  const { dir, PATH } = prepare("zsh");
  using _ = dir;
  const quoted = (text: string) => `'${text}'`;
  // A read goes on until it sees what it waits for; one that never does is ended, with its terminal, by the time limit.
  const driver = `zmodload zsh/zpty
zpty -b z 'zsh -f -i'
zpty -w z 'PS1=; autoload -Uz compinit; compinit -u -D; source ./script; stty -echo; print REA""DY'
zpty -r z seen '*READY*'
for typed want in ${ZSH.flat().map(quoted).join(" ")}; do
    zpty -n -w z "perfprof $typed"$'\\t'
    zpty -r z seen "*perfprof $want*"
    print -r -- "$want"
    zpty -n -w z $'\\C-u'
done
zpty -d z
`;
  const text = await output("zsh", ["-f", "-c", driver], { PATH, TERM: "dumb" }, dir.path);
  assert.deepEqual(text.trimEnd().split("\n"), ZSH.map(([, want]) => want));
  assert.equal(Deno.readTextFileSync(`${dir.path}/calls`), "list\n");
});

Deno.test("completions: every command is in every script", () => {
  const commands = [...COMMANDS, "record", "export", "test"].join(" ");
  for (const shell of ["bash", "zsh", "fish"]) assert.ok(script(shell).includes(commands), shell);
});

Deno.test("completions: what it refuses", () => {
  assert.throws(() => script(), { message: "the command 'completions' takes one shell, not 0", exitCode: 2 });
  assert.throws(() => script("csh"), { message: "completions: 'csh' is unknown", hints: ["allowed are bash zsh fish"] });
});
