/**
 * Stacks of real processes, exact: programs with a known call tree make N system calls, and N events must each have exactly its
 * functions, in their order.
 */

import assert from "node:assert/strict";
import { asNobody, live, pause, perfprof, TempDir } from "./harness.ts";
import { FRAME_POINTERS, getppid, hold, lacks, Programs, type SeenStack, upToMain } from "./stack_programs.ts";

const CALLS = 5;
const NO_FRAME_POINTERS = ["-O2", "-g", "-fomit-frame-pointer"];
/** What stands for functions of the C library. */
const LIBC = "libc";
const USER_ONLY = ["--user-callchain", "--no-kernel-callchain"];
const TREE = ["call_kernel", "c", "b", "a", "main"];

/** By mode of the program: what frame pointers lead to, up to main or to where they are left. */
const BY_FRAME_POINTERS: Readonly<Record<string, readonly string[]>> = {
  tree: TREE,
  recursion: ["call_kernel", "again", "again", "again", "again", "again", "recursion", "main"],
  static: ["call_kernel", "hidden", "main"],
  tail: ["call_kernel", "target", "main"],
};

/** Why unwinding cannot be tested here; undefined when it can. */
const noLibdw = (() => {
  const { stdout } = new Deno.Command("ldconfig", { args: ["-p"] }).outputSync();
  return new TextDecoder().decode(stdout).includes("libdw.so.1") ? undefined : "libdw is not installed";
})();

/** The program's own functions up to main, and `libc` for those of the C library between them. */
function ownAndLibrary({ frames }: SeenStack, path: string): string[] {
  const names = frames.map(({ dso, symbol }) => dso === path ? symbol : /\/libc[.-]/.test(dso) ? LIBC : dso);
  return names.slice(0, names.indexOf("main") + 1).filter((name, i) => name !== LIBC || names[i - 1] !== LIBC);
}

live("stacks: frame pointers lead from the system call to main", async () => {
  using programs = new Programs();
  const path = programs.compile("stacks", FRAME_POINTERS);
  for (const [mode, want] of Object.entries(BY_FRAME_POINTERS)) {
    const [stack, ...more] = await programs.seen([...USER_ONLY, "-c", `${path} ${mode} ${CALLS}`]);
    assert.deepEqual([stack?.count, upToMain(stack!), more], [CALLS, want, []], mode);
    const own = stack!.frames.slice(0, want.length);
    assert.ok(own.every(({ dso, kernel, reason }) => dso === path && !kernel && reason === undefined));
    assert.ok(own.every(({ offset }, i) => i === 0 || offset > 0), "return addresses are behind their calls");
  }
});

live("stacks: a library's call back, and a signal's handler", async () => {
  using programs = new Programs();
  const path = programs.compile("stacks", FRAME_POINTERS);
  const [plt] = await programs.seen([...USER_ONLY, "-c", `${path} plt ${CALLS}`]);
  assert.deepEqual(upToMain(plt!).slice(0, 2), ["call_kernel", "compare"]);
  assert.match(plt!.frames[2]!.dso, /\/libc[.-]/);
  const [signal] = await programs.seen([...USER_ONLY, "-c", `${path} signal ${CALLS}`]);
  assert.deepEqual(upToMain(signal!).slice(0, 2), ["call_kernel", "handler"]);
  assert.match(signal!.frames[2]!.dso, /\/libc[.-]/);
  // The interrupted function's own frame is not on the chain of pointers: its caller is.
  assert.equal(upToMain(signal!).at(-1), "main");
});

live("stacks: kernel frames come first, user frames behind them, and -g alone has the kernel's", async () => {
  using programs = new Programs();
  const path = programs.compile("stacks", FRAME_POINTERS);
  const [both] = await programs.seen(["-g", "--user-callchain", "-c", `${path} tree ${CALLS}`]);
  const first = both!.frames.findIndex(({ kernel }) => !kernel);
  const kernel = both!.frames.slice(0, first);
  assert.ok(kernel.length >= 2 && kernel.every(({ dso }) => dso === "[kernel.kallsyms]"));
  assert.ok(kernel.some(({ symbol }) => /^do_syscall_64$|^el0_svc/.test(symbol)));
  assert.deepEqual(upToMain(both!).slice(first), TREE);
  const [kernelOnly, ...more] = await programs.seen(["-g", "-c", `${path} tree ${CALLS}`]);
  assert.deepEqual([kernelOnly?.count, kernelOnly?.frames, more], [CALLS, kernel, []]);
});

