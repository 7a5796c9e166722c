/**
 * speedscope, the whole program in headless Chromium, as a reader of what is exported.
 *
 * @module
 */

import speedscope from "npm:speedscope@1.25.0/package.json" with { type: "json" };
import { Page } from "./browser.ts";
import { pause, TempDir } from "./harness.ts";

/** What speedscope, the whole program, shows of a file: the profile's name, and its table of functions. */
export async function inSpeedscope(path: string): Promise<{ title: string; table: string }> {
  using dir = new TempDir();
  const name = JSON.stringify(path.slice(path.lastIndexOf("/") + 1));
  const script = dir.write("load.js", `speedscope.loadFileFromBase64(${name}, "${Deno.readFileSync(path).toBase64()}")`);
  const program =
    new URL("dist/release/index.html", import.meta.resolve(`npm:speedscope@${speedscope.version}/package.json`)).pathname;
  await using page = await Page.open(`${program}#localProfilePath=${script}`);
  const sandwich = `[...document.querySelectorAll("div")].findLast(({ textContent }) => textContent === "🥪Sandwich")`;
  for (let tries = 0; !await page.evaluate(`${sandwich} !== undefined`); await pause(50)) {
    if (++tries > 200) throw new Error(`speedscope did not open ${path}: ${await page.evaluate("document.body.innerText")}`);
  }
  await page.evaluate(`${sandwich}.click()`);
  await pause(100);
  return {
    title: String(await page.evaluate("document.title")),
    table: String(await page.evaluate("[...document.querySelectorAll('tr')].map(({ innerText }) => innerText).join('\\n')"))
      .replaceAll("\n\t", "\t"),
  };
}
