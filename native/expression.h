/* SPDX-License-Identifier: MIT */
/* Registers of a frame that is unwound, in the numbers that DWARF gives them, and the expressions that tell of the caller's. */
#ifndef PERFPROF_EXPRESSION_H
#define PERFPROF_EXPRESSION_H

#include "dwarf_files.h"

#if defined(__aarch64__)
#define PP_REGISTERS   32 /* x0..x30, sp: "DWARF for the Arm 64-bit Architecture", 4.1 */
#define PP_REGISTER_FP 29
#define PP_REGISTER_SP 31
#else
#define PP_REGISTERS   17 /* rax .. r15, return address: System V ABI for AMD64, figure 3.36 */
#define PP_REGISTER_FP 6
#define PP_REGISTER_SP 7
#endif

struct pp_registers {
	uint64_t values[PP_REGISTERS];
	uint64_t known; /* a bit for each */
};

/* The copy of a stack. */
struct pp_stack {
	const uint8_t *bytes;
	uint64_t start; /* its address */
	uint64_t size;
	bool cut; /* set when something above it was asked for */
};

/* The 8 bytes at `address`; false where the copy has them not. */
bool pp_stack_read(struct pp_stack *stack, uint64_t address, uint64_t *value);

/* What an expression is about. */
struct pp_context {
	const struct pp_registers *registers;
	struct pp_stack *stack;
	uint64_t cfa;  /* the canonical frame address, once it is known */
	uint64_t bias; /* of addresses of the process above those of the file */
};

/* The value of the expression, or of what it says the location is. False where it cannot be had. */
bool pp_expression_value(const struct pp_context *context, const Dwarf_Op *ops, size_t count, bool location, uint64_t *value);

#endif
