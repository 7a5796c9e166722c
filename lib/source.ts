/**
 * The interface of an event source, and the shape of what it delivers. ffi/live_source.ts implements it over a native session;
 * tests implement it over recorded bytes. lib/ knows nothing of where records come from.
 *
 * A batch is a run of records, each after an 8-byte prefix (struct pp_prefix of native/perfprof.h, little endian):
 *
 *     u32 size     bytes of the record that follows
 *     u16 event    index into the source's events, or EVENT_LOST
 *     u16 cpu
 *
 * A record is the kernel's own (struct perf_event_header first, see perf_event_open(2)); with EVENT_LOST it is struct pp_lost.
 * All sizes are multiples of 8, and the batch starts at a multiple of 8.
 *
 * @module
 */

/** Prefix of each record in a batch, in bytes. */
export const PREFIX_SIZE = 8;
/** Event index of a record that tells of lost samples (struct pp_lost: u64 start, u64 end, u64 count, u32 event, u32 cpu). */
export const EVENT_LOST = 0xffff;
/** Event index in such a record where the kernel cannot tell which event lost samples. */
export const EVENT_UNKNOWN = 0xffffffff;
/** The largest record with its prefix, in bytes. */
export const RECORD_MAX = 65536 + PREFIX_SIZE;

/** Why `wait` returned, as bits; 0 is the time-out. */
export const WAIT_DATA = 1;
export const WAIT_WOKEN = 2;
export const WAIT_ENDED = 4;
export const WAIT_STDOUT = 8;

/** One field of a tracepoint's format, as libtraceevent reads it. */
export interface FormatField {
  readonly name: string;
  /** The C type without array brackets: `char`, `__data_loc char[]`, `unsigned long`, `const char *`. */
  readonly type: string;
  /** From the start of the raw data, in bytes. */
  readonly offset: number;
  /** In bytes; of a dynamic field, of its locator. */
  readonly size: number;
  readonly signed: boolean;
  /** One of the common_* fields that every tracepoint has. */
  readonly common: boolean;
  readonly array: boolean;
  /** Elements of an array of fixed length, else 0. */
  readonly count: number;
  /** Bytes of one element of an array, 0 where it has none. */
  readonly elementSize: number;
  readonly string: boolean;
  readonly pointer: boolean;
  /** `__data_loc` or `__rel_loc`: a u32 of (length << 16 | offset). */
  readonly dynamic: boolean;
  /** `__rel_loc`: the offset counts from the end of the locator. */
  readonly relative: boolean;
}

/** A tracepoint's format: what tracefs says of one event. */
export interface TracepointFormat {
  readonly id: number;
  readonly system: string;
  readonly name: string;
  /** The text after `print fmt: `. */
  readonly printFormat: string;
  /** False when libtraceevent cannot parse the print format: `name=value` pairs are printed instead. */
  readonly printable: boolean;
  readonly fields: readonly FormatField[];
}

/** A value and its name in a `__print_flags` or `__print_symbolic`. */
export interface PrintName {
  /** A number as C writes it, or a name that libtraceevent did not resolve. */
  readonly value: string;
  readonly name: string;
}

/** An argument of a print format, as libtraceevent has parsed it. The left of a unary operator is `null`; `?` has `:` on its right. */
export type PrintArgument =
  | { readonly kind: "null" | "other" }
  | { readonly kind: "atom"; readonly text: string }
  | { readonly kind: "field" | "string"; readonly name: string }
  | { readonly kind: "cast"; readonly type: string; readonly item: PrintArgument }
  | { readonly kind: "op"; readonly op: string; readonly left: PrintArgument; readonly right: PrintArgument }
  | {
    readonly kind: "flags";
    readonly delimiter: string;
    readonly values: readonly PrintName[];
    readonly item: PrintArgument;
  }
  | { readonly kind: "symbol"; readonly values: readonly PrintName[]; readonly item: PrintArgument };

