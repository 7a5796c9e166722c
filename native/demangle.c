/* SPDX-License-Identifier: MIT */
/*
 * Names of C++ and Rust as people know them, by libiberty: as perf shows them, without parameters and without Rust's hash.
 *
 * A mangled name may refer to a part of itself, twice at each level: 200 bytes of it stand for more than any memory holds. So the
 * text is taken piece by piece, and when there is too much of it libiberty is left by longjmp: its callback cannot end it. It has
 * nothing to be freed then (but, of Rust, one identifier in Punycode). Its own limit of recursion stays on.
 */
#include <ctype.h>
#include <libiberty/demangle.h>
#include <setjmp.h>
#include <stdbool.h>
#include <string.h>

#include "demangle.h"

#define DEMANGLED_MAX  (16 << 10)
#define MANGLED_MAX    1024 /* libiberty's own: DEMANGLE_RECURSION_LIMIT, two parts for each byte, which are on the stack */
#define REFERENCES_MAX 40   /* see is_endless: 3^(40/3) steps are some 10 ms */

struct output {
	jmp_buf full;
	size_t length;
	char text[DEMANGLED_MAX];
};

static void take(const char *piece, size_t length, void *opaque)
{
	struct output *output = opaque;

	if (length >= sizeof(output->text) - output->length)
		longjmp(output->full, 1);
	/* An empty piece may have no address. */
	if (!length)
		return;
	memcpy(output->text + output->length, piece, length);
	output->length += length;
}

/* For a pack expansion ("Dp", "sp", "sZ", folds) libiberty walks all that a part stands for, and writes nothing meanwhile: such a
 * name may have but so many references ("S_", "S1_"). */
static bool is_endless(const char *name)
{
	static const char *const expansions[] = {"Dp", "sp", "sZ", "fl", "fr", "fL", "fR"};
	bool expands = false;
	int references = 0;

	for (size_t i = 0; i < sizeof(expansions) / sizeof(expansions[0]); i++)
		expands = expands || strstr(name, expansions[i]);
	for (const char *at = name; (at = strchr(at, 'S')); at++)
		references += at[1] == '_' || isdigit((unsigned char)at[1]) || isupper((unsigned char)at[1]);
	return expands && references > REFERENCES_MAX;
}

char *pp_demangle(const char *name)
{
	struct output output;

	/* _Z: C++ and Rust's older form; _R: Rust's newer one. What starts otherwise is no mangled name. */
	if (name[0] != '_' || (name[1] != 'Z' && name[1] != 'R') || strnlen(name, MANGLED_MAX + 1) > MANGLED_MAX ||
	    is_endless(name))
		return NULL;
	if (setjmp(output.full))
		return NULL;
	output.length = 0;
	/* An older Rust name is a valid C++ one, that would keep its hash. */
	if (!rust_demangle_callback(name, DMGL_NO_OPTS, take, &output)) {
		output.length = 0;
		if (!cplus_demangle_v3_callback(name, DMGL_NO_OPTS, take, &output))
			return NULL;
	}
	return output.length ? strndup(output.text, output.length) : NULL;
}
