/**
 * PERF_SAMPLE_REGS_USER and REGS_INTR: names of registers by machine and bit of the mask (enum perf_event_x86_regs and
 * perf_event_arm_regs of arch/x86 and arch/arm64/include/uapi/asm/perf_regs.h), and the values of a sample.
 *
 * A bit without a name is `regN`. The 128 bits of an XMM register are two bits of the mask, and one bigint where both are set.
 *
 * @module
 */

import { unsigned64 } from "../decode.ts";

/** The machines that perfprof runs on. */
export type Arch = typeof Deno.build.arch;

/** A sample's registers by name; `{ abi: 0 }` where it has none. */
export interface Registers {
  /** enum perf_sample_regs_abi: 0 none, 1 of a 32-bit task, 2 of a 64-bit one. */
  readonly abi: number | bigint;
  readonly [register: string]: number | bigint;
}

const I386 = ["ax", "bx", "cx", "dx", "si", "di", "bp", "sp", "ip", "flags", "cs", "ss", "ds", "es", "fs", "gs"];
const X86_64 = [...I386, "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15"];
/** PERF_REG_X86_XMM0: from here on two bits for each. */
const XMM0 = 32;
const ARM64 = [...Array.from({ length: 30 }, (_, i) => `x${i}`), "lr", "sp", "pc"];
/** PERF_REG_ARM64_VG: length of a vector of SVE. */
const ARM64_VG = 46;

const PERF_SAMPLE_REGS_ABI_32 = 1;

/** A register, and which of the sample's u64 it is; of a wide one, its low half. */
interface Register {
  readonly name: string;
  readonly index: number;
  readonly wide: boolean;
}

/** What a mask selects. */
export interface RegisterSet {
  /** u64 behind the abi, where it is not 0. */
  readonly count: number;
  readonly of32: readonly Register[];
  readonly of64: readonly Register[];
}

/** @param mask perf_event_attr.sample_regs_user or sample_regs_intr */
export function registerSet(mask: bigint, arch: Arch): RegisterSet {
  const bits = Array.from({ length: 64 }, (_, bit) => bit).filter((bit) => mask >> BigInt(bit) & 1n);
  const of = (name: (bit: number) => string | undefined, hasXmm: boolean): Register[] =>
    bits.flatMap((bit, index): Register[] => {
      const paired = hasXmm && bit >= XMM0 && bits.includes(bit ^ 1);
      if (paired && bit % 2 === 1) return [];
      if (paired) return [{ name: `xmm${(bit - XMM0) / 2}`, index, wide: true }];
      return [{ name: name(bit) ?? `reg${bit}`, index, wide: false }];
    });
  if (arch === "aarch64") {
    // The kernel keeps these places also for the registers of a 32-bit task.
    const registers = of((bit) => bit === ARM64_VG ? "vg" : ARM64[bit], false);
    return { count: bits.length, of32: registers, of64: registers };
  }
  return { count: bits.length, of32: of((bit) => I386[bit], true), of64: of((bit) => X86_64[bit], true) };
}

/** The registers at `at` (the u64 abi), which the record holds. */
export function decodeRegisters(view: DataView, at: number, { of32, of64 }: RegisterSet): Registers {
  const abi = unsigned64(view, at);
  const registers: Record<string, number | bigint> & { abi: number | bigint } = { abi };
  if (abi === 0) return registers;
  for (const { name, index, wide } of abi === PERF_SAMPLE_REGS_ABI_32 ? of32 : of64) {
    const place = at + 8 + 8 * index;
    const low = view.getBigUint64(place, true);
    registers[name] = wide ? view.getBigUint64(place + 8, true) << 64n | low : low;
  }
  return registers;
}