/** A tracepoint's print format, parsed: a C format string with its escapes, and its arguments. */
export interface PrintTree {
  readonly format: string;
  readonly arguments: readonly PrintArgument[];
}

/** A time as whole seconds and the ns within: a number of ns since 1970 does not hold every µs. */
export interface Moment {
  readonly seconds: number;
  /** 0 to 999,999,999. */
  readonly ns: number;
}

/** A kernel symbol as %pS shows it: the address is `offset` behind its start. */
export interface PrintSymbol {
  readonly name: string;
  readonly offset: bigint;
}

/** A moment in the clock of the events and in wall clock time, both in ns. */
export interface ClockPair {
  readonly clockNs: bigint;
  readonly realtimeNs: bigint;
}

/** One frame of a call stack. Frames are shared: the same place in the same stack is the same object. */
export interface Frame {
  readonly addr: bigint;
  /** `Unknown` where there is none. */
  readonly symbol: string;
  /** From the symbol, or from the start of the dso where the symbol is unknown. */
  readonly offset: number;
  readonly kernel: boolean;
  /** `[kernel.kallsyms]`, `[module]`, or the path as the process sees it. */
  readonly dso: string;
  /** Why the symbol is unknown; only there. */
  readonly reason?: string;
  /** Of the dso, in hexadecimal; only where the symbol is unknown. */
  readonly build_id?: string;
  /** With --srcline, where the file has debug information. */
  readonly file?: string;
  readonly line?: number;
  /** With --srcline: the compiler put this function into the next frame's. */
  readonly inlined?: true;
  /** This is the last frame, and the stack goes on: its copy ended, or it has too many frames. */
  readonly cut?: true;
}

/** What an event needs from outside of its bytes, as long as the process lives (also after the source is closed). */
export interface EventServices {
  /** The kernel's print format of tracepoint `formatId` evaluated on `raw`. A DecodeError when `raw` is no record of it. */
  printText(formatId: number, raw: Uint8Array, cpu: number): string;
  /** The print format of tracepoint `formatId`; undefined where libtraceevent cannot parse it. */
  printTree(formatId: number): PrintTree | undefined;
  /** The kernel symbol that a print format shows for an address. */
  printSymbol(address: bigint): PrintSymbol | undefined;
  /**
   * The frames of a sample's stack, innermost first.
   *
   * @param chain Of the u64 nr in the view, which its addresses follow
   * @param timeNs When: what the process had mapped then
   * @param userStack Of the user's registers and copied stack (the u64 abi), -1 without
   * @param most Frames of a stack with a copied one: perf_event_attr.sample_max_stack, which the kernel applies to its own side only
   */
  callchain(
    view: DataView,
    chain: number,
    pid: number,
    timeNs: number,
    userStack: number,
    most?: number,
  ): readonly Frame[];
  /** Name of thread `tid` at `timeNs`, `"<...>"` when nobody knows. */
  comm(tid: number, timeNs: number): string;
  /** Event time -> ns since the Unix epoch. */
  realtimeNs(timeNs: bigint): bigint;
  /** The same, rounded to a double: the way that makes no BigInt. */
  realtimeNumber(timeNs: number): number;
  /** What is to be added to an event time for the wall clock. */
  realtimeOffset(timeNs: number): Moment;
}

/** What a source tells beside its records. Times in ns of the events' clock. */
export interface SourceState {
  /** Every record up to this time has been delivered. */
  readonly safeTimeNs: number;
  /** Greatest time of the samples of the last read. */
  readonly batchNewestNs: number;
  /** Samples since the start: delivered, known to be lost, delivered after a newer one, dropped as our own. */
  readonly delivered: number;
  readonly lost: number;
  readonly late: number;
  readonly excluded: number;
  /** Side-band records that the kernel lost, and records whose lengths made no sense. */
  readonly sidebandLost: number;
  readonly damaged: number;
  /** Records are held back: read again soon. */
  readonly pending: boolean;
  /** All tasks (or the command) have ended. */
  readonly ended: boolean;
  /** Wait status of the command, -1 while it runs or where there is none. */
  readonly commandStatus: number;
  /** Data bytes of one ring, and how many there are. */
  readonly ringBytes: number;
  readonly rings: number;
  /** Bytes that the queue may take, 0 without one. */
  readonly queueBytes: number;
}

