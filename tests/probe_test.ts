/** Dynamic probes as text: what -e makes of them, what the kernel is asked for, and where a wrong one is wrong. */

import assert from "node:assert/strict";
import { PerfprofError, UsageError } from "../lib/errors.ts";
import { eventText, parseEvents } from "../lib/event_spec.ts";
import { createProbe } from "../lib/probe_event.ts";
import { findProbeFile } from "../lib/probe_file.ts";
import type { Marker } from "../lib/probes.ts";
import { SourceError } from "../lib/source.ts";
import { TempDir } from "./harness.ts";
import { RecordedProbes } from "./recorded_probes.ts";

/** Some file that exists, as probes have it. */
const FILE = Deno.realPathSync(Deno.execPath());
const ENOENT = 2, EACCES = 13, EINVAL = 22;

function parsed(text: string) {
  const [spec] = parseEvents([text]);
  return spec!;
}

const NAMES: [
  text: string,
  eventName: string,
  handlerName: string,
  symbol: string | undefined,
  offset: bigint,
  file?: string,
][] = [
  [`uprobe:malloc@"libc.so.6"`, "uprobe:malloc", "uprobe__malloc", "malloc", 0n, "libc.so.6"],
  [`uprobe:malloc@libc.so.6`, "uprobe:malloc", "uprobe__malloc", "malloc", 0n, "libc.so.6"],
  [`uprobe:f@"/a,b/c d"`, "uprobe:f", "uprobe__f", "f", 0n, "/a,b/c d"],
  [`uprobe:f@"a@b"`, "uprobe:f", "uprobe__f", "f", 0n, "a@b"],
  [`uprobe:f+0x10@'x'`, "uprobe:f+0x10", "uprobe__f_0x10", "f", 16n, "x"],
  [`uretprobe:_ZN1aEv.isra.0@x`, "uretprobe:_ZN1aEv.isra.0", "uretprobe___ZN1aEv_isra_0", "_ZN1aEv.isra.0", 0n, "x"],
  [`uprobe:0x1234@x`, "uprobe:0x1234", "uprobe__0x1234", undefined, 0x1234n, "x"],
  [`uprobe:malloc@x//alias=m/`, "uprobe:m", "uprobe__m", "malloc", 0n, "x"],
  ["usdt:a-b:c.d@x", "usdt:a-b:c.d", "usdt__a_b_c_d", "a-b:c.d", 0n, "x"],
  ["kprobe:vfs_read", "kprobe:vfs_read", "kprobe__vfs_read", "vfs_read", 0n],
  ["kprobe:vfs_read+8", "kprobe:vfs_read+8", "kprobe__vfs_read_8", "vfs_read", 8n],
  [
    "kretprobe:ext4:ext4_sync_file",
    "kretprobe:ext4:ext4_sync_file",
    "kretprobe__ext4_ext4_sync_file",
    "ext4:ext4_sync_file",
    0n,
  ],
];

Deno.test("probe: function, offset and file, and the names that come of them", () => {
  for (const [text, eventName, handlerName, symbol, offset, file] of NAMES) {
    const spec = parsed(text);
    assert.deepEqual([spec.eventName, spec.handlerName], [eventName, handlerName], text);
    assert.deepEqual(spec.probe, { kind: spec.system, symbol, offset, file, args: [] }, text);
  }
});

Deno.test("probe: arguments stand among the attributes", () => {
  const spec = parsed(`uprobe:f@x/n>1/n=$arg1:s32/alias=a/s='+0(%si):string'/i=\\5:u32/m=@0x10/cpus=0/`);
  assert.equal(spec.filter, "n>1");
  assert.deepEqual(spec.attributes, { alias: "a", cpus: [0] });
  assert.deepEqual(spec.probe?.args, ["n=$arg1:s32", "s=+0(%si):string", "i=\\5:u32", "m=@0x10"]);
});

Deno.test("probe: its text without filter and attributes", () => {
  assert.equal(eventText(parsed(`uprobe:f+4@lib/x>0/x=%di/alias=a/`)), `uprobe:f+4@"lib"`);
  assert.equal(eventText(parsed("kprobe:f")), "kprobe:f");
});