live("stacks: of one event alone, of at most so many frames, and of none", async () => {
  using programs = new Programs();
  const path = programs.compile("stacks", FRAME_POINTERS);
  const run = ["-c", `${path} tree ${CALLS}`, programs.handler];
  const seen = async (event: string, ...options: string[]): Promise<SeenStack[]> => {
    const { code, stdout, stderr } = await perfprof(["-e", event, ...options, ...run]);
    assert.equal(code, 0, stderr);
    return JSON.parse(stdout.trimEnd().split("\n").at(-1)!);
  };
  assert.deepEqual(await seen(getppid()), [{ count: CALLS, frames: [] }]);
  assert.deepEqual(upToMain((await seen(`${getppid()}stack`, ...USER_ONLY))[0]!), TREE);
  const [short] = await seen(`${getppid()}max-stack=2`, ...USER_ONLY);
  assert.deepEqual(short!.frames.map(({ symbol }) => symbol), ["call_kernel", "c"]);
  const exit = getppid().replace("sys_enter", "sys_exit");
  const mixed = await seen(`${getppid()}stack,${exit}`, ...USER_ONLY);
  assert.deepEqual(mixed.map(({ count, frames }) => [count, frames.length > 0]), [[CALLS, true], [CALLS, false]]);
});

live("stacks: 100 processes that live for a few milliseconds", async () => {
  using programs = new Programs();
  const path = programs.compile("stacks", FRAME_POINTERS);
  const stacks = await programs.seen([...USER_ONLY, "-c", `${path} spawn 100`]);
  assert.equal(stacks.reduce((sum, { count }) => sum + count, 0), 100);
  for (const stack of stacks) assert.deepEqual(upToMain(stack), TREE);
});

live("stacks: a stripped program's frames are unknown, with its path, the place in it and what is missing", async () => {
  using programs = new Programs();
  const path = programs.compile("stacks", FRAME_POINTERS);
  const whole = await programs.seen([...USER_ONLY, "-c", `${path} tree ${CALLS}`]);
  programs.strip(path);
  const args = ["-e", getppid(), ...USER_ONLY, "-c", `${path} tree ${CALLS}`, programs.handler];
  const { stdout, stderr } = await perfprof(args);
  const [stack]: SeenStack[] = JSON.parse(stdout.trimEnd().split("\n").at(-1)!);
  const own = stack!.frames.slice(0, TREE.length);
  assert.deepEqual(
    own.map(({ symbol, dso, reason }) => [symbol, dso, reason]),
    TREE.map(() => [
      "Unknown",
      path,
      "the file is stripped",
    ]),
  );
  // Both files have the same code: the distances are those of the functions.
  const addresses = (frames: SeenStack["frames"]) => frames.map(({ addr }) => BigInt(addr) - BigInt(frames[0]!.addr));
  assert.deepEqual(addresses(own), addresses(whole[0]!.frames.slice(0, TREE.length)));
  assert.ok(own.every(({ offset, addr }) => offset - own[0]!.offset === Number(BigInt(addr) - BigInt(own[0]!.addr))));
  assert.match(stderr, /^perfprof: \S+\/stacks: 5 of 5 frames unknown: the file is stripped; hint: build it without -s/m);
});

live("stacks: a program that was deleted, and one that was replaced, while they run", async () => {
  using programs = new Programs();
  for (const replaced of [false, true]) {
    const path = programs.compile("stacks", FRAME_POINTERS);
    const [stack, ...more] = await programs.seenOf(hold(path, "stay", String(CALLS)), CALLS, USER_ONLY, () => {
      Deno.removeSync(path);
      if (replaced) programs.compile("stacks", ["-O0"]);
    });
    assert.deepEqual([stack?.count, upToMain(stack!), more], [CALLS, TREE, []]);
  }
});

live("stacks: a program in a mount namespace of its own, and one in a root of its own", async () => {
  using programs = new Programs();
  const path = programs.compile("stacks", [...FRAME_POINTERS, "-static"]);
  const { path: folder } = programs.dir;
  Deno.mkdirSync(`${folder}/inside`);
  const mounted =
    `mount -t tmpfs none ${folder}/inside && cp ${path} ${folder}/inside/ && exec ${folder}/inside/stacks stay ${CALLS}`;
  const unshared = hold("unshare", "-m", "sh", "-c", mounted);
  await pause(300);
  const [own] = await programs.seenOf(unshared, CALLS, USER_ONLY);
  assert.deepEqual([own?.count, upToMain(own!), own?.frames[0]?.dso], [CALLS, TREE, `${folder}/inside/stacks`]);
  const [jailed] = await programs.seenOf(hold("chroot", folder, "/stacks", "stay", String(CALLS)), CALLS, USER_ONLY);
  assert.deepEqual([jailed?.count, upToMain(jailed!), jailed?.frames[0]?.dso], [CALLS, TREE, "/stacks"]);
}, lacks("unshare") ?? lacks("chroot"));

