/**
 * Markers that a program was compiled with (USDT) -> uprobes in the kernel's terms. A marker's arguments are operands of assembly;
 * those that the kernel can fetch become arg1, arg2, ... Pure text.
 *
 * @module
 */

import type { Marker } from "./probes.ts";

/** An operand and its size in bytes, negative where it is signed: `-4@%edi`. A displacement may stand apart: `8@[sp, 16]`. */
const OPERAND = /^(-?[1248])@(\[[^\]]*\]|\S+)$/;
/** x86: `(%rax)`, `-16(%rbp)`; aarch64: `[sp]`, `[sp, 16]`. */
const MEMORY = /^(-?\d+)?\(%(\w+)\)$|^\[(\w+)(?:,\s*#?(-?\d+))?\]$/;
const REGISTER = /^%(\w+)$|^([xw]\d+|sp)$/;
const NUMBER = /^[$#]?(-?(?:0x[0-9a-f]+|\d+))$/i;

/** Names of the old x86 registers, without the prefix and suffix of their width. */
const OLD_REGISTER = /^[er]?([abcd]x|[sd]i|[sb]p)$/;
const BYTE_REGISTER = /^([abcd])l$|^([sd]i|[sb]p)l$/;
const NEW_REGISTER = /^(r(?:[89]|1[0-5]))[dwb]?$/;

/**
 * Definitions of a marker's places, each with the arguments that all of them have.
 *
 * @param path The file
 * @param markers Of one name
 * @param own Further arguments, in which $argN stands for the marker's
 * @throws {RangeError} There is no such argument; the message is its name
 */
export function usdtPlaces(path: string, markers: readonly Marker[], own: readonly string[]): string[] {
  const all = markers.map(({ args }) => usdtArguments(args));
  // The kernel takes several places as one event where their arguments are of the same types.
  const shared = [...all[0]!.keys()].filter((name) => new Set(all.map((args) => args.get(name)?.type)).size === 1);
  return markers.map(({ offset, semaphore }, i) => {
    const counter = semaphore === 0n ? "" : `(0x${semaphore.toString(16)})`;
    const args = shared.map((name) => `${name}=${all[i]!.get(name)!.value}:${all[i]!.get(name)!.type}`);
    const filled = own.map((text) =>
      text.replace(/\$(arg\d+)/g, (word, name) => {
        const value = all[i]!.get(name)?.value;
        if (value === undefined) throw new RangeError(word);
        return value;
      })
    );
    return [`${path}:0x${offset.toString(16)}${counter}`, ...args, ...filled].join(" ");
  });
}

interface UsdtArgument {
  /** As the kernel fetches it. */
  readonly value: string;
  readonly type: string;
}

/** The arguments that can be fetched, by name; others (a table's element, a place relative to the code, a float) are left out. */
function usdtArguments(text: string): Map<string, UsdtArgument> {
  const operands = text.split(/\s+(?=-?\d+f?@)/);
  return new Map(operands.flatMap((operand, i) => {
    const [, size, place] = OPERAND.exec(operand.trim()) ?? [];
    const value = place === undefined ? undefined : fetched(place);
    const bytes = Number(size);
    return value === undefined ? [] : [[`arg${i + 1}`, { value, type: `${bytes < 0 ? "s" : "u"}${Math.abs(bytes) * 8}` }]];
  }));
}

function fetched(place: string): string | undefined {
  const number = NUMBER.exec(place)?.[1];
  if (number !== undefined) return `\\${number}`;
  const [, x86, arm] = REGISTER.exec(place) ?? [];
  const register = x86 ?? arm;
  if (register !== undefined) return registerName(register);
  const [matched, before, x86Base, armBase, after] = MEMORY.exec(place) ?? [];
  if (matched === undefined) return undefined;
  const base = registerName(x86Base ?? armBase!);
  const offset = before ?? after ?? "0";
  return base && `${offset.startsWith("-") ? "" : "+"}${offset}(${base})`;
}

/** As the kernel names it, whatever part of it is meant: the type cuts it. Undefined for what it does not know (`ah`, `rip`). */
function registerName(name: string): string | undefined {
  const wide = OLD_REGISTER.exec(name)?.[1] ?? NEW_REGISTER.exec(name)?.[1];
  if (wide !== undefined) return `%${wide}`;
  const [, letter, pointer] = BYTE_REGISTER.exec(name) ?? [];
  if (letter !== undefined) return `%${letter}x`;
  if (pointer !== undefined) return `%${pointer}`;
  return /^[xw]\d+$|^sp$/.test(name) ? `%${name.replace("w", "x")}` : undefined;
}
