/**
 * Generates the class of a direct profiler's events: (attr, members shown) -> a getter per member. Members before the first of
 * variable length are read at fixed offsets, as a tracepoint's fields are; the getters of later ones walk over the variable ones
 * before them, each step checked, and to_dict walks once for all.
 *
 * @module
 */

import { USER_REGS } from "../attr.ts";
import { integers, time, unsigned64 } from "../decode.ts";
import { type AnyEvent, type EventClass, generateClass, type Value } from "../generated_class.ts";
import { PERF_SAMPLE } from "../layout.ts";
import type { IntegerType } from "../perf_event.ts";
import type { LineOffsets } from "../print_line.ts";
import type { EventServices } from "../event_services.ts";
import { behind, type MemberLayout, memberLayout, type PlacedMember, type SampleAttr } from "./member_layout.ts";
import { MemberLine } from "./member_line.ts";
import { isShown, type MemberKind, MEMBERS } from "./members.ts";
import { decodeRead } from "./read_format.ts";
import { type Arch, decodeRegisters } from "./registers.ts";
import type { Lines } from "../text_bytes.ts";

/** What a class is generated from. */
export interface MemberClassSpec {
  /** `profile`, or the alias: the event's `_event`. */
  readonly event: string;
  /** As it was opened, with what the trace added. */
  readonly attr: SampleAttr;
  /** PERF_SAMPLE_* bits of the members that events show; pid, tid, time and cpu are always. */
  readonly shown: number;
  /** `period` of every event, where the samples do not carry it. */
  readonly fixedPeriod?: number | undefined;
  /** Whose registers they are. */
  readonly arch: Arch;
  readonly services: EventServices;
  /** What print() shows behind the event's name. */
  readonly text: (event: AnyEvent) => string;
  /** Takes what print() writes. */
  readonly lines: Lines;
}

/**
 * Generates the class of a profiler's events: `_pid _tid _time _cpu _realtime _event`, then the members.
 *
 * @throws RangeError when sample_type or read_format has a bit that is not known, or sample_type lacks TID, TIME or CPU
 */
export function makeMemberClass(spec: MemberClassSpec): EventClass {
  const { event, services, lines } = spec;
  const layout = memberLayout(event, spec.attr, spec.arch);
  const at = lineOffsets(layout);
  const shown = layout.members.filter(({ row }) => isShown(row, spec.shown));
  const unwound = unwindsFrom(spec, layout);
  const members = withPeriod(
    shown.map((member) => memberValue(member, layout, at, unwound, spec.attr.maxStack ?? 0)),
    spec.fixedPeriod,
  );
  const anchors = Math.max(...shown.map((member) => anchorsOf(member, unwound)));
  const hasStack = members.some(({ name }) => name === "callchain");
  return generateClass({
    info: { event, stack: hasStack ? "callchain" : undefined, services, lines },
    values: [...sampleValues(event, at), ...members],
    locals: walkCode(layout, anchors),
    checks: `if (o + ${layout.fixedSize} > v.byteLength) damaged(info, v.byteLength - o);
    const size = v.getUint16(o + 6, true);
    if (size < ${layout.fixedSize} || o + size > v.byteLength) damaged(info, size);`,
    caches: hasStack && unwound !== undefined ? ["c"] : [],
    line: { code: "line.add(text, this, v, o, timestamp)" },
    timeOffset: at.time,
    scope: {
      ...{ services, layout, behind, integers, time, unsigned64, decodeRead, decodeRegisters },
      line: new MemberLine(event, services, at, spec.text),
      ...Object.fromEntries(layout.extents.map((extent, i) => [`x${i}`, extent])),
    },
  });
}

/** A period that is the same for all, at its place among the members. */
function withPeriod(members: Value[], period: number | undefined): Value[] {
  if (period === undefined) return members;
  const place = (name: string) => MEMBERS.findIndex((row) => row.name === name);
  const next = members.findIndex(({ name }) => place(name) > place("period"));
  return members.toSpliced(next < 0 ? members.length : next, 0, { name: "period", code: String(period) });
}

function lineOffsets({ members }: MemberLayout): LineOffsets {
  const offsetOf = (name: string) => {
    const member = members.find(({ row }) => row.name === name);
    if (member === undefined) throw new RangeError("the sample_type of a profiler's event needs TID, TIME and CPU");
    return member.offset;
  };
  return { tid: offsetOf("pid"), time: offsetOf("time"), cpu: offsetOf("cpu") };
}