const WRONG: [text: string, marked: string, why: string][] = [
  ["uprobe:f", "uprobe:f", "the file that has the function is missing"],
  [`uprobe:f@""`, `uprobe:f@""`, "the file that has the function is missing"],
  ["uprobe:@x", "uprobe:@x", "the function is missing"],
  ["uprobe:f+@x", "uprobe:f+@x", "'f+' is no function with an offset"],
  ["uprobe:f-4@x", "uprobe:f-4@x", "'f-4' is no function with an offset"],
  ["uprobe:mall*@x", "uprobe:mall*@x", "a probe's name takes no wildcards"],
  ["usdt:a@x", "usdt:a@x", "'a' is no PROVIDER:NAME"],
  ["usdt:a:b", "usdt:a:b", "the file that has the function is missing"],
  ["kprobe:f@x", "kprobe:f@x", "kprobe takes no file: it is of the kernel"],
  ["kprobe:0x10", "kprobe:0x10", "the function is missing"],
  ["uprobe:f@x//n=di/", "n=di", "attribute 'n' is unknown"],
  ["uprobe:f@x//alais=a/", "alais=a", "attribute 'alais' is unknown"],
  ["uprobe:f@x//_pid=%di/", "_pid=%di", "'_pid' cannot be an argument's name: events have fields that begin so"],
  ["uprobe:f@x//key=%di/", "key=%di", "attribute 'key': '%di' is not a legal identifier"],
  ["a:b//n=%di/", "n=%di", "attribute 'n' is unknown"],
];

Deno.test("probe: what is wrong is marked", () => {
  for (const [text, marked, why] of WRONG) {
    assert.throws(() => parseEvents([text]), (error) => {
      assert.ok(error instanceof UsageError, text);
      assert.equal(error.message, `option -e: ${why}`);
      const [shown, caret] = error.detail;
      assert.equal(shown!.slice(caret!.indexOf("^"), caret!.lastIndexOf("^") + 1), marked);
      return true;
    });
  }
});

Deno.test("probe: the same twice names an alias that mends it", () => {
  assert.throws(() => parseEvents(["uprobe:f@x,uprobe:f@y"]), {
    message: "option -e: event 'uprobe:f' is given twice",
    hints: [`tell them apart: uprobe:f@"y"//alias=NAME/`],
  });
});

// ---- what the kernel is asked for ----

const FUNCTIONS = { malloc: 0x1000n, "f.isra.0": 0x20n };

function asked(text: string) {
  const probes = new RecordedProbes({ functions: FUNCTIONS });
  const { name, probe } = parsed(text);
  const made = createProbe({ probes, kernelFile: () => undefined }, name, probe!);
  return { made, definition: probes.created[0]! };
}

Deno.test("probe: its definition in the kernel's terms", () => {
  const register = Deno.build.arch === "x86_64" ? "%si" : "%x1";
  const cases: [text: string, name: string, place: string][] = [
    [`uprobe:malloc@"${FILE}"`, "malloc", `${FILE}:0x1000`],
    [`uprobe:malloc+0x10@"${FILE}"`, "malloc_0x10", `${FILE}:0x1010`],
    [`uprobe:0x99@"${FILE}"`, "_0x99", `${FILE}:0x99`],
    [
      `uprobe:f.isra.0@"${FILE}"//n=$arg2:s32/s=+0($arg2):string/`,
      "f_isra_0",
      `${FILE}:0x20 n=${register}:s32 s=+0(${register}):string`,
    ],
    [`uretprobe:malloc@"${FILE}"`, "malloc", `${FILE}:0x1000 ret=$retval`],
    [`uretprobe:malloc@"${FILE}"//ret=$retval:s32/`, "malloc", `${FILE}:0x1000 ret=$retval:s32`],
    ["kprobe:vfs_read//n=$arg3/", "vfs_read", "vfs_read n=$arg3"],
    ["kprobe:vfs_read+4", "vfs_read_4", "vfs_read+4"],
    ["kretprobe:vfs_read", "vfs_read", "vfs_read ret=$retval"],
    [`kprobe:${"x".repeat(80)}`, "x".repeat(60), "x".repeat(80)],
  ];
  for (const [text, name, place] of cases) {
    const { made, definition } = asked(text);
    assert.deepEqual(definition, { kind: text.slice(0, text.indexOf(":")), name, places: [place] });
    assert.deepEqual(made, { system: "perfprof_1_1", name });
  }
});

