/**
 * Values as JSON: bigints to the last digit, typed arrays as arrays.
 *
 * @module
 */

/** JSON has no bigint, but numbers of any length: rawJSON writes one digit by digit. TypeScript does not declare it yet. */
const { rawJSON } = JSON as unknown as { rawJSON(text: string): unknown };

/** The text of a value; `null` of what JSON has no word for. */
export function jsonText(value: unknown): string {
  return JSON.stringify(value, replace) ?? "null";
}

function replace(_name: string, value: unknown): unknown {
  if (typeof value === "bigint") return rawJSON(String(value));
  return ArrayBuffer.isView(value) ? [...value as Uint8Array | BigUint64Array] : value;
}