/** Where unwinding begins: a user stack that was copied with just the registers that it takes. */
function unwindsFrom({ attr, arch }: MemberClassSpec, { members }: MemberLayout): PlacedMember | undefined {
  const needed = PERF_SAMPLE.REGS_USER | PERF_SAMPLE.STACK_USER;
  if ((Number(attr.sampleType) & needed) !== needed || attr.regsUser !== USER_REGS[arch]) return undefined;
  return members.find(({ row }) => row.kind === "regs_user");
}

/** How many anchors a member's value needs: those before it, and its own end. */
function anchorsOf({ row, anchor, variable }: PlacedMember, unwound: PlacedMember | undefined): number {
  if (row.kind === "callchain" && unwound !== undefined) return unwound.anchor + 2;
  return variable ? anchor + 1 : anchor;
}

function sampleValues(event: string, at: LineOffsets): Value[] {
  return [
    { name: "_pid", code: `v.getInt32(o + ${at.tid}, true)`, integer: "int32" },
    { name: "_tid", code: `v.getInt32(o + ${at.tid + 4}, true)`, integer: "int32" },
    { name: "_time", code: `time(v, o + ${at.time})` },
    { name: "_cpu", code: `v.getUint32(o + ${at.cpu}, true)`, integer: "uint32" },
    { name: "_realtime", code: `services.realtimeNumber(time(v, o + ${at.time}))` },
    { name: "_event", code: JSON.stringify(event) },
  ];
}

const INTEGERS: Readonly<Partial<Record<MemberKind, IntegerType>>> = {
  task: "int32",
  cpu: "uint32",
  bigint: "uint64",
  integer: "uint64",
};

function memberValue(
  member: PlacedMember,
  layout: MemberLayout,
  at: LineOffsets,
  unwound: PlacedMember | undefined,
  most: number,
): Value {
  const { row, anchor } = member;
  const locals = walkCode(layout, anchorsOf(member, unwound));
  const code = row.kind === "callchain"
    ? callchainCode(member, at, unwound, most)
    : valueCode(row.kind, placeCode(member), anchorName(anchor + 1));
  const integer = INTEGERS[row.kind];
  return { name: row.name, code, locals, ...(integer !== undefined && { integer }) };
}

/** Unwinding a copied stack takes so long that the event keeps what came of it. */
function callchainCode(member: PlacedMember, at: LineOffsets, unwound: PlacedMember | undefined, most: number): string {
  const place = `v, ${placeCode(member)}, v.getInt32(o + ${at.tid}, true), time(v, o + ${at.time})`;
  if (unwound === undefined) return `services.callchain(${place}, -1)`;
  return `this.#c ??= services.callchain(${place}, ${placeCode(unwound)}${most > 0 ? `, ${most}` : ""})`;
}

/** @param at Code of the member's place, and `end` of its end */
function valueCode(kind: Exclude<MemberKind, "callchain">, at: string, end: string): string {
  const bytes = (start: string, length: string) => `integers(v, ${start}, ${length}, Uint8Array, "")`;
  switch (kind) {
    case "task":
      return `v.getInt32(${at}, true)`;
    case "cpu":
      return `v.getUint32(${at}, true)`;
    case "bigint":
      return `v.getBigUint64(${at}, true)`;
    case "integer":
      return `unsigned64(v, ${at})`;
    case "read":
      return `decodeRead(v, ${at}, layout.read)`;
    case "raw":
      return bytes(`${at} + 4`, `${end} - (${at} + 4)`);
    case "branch_stack":
    case "aux":
      return bytes(at, `${end} - (${at})`);
    case "stack_user": // not the dyn_size behind it
      return bytes(at, `8 + v.getUint32(${at}, true)`);
    case "regs_user":
      return `decodeRegisters(v, ${at}, layout.regsUser)`;
    case "regs_intr":
      return `decodeRegisters(v, ${at}, layout.regsIntr)`;
  }
}

function anchorName(anchor: number): string {
  return anchor === 0 ? "o" : `p${anchor}`;
}

function placeCode({ anchor, offset }: PlacedMember): string {
  return `${anchorName(anchor)} + ${offset}`;
}

/** The code of the first `count` anchors: constants, each from the one before. */
function walkCode({ members }: MemberLayout, count: number): string {
  if (count === 0) return "";
  const variable = members.filter((member) => member.variable).slice(0, count);
  const steps = variable.map((member, i) => `${anchorName(i + 1)} = behind(v, ${placeCode(member)}, x${i}, e)`);
  return ["e = o + v.getUint16(o + 6, true)", ...steps].join(", ");
}
