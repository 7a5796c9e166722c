/* SPDX-License-Identifier: MIT */
/*
 * User stacks from a sample's registers and its copy of the stack, by the call frame information of the files that are mapped.
 * libdw finds the rules of an address (.eh_frame, .debug_frame); they are applied here, since libdwfl, which could do that, wants
 * every file described anew for each process, and aborts on what it takes for impossible. Nothing is ever read of the process
 * itself: it has run on.
 */
#include <errno.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#include "expression.h"

/* More mappings of code than a process has. */
#define MODULES_MAX 65536
/* libdw keeps a rule for each register that a table names, up to 100 million of them: what is kept here is bounded. */
#define FRAME_BYTES_MAX (16 << 10)
/* CPU time that libdw may take for one address. The first one of a browser takes a tenth of it. */
#define RULES_NS_MAX UINT64_C(1000000000)
/* How often a stack may go on at no higher address: after the leaf functions of arm64, and from an alternate signal stack to what
 * was interrupted. Tables that lead round in a circle do so each time. */
#define TURNS_MAX 8

/* Bits of enum perf_event_x86_regs, perf_event_arm_regs (asm/perf_regs.h of each machine). */
#if defined(__aarch64__)
#define PERF_PC 32
static const uint8_t perf_register[PP_REGISTERS] = {0,	1,  2,	3,  4,	5,  6,	7,  8,	9,  10, 11, 12, 13, 14, 15,
						    16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31};
/* The upper bits of a return address may sign it (pointer authentication). */
#define CODE_MASK ((UINT64_C(1) << 48) - 1)
#else
#define PERF_PC	  8
#define NONE	  63
/* DWARF: ax dx cx bx si di bp sp r8-r15 ra; perf: ax bx cx dx si di bp sp ip flags cs ss ds es fs gs r8-r15. */
static const uint8_t perf_register[PP_REGISTERS] = {0, 3, 2, 1, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23, NONE};
#define CODE_MASK UINT64_MAX
#endif

struct unwinder {
	struct pp_dwarf *dwarf;
	struct pp_symbolizer *symbolizer;
	struct pp_registers registers;
	struct pp_stack stack;
	uint64_t pc;
	bool exact; /* pc is where the frame was interrupted; else it is after the call, which may be the next function's start */
	uint32_t turns;
	enum pp_unwound end; /* once there is no caller */
};

static bool end(struct unwinder *unwinder, enum pp_unwound how)
{
	unwinder->end = how;
	return false;
}

/* ---- rules ---- */

static const struct pp_module *find_module(const struct pp_dwarf *dwarf, uint64_t address)
{
	uint32_t low = 0, high = dwarf->module_count;

	while (low < high) {
		const uint32_t middle = low + (high - low) / 2;
		if (dwarf->modules[middle].end <= address)
			low = middle + 1;
		else
			high = middle;
	}
	return low < dwarf->module_count && dwarf->modules[low].start <= address ? &dwarf->modules[low] : NULL;
}

/* A file whose tables are made to take long is not asked again. */
static Dwarf_Frame *find_in(struct pp_dwarf_file *file, Dwarf_CFI *table, uint64_t vaddr)
{
	Dwarf_Frame *frame = NULL;

	if (!table || file->is_slow)
		return NULL;
	const uint64_t start = pp_clock_now(CLOCK_THREAD_CPUTIME_ID);
	const int result = pp_libdw.dwarf_cfi_addrframe(table, vaddr, &frame);
	file->is_slow = pp_clock_now(CLOCK_THREAD_CPUTIME_ID) - start > RULES_NS_MAX;
	if (result != 0)
		return NULL;
	if (malloc_usable_size(frame) <= FRAME_BYTES_MAX)
		return frame;
	free(frame);
	return NULL;
}

/* The rules at the frame's address, which stay the cache's; NULL: nothing is known of it. *bias is process address - file address.
 */