const CPP = `
#include <sys/syscall.h>
namespace shop {
template <typename T> struct Cart {
  __attribute__((noinline, noclone)) long pay(T amount) {
    long result;
    __asm__ volatile("" : : "r"(__builtin_frame_address(0)));
    __asm__ volatile("syscall" : "=a"(result) : "a"(SYS_getppid) : "rcx", "r11", "memory");
    return result + amount;
  }
};
}
int main() {
  shop::Cart<int> cart;
  volatile long sum = 0;
  for (int i = 0; i < ${CALLS}; i++) sum += cart.pay(i);
}
`;

const X86 = Deno.build.arch === "x86_64" ? undefined : "its system call is x86_64's";

live("stacks: names of C++, demangled or not", async () => {
  using programs = new Programs();
  const path = programs.compile("cart", FRAME_POINTERS, "c++", programs.dir.write("cart.cc", CPP));
  const innermost = async (...options: string[]) =>
    (await programs.seen([...USER_ONLY, ...options, "-c", path])).map(({ count, frames }) => [count, frames[0]?.symbol]);
  assert.deepEqual(await innermost(), [[CALLS, "shop::Cart<int>::pay"]]);
  assert.deepEqual(await innermost("--no-demangle"), [[CALLS, "_ZN4shop4CartIiE3payEi"]]);
}, X86 ?? lacks("c++"));

const RUST = `
mod shop {
    pub struct Cart<T>(pub T);
    impl<T: Copy + Into<i64>> Cart<T> {
        #[inline(never)]
        pub fn pay(&self) -> i64 {
            let mut result: i64 = 110;
            unsafe { std::arch::asm!("syscall", inout("rax") result, out("rcx") _, out("r11") _) };
            result + self.0.into()
        }
    }
}
fn main() {
    let cart = shop::Cart(7i32);
    for _ in 0..std::hint::black_box(${CALLS}) {
        std::hint::black_box(cart.pay());
    }
}
`;

live("stacks: names of Rust", async () => {
  using programs = new Programs();
  const flags = ["-O", "-C", "force-frame-pointers=yes"];
  const path = programs.compile("cart", flags, "rustc", programs.dir.write("cart.rs", RUST));
  const [stack, ...more] = await programs.seen([...USER_ONLY, "-c", path]);
  assert.deepEqual([stack?.count, stack?.frames[0]?.symbol, more], [CALLS, "cart::shop::Cart<T>::pay", []]);
}, X86 ?? lacks("rustc"));

const NODE = `
function callsTheKernel() { return process.ppid; }
function javascriptCaller() { return callsTheKernel() + 1; }
for (let i = 0; i < 200; i++) javascriptCaller();
`;

live("stacks: JavaScript in node, which tells of its code", async () => {
  using programs = new Programs();
  const script = programs.dir.write("n.js", NODE);
  // It writes a log of its own, which nobody wants, where it runs.
  const flags = `--perf-basic-prof --interpreted-frames-native-stack --no-opt --logfile=${programs.dir.path}/node.log`;
  const stacks = await programs.seen([...USER_ONLY, "-c", `node ${flags} ${script}`]);
  const mine = stacks.filter(({ frames }) => frames.some(({ symbol }) => /callsTheKernel/.test(symbol)));
  const map = mine[0]?.frames.find(({ symbol }) => /callsTheKernel/.test(symbol))?.dso ?? "";
  assert.match(map, /^\/tmp\/perf-\d+\.map$/);
  Deno.removeSync(map);
  assert.equal(mine.reduce((sum, { count }) => sum + count, 0), 200);
  for (const { frames } of mine) {
    const own = frames.filter(({ symbol }) => /callsTheKernel|javascriptCaller/.test(symbol));
    assert.match(own.map(({ symbol }) => symbol).join(), /^\S*callsTheKernel[^,]*,\S*javascriptCaller[^,]*$/);
  }
}, lacks("node"));

/** `symbol+offset (dso)` of the frames that perf knows, for each of its samples. Its addresses are the files', not the process's. */
function perfStacks(text: string): string[][] {
  const stacks = text.trimEnd().split(/\n\s*\n/);
  return stacks.map((stack) => Array.from(stack.matchAll(/^\s+[0-9a-f]+ (.+\+0x[0-9a-f]+ \(.+\))$/gm), ([, frame]) => frame!));
}

