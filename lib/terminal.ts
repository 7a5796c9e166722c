/**
 * What stdout is to a command's output: how wide, and whether colours are welcome; text fitted to that, and messages to stderr. Asks
 * Deno, prints nothing.
 *
 * @module
 */

/** Where a command's output goes. */
export interface Terminal {
  /** Undefined: no terminal, so nothing is cut or wrapped. */
  readonly columns: number | undefined;
  readonly colours: boolean;
}

/** What stdout is now. Colours are for terminals only, and not with NO_COLOR. */
export function stdoutTerminal(): Terminal {
  if (!Deno.stdout.isTerminal()) return { columns: undefined, colours: false };
  return { columns: Deno.consoleSize().columns, colours: !Deno.noColor && Deno.env.get("TERM") !== "dumb" };
}

/** SGR parameters (ECMA-48): on, off. */
const STYLES = { bold: [1, 22], dim: [2, 22], cyan: [36, 39], green: [32, 39], yellow: [33, 39], red: [31, 39] } as const;

/** The text in a style, where colours are welcome. */
export function styled({ colours }: Terminal, style: keyof typeof STYLES, text: string): string {
  const [on, off] = STYLES[style];
  return colours ? `\x1b[${on}m${text}\x1b[${off}m` : text;
}

/** At most `width` characters; what is cut ends in `...`. */
export function fitted(text: string, width: number): string {
  if (text.length <= width) return text;
  return width < 4 ? "" : `${text.slice(0, width - 3).trimEnd()}...`;
}

/**
 * Breaks a text at its spaces.
 *
 * @param width Of a line in characters; a longer word stays whole. Undefined: no limit
 */
export function wrapped(text: string, width = Infinity): string[] {
  const lines: string[] = [];
  for (const word of text.split(" ")) {
    const last = lines.at(-1);
    if (last === undefined || last.length + 1 + word.length > width) lines.push(word);
    else lines[lines.length - 1] = `${last} ${word}`;
  }
  return lines;
}

/** Below this width broken lines are no easier to read. */
const COLUMNS_LEAST = 40;
const CONTINUED = "    ";

/**
 * A message as stderr shows it. On a terminal its `perfprof:` lines are broken between words; the others stay, being places with a
 * caret below them, or commands to be copied.
 *
 * @param columns Of the terminal; undefined: none
 */
export function shownMessage(text: string, columns = stderrColumns()): string {
  if (columns === undefined || columns < COLUMNS_LEAST) return text;
  const broken = (line: string) => wrapped(line, columns - CONTINUED.length).join(`\n${CONTINUED}`);
  return text.split("\n").map((line) => line.startsWith("perfprof: ") && line.length > columns ? broken(line) : line).join(
    "\n",
  );
}

function stderrColumns(): number | undefined {
  return Deno.stderr.isTerminal() ? Deno.consoleSize().columns : undefined;
}
