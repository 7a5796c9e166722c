/**
 * The completion script for bash 4 and newer. It needs no bash-completion: what that does for colons and equals signs, at which
 * bash breaks words, it does itself.
 *
 * @module
 */

import type { CompletionWords, ValueKind } from "./completions.ts";

/** The text of the script. */
export function bashScript({ options, commands, clocks, shells, templates }: CompletionWords): string {
  const valued = (kind: ValueKind) =>
    options.filter(({ value, valueName }) => valueName !== undefined && value === kind).flatMap(({ names }) => names).join("|");
  return `# bash completion of perfprof: source <(perfprof completions bash)

# The last item of a list of events, with those before it kept.
_perfprof_events() {
    local before=
    [[ -n \${_perfprof_names-} ]] || _perfprof_names=$(command perfprof list 2>/dev/null </dev/null)
    [[ $1 != *,* ]] || before=\${1%,*},
    COMPREPLY=($(compgen -P "$before" -W "$_perfprof_names" -- "\${1##*,}"))
}

_perfprof_words() {
    COMPREPLY=($(compgen -W "$1" -- "$2"))
}

_perfprof_files() {
    local IFS=$'\\n'
    compopt -o filenames 2>/dev/null
    COMPREPLY=($(compgen -f -- "$1"))
}

_perfprof() {
    local i=$COMP_CWORD cur previous prefix
    cur=\${COMP_WORDS[i]}
    while ((i > 1)) && [[ \${COMP_WORDS[i]} == [:=]* || \${COMP_WORDS[i - 1]} == *[:=] ]]; do
        i=$((i - 1))
        cur=\${COMP_WORDS[i]}$cur
    done
    previous=\${COMP_WORDS[i - 1]}
    # What bash has broken off stands on the line already: it must not come again.
    prefix=\${cur%"\${cur##*["$COMP_WORDBREAKS"]}"}
    [[ $prefix == *[:=] ]] || prefix=
    if [[ $cur == --*=* ]]; then
        previous=\${cur%%=*}
        cur=\${cur#*=}
        prefix=\${prefix#"$previous="}
    fi
    COMPREPLY=()
    case $previous in
    ${valued("events")}) _perfprof_events "$cur" ;;
    ${valued("clocks")}) _perfprof_words "${clocks.join(" ")}" "$cur" ;;
    ${valued("files")}) _perfprof_files "$cur" ;;
    ${valued("commands")}) COMPREPLY=($(compgen -c -- "$cur")) ;;
    ${valued("text")}) ;;
    *) _perfprof_argument "$i" "$cur" ;;
    esac
    COMPREPLY=("\${COMPREPLY[@]#"$prefix"}")
}

# A word that is no option's value: place, text.
_perfprof_argument() {
    local command=
    (($1 == 1)) || command=\${COMP_WORDS[1]}
    case $command in
    list | show) _perfprof_events "$2" ;;
    types) if [[ $2 == -* ]]; then _perfprof_words --ambient "$2"; else _perfprof_events "$2"; fi ;;
    completions) _perfprof_words "${shells.join(" ")}" "$2" ;;
    help) _perfprof_words "PerfEvent template" "$2" ;;
    doctor) ;;
    test) if [[ $2 == -* ]]; then _perfprof_words --update "$2"; else _perfprof_files "$2"; fi ;;
    new) if (($1 == 3)); then _perfprof_words "${templates.join(" ")}" "$2"; else _perfprof_files "$2"; fi ;;
    *)
        if [[ $2 == -* ]]; then
            _perfprof_words "${options.flatMap(({ names }) => names).join(" ")}" "$2"
            return
        fi
        _perfprof_files "$2"
        [[ -n $command || $2 == */* ]] || COMPREPLY+=($(compgen -W "${commands.join(" ")}" -- "$2"))
        ;;
    esac
}

complete -F _perfprof perfprof
`;
}
