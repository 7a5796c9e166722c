/**
 * Values as JSON: bigints to the last digit, typed arrays as arrays. Half a character (a text cut between two surrogates) is U+FFFD,
 * as in every other format: readers of JSON refuse it.
 *
 * @module
 */

/** JSON has no bigint, but numbers of any length: rawJSON writes one digit by digit. TypeScript does not declare it yet. */
const { rawJSON } = JSON as unknown as { rawJSON(text: string): unknown };

/** The text of a value; `null` of what JSON has no word for. */
export function jsonText(value: unknown): string {
  return JSON.stringify(value, replace) ?? "null";
}

/** The same for readers whose integers have 64 bits and a sign, and wrap round beyond: larger ones are text, digit by digit. */
export function int64JsonText(value: unknown): string {
  return JSON.stringify(value, (name, value) => replace(name, asInt64(value))) ?? "null";
}

function asInt64(value: unknown): unknown {
  if (typeof value === "bigint") return BigInt.asIntN(64, value) === value ? value : String(value);
  const isLarge = typeof value === "number" && Number.isInteger(value) && Math.abs(value) >= 2 ** 63;
  return isLarge ? rawJSON(value.toExponential()) : value;
}

function replace(_name: string, value: unknown): unknown {
  if (typeof value === "bigint") return rawJSON(String(value));
  if (typeof value === "string") return value.toWellFormed();
  return ArrayBuffer.isView(value) ? [...value as Uint8Array | BigUint64Array] : value;
}