/** The error of a probe on this machine. */
function refused(text: string, refusal?: SourceError): PerfprofError {
  const probes = new RecordedProbes({ functions: FUNCTIONS, ...(refusal && { refusal }) });
  const kernelFile = (path: string) => path === "/proc/kallsyms" ? "0 T vfs_read\n0 t vfs_write\t[m]\n0 D data\n" : undefined;
  const { name, probe } = parsed(text);
  try {
    createProbe({ probes, kernelFile }, name, probe!);
  } catch (error) {
    if (error instanceof PerfprofError) return error;
    throw error;
  }
  throw new Error(`${text} was not refused`);
}

Deno.test("probe: a function that is not there has near ones", () => {
  const { message, hints } = refused(`uprobe:maloc@"${FILE}"`);
  assert.equal(message, `probing uprobe:maloc@"${FILE}" failed: ${FILE} has no function 'maloc'`);
  assert.deepEqual(hints, ["did you mean malloc?"]);
  assert.match(refused(`uprobe:other@"${FILE}"`).hints.join("\n"), /^nm --defined-only '.*'\na place in the file: /);
});

Deno.test("probe: a kernel function that is not there has near ones", () => {
  const refusal = new SourceError("probe", "Invalid probed address or symbol\np:g/vfs_raed vfs_raed\n         ^", ENOENT);
  const { message, hints } = refused("kprobe:vfs_raed", refusal);
  assert.equal(message, "probing kprobe:vfs_raed failed: the kernel has no function 'vfs_raed'");
  assert.deepEqual(hints, ["did you mean vfs_read?"]);
});