static Dwarf_Frame *find_rules(struct unwinder *unwinder, uint64_t *bias)
{
	struct pp_dwarf *dwarf = unwinder->dwarf;
	const uint64_t address = unwinder->pc - !unwinder->exact;
	const struct pp_module *module = find_module(dwarf, address);
	struct pp_dwarf_file *file = module ? pp_dwarf_file_open(dwarf, unwinder->symbolizer, module->dso) : NULL;
	uint64_t vaddr;

	if (!file || !pp_dwarf_file_vaddr(file, address - module->start + module->pgoff, &vaddr))
		return NULL;
	*bias = address - vaddr;
	struct pp_rules *place = &dwarf->rules[((vaddr ^ (uint64_t)module->dso << 32) * UINT64_C(0x9e3779b97f4a7c15)) >> 53];
	static_assert(PP_RULES == 1 << (64 - 53), "the upper bits of the product are the place");
	if (place->file == file && place->vaddr == vaddr)
		return place->frame;
	Dwarf_Frame *frame = find_in(file, file->unwind, vaddr);
	if (!frame)
		frame = find_in(file, pp_dwarf_file_debug_frame(dwarf, unwinder->symbolizer, module->dso, file), vaddr);
	free(place->frame);
	*place = (struct pp_rules){.file = file, .vaddr = vaddr, .frame = frame};
	return frame;
}

/* ---- one frame ---- */

static void set(struct pp_registers *registers, uint32_t number, uint64_t value)
{
	registers->values[number] = value;
	registers->known |= UINT64_C(1) << number;
}

/* To the caller's frame, at `pc` with its registers. */
static bool enter(struct unwinder *unwinder, const struct pp_registers *caller, uint64_t pc, bool exact)
{
	unwinder->turns += caller->values[PP_REGISTER_SP] <= unwinder->registers.values[PP_REGISTER_SP];
	unwinder->registers = *caller;
	unwinder->pc = pc & CODE_MASK;
	unwinder->exact = exact;
	if (unwinder->pc == 0)
		return end(unwinder, PP_UNWOUND_WHOLE);
	return unwinder->turns <= TURNS_MAX || end(unwinder, PP_UNWOUND_LOST);
}

/* Code without rules: what JIT compilers make has a frame pointer, and so has some assembler. Where a general register is taken
 * for one, it does not point to a return address above the frame. */
static bool step_by_frame_pointer(struct unwinder *unwinder)
{
	const struct pp_registers *registers = &unwinder->registers;
	const uint64_t fp = registers->values[PP_REGISTER_FP];
	struct pp_registers caller = {0};
	uint64_t caller_fp, pc;

	if (!(registers->known & UINT64_C(1) << PP_REGISTER_FP) || fp % 8 != 0 || fp < registers->values[PP_REGISTER_SP] ||
	    !pp_stack_read(&unwinder->stack, fp, &caller_fp) || !pp_stack_read(&unwinder->stack, fp + 8, &pc))
		return end(unwinder, PP_UNWOUND_LOST);
	if ((pc & CODE_MASK) < 4096 || (pc & CODE_MASK) >> 56 != 0 || pc - unwinder->stack.start < unwinder->stack.size)
		return end(unwinder, PP_UNWOUND_LOST);
	set(&caller, PP_REGISTER_FP, caller_fp);
	set(&caller, PP_REGISTER_SP, fp + 16);
	return enter(unwinder, &caller, pc, false);
}

/* What the rules say of register `number` of the caller. */
enum rule { RULE_KNOWN, RULE_UNDEFINED, RULE_FAILED };

static enum rule apply_rule(const struct pp_context *context, Dwarf_Frame *frame, uint32_t number, struct pp_registers *caller)
{
	Dwarf_Op memory[3], *ops;
	size_t count;
	uint64_t value;

	if (pp_libdw.dwarf_frame_register(frame, (int)number, memory, &ops, &count) != 0)
		return RULE_FAILED;
	if (count == 0 && ops == memory)
		return RULE_UNDEFINED;
	if (count == 0) { /* the same value */
		if (!(context->registers->known & UINT64_C(1) << number))
			return RULE_FAILED;
		value = context->registers->values[number];
	} else if (!pp_expression_value(context, ops, count, true, &value)) {
		return RULE_FAILED;
	}
	set(caller, number, value);
	return RULE_KNOWN;
}

