/**
 * The types of the functions that a WebAssembly module imports and exports. JavaScript does not tell them, and a function of another
 * type than expected fails only when it is called, or not even then. Reads modules that the engine has found to be valid.
 *
 * Formats: WebAssembly Core Specification, 5 Binary Format.
 *
 * @module
 */

/** A function's type: `i32`, `i64` and so on. */
export interface FunctionType {
  readonly params: readonly string[];
  readonly results: readonly string[];
}

/** `(i32, i64) -> i32`; of a function without results `(i32, i64)`. */
export function typeText({ params, results }: FunctionType): string {
  return `(${params.join(", ")})${results.length === 0 ? "" : ` -> ${results.join(", ")}`}`;
}

/** The functions of a module. */
export interface FunctionTypes {
  /** By `MODULE.NAME`. */
  readonly imports: ReadonlyMap<string, FunctionType>;
  readonly exports: ReadonlyMap<string, FunctionType>;
}

/** Section ids, and kinds of what is imported and exported. */
const TYPES = 1, IMPORTS = 2, FUNCTIONS = 3, EXPORTS = 7;
const FUNCTION = 0, TABLE = 1, MEMORY = 2, GLOBAL = 3;
/** Before a function's type. */
const FUNC = 0x60;
const VALUE_TYPES: ReadonlyMap<number, string> = new Map([
  ...([[0x7f, "i32"], [0x7e, "i64"], [0x7d, "f32"], [0x7c, "f64"], [0x7b, "v128"]] as const),
  ...([[0x70, "funcref"], [0x6f, "externref"]] as const),
]);
/** Before the sections: magic and version. */
const HEAD = 8;

/** A part of the binary format that is newer than this file. */
class Unknown extends Error {}

/**
 * Reads the types.
 *
 * @param bytes Of a valid module
 * @returns Undefined where it has types that are not known here: of objects that are collected, for one
 */
export function functionTypes(bytes: Uint8Array): FunctionTypes | undefined {
  try {
    return new TypeReader(bytes).read();
  } catch (error) {
    if (error instanceof Unknown) return undefined;
    throw error;
  }
}

class TypeReader {
  readonly #bytes: Uint8Array;
  readonly #text = new TextDecoder();
  #at = HEAD;
  #types: FunctionType[] = [];
  /** Of all functions, those that are imported first: their types. */
  readonly #functions: FunctionType[] = [];
  readonly #imports = new Map<string, FunctionType>();
  readonly #exports = new Map<string, FunctionType>();

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  read(): FunctionTypes {
    while (this.#at < this.#bytes.length) {
      const id = this.#byte();
      const size = this.#number();
      const end = this.#at + size;
      if (id === TYPES) this.#types = this.#list(() => this.#type());
      else if (id === IMPORTS) this.#list(() => this.#import());
      else if (id === FUNCTIONS) this.#functions.push(...this.#list(() => this.#types[this.#number()]!));
      else if (id === EXPORTS) this.#list(() => this.#export());
      this.#at = end;
    }
    return { imports: this.#imports, exports: this.#exports };
  }

  #byte(): number {
    return this.#bytes[this.#at++]!;
  }

  /** LEB128, as a double: only limits of a memory may need more than 32 bits, and nobody asks for those. */
  #number(): number {
    let value = 0;
    for (let scale = 1;; scale *= 128) {
      const byte = this.#byte();
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value;
    }
  }

  #list<T>(read: () => T): T[] {
    return Array.from({ length: this.#number() }, read);
  }

  #name(): string {
    const length = this.#number();
    return this.#text.decode(this.#bytes.subarray(this.#at, this.#at += length));
  }

  #valueType(): string {
    const type = VALUE_TYPES.get(this.#byte());
    if (type === undefined) throw new Unknown();
    return type;
  }

  #type(): FunctionType {
    if (this.#byte() !== FUNC) throw new Unknown();
    const params = this.#list(() => this.#valueType());
    return { params, results: this.#list(() => this.#valueType()) };
  }

  #import(): void {
    const name = `${this.#name()}.${this.#name()}`;
    const kind = this.#byte();
    if (kind === FUNCTION) {
      const type = this.#types[this.#number()]!;
      this.#functions.push(type);
      this.#imports.set(name, type);
    } else if (kind === GLOBAL) {
      this.#valueType();
      this.#byte();
    } else if (kind === TABLE || kind === MEMORY) {
      if (kind === TABLE) this.#valueType();
      this.#limits();
    } else throw new Unknown();
  }

  #limits(): void {
    const hasMost = (this.#byte() & 1) !== 0;
    this.#number();
    if (hasMost) this.#number();
  }

  #export(): void {
    const name = this.#name();
    const kind = this.#byte();
    const index = this.#number();
    if (kind === FUNCTION) this.#exports.set(name, this.#functions[index]!);
  }
}