Deno.test("probe: the kernel's refusals", () => {
  const place = refused(
    "kprobe:vfs_read//x=%zz/",
    new SourceError("probe", "Invalid register name\np:g/e vfs_read x=%zz\n    ^", EINVAL),
  );
  assert.equal(place.message, "probing kprobe:vfs_read failed: the kernel refuses it: Invalid register name");
  assert.deepEqual(place.detail, ["    p:g/e vfs_read x=%zz", "        ^"]);
  assert.equal(
    refused("kprobe:vfs_read", new SourceError("probe", "", EINVAL)).message,
    "probing kprobe:vfs_read failed: the kernel refuses it: invalid argument",
  );
  const absent = refused("kprobe:vfs_read", new SourceError("file", "open /t/kprobe_events", ENOENT));
  assert.equal(absent.message, "probing kprobe:vfs_read failed: the kernel was built without CONFIG_KPROBE_EVENTS");
  const denied = refused(`uprobe:malloc@"${FILE}"`, new SourceError("file", "open /t/uprobe_events", EACCES));
  assert.match(denied.message, /failed: permission denied \(probes are root's\)$/);
});

Deno.test("probe: arguments that are not in registers", () => {
  assert.match(refused(`uprobe:malloc@"${FILE}"//x=$arg9/`).message, /failed: \$arg9 is not there$/);
  assert.match(refused(`uprobe:malloc@"${FILE}"//x=$arg0/`).message, /failed: \$arg0 is not there$/);
  assert.match(refused(`uretprobe:malloc@"${FILE}"//x=$arg1/`).hints[0]!, /^when a function returns its arguments are gone/);
});

// ---- markers ----

const marker = (args: string, offset = 0x10n, semaphore = 0n) => ({ provider: "p", name: "m", offset, semaphore, args });

/** The places of marker p:m, without the file. */
function markerPlaces(markers: Marker[], attributes = ""): string[] {
  const probes = new RecordedProbes({ markers });
  const { name, probe } = parsed(`usdt:p:m@"${FILE}"//${attributes}`);
  createProbe({ probes, kernelFile: () => undefined }, name, probe!);
  assert.equal(probes.created[0]!.kind, "uprobe");
  return probes.created[0]!.places.map((place) => place.replace(FILE, ""));
}

Deno.test("probe: a marker's operands become arguments", () => {
  const cases: [operands: string, args: string][] = [
    ["-4@%edi 8@%rsi 2@%dx 1@%cl", "arg1=%di:s32 arg2=%si:u64 arg3=%dx:u16 arg4=%cx:u8"],
    [
      "1@%dil 1@%bpl 4@%r8d 2@%r15w 8@%r9 1@%r10b",
      "arg1=%di:u8 arg2=%bp:u8 arg3=%r8:u32 arg4=%r15:u16 arg5=%r9:u64 arg6=%r10:u8",
    ],
    ["8@-16(%rbp) -4@(%rax) 8@32(%rsp)", "arg1=-16(%bp):u64 arg2=+0(%ax):s32 arg3=+32(%sp):u64"],
    ["-4@$5 8@$-1 4@$0x10", "arg1=\\5:s32 arg2=\\-1:u64 arg3=\\0x10:u32"],
    ["4@x0 -4@w1 8@[sp, 16] 8@[x2] 4@7", "arg1=%x0:u32 arg2=%x1:s32 arg3=+16(%sp):u64 arg4=+0(%x2):u64 arg5=\\7:u32"],
    // What the kernel cannot fetch is left out, and the others keep their numbers.
    ["8@(%rax,%rbx,8) 8f@%xmm0 4@table(%rip) 1@%ah 4@%esi", "arg5=%si:u32"],
    ["", ""],
  ];
  for (const [operands, args] of cases) {
    assert.deepEqual(markerPlaces([marker(operands)]), [`:0x10 ${args}`.trimEnd()], operands);
  }
});

Deno.test("probe: a marker of several places has the arguments that all of them have", () => {
  assert.deepEqual(markerPlaces([marker("4@%edi 8@%rsi"), marker("4@$1 4@%esi", 0x20n)]), [
    ":0x10 arg1=%di:u32",
    ":0x20 arg1=\\1:u32",
  ]);
});

Deno.test("probe: a marker's semaphore, and arguments of arguments", () => {
  const places = markerPlaces([marker("8@%rdi", 1n, 0x4042n)], "text=+0($arg1):string/");
  assert.deepEqual(places, [":0x1(0x4042) arg1=%di:u64 text=+0(%di):string"]);
  assert.throws(() => markerPlaces([marker("8@%rdi")], "x=$arg2/"), /failed: \$arg2 is not there$/);
});

Deno.test("probe: a marker that is not there has near ones", () => {
  const probes = new RecordedProbes({ markers: [marker("")] });
  const refuse = (text: string) => {
    const { name, probe } = parsed(text);
    createProbe({ probes, kernelFile: () => undefined }, name, probe!);
  };
  assert.throws(() => refuse(`usdt:p:n@"${FILE}"`), { hints: ["did you mean p:m?"] });
  assert.throws(() => refuse(`usdt:other:name@"${FILE}"`), { hints: ["it has p:m"] });
});

// ---- files ----

Deno.test("probe: files are paths, libraries of the dynamic linker, or programs of PATH", () => {
  using dir = new TempDir();
  const path = dir.write("a.so", "");
  assert.equal(findProbeFile(path), path);
  assert.equal(findProbeFile("/etc/../etc/passwd"), "/etc/../etc/passwd");
  // A link that only the kernel follows as it is meant.
  assert.equal(findProbeFile(`/proc/self/root${path}`), `/proc/self/root${path}`);
  assert.match(findProbeFile("libc.so.6"), /^\/.*\/libc[.-][^/]*$/);
  assert.match(findProbeFile("sh"), /^\/.*bin\/[^/]+$/);
});

Deno.test("probe: files that are not there", () => {
  using dir = new TempDir();
  const spaced = dir.write("a b", "");
  assert.throws(() => findProbeFile("/no/file"), { message: "probing '/no/file' failed: there is no such file" });
  assert.throws(() => findProbeFile("libc.so"), (error) => {
    assert.ok(error instanceof PerfprofError);
    assert.match(error.message, /^probing 'libc.so' failed: it is neither a library .* nor a program of PATH$/);
    assert.match(error.hints[0]!, /^did you mean libc\.so\.6/);
    return true;
  });
  assert.throws(() => findProbeFile(spaced), {
    message: `probing '${spaced}' failed: the kernel takes no path with white space or #`,
  });
});
