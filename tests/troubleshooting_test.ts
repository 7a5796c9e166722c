/**
 * docs/troubleshooting.md and the source say the same: each message that it explains is one that perfprof prints, and each error
 * of perfprof's is explained. (What it shows as transcripts is run by docs_test.ts.)
 *
 * A message there is a code span at the beginning of a list item. Words in capitals stand for what is filled in.
 */

import assert from "node:assert/strict";

const root = new URL("../", import.meta.url);
const PLACEHOLDER = /\b[A-Z][A-Z_]*\b/;

function filesOf(folder: string, pattern: RegExp): string[] {
  return [...Deno.readDirSync(new URL(folder, root))].flatMap(({ name, isDirectory }) => {
    if (isDirectory) return name === "build" ? [] : filesOf(`${folder}${name}/`, pattern);
    return pattern.test(name) ? [folder + name] : [];
  });
}

const sources = ["main.ts", ...filesOf("lib/", /\.ts$/), ...filesOf("ffi/", /\.ts$/), ...filesOf("native/", /\.c$/)].map((
  path,
) => ({
  path,
  text: Deno.readTextFileSync(new URL(path, root)),
}));

/** All that is written between the quotes and `${}` of the source, more or less: what a message can be made of. */
const written = sources.map(({ text }) => text.replace(/\$\{[^{}]*\}/g, "\0").replace(/["'`] \+\s*["'`]/g, "")).join("\n");

/** The messages of the document. */
const messages: string[] = Deno.readTextFileSync(new URL("docs/troubleshooting.md", root)).split(/^- /m).slice(1).flatMap(
  (item) => {
    const [head = ""] = /^(?:`[^`]+`(?:,\s+)?)+/.exec(item) ?? [];
    return [...head.matchAll(/`([^`]+)`/g)].map(([, message]) => message!.replace(/\s+/g, " "));
  },
);

/** Whether the source has it, in four pieces at most: "failed:", "permission denied", "(perf_event_paranoid is". */
function has(part: string, pieces = 4): boolean {
  if (written.includes(part)) return true;
  const words = part.split(" ");
  return pieces > 1 &&
    words.some((_, i) => i > 0 && written.includes(words.slice(0, i).join(" ")) && has(words.slice(i).join(" "), pieces - 1));
}

Deno.test("every message of docs/troubleshooting.md is still in the source", () => {
  assert.ok(messages.length > 50, `${messages.length}`);
  const gone = messages.filter((message) =>
    message.split(PLACEHOLDER).map((part) => part.replace(/^\W+|\W+$/g, "")).some((part) => part.length > 2 && !has(part))
  );
  assert.deepEqual(gone, []);
});

/** Where an error is made with its text: `throw new UsageError("...")`, textError(...), and fail(...) of lib/failures.ts. */
const MADE = /(?:new (?:PerfprofError|UsageError)|\btextError)\(\s*(?:`((?:\\.|[^`\\])*)`|"((?:\\.|[^"\\])*)")/g;
const FAILS = /\bfail\(\s*(?:`((?:\\.|[^`\\])*)`|"((?:\\.|[^"\\])*)")/g;

function texts({ path, text }: { path: string; text: string }): string[] {
  const found = [...text.matchAll(MADE), ...path === "lib/failures.ts" ? text.matchAll(FAILS) : []];
  return found.map(([, template, plain]) => (template ?? plain)!);
}

Deno.test("every error is explained in docs/troubleshooting.md", () => {
  const errors = sources.flatMap(texts).filter((text) => !/not supported yet|supported yet$/.test(text));
  assert.ok(errors.length > 40, `${errors.length}`);
  const missing = errors.filter((text) => {
    // What a place in braces is filled with may hold quotes and braces of its own, and be cut off at the end.
    const parts = text.split(/\$\{(?:[^{}]|\{[^{}]*\})*\}?/).map((part) => RegExp.escape(part));
    const pattern = new RegExp(parts.join(".*"));
    return !messages.some((message) => pattern.test(message));
  });
  assert.deepEqual(missing, [], "each needs a line in docs/troubleshooting.md");
});