live("stacks: the symbols, offsets and files of perf", async () => {
  using programs = new Programs();
  const path = programs.compile("stacks", FRAME_POINTERS);
  const data = `${programs.dir.path}/perf.data`;
  // One process that both see: addresses differ from one run to the next.
  const held = hold(path, "stay", "20");
  const [sys, filter] = getppid().split("/");
  const perf = hold("perf", "record", "-q", "-g", "-e", sys!, "--filter", filter!, "-o", data, "-p", String(held.pid));
  await pause(1500);
  const stacks = await programs.seenOf(held, 20, ["-g", "--user-callchain"]);
  await perf.end();
  const script = new Deno.Command("perf", { args: ["script", "-F", "ip,sym,symoff,dso", "-i", data] }).outputSync();
  const theirs = perfStacks(new TextDecoder().decode(script.stdout));
  const ours = stacks.map(({ frames }) =>
    frames.filter(({ reason }) => reason === undefined).map(({ symbol, offset, dso }) =>
      `${symbol}+0x${offset.toString(16)} (${dso})`
    )
  );
  assert.equal(ours.length, 1);
  assert.ok(ours[0]!.length >= 8, ours.join("\n"));
  assert.deepEqual(theirs, new Array(20).fill(ours[0]));
}, lacks("perf"));

/** By mode of the program: what unwinding finds, to main. */
const UNWOUND: Readonly<Record<string, readonly string[]>> = {
  ...BY_FRAME_POINTERS,
  plt: ["call_kernel", "compare", LIBC, "plt", "main"],
  signal: ["call_kernel", "handler", LIBC, "raiser", "main"],
};

live("stacks: dwarf finds all of a program without frame pointers, with libc and signals between", async () => {
  using programs = new Programs();
  const path = programs.compile("stacks", NO_FRAME_POINTERS);
  for (const [mode, want] of Object.entries(UNWOUND)) {
    const options = ["--call-graph", "dwarf", "--no-kernel-callchain", "-c", `${path} ${mode} ${CALLS}`];
    const [stack, ...more] = await programs.seen(options);
    assert.deepEqual([stack?.count, more], [CALLS, []]);
    assert.deepEqual(ownAndLibrary(stack!, path), want, mode);
    assert.ok(stack!.frames.every(({ cut }) => cut === undefined));
  }
}, noLibdw);

live("stacks: dwarf leaves the kernel side as it is, and marks what its copy does not reach", async () => {
  using programs = new Programs();
  const path = programs.compile("stacks", NO_FRAME_POINTERS);
  const [whole] = await programs.seen(["--call-graph", "dwarf,65528", "-c", `${path} recursion ${CALLS}`]);
  const first = whole!.frames.findIndex(({ kernel }) => !kernel);
  assert.ok(first >= 2);
  assert.deepEqual(upToMain(whole!).slice(first), BY_FRAME_POINTERS.recursion);
  const [cut] = await programs.seen(["--call-graph", "dwarf,64", "-c", `${path} recursion ${CALLS}`]);
  const found = cut!.frames.slice(first).map(({ symbol }) => symbol);
  assert.deepEqual(found, BY_FRAME_POINTERS.recursion!.slice(0, found.length));
  assert.ok(found.length >= 2 && found.length < 8, found.join());
  assert.deepEqual(cut!.frames.map(({ cut }) => cut === true), cut!.frames.map((_, i) => i === cut!.frames.length - 1));
}, noLibdw);

const INLINED = `
#include <sys/syscall.h>
static inline __attribute__((always_inline)) long call(void) {
  long result;
  __asm__ volatile("" : : "r"(__builtin_frame_address(0)));
  __asm__ volatile("syscall\\n\\tnop" : "=a"(result) : "a"(SYS_getppid) : "rcx", "r11", "memory");
  return result;
}
static inline __attribute__((always_inline)) long twice(void) {
  return call() + 1;
}
__attribute__((noinline, noclone)) long work(void) {
  return twice() + 1;
}
int main(void) {
  long sum = 0;
  for (int i = 0; i < ${CALLS}; i++)
    sum += work();
  return sum == 0;
}
`;

