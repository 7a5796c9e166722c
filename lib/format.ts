/**
 * A tracepoint's format and its print format, as libtraceevent has parsed them: what they are, not how they are read.
 *
 * @module
 */

/** One field of a tracepoint's format, as libtraceevent reads it. */
export interface FormatField {
  readonly name: string;
  /** The C type without array brackets: `char`, `__data_loc char[]`, `unsigned long`, `const char *`. */
  readonly type: string;
  /** From the start of the raw data, in bytes. */
  readonly offset: number;
  /** In bytes; of a dynamic field, of its locator. */
  readonly size: number;
  readonly signed: boolean;
  /** One of the common_* fields that every tracepoint has. */
  readonly common: boolean;
  readonly array: boolean;
  /** Elements of an array of fixed length, else 0. */
  readonly count: number;
  /** Bytes of one element of an array, 0 where it has none. */
  readonly elementSize: number;
  readonly string: boolean;
  readonly pointer: boolean;
  /** `__data_loc` or `__rel_loc`: a u32 of (length << 16 | offset). */
  readonly dynamic: boolean;
  /** `__rel_loc`: the offset counts from the end of the locator. */
  readonly relative: boolean;
}

/** A tracepoint's format: what tracefs says of one event. */
export interface TracepointFormat {
  readonly id: number;
  readonly system: string;
  readonly name: string;
  /** The text after `print fmt: `. */
  readonly printFormat: string;
  /** False when libtraceevent cannot parse the print format: `name=value` pairs are printed instead. */
  readonly printable: boolean;
  readonly fields: readonly FormatField[];
}

/** A value and its name in a `__print_flags` or `__print_symbolic`. */
export interface PrintName {
  /** A number as C writes it, or a name that libtraceevent did not resolve. */
  readonly value: string;
  readonly name: string;
}

/** An argument of a print format, as libtraceevent has parsed it. The left of a unary operator is `null`; `?` has `:` on its right. */
export type PrintArgument =
  | { readonly kind: "null" | "other" }
  | { readonly kind: "atom"; readonly text: string }
  | { readonly kind: "field" | "string"; readonly name: string }
  | { readonly kind: "cast"; readonly type: string; readonly item: PrintArgument }
  | { readonly kind: "op"; readonly op: string; readonly left: PrintArgument; readonly right: PrintArgument }
  | {
    readonly kind: "flags";
    readonly delimiter: string;
    readonly values: readonly PrintName[];
    readonly item: PrintArgument;
  }
  | { readonly kind: "symbol"; readonly values: readonly PrintName[]; readonly item: PrintArgument };

/** A tracepoint's print format, parsed: a C format string with its escapes, and its arguments. */
export interface PrintTree {
  readonly format: string;
  readonly arguments: readonly PrintArgument[];
}

/** A kernel symbol as %pS shows it: the address is `offset` behind its start. */
export interface PrintSymbol {
  readonly name: string;
  readonly offset: bigint;
}
