/**
 * How many columns of a terminal a text takes. Chinese, Japanese and Korean characters and emoji take two, combining ones none.
 * Pure.
 *
 * @module
 */

const ASCII = /^[ -~]*$/;
/** The blocks of Unicode's EastAsianWidth.txt that are W or F as a whole, and what is shown as a picture by itself. */
const WIDE = new RegExp(
  "[\\u1100-\\u115F\\u2329\\u232A\\u2E80-\\u303E\\u3041-\\uA4CF\\uA960-\\uA97C\\uAC00-\\uD7A3\\uF900-\\uFAFF\\uFE30-\\uFE6F" +
    "\\uFF01-\\uFF60\\uFFE0-\\uFFE6\\u{17000}-\\u{18CFF}\\u{1B000}-\\u{1B2FF}\\u{20000}-\\u{3FFFD}\\p{Emoji_Presentation}]",
  "u",
);
const NONE = /^[\p{M}\p{Cf}]+$/u;
const CONTROL = /\p{Cc}/gu;

let segmenter: Intl.Segmenter | undefined;

/** Columns that a text takes. */
export function textWidth(text: string): number {
  if (ASCII.test(text)) return text.length;
  segmenter ??= new Intl.Segmenter();
  let width = 0;
  // What a reader takes for one character: with its accents, or joined to one picture.
  for (const { segment } of segmenter.segment(text)) width += NONE.test(segment) ? 0 : WIDE.test(segment) ? 2 : 1;
  return width;
}

/** The text without what moves the cursor: a task may be called anything. */
export function visible(text: string): string {
  return text.replace(CONTROL, (control) => `\\x${control.charCodeAt(0).toString(16).padStart(2, "0")}`);
}