static bool step_by_rules(struct unwinder *unwinder, Dwarf_Frame *frame, uint64_t bias)
{
	struct pp_context context = {.registers = &unwinder->registers, .stack = &unwinder->stack, .bias = bias};
	struct pp_registers caller = {0};
	enum rule return_rule = RULE_FAILED;
	bool signal = false;
	Dwarf_Op *ops;
	size_t count;
	const int return_register = pp_libdw.dwarf_frame_info(frame, NULL, NULL, &signal);

	unwinder->stack.cut = false;
	if (pp_libdw.dwarf_frame_cfa(frame, &ops, &count) == 0 && count > 0 &&
	    pp_expression_value(&context, ops, count, false, &context.cfa)) {
		set(&caller, PP_REGISTER_SP, context.cfa); /* as long as no rule says otherwise */
		for (uint32_t number = 0; number < PP_REGISTERS; number++) {
			const enum rule rule = apply_rule(&context, frame, number, &caller);
			if ((int)number == return_register)
				return_rule = rule;
		}
	}
	if (return_rule == RULE_KNOWN)
		return enter(unwinder, &caller, caller.values[return_register], signal);
	if (return_rule == RULE_UNDEFINED)
		return end(unwinder, PP_UNWOUND_WHOLE);
	return end(unwinder, unwinder->stack.cut ? PP_UNWOUND_CUT : PP_UNWOUND_LOST);
}

static bool step(struct unwinder *unwinder)
{
	uint64_t bias;
	Dwarf_Frame *frame = find_rules(unwinder, &bias);

	return frame ? step_by_rules(unwinder, frame, bias) : step_by_frame_pointer(unwinder);
}

/* ---- calls ---- */

int32_t pp_unwind_space(struct pp_symbolizer *symbolizer, const struct pp_module *modules, uint32_t count, struct pp_error *err)
{
	struct pp_dwarf *dwarf;
	struct pp_module *copy;
	const int32_t result = pp_dwarf_open(symbolizer, &dwarf, err);

	if (result < 0)
		return result;
	if (count > MODULES_MAX)
		return pp_fail(err, PP_E_ARG, 0, "an address space of %u modules", count);
	for (uint32_t i = 0; i < count; i++) {
		if (modules[i].start >= modules[i].end || (i > 0 && modules[i].start < modules[i - 1].end))
			return pp_fail(err, PP_E_ARG, 0, "module %u of an address space is empty or not above the one before", i);
	}
	copy = malloc((count + 1) * sizeof(*copy));
	if (!copy)
		return pp_fail(err, PP_E_NOMEM, ENOMEM, "an address space of %u modules", count);
	if (count > 0)
		memcpy(copy, modules, count * sizeof(*copy));
	free(dwarf->modules);
	dwarf->modules = copy;
	dwarf->module_count = count;
	return PP_OK;
}

/* The registers of a sample; false where those are missing without which there is no frame. */
static bool take_registers(struct unwinder *unwinder, const uint64_t *regs, uint64_t mask)
{
	uint64_t by_bit[64];

	for (uint32_t bit = 0, at = 0; bit < 64; bit++)
		by_bit[bit] = mask & UINT64_C(1) << bit ? regs[at++] : 0;
	for (uint32_t number = 0; number < PP_REGISTERS; number++) {
		if (mask & UINT64_C(1) << perf_register[number])
			set(&unwinder->registers, number, by_bit[perf_register[number]]);
	}
	unwinder->pc = by_bit[PERF_PC];
	return (mask & UINT64_C(1) << PERF_PC) && (mask & UINT64_C(1) << perf_register[PP_REGISTER_SP]);
}

int32_t pp_unwind(struct pp_symbolizer *symbolizer, const uint64_t *regs, uint64_t regs_mask, const uint8_t *stack,
		  uint32_t stack_size, uint64_t *addresses, uint32_t max, uint32_t *unwound, struct pp_error *err)
{
	struct unwinder unwinder = {.symbolizer = symbolizer, .exact = true};
	const int32_t result = pp_dwarf_open(symbolizer, &unwinder.dwarf, err);
	uint32_t count = 0;

	if (result < 0)
		return result;
	if (max == 0 || max > INT32_MAX || !take_registers(&unwinder, regs, regs_mask))
		return pp_fail(err, PP_E_ARG, 0, "unwind %u frames from registers 0x%llx", max, (unsigned long long)regs_mask);
	unwinder.stack.bytes = stack;
	unwinder.stack.start = unwinder.registers.values[PP_REGISTER_SP];
	unwinder.stack.size = stack_size;
	do {
		if (count == max) {
			unwinder.end = PP_UNWOUND_CUT;
			break;
		}
		addresses[count++] = unwinder.pc;
	} while (step(&unwinder));
	*unwound = unwinder.end;
	return (int32_t)count;
}
