/** Shared objects that are no handlers, or cannot be loaded, or are not to be trusted: one line each that says so. */

import assert from "node:assert/strict";
import { requireTrusted } from "../ffi/handler_trust.ts";
import { QUIET } from "./command.ts";
import { compile, noCompiler, Objects } from "./compiled_so.ts";
import { live, perfprof } from "./harness.ts";

/** Runs a shared object that must not come to run. */
async function refused(object: string): Promise<string> {
  const { code, stdout, stderr } = await perfprof(["-e", QUIET, object]);
  assert.deepEqual([code, stdout], [1, ""], stderr);
  return stderr;
}

/** Compiles a text that is all of a file. */
function compiled(objects: Objects, text: string, flags: readonly string[] = []): string {
  compile(objects.write("h.c", text), `${objects.path}/h.so`, "gcc", flags);
  return `${objects.path}/h.so`;
}

live("what dlopen says of a file that it cannot load is one line", async () => {
  using objects = new Objects();
  const text = objects.write("text.so", "int main;\n");
  assert.match(
    await refused(text),
    new RegExp(`^perfprof: module ${text} cannot be loaded: .*(invalid ELF header|file too short)\\n$`),
  );
  const unresolved = compiled(
    objects,
    "extern int nowhere(void); int __init__(void); int __init__(void) { return nowhere(); }\n",
  );
  assert.equal(await refused(unresolved), `perfprof: module ${unresolved} cannot be loaded: undefined symbol: nowhere\n`);
}, noCompiler);

live("what would crash or stop dlopen is refused before it: part of a file, another CPU's, a fifo", async () => {
  using objects = new Objects();
  const object = objects.make("void __exit__(void) {}");
  const whole = Deno.readFileSync(object);
  const refusal = (why: string) => `perfprof: module ${object} cannot be loaded: ${why}\n`;
  Deno.writeFileSync(object, whole.subarray(0, whole.length / 2));
  assert.equal(await refused(object), refusal("the file is cut short"));
  // e_machine: that of PDP-11.
  Deno.writeFileSync(object, whole.with(18, 65).with(19, 0));
  assert.equal(await refused(object), refusal("it is for another kind of CPU"));
  Deno.removeSync(object);
  new Deno.Command("mkfifo", { args: ["-m", "600", object] }).outputSync();
  assert.equal(await refused(object), refusal("not a regular file"));
}, noCompiler);

live("a shared object without perfprof_attach is no handler, and is told how to become one", async () => {
  using objects = new Objects();
  const object = compiled(objects, "int __init__(void); int __init__(void) { return 0; }\n");
  assert.equal(
    await refused(object),
    `perfprof: module ${object} cannot be loaded: it is no handler: perfprof_attach is missing\n` +
      "hint: #include <perfprof_handler.h> and PERFPROF_HANDLER; in it, then gcc -shared -fPIC -O2 -o h.so h.c\n",
  );
}, noCompiler);

live("a handler for another PERFPROF_HANDLER_ABI is refused", async () => {
  using objects = new Objects();
  const object = compiled(
    objects,
    "unsigned perfprof_attach(const void *); unsigned perfprof_attach(const void *h) { return h ? 99 : 0; }\n",
  );
  assert.match(
    await refused(object),
    /cannot be loaded: it was compiled for another perfprof: PERFPROF_HANDLER_ABI 99, not 1\nhint: /,
  );
}, noCompiler);

live("one without handlers lists what it exports, and misspelt ones are guessed", async () => {
  using objects = new Objects();
  const none = objects.make("PP_EXPORT int helper(void); int helper(void) { return 1; }");
  assert.match(await refused(none), new RegExp(`^perfprof: module ${none} has no handlers: it exports helper\\nhint: `));
  const misspelt = objects.make(
    'PP_EXPORT void __inteval__(void) {}\nint __init__(void) { return pp_give_up("done"); }',
    "misspelt",
  );
  assert.match(
    await refused(misspelt),
    /^perfprof: warning: export __inteval__ is never called: .*did you mean __interval__\?$/m,
  );
}, noCompiler);

live("root loads no object that another user can write, wherever it is", async () => {
  using objects = new Objects();
  const object = objects.make("void __exit__(void) {}");
  Deno.chmodSync(object, 0o777);
  const refusal = (what: string) =>
    `perfprof: module ${object} is not loaded: other users can write ${what}\n` +
    "hint: a .so runs with all rights of perfprof: keep it in a folder that only root can write\n";
  assert.equal(await refused(object), refusal(object));
  Deno.chmodSync(object, 0o755);
  Deno.chmodSync(objects.path, 0o777);
  assert.equal(await refused(object), refusal(objects.path));
}, noCompiler);

Deno.test("who may write a handler's file, its folder and those above", () => {
  using objects = new Objects();
  const inner = `${objects.path}/a/b`;
  const file = objects.write("a/b/h.so", "");
  const me = Deno.uid()!;
  const refusedAt = (at: string) =>
    assert.throws(() => requireTrusted(file, [0, me]), {
      message: `module ${file} is not loaded: other users can write ${at}`,
    });
  requireTrusted(file, [0, me]);
  requireTrusted(file, undefined);
  assert.throws(() => requireTrusted(file, [me + 1]), /other users can write/);
  Deno.chmodSync(`${objects.path}/a`, 0o777);
  refusedAt(`${objects.path}/a`);
  // As /tmp is: nobody can put another folder in its place.
  Deno.chmodSync(`${objects.path}/a`, 0o1777);
  requireTrusted(file, [0, me]);
  if (me === 0) {
    // But for the owner of the sticky folder.
    Deno.chownSync(`${objects.path}/a`, 65534, 65534);
    refusedAt(`${objects.path}/a`);
    Deno.chownSync(`${objects.path}/a`, 0, 0);
  }
  Deno.chmodSync(inner, 0o1777);
  refusedAt(inner);
  Deno.chmodSync(inner, 0o755);
  Deno.chmodSync(file, 0o666);
  refusedAt(file);
});

live("a link is judged by what it leads to", async () => {
  using objects = new Objects();
  using others = new Objects();
  const object = objects.make("void __exit__(void) {}");
  Deno.chmodSync(objects.path, 0o777);
  Deno.symlinkSync(object, `${others.path}/link.so`);
  assert.match(await refused(`${others.path}/link.so`), new RegExp(`other users can write ${objects.path}$`, "m"));
}, noCompiler);