/** Samples of one event on one CPU: sent = delivered + lost + excluded. */
export interface EventCount {
  readonly event: number;
  readonly cpu: number;
  readonly delivered: number;
  readonly lost: number;
  readonly excluded: number;
}

/** A source of records. Calls are made one at a time; during a `wait` only `wake`, `state`, `counts`, `clockPair` and `close` may come. */
export interface Source {
  /** Starts the flow. */
  enable(): void;
  /** Ends the flow; what the rings hold can still be read. */
  disable(): void;
  /**
   * Waits for records.
   *
   * @param timeoutMs At most so long
   * @param pause True: records do not end the wait (a rest for the event loop)
   * @returns WAIT_* bits
   */
  wait(timeoutMs: number, pause: boolean): Promise<number>;
  /** Ends a running or the next `wait`. */
  wake(): void;
  /**
   * Copies whole records into `into`, as many as fit and may be delivered.
   *
   * @param into Aligned to 8 bytes
   * @returns Bytes written, 0 when nothing may be delivered now, or minus the bytes that the next record takes when `into` is too small
   */
  read(into: Uint8Array): number;
  /** The state after the last call: the same object each time, read when its properties are. */
  state(): SourceState;
  /** Reads the kernel's counts. */
  counts(): EventCount[];
  /** Clock of the events and wall clock, now. */
  clockPair(): ClockPair;
  /** Ends a running `wait` as well. Nothing may be called any more, but `wake` and `state`. */
  close(): void;
}

/** One event to open. */
export interface SourceEvent {
  /** For messages: `sched:sched_switch`. */
  readonly name: string;
  /** struct perf_event_attr. */
  readonly attr: Uint8Array<ArrayBuffer>;
  /** The CPUs it is opened on. */
  readonly cpus: readonly number[];
  /** The kernel's trace filter. */
  readonly filter?: string | undefined;
  /** COMM, FORK and EXIT records are wanted, and no samples. */
  readonly sideband: boolean;
  /** Of a dynamic probe: what users call it. Its events are closed before it is removed. */
  readonly probe?: string | undefined;
  /** Of all tasks on its CPUs, whatever the target is. */
  readonly everyTask?: boolean | undefined;
  /** Index of the event, an earlier one on the same CPUs, in whose group it counts. */
  readonly leader?: number | undefined;
}

/** The kinds of dynamic probes, as -e names them: enum pp_probe_kind, of the same order. */
export const PROBE_KINDS = ["kprobe", "kretprobe", "uprobe", "uretprobe"] as const;
export type ProbeKind = typeof PROBE_KINDS[number];

/** A dynamic probe, in the kernel's own terms. */
export interface ProbeDefinition {
  readonly kind: ProbeKind;
  /** Of its event: letters, digits and _. */
  readonly name: string;
  /** `PATH:OFFSET` or `FUNCTION`, and after it the arguments: `/usr/lib/libc.so.6:0x98930 size=%di`. Each has the same ones. */
  readonly places: readonly string[];
}

/** One of the places of a marker that a program was compiled with (USDT). Offsets in the file. */
export interface Marker {
  readonly provider: string;
  readonly name: string;
  readonly offset: bigint;
  /** Of the counter that says whether somebody listens, 0n without one. */
  readonly semaphore: bigint;
  /** As the assembler wrote them: `-4@%edi 8@-16(%rbp)`. */
  readonly args: string;
}

/** A probe that nobody owns any more: perfprof was killed. */
export interface LeftoverProbe {
  readonly kind: ProbeKind;
  /** `perfprof_PID_N/NAME`. */
  readonly event: string;
}

