/** The ready handler, over a recording; what it writes is printed. */
const folder = Deno.makeTempDirSync();
Deno.chdir(folder);
const handler = await import("../../templates/state.ts");

export const { __sample__ } = handler;

export function __exit__(): void {
  handler.__exit__();
  console.log(Deno.readTextFileSync("stats.json"));
  Deno.removeSync(folder, { recursive: true });
}
