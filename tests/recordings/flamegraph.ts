/** The ready handler, over a recording; what it writes is printed: as lines, which say the same as the page. */
const folder = Deno.makeTempDirSync();
Deno.chdir(folder);
Object.defineProperty(Deno, "args", { value: ["flame.folded"] });
const handler = await import("../../templates/flamegraph.ts");

export const { __init__, __sample__ } = handler;

export async function __exit__(): Promise<void> {
  await handler.__exit__();
  console.log(Deno.readTextFileSync("flame.folded"));
  Deno.removeSync(folder, { recursive: true });
}