/** Dynamic probes. Those that this process creates are removed when it ends, in whichever way short of SIGKILL. */
export interface Probes {
  /**
   * Creates one.
   *
   * @returns The system, `perfprof_PID_N`, in which its event is
   * @throws {SourceError} `probe` with the kernel's reason; `file` where the kernel has or gives no such probes
   */
  create(definition: ProbeDefinition): string;
  /** Removes all that this process created, and closes their events. @returns How many somebody else keeps open */
  remove(): number;
  /** Where a function begins in its file. @throws {SourceError} `elf` or `file` */
  functionOffset(path: string, name: string): bigint;
  /** Names of a file's functions. @throws {SourceError} `elf` or `file` */
  functions(path: string): string[];
  /** A file's markers. @throws {SourceError} `elf` or `file` */
  markers(path: string): Marker[];
  leftovers(): LeftoverProbe[];
  /** @throws {SourceError} `probe` where somebody has it open */
  removeLeftover(probe: LeftoverProbe): void;
}

/** Whose events: one of these, or nobody's in particular. */
export type Target =
  | { readonly kind: "all" }
  /** With all threads, new ones and children. */
  | { readonly kind: "pids"; readonly pids: readonly number[] }
  | { readonly kind: "tids"; readonly tids: readonly number[] }
  | { readonly kind: "cgroups"; readonly paths: readonly string[] }
  /** A command that is started and held until `enable`. */
  | { readonly kind: "command"; readonly words: readonly string[] };

/** What a live source is opened with. */
export interface SourceRequest {
  readonly events: readonly SourceEvent[];
  readonly target: Target;
  readonly order: boolean;
  readonly excludeSelf: boolean;
  /** End the waits when nobody reads stdout any more. */
  readonly watchStdout: boolean;
  /** The command writes to stderr what it means for stdout. */
  readonly commandToStderr?: boolean | undefined;
  /** CLOCK_* number, or CLOCK_PERF. */
  readonly clockid: number;
  /** Data pages of a ring, a power of two, and whether fewer will do when the kernel refuses them. */
  readonly ringPages: number;
  readonly ringShrink: boolean;
  /** Bytes of the queue for what the rings cannot hold while nobody reads, 0: none. */
  readonly queueBytes: number;
}

/** The kernel's own perf clock, where a CLOCK_* number is asked for. */
export const CLOCK_PERF = -1;

/** One task of the machine. */
export interface TaskName {
  readonly pid: number;
  readonly tid: number;
  readonly comm: string;
}

/** Why an address has no symbol: enum pp_unknown, of the same order. */
export const UNKNOWN = [
  "known",
  "kernel addresses are hidden",
  "no symbol covers it",
  "the file is stripped",
  "the file is gone",
  "the file was replaced",
  "the file is not readable",
  "the file is damaged",
  "no JIT map",
  "the JIT map is not the process's own",
  "nothing is mapped there",
  "there are too many files",
] as const;
export type UnknownReason = typeof UNKNOWN[number];

/** What an address is. */
export interface SymbolAt {
  /** Undefined where it is unknown. */
  readonly name: string | undefined;
  /** Of the address from the symbol's start, or where it is unknown from the start of the dso. */
  readonly offset: number;
  /** Of a kernel symbol: the module that it is in, `""` for the kernel itself. */
  readonly module: string;
  /** `known` where it is. */
  readonly reason: UnknownReason;
}

/** A file that a process has mapped to be executed. */
export interface MappedFile {
  readonly start: bigint;
  readonly end: bigint;
  /** Offset of `start` in the file. */
  readonly pgoff: bigint;
  /** 0n where nobody told. */
  readonly inode: bigint;
  readonly major: number;
  readonly minor: number;
  /** Whose mount namespace `path` is of. */
  readonly pid: number;
  /** A process whose namespace will do where `pid` has ended, 0 for none. */
  readonly parent: number;
  /** Empty where nobody told. */
  readonly buildId: Uint8Array;
  /** As the process sees it. */
  readonly path: string;
}

