/* SPDX-License-Identifier: MIT */
/*
 * DWARF expressions as call frame information has them, in the form libdw decodes them to (Dwarf_Op). There are no loops: branches
 * are refused, which no compiler writes there, so an expression ends after as many steps as it has operations.
 */
#include <string.h>

#include "expression.h"

#define DEPTH 32

struct machine {
	const struct pp_context *context;
	uint64_t stack[DEPTH];
	uint32_t depth;
};

bool pp_stack_read(struct pp_stack *stack, uint64_t address, uint64_t *value)
{
	const uint64_t offset = address - stack->start;

	if (offset <= stack->size && stack->size - offset >= sizeof(*value)) {
		memcpy(value, stack->bytes + offset, sizeof(*value));
		return true;
	}
	stack->cut |= address >= stack->start;
	return false;
}

static bool push(struct machine *machine, uint64_t value)
{
	if (machine->depth == DEPTH)
		return false;
	machine->stack[machine->depth++] = value;
	return true;
}

static bool push_register(struct machine *machine, uint64_t number, uint64_t offset)
{
	const struct pp_registers *registers = machine->context->registers;

	return number < PP_REGISTERS && (registers->known & UINT64_C(1) << number) &&
	       push(machine, registers->values[number] + offset);
}

/* A copy of the value `below` the top. */
static bool pick(struct machine *machine, uint64_t below)
{
	return below < machine->depth && push(machine, machine->stack[machine->depth - 1 - below]);
}

static bool apply_binary(struct machine *machine, uint8_t atom)
{
	if (machine->depth < 2)
		return false;
	const uint64_t a = machine->stack[machine->depth - 2], b = machine->stack[machine->depth - 1];
	uint64_t result;
	/* clang-format off */
	switch (atom) {
	case DW_OP_and: result = a & b; break;
	case DW_OP_or: result = a | b; break;
	case DW_OP_xor: result = a ^ b; break;
	case DW_OP_plus: result = a + b; break;
	case DW_OP_minus: result = a - b; break;
	case DW_OP_mul: result = a * b; break;
	case DW_OP_shl: result = b < 64 ? a << b : 0; break;
	case DW_OP_shr: result = b < 64 ? a >> b : 0; break;
	case DW_OP_eq: result = a == b; break;
	case DW_OP_ne: result = a != b; break;
	case DW_OP_ge: result = (int64_t)a >= (int64_t)b; break;
	case DW_OP_gt: result = (int64_t)a > (int64_t)b; break;
	case DW_OP_le: result = (int64_t)a <= (int64_t)b; break;
	case DW_OP_lt: result = (int64_t)a < (int64_t)b; break;
	default: return false;
	}
	/* clang-format on */
	machine->stack[--machine->depth - 1] = result;
	return true;
}

static bool apply_to_top(struct machine *machine, const Dwarf_Op *op)
{
	if (machine->depth == 0)
		return false;
	uint64_t *top = &machine->stack[machine->depth - 1];
	switch (op->atom) {
	case DW_OP_deref:
		return pp_stack_read(machine->context->stack, *top, top);
	case DW_OP_plus_uconst:
		*top += op->number;
		return true;
	case DW_OP_neg:
		*top = -*top;
		return true;
	case DW_OP_not:
		*top = ~*top;
		return true;
	case DW_OP_drop:
		machine->depth--;
		return true;
	}
	return false;
}

static bool apply(struct machine *machine, const Dwarf_Op *op)
{
	switch (op->atom) {
	case DW_OP_lit0 ... DW_OP_lit31:
		return push(machine, op->atom - DW_OP_lit0);
	case DW_OP_breg0 ... DW_OP_breg31:
		return push_register(machine, op->atom - DW_OP_breg0, op->number);
	case DW_OP_bregx:
		return push_register(machine, op->number, op->number2);
	case DW_OP_call_frame_cfa:
		return push(machine, machine->context->cfa);
	case DW_OP_addr:
		return push(machine, op->number + machine->context->bias);
	case DW_OP_const1u:
	case DW_OP_const1s:
	case DW_OP_const2u:
	case DW_OP_const2s:
	case DW_OP_const4u:
	case DW_OP_const4s:
	case DW_OP_const8u:
	case DW_OP_const8s:
	case DW_OP_constu:
	case DW_OP_consts:
		return push(machine, op->number);
	case DW_OP_dup:
		return pick(machine, 0);
	case DW_OP_over:
		return pick(machine, 1);
	case DW_OP_pick:
		return pick(machine, op->number);
	case DW_OP_nop:
		return true;
	}
	return apply_binary(machine, op->atom) || apply_to_top(machine, op);
}

/* Is it a location that is a register? Then it stands alone. */
static bool names_register(const Dwarf_Op *op, uint64_t *number)
{
	*number = op->atom == DW_OP_regx ? op->number : op->atom - (uint64_t)DW_OP_reg0;
	return op->atom == DW_OP_regx || (op->atom >= DW_OP_reg0 && op->atom <= DW_OP_reg31);
}

bool pp_expression_value(const struct pp_context *context, const Dwarf_Op *ops, size_t count, bool location, uint64_t *value)
{
	struct machine machine = {.context = context};
	uint64_t number;

	if (count == 1 && location && names_register(ops, &number)) {
		if (!push_register(&machine, number, 0))
			return false;
		location = false;
		count = 0;
	}
	for (size_t i = 0; i < count; i++) {
		if (ops[i].atom == DW_OP_stack_value && i == count - 1)
			location = false;
		else if (!apply(&machine, &ops[i]))
			return false;
	}
	if (machine.depth == 0)
		return false;
	*value = machine.stack[machine.depth - 1];
	return !location || pp_stack_read(context->stack, *value, value);
}
