/** The flame graph as people use it: opened from a disk in a browser, zoomed, searched, by mouse and by keyboard. */

import assert from "node:assert/strict";
import { Stacks } from "../lib/export/stacks.ts";
import { CHROMIUM, Page } from "./browser.ts";
import { TempDir } from "./harness.ts";

/** Registers a test with a page of these stacks. */
function page(name: string, stacks: Stacks, test: (page: Page) => Promise<void>): void {
  Deno.test({
    name: CHROMIUM === undefined ? `${name} (skipped: no Chromium)` : name,
    ignore: CHROMIUM === undefined,
    fn: async () => {
      using dir = new TempDir();
      await stacks.write(`${dir.path}/flame.html`);
      await using page = await Page.open(`${dir.path}/flame.html`);
      await test(page);
    },
  });
}

/** 3 main;parse;read, 5 main;draw;paint, 2 main;draw. */
function threeStacks(): Stacks {
  const stacks = new Stacks({ unit: "ms", title: "A & B" });
  stacks.add(["read", "parse", "main"], 3);
  stacks.add(["paint", "draw", "main"], 5);
  stacks.add(["draw", "main"], 2);
  return stacks;
}

/** [name, percent of the graph's width] of the frames that are shown, the outermost first. */
const SHOWN = `[...document.querySelectorAll(".frame")].map((box) =>
  [box.textContent, Math.round(box.getBoundingClientRect().width / graph.clientWidth * 100)])`;
const STATUS = `document.getElementById("status").textContent`;

page("frames are as wide as their weight, and say it", threeStacks(), async (page) => {
  assert.equal(await page.evaluate("document.title"), "A & B");
  assert.deepEqual(await page.evaluate(SHOWN), [["all", 100], ["main", 100], ["parse", 30], ["read", 30], ["draw", 70], [
    "paint",
    50,
  ]]);
  assert.equal(await page.evaluate(STATUS), "all: 10 ms, 100.00%");
});

page("a click zooms, the button goes back", threeStacks(), async (page) => {
  await page.click("draw");
  assert.deepEqual(await page.evaluate(SHOWN), [["all", 100], ["main", 100], ["draw", 100], ["paint", 71]]);
  assert.equal(await page.evaluate(STATUS), "draw: 7 ms, 70.00%, 100.00% of draw");
  await page.click("Reset zoom");
  assert.equal((await page.evaluate(SHOWN) as []).length, 6);
  assert.equal(await page.evaluate(`document.getElementById("reset").disabled`), true);
});

page("arrows move, Enter zooms, Escape goes one frame back", threeStacks(), async (page) => {
  for (const key of ["ArrowUp", "ArrowUp"]) await page.press(key);
  assert.equal(await page.evaluate("document.activeElement.textContent"), "draw", "the widest callee");
  await page.press("ArrowLeft");
  assert.equal(await page.evaluate("document.activeElement.textContent"), "parse");
  await page.press("Enter");
  assert.deepEqual(await page.evaluate(SHOWN), [["all", 100], ["main", 100], ["parse", 100], ["read", 100]]);
  await page.press("Escape");
  assert.equal(await page.evaluate("document.activeElement.textContent"), "main");
});

page("a search marks what it finds and says its share", threeStacks(), async (page) => {
  for (const key of "/^(read|pa") await page.press(key);
  assert.equal(
    await page.evaluate(`document.getElementById("matched").textContent`),
    "matched 0.00%",
    "not whole: a plain text",
  );
  await page.press(")");
  assert.deepEqual(await page.evaluate(`[...document.querySelectorAll(".found")].map(({ textContent }) => textContent)`), [
    "parse",
    "read",
    "paint",
  ]);
  assert.equal(await page.evaluate(`document.getElementById("matched").textContent`), "matched 80.00%");
  await page.press("Escape");
  assert.equal(await page.evaluate(`document.querySelectorAll(".found").length`), 0);
});

const HOSTILE = `</script><script>document.title="owned"</script><img src=x onerror='document.title="owned"'>$&"PROFILE"`;

/** Names that would be a program's if they got into the page as they are. */
function hostileStacks(): Stacks {
  const stacks = new Stacks({ title: HOSTILE, unit: HOSTILE });
  stacks.add([HOSTILE, "main"], 1, HOSTILE);
  return stacks;
}

page("names are text, whatever they look like", hostileStacks(), async (page) => {
  assert.equal(await page.evaluate("document.title"), HOSTILE);
  assert.deepEqual(await page.evaluate(`[...document.querySelectorAll(".frame")].map(({ textContent }) => textContent)`), [
    "all",
    HOSTILE,
    "main",
    HOSTILE,
  ]);
  assert.equal(await page.evaluate("document.images.length + document.scripts.length"), 2, "the page's own scripts");
});

/** 120,000 frames, most of them too narrow to be seen. */
function manyStacks(): Stacks {
  const stacks = new Stacks();
  for (let i = 0; i < 60_000; i++) stacks.add([`leaf${i}`, `f${i}`, "main"], 1);
  for (let i = 0; i < 100; i++) stacks.add([`wide${i}`, "main"], 1000);
  return stacks;
}

page("a large profile makes a small page", manyStacks(), async (page) => {
  assert.equal((await page.evaluate(SHOWN) as []).length, 102);
});
