/**
 * What writers of text write, as strings: behind other text, which they must leave as it is.
 *
 * @module
 */

import assert from "node:assert/strict";
import type { PrintFunction } from "../lib/print_code.ts";
import { TextBytes } from "../lib/text_bytes.ts";

const BEFORE = "before: ";

/** What is added to a text; undefined where that is false, and the text must be as before. */
export function added(add: (text: TextBytes) => boolean | void): string | undefined {
  const text = new TextBytes();
  text.addString(BEFORE);
  // No room but for what is there: a writer that asks for too little leaves it, which throws.
  text.view = new DataView(text.slice(0).slice().buffer);
  const all = add(text) !== false;
  const whole = String(text);
  if (!all) assert.equal(whole, BEFORE);
  assert.ok(whole.startsWith(BEFORE), whole);
  return all ? whole.slice(BEFORE.length) : undefined;
}

/** What a compiled print format makes of raw data. */
export function printed(print: PrintFunction, view: DataView, raw: number): string | undefined {
  return added((text) => print(view, raw, text));
}

/** What a writer of lib/print_values.ts writes of numbers. */
export function written(writer: (to: DataView, at: number, ...values: number[]) => number, ...values: number[]): string {
  const [to, at] = [new Uint8Array(64).fill(0x21), 3];
  const end = writer(new DataView(to.buffer), at, ...values);
  const text = new TextDecoder().decode(to);
  assert.equal(text.slice(0, at) + text.slice(end), "!".repeat(to.length - (end - at)));
  return text.slice(at, end);
}
