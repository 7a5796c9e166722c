/**
 * The completion script for zsh: to be sourced after compinit, or to be a file `_perfprof` in a folder of fpath.
 *
 * @module
 */

import type { CompletedOption, CompletionWords } from "./completions.ts";

/** The text of the script. */
export function zshScript({ options, commands, clocks, shells, templates }: CompletionWords): string {
  const actions = {
    events: "_perfprof_events",
    clocks: `(${clocks.join(" ")})`,
    files: "_files",
    commands: "_command_names -e",
    text: " ",
  } as const;
  const specs = (option: CompletedOption) =>
    option.names.map((name) => {
      const value = option.valueName === undefined ? "" : `:${escaped(option.valueName)}:${actions[option.value]}`;
      // A long option's value may follow an equals sign, a short one's the letter.
      const joint = option.valueName === undefined ? "" : name.startsWith("--") ? "=" : "+";
      return `        '*${name}${joint}[${escaped(option.description)}]${value}'`;
    });
  return `#compdef perfprof
# zsh completion of perfprof: source <(perfprof completions zsh)

# The last item of a list of events.
_perfprof_events() {
    [[ -n $_perfprof_names ]] || typeset -ga _perfprof_names=(\${(f)"$(command perfprof list 2>/dev/null </dev/null)"})
    compset -P '*,'
    compadd -a _perfprof_names
}

_perfprof_first() {
    compadd ${commands.join(" ")}
    _files
}

_perfprof_rest() {
    case \${line[1]} in
    list|show) _perfprof_events ;;
    types) compadd -- --ambient; _perfprof_events ;;
    completions) compadd ${shells.join(" ")} ;;
    help) compadd PerfEvent template ;;
    doctor) ;;
    test) compadd -- --update; _files -/ ;;
    new) if ((CURRENT == 3)); then compadd ${templates.join(" ")}; else _files; fi ;;
    *) _files ;;
    esac
}

_perfprof() {
    local -a line
    _arguments -s \\
${options.flatMap(specs).map((spec) => `${spec} \\`).join("\n")}
        '1:command or module:_perfprof_first' \\
        '*::argument:_perfprof_rest'
}

if [[ $funcstack[1] == _perfprof ]]; then
    _perfprof "$@"
else
    compdef _perfprof perfprof
fi
`;
}

/** For a text within a spec of _arguments, in single quotes. */
function escaped(text: string): string {
  return text.replace(/[[\]:\\]/g, "\\$&").replaceAll("'", `'\\''`);
}
