/**
 * The value of a constant C expression, as the kernel's print formats write them: `0x10`, `(1 << 0) | (1 << 2)`, casts and suffixes.
 * What it does not know (an enum's name, a call) has no value; it never throws.
 *
 * @module
 */

/** Binary operators, the loosest first; those of a row bind alike. */
const OPERATORS: readonly Readonly<Record<string, (a: bigint, b: bigint) => bigint>>[] = [
  { "|": (a, b) => a | b },
  { "^": (a, b) => a ^ b },
  { "&": (a, b) => a & b },
  { "<<": (a, b) => a << (b & 63n), ">>": (a, b) => a >> (b & 63n) },
  { "+": (a, b) => a + b, "-": (a, b) => a - b },
  { "*": (a, b) => a * b },
];
const TOKEN = /\s*(0[xX][\da-fA-F]+|\d+|'.'|<<|>>|[-|^&+*~()])/y;
/** Changes no constant's value that a flag or an enum has. */
const CAST = /\(\s*(?:const\s+)?[a-z_]\w*(?:\s+[a-z_]\w*)*\s*\**\s*\)(?=\s*[\w(~'-])/g;
const SUFFIX = /\b(0[xX][\da-fA-F]+|\d+)[uUlL]+\b/g;

/**
 * Evaluates a constant integer expression.
 *
 * @returns Its value, of any width; undefined when it is none
 */
export function constantValue(expression: string): bigint | undefined {
  const tokens = tokensOf(expression.replace(CAST, " ").replace(SUFFIX, "$1"));
  if (tokens === undefined) return undefined;
  const value = binary(tokens, 0);
  return tokens.length === 0 ? value : undefined;
}

/** Last token first: the next one is popped. Undefined when something is no token. */
function tokensOf(text: string): string[] | undefined {
  const tokens: string[] = [];
  let at = 0;
  while (text.slice(at).trim() !== "") {
    TOKEN.lastIndex = at;
    const token = TOKEN.exec(text)?.[1];
    if (token === undefined) return undefined;
    tokens.push(token);
    at = TOKEN.lastIndex;
  }
  return tokens.reverse();
}

function binary(tokens: string[], level: number): bigint | undefined {
  const operators = OPERATORS[level];
  if (operators === undefined) return unary(tokens);
  let value = binary(tokens, level + 1);
  for (;;) {
    const operate = operators[tokens.at(-1) ?? ""];
    if (value === undefined || operate === undefined) return value;
    tokens.pop();
    const right = binary(tokens, level + 1);
    value = right === undefined ? undefined : operate(value, right);
  }
}

function unary(tokens: string[]): bigint | undefined {
  const token = tokens.pop();
  switch (token) {
    case undefined:
      return undefined;
    case "-":
    case "~": {
      const value = unary(tokens);
      return value === undefined ? undefined : token === "-" ? -value : ~value;
    }
    case "(": {
      const value = binary(tokens, 0);
      return tokens.pop() === ")" ? value : undefined;
    }
    default:
      if (token.startsWith("'")) return BigInt(token.codePointAt(1)!);
      return /^\d/.test(token) ? BigInt(token) : undefined;
  }
}
