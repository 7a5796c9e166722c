/* SPDX-License-Identifier: MIT */
/*
 * The kernel's symbols: the text of /proc/kallsyms, cut into words in place, and a table of them sorted by address. libtraceevent
 * has a table of its own, but builds it with an allocation for each of some 200,000 symbols.
 */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "symbols.h"

struct symbol {
	uint64_t addr;
	const char *name;
	const char *module;
};

struct pp_symbols {
	char *text; /* what the names point into */
	size_t count;
	struct symbol table[];
};

static int by_address(const void *a, const void *b)
{
	uint64_t left = ((const struct symbol *)a)->addr;
	uint64_t right = ((const struct symbol *)b)->addr;

	return left < right ? -1 : left > right;
}

static char *hex(char *at, uint64_t *value)
{
	for (*value = 0; isxdigit((unsigned char)*at); at++)
		*value = *value << 4 | (isdigit((unsigned char)*at) ? *at - '0' : (*at | 0x20) - 'a' + 10);
	return at;
}

/* One line, "ADDR TYPE NAME[\t[MODULE]]", NUL-terminated. False for what is no address of code or data: 'a' is an absolute value
 * (an offset in per-CPU data, mostly), and address 0 is a hidden one. */
static bool parse_line(char *line, struct symbol *symbol)
{
	char *at = hex(line, &symbol->addr);
	char *module;

	if (at[0] != ' ' || !at[1] || at[2] != ' ' || tolower((unsigned char)at[1]) == 'a' || !symbol->addr)
		return false;
	symbol->name = at + 3;
	symbol->module = NULL;
	module = strpbrk(at + 3, "\t ");
	if (module) {
		*module++ = '\0';
		module += *module == '[';
		module[strcspn(module, "]")] = '\0';
		symbol->module = module;
	}
	return true;
}

int32_t pp_symbols_load(struct pp_symbols **out, struct pp_error *err)
{
	struct pp_symbols *symbols = NULL;
	size_t lines = 0;
	bool sorted = true;
	char *text, *next;
	int32_t ret;

	ret = pp_kernel_file_load("/proc/kallsyms", &text, err);
	if (ret < 0)
		return ret;
	for (char *at = text; (at = strchr(at, '\n')); at++)
		lines++;
	symbols = malloc(sizeof(*symbols) + lines * sizeof(symbols->table[0]));
	if (!symbols) {
		free(text);
		return pp_fail(err, PP_E_NOMEM, ENOMEM, "%zu kernel symbols", lines);
	}
	symbols->text = text;
	symbols->count = 0;
	for (char *line = text; (next = strchr(line, '\n')); line = next + 1) {
		struct symbol *symbol = &symbols->table[symbols->count];

		*next = '\0';
		if (!parse_line(line, symbol))
			continue;
		sorted = sorted && (symbols->count == 0 || symbol[-1].addr <= symbol->addr);
		symbols->count++;
	}
	/* The kernel's own are sorted already; modules come after them in the order of their loading. */
	if (!sorted)
		qsort(symbols->table, symbols->count, sizeof(symbols->table[0]), by_address);
	*out = symbols;
	return PP_OK;
}

void pp_symbols_free(struct pp_symbols *symbols)
{
	if (!symbols)
		return;
	free(symbols->text);
	free(symbols);
}

const char *pp_symbols_find(const struct pp_symbols *symbols, uint64_t addr, uint64_t *start, const char **module)
{
	size_t low = 0, high = symbols->count;

	/* The number of symbols that start at or below `addr`. */
	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (symbols->table[middle].addr <= addr)
			low = middle + 1;
		else
			high = middle;
	}
	if (!low)
		return NULL;
	*start = symbols->table[low - 1].addr;
	*module = symbols->table[low - 1].module;
	return symbols->table[low - 1].name;
}
