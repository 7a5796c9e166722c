/** Text as bytes: any characters, any length. */

import assert from "node:assert/strict";
import { fixedText, TextBytes } from "../lib/text_bytes.ts";

Deno.test("text grows, and what is there stays", () => {
  const text = new TextBytes();
  let expected = "";
  for (let i = 0; i < 300; i++) {
    const [string, fixed] = ["aé€𝄞".repeat(i), "x€".repeat(i % 20)];
    text.addString(string);
    text.add(fixedText(fixed));
    expected += string + fixed;
  }
  assert.equal(String(text), expected);
  assert.equal(text.used, new TextEncoder().encode(expected).length);
  text.clear();
  text.add(fixedText("\ufeffafter"));
  assert.equal(String(text), "\ufeffafter");
});
