/**
 * `breakpoint`: an event at each access to an address, by the CPU's debug registers.
 *
 * @module
 */

import { PERF, USER_REGS } from "../attr.ts";
import type { Machine } from "../machine.ts";
import type { PlannedEvent, Profiler, ProfilerOptions } from "./profiler.ts";
import { directPlan, ipText, samplingParts, SIDE_OPTIONS, STACK_OPTIONS } from "./sampling.ts";

/** Debug registers of x86; arm64 has as many or more. */
const MOST = 4;
const HW_BREAKPOINT = { r: 1, w: 2, x: 4 } as const;
/** `ADDRESS[/LENGTH][:rwx]` */
const WORD = /^([^/:]+)(?:\/(\d+))?(?::([a-z]+))?$/;
const HINT = "a breakpoint is written ADDRESS[/LENGTH][:rwx]: 0x404030/8:w, do_exit:x";

/** What is watched. */
interface Watched {
  readonly word: string;
  readonly address: bigint;
  readonly length: number;
  /** In the order `rwx`. */
  readonly access: string;
}

/** The profiler. */
export const breakpoint: Profiler = {
  name: "breakpoint",
  summary: "each access to an address (debug registers; at most 4)",
  help:
    `An event for each access to LENGTH bytes at ADDRESS: 1, 2, 4 (the default) or 8, aligned to their length; w is a write (the
default), rw a read or a write, x the execution of the instruction there. ADDRESS is a number, or a symbol of the kernel: a
function, and where the kernel was built with CONFIG_KALLSYMS_ALL a variable. An address of user space is watched in every
process that -p, -t or -c names, or in all. ip is the instruction behind the access (of x, that one itself), addr the watched
address, regs_intr the registers then. Of a program that is not position-independent, nm FILE tells the addresses.`,
  options: [...STACK_OPTIONS, ...SIDE_OPTIONS],
  words: "ADDRESS[/LENGTH][:rwx]",
  example: "'breakpoint/0x404030/8:w -g/'",

  plan(options, machine) {
    const { words } = options;
    if (words.length === 0) throw options.fail(undefined, "which address?", [HINT]);
    if (words.length > MOST) {
      throw options.fail(words[MOST], `a CPU has debug registers for ${MOST} addresses`, ["watch fewer addresses"]);
    }
    const watched = words.map((word) => watchedOf(word, options, machine));
    const twin = watched.find(({ address }, i) => watched.findIndex((other) => other.address === address) < i);
    if (twin !== undefined) throw options.fail(twin.word, "this address is there twice");
    const texts = new Map(watched.map((each) => [each.address, watchedText(each)]));
    return directPlan({
      opens: watched.map((each) => planned(each, options)),
      text: ({ addr, ip }) => `${texts.get(addr as bigint)} ip ${ipText(ip)}`,
    });
  },
};

function watchedText({ address, length, access }: Watched): string {
  return `0x${address.toString(16)}${access === "x" ? "" : `/${length}`}:${access.toUpperCase()}`;
}

function planned({ word, address, length, access }: Watched, options: ProfilerOptions): PlannedEvent {
  const { sampleType, flags } = samplingParts(options);
  return {
    name: `breakpoint ${word}`,
    attr: {
      type: PERF.PERF_TYPE_BREAKPOINT,
      config: 0,
      config1: address,
      // Of an execution the kernel takes the length of a pointer alone (arch_build_bp_info of arch/x86/kernel/hw_breakpoint.c).
      config2: BigInt(access === "x" ? 8 : length),
      bpType: [...access].reduce((bits, letter) => bits | HW_BREAKPOINT[letter as keyof typeof HW_BREAKPOINT], 0),
      samplePeriod: 1,
      sampleType: PERF.PERF_SAMPLE_IP | PERF.PERF_SAMPLE_ADDR | PERF.PERF_SAMPLE_REGS_INTR | sampleType,
      regsIntr: USER_REGS[Deno.build.arch],
      flags,
    },
  };
}

function watchedOf(word: string, options: ProfilerOptions, machine: Machine): Watched {
  const [, place, lengthText, letters = "w"] = WORD.exec(word) ?? [];
  if (place === undefined) throw options.fail(word, `'${word}' is no breakpoint`, [HINT]);
  const access = [..."rwx"].filter((letter) => letters.includes(letter)).join("");
  if (access.length !== letters.length || !["w", "rw", "x"].includes(access)) {
    throw options.fail(word, `a breakpoint cannot be ':${letters}'`, ["w watches writes, rw reads and writes, x execution"]);
  }
  if (access === "x" && lengthText !== undefined) throw options.fail(word, "an executed instruction has no length to watch");
  const length = access === "x" ? 1 : Number(lengthText ?? 4);
  if (![1, 2, 4, 8].includes(length)) throw options.fail(word, `a length is 1, 2, 4 or 8, not ${length}`);
  const address = addressOf(place, word, options, machine);
  if (address % BigInt(length) !== 0n) {
    throw options.fail(word, `the address is not aligned to its ${length} bytes`, [`${place}/1`]);
  }
  return { word, address, length, access };
}

function addressOf(place: string, word: string, options: ProfilerOptions, machine: Machine): bigint {
  const isNumber = /^(?:0x[0-9a-f]+|\d+)$/i.test(place);
  const address = isNumber ? BigInt(place) : symbolAddress(place, word, options, machine);
  if (isCanonical(address, machine)) return address;
  throw options.fail(word, `0x${address.toString(16)} is no canonical address: no memory can be there`);
}

/** Do the bits that a CPU does not use repeat the highest one that it does? */
function isCanonical(address: bigint, machine: Machine): boolean {
  const isLarge = /\bla57\b/.test(machine.kernelFile("/proc/cpuinfo") ?? "") || Deno.build.arch === "aarch64";
  return BigInt.asUintN(64, BigInt.asIntN(isLarge ? 57 : 48, address)) === address;
}

function symbolAddress(name: string, word: string, options: ProfilerOptions, machine: Machine): bigint {
  const symbols = machine.kernelFile("/proc/kallsyms") ?? "";
  // `ffffffff82a05000 D jiffies`; those of modules have the module's name behind them.
  const end = new RegExp(` [a-zA-Z] ${RegExp.escape(name)}(?=[\\s]|$)`, "m").exec(symbols)?.index;
  if (end === undefined) {
    throw options.fail(word, `the kernel has no symbol '${name}'`, [`grep ${name} /proc/kallsyms`]);
  }
  const address = BigInt(`0x${symbols.slice(symbols.lastIndexOf("\n", end) + 1, end)}`);
  if (address !== 0n) return address;
  throw options.fail(word, "the kernel hides its addresses", ["sysctl kernel.kptr_restrict=0, and run as root"]);
}
