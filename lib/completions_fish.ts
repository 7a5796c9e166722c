/**
 * The completion script for fish.
 *
 * @module
 */

import type { CompletedOption, CompletionWords } from "./completions.ts";

/** The text of the script. */
export function fishScript({ options, commands, clocks, shells, templates }: CompletionWords): string {
  const values = {
    events: " -x -a '(__perfprof_events)'",
    clocks: ` -x -a '${clocks.join(" ")}'`,
    files: " -r -F",
    commands: " -x -a '(__fish_complete_command)'",
    text: " -x",
  } as const;
  const line = ({ names, description, valueName, value }: CompletedOption) => {
    const flags = names.map((name) => name.startsWith("--") ? `-l ${name.slice(2)}` : `-s ${name.slice(1)}`).join(" ");
    return `complete -c perfprof ${flags} -d '${escaped(description)}'${valueName === undefined ? "" : values[value]}`;
  };
  const after = (names: string, what: string) =>
    `complete -c perfprof -f -n '__perfprof_command_is ${names}'${what === "" ? "" : ` -a '${what}'`}`;
  return `# fish completion of perfprof: perfprof completions fish | source

# The last item of a list of events, with those before it kept.
function __perfprof_events
    set -q __perfprof_names[1]; or set -g __perfprof_names (command perfprof list 2>/dev/null </dev/null)
    set -l token (string replace -r '^--event=|^-e' '' -- (commandline -ct))
    set -l before (string match -r '^.*,' -- $token)
    printf '%s\\n' "$before"$__perfprof_names
end

function __perfprof_command_is
    set -l words (commandline -opc)
    contains -- "$words[2]" $argv
end

function __perfprof_word_count
    test (count (commandline -opc)) -eq $argv[1]
end

${options.map(line).join("\n")}
complete -c perfprof -n '__perfprof_word_count 1' -a '${commands.join(" ")}'
${after("list show types", "(__perfprof_events)")}
${after("types", "--ambient")}
${after("completions", shells.join(" "))}
${after("help", "PerfEvent template")}
${after("doctor", "")}
${after("test", "--update (__fish_complete_directories)")}
complete -c perfprof -f -n '__perfprof_command_is new; and __perfprof_word_count 3' -a '${templates.join(" ")}'
`;
}

/** For a text in single quotes. */
function escaped(text: string): string {
  return text.replace(/[\\']/g, "\\$&");
}