/** A place in source text; inlined functions come before the one that has their code. */
export interface SourceLine {
  readonly function: string;
  readonly file: string;
  readonly line: number;
  readonly inlined: boolean;
}

/** A mapping of an address space that is to be unwound. */
export interface UnwindModule {
  readonly start: bigint;
  readonly end: bigint;
  readonly pgoff: bigint;
  readonly dso: number;
}

/** A user stack as unwound: the ip, then return addresses. */
export interface Unwound {
  readonly addresses: BigUint64Array;
  /** `cut`: the copied bytes end before the stack does, or there are more frames than asked for; `lost`: a frame has no unwind information. */
  readonly end: "whole" | "cut" | "lost";
}

/** Turns addresses into names. It lives as long as the process: a kept event may ask at any time. Nothing of it is fast: callers cache. */
export interface Symbolizer {
  kernel(address: bigint): SymbolAt;
  /** The number of a file; of one that cannot be read as well. */
  openFile(file: MappedFile): number;
  fileSymbol(dso: number, fileOffset: bigint): SymbolAt;
  /** In hexadecimal; undefined where the file has none. */
  buildId(dso: number): string | undefined;
  /** Of code that is in no file. */
  jit(pid: number, address: bigint): SymbolAt;
  /** None where there is no debug information. @throws {SourceError} libdw is not installed */
  lines(dso: number, fileOffset: bigint): SourceLine[];
  /**
   * Unwinds a user stack by the files' unwind information.
   *
   * @param modules Ascending; the same array for the same address space
   * @param regs One for each bit of `regsMask`, PERF_SAMPLE_REGS_USER
   * @param stack At the stack pointer, PERF_SAMPLE_STACK_USER
   * @throws {SourceError} libdw is not installed
   */
  unwind(modules: readonly UnwindModule[], regs: BigUint64Array, regsMask: bigint, stack: Uint8Array, most: number): Unwound;
}

/** What this machine has: ffi/machine.ts asks the kernel; tests give their own. */
export interface Machine {
  readonly pageSize: number;
  onlineCpus(): number[];
  /** Text of a file under /proc, /sys or tracefs; undefined when it is not there. */
  kernelFile(path: string): string | undefined;
  /** Names in a folder under /proc or /sys; none when it is not there. */
  kernelFolder(path: string): string[];
  /** Names under tracefs events/. */
  systems(): string[];
  names(system: string): string[];
  format(system: string, name: string): TracepointFormat;
  printText(formatId: number, raw: Uint8Array, cpu: number): string;
  printTree(formatId: number): PrintTree | undefined;
  printSymbol(address: bigint): PrintSymbol | undefined;
  /** Can the kernel open this attr? */
  accepts(attr: Uint8Array<ArrayBuffer>): boolean;
  tasks(): TaskName[];
  /** @param mangled Names of C++ and Rust are left as they are in the files */
  symbolizer(mangled: boolean): Symbolizer;
  readonly probes: Probes;
  /** Opens everything, disabled. */
  open(request: SourceRequest): Source;
}

/** What a source tried when it failed. */
export type SourceOperation =
  | "open"
  | "mmap"
  | "filter"
  | "cgroup"
  | "task"
  | "exec"
  | "ioctl"
  | "format"
  | "tracefs"
  | "file"
  | "output"
  | "memory"
  | "probe"
  | "elf"
  | "recording"
  | "system";

/** The kernel's refusal, as a source reports it; lib/failures.ts says it to a person. */
export class SourceError extends Error {
  override readonly name = "SourceError";

  /**
   * @param text What was tried, such as `perf_event_open sched:sched_switch cpu=3`; of a filter, the kernel's reason
   * @param errno Its number, 0 where the kernel gave none
   * @param event Index of the event, -1 where it does not apply; so `cpu` and `pid`
   */
  constructor(
    readonly operation: SourceOperation,
    text: string,
    readonly errno: number,
    readonly event = -1,
    readonly cpu = -1,
    readonly pid = -1,
  ) {
    super(text);
  }
}