live("stacks: source lines, and functions that the compiler put into others", async () => {
  using programs = new Programs();
  const source = programs.dir.write("inlined.c", INLINED);
  const path = programs.compile("inlined", FRAME_POINTERS, "cc", source);
  const [stack, ...more] = await programs.seen([...USER_ONLY, "--srcline", "-c", path]);
  assert.deepEqual([stack?.count, more], [CALLS, []]);
  const own = stack!.frames.slice(0, 4).map(({ symbol, file, line, inlined = false }) => [symbol, file, line, inlined]);
  assert.deepEqual(own, [
    // The instruction behind the system call, where the task goes on; of the others, the calls.
    ["call", source, 6, true],
    ["twice", source, 10, true],
    ["work", source, 13, false],
    ["main", source, 18, false],
  ]);
}, X86 ?? noLibdw);

live("stacks: printed as the kernel's own tools print them", async () => {
  using programs = new Programs();
  const path = programs.compile("stacks", FRAME_POINTERS);
  const print = programs.dir.write("print.ts", "export const __sample__ = (event: { print(): void }) => event.print();");
  const { stdout } = await perfprof(["-q", "-e", getppid(), "-g", "--user-callchain", "-c", `${path} tree 1`, print]);
  const [line, ...frames] = stdout.trimEnd().split("\n");
  assert.match(line!, / raw_syscalls:sys_enter: NR \d+ /);
  assert.ok(frames.length >= 8);
  for (const frame of frames) assert.match(frame, /^ {4}[0-9a-f]{16} \S+\+0x[0-9a-f]+ \(\S+\)$/);
  const own = frames.filter((frame) => frame.endsWith(`(${path})`)).map((frame) => frame.trim().split(/[ +]/)[1]);
  assert.deepEqual(own.slice(0, 5), TREE);
});

live("stacks: what cannot be is said in one line", async () => {
  using programs = new Programs();
  const refused = async (...options: string[]) => {
    const { code, stderr } = await perfprof([...options, programs.handler]);
    assert.equal(code, options.includes("--srcline") ? 2 : 1, stderr);
    return stderr.trimEnd().split("\n");
  };
  const most = Deno.readTextFileSync("/proc/sys/kernel/perf_event_max_stack").trim();
  assert.deepEqual(await refused("-e", "sched:sched_switch//max-stack=65535/"), [
    `perfprof: opening sched:sched_switch failed: max-stack is more frames than the kernel allows (${most})`,
    `hint: max-stack=${most}`,
    "hint: sysctl kernel.perf_event_max_stack=1024   (while nothing samples stacks)",
  ]);
  assert.deepEqual(await refused("-e", "sched:sched_switch", "--srcline"), [
    "perfprof: option --srcline: no event has call stacks",
    "hint: -g",
    "hint: -e 'sys:name//stack/'",
  ]);
  const [lbr] = await refused("-e", "sched:sched_switch", "--call-graph", "lbr");
  assert.match(lbr!, /^perfprof: option --call-graph lbr: (?:this CPU has no branch stack|tracepoints carry no branch stack)/);
});

const OWN_PROGRAM = `
let taken = 0;
export function profile({ callchain }) {
  taken += callchain.length > 0 && callchain.every(({ kernel }) => !kernel);
}
export function __exit__() {
  console.log(taken > 0);
}
`;
/** Such a user is made by mounts; of other settings of this machine others are true. */
const noSuchUser = (() => {
  if (Deno.readTextFileSync("/proc/sys/kernel/perf_event_paranoid").trim() !== "2") return "perf_event_paranoid is not 2";
  const { success } = new Deno.Command("unshare", { args: ["-m", "true"], stderr: "null" }).outputSync();
  return success && Deno.uid() === 0 ? undefined : "no mount namespaces here";
})();

live("stacks: who may not trace the kernel has the user side of his own programs, and is told so", async () => {
  const run = async (event: string, ...options: string[]) => {
    using dir = new TempDir();
    Deno.chmodSync(dir.path, 0o755);
    const module = dir.write("h.ts", OWN_PROGRAM);
    const loop = dir.write("loop.sh", "i=0; while [ $i -lt 100000 ]; do i=$((i+1)); done\n");
    return await asNobody(dir, ["-q", "-e", event, ...options, "-c", `sh ${loop}`, module]);
  };
  const refused = await run("profile/-F 997 -g/");
  assert.equal(refused.code, 1);
  assert.match(refused.stderr, /\nhint: user space of your own programs: -e 'profile\/-g --exclude-kernel\/' --user-callchain/);
  const { code, stdout } = await run("profile/-F 997 -g --exclude-kernel/", "--user-callchain", "--no-kernel-callchain");
  assert.deepEqual([code, stdout], [0, "true\n"]);
}, noSuchUser);
