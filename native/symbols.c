/* SPDX-License-Identifier: MIT */
/*
 * The kernel's symbols: the text of /proc/kallsyms, cut into words in place, and a table of them sorted by address. libtraceevent
 * has a table of its own, but builds it with an allocation for each of some 200,000 symbols. kallsyms tells no sizes: where a
 * symbol ends is judged by what comes next.
 */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "mapped_file.h"
#include "symbols.h"

/* Modules, BPF programs and trampolines have pages of their own: their last symbol reaches into the page after its first at most,
 * as in perf (symbols__fixup_end, tools/perf/util/symbol.c). */
#define LAST_SYMBOL_ROUND 4096ull
#define CACHED_MAX	  (64u << 20) /* kallsyms has 5 to 20 MB */

struct symbol {
	uint64_t addr;
	const char *name;
	const char *module;
};

struct pp_symbols {
	char *text; /* what the names point into; before each is its type and a space */
	uint64_t text_start;
	size_t count;
	struct symbol table[];
};

/* Those at one address in the order of the text. */
static int by_address(const void *a, const void *b)
{
	const struct symbol *left = a, *right = b;

	if (left->addr != right->addr)
		return left->addr < right->addr ? -1 : 1;
	return left->name < right->name ? -1 : left->name > right->name;
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

/* Does nothing start here, but something end? */
static bool is_end_mark(const char *name)
{
	return name[0] == '_' && (!strcmp(name, "_etext") || !strcmp(name, "_einittext") || !strcmp(name, "_end"));
}

/* Keeps one name of each address: the last that kallsyms has, as perf does, so that both tell the same. */
static size_t choose_names(struct symbol *table, size_t count)
{
	size_t kept = 0;

	for (size_t i = 1; i < count; i++) {
		if (table[i].addr != table[kept].addr)
			table[++kept] = table[i];
		else if (!is_end_mark(table[i].name))
			table[kept] = table[i];
	}
	return count ? kept + 1 : 0;
}

static void parse_text(struct pp_symbols *symbols)
{
	bool sorted = true;
	char *next;

	for (char *line = symbols->text; (next = strchr(line, '\n')); line = next + 1) {
		struct symbol *symbol = &symbols->table[symbols->count];

		*next = '\0';
		if (!parse_line(line, symbol))
			continue;
		if (symbol->name[0] == '_' && !strcmp(symbol->name, "_text"))
			symbols->text_start = symbol->addr;
		sorted = sorted && (symbols->count == 0 || symbol[-1].addr <= symbol->addr);
		symbols->count++;
	}
	/* The kernel's own are sorted already; modules come after them in the order of their loading. */
	if (!sorted)
		qsort(symbols->table, symbols->count, sizeof(symbols->table[0]), by_address);
	symbols->count = choose_names(symbols->table, symbols->count);
}

/* Takes the text. */
static int32_t make_table(char *text, struct pp_symbols **out, struct pp_error *err)
{
	struct pp_symbols *symbols;
	size_t lines = 0;

	for (char *at = text; (at = strchr(at, '\n')); at++)
		lines++;
	symbols = malloc(sizeof(*symbols) + lines * sizeof(symbols->table[0]));
	if (!symbols) {
		free(text);
		return pp_fail(err, PP_E_NOMEM, ENOMEM, "%zu kernel symbols", lines);
	}
	*symbols = (struct pp_symbols){.text = text};
	parse_text(symbols);
	*out = symbols;
	return PP_OK;
}

int32_t pp_symbols_load(struct pp_symbols **out, struct pp_error *err)
{
	char *text;
	int32_t ret = pp_kernel_file_load("/proc/kallsyms", &text, err);

	return ret < 0 ? ret : make_table(text, out, err);
}

void pp_symbols_free(struct pp_symbols *symbols)
{
	if (!symbols)
		return;
	free(symbols->text);
	free(symbols);
}

/* ---- of a recording ---- */

static int32_t load_cached(const uint8_t *build_id, uint32_t size, struct pp_symbols **out, struct pp_error *err)
{
	const int fd = pp_cached_file_open(build_id, size, "kallsyms");
	struct pp_image image = {.fd = fd};
	char *text = NULL;
	struct stat st;
	int32_t ret;

	if (fd >= 0 && fstat(fd, &st) == 0)
		image.size = st.st_size;
	if (fd >= 0 && image.size <= CACHED_MAX)
		text = calloc(1, image.size + 1);
	if (fd < 0)
		ret = pp_fail(err, PP_E_FILE, -fd, "open kallsyms in the build-id cache");
	else if (!text)
		ret = pp_fail(err, PP_E_NOMEM, ENOMEM, "%llu bytes of kallsyms", (unsigned long long)image.size);
	else if (!pp_image_read(&image, 0, text, image.size))
		ret = pp_fail(err, PP_E_FILE, EIO, "read kallsyms in the build-id cache");
	else
		ret = make_table(text, out, err), text = NULL;
	free(text);
	if (fd >= 0)
		close(fd);
	return ret;
}

/* The kernel's own symbols keep their distances, wherever it is put at boot (KASLR). */
static void move(struct pp_symbols *symbols, uint64_t distance)
{
	size_t kept = 0;

	for (size_t i = 0; i < symbols->count; i++) {
		if (symbols->table[i].module)
			continue;
		symbols->table[kept] = symbols->table[i];
		symbols->table[kept++].addr += distance;
	}
	symbols->count = kept;
	symbols->text_start += distance;
}

int32_t pp_symbols_recorded(uint64_t text, const uint8_t *build_id, uint32_t build_id_size, struct pp_symbols **out,
			    struct pp_error *err)
{
	struct pp_symbols *symbols = NULL;
	int32_t ret = build_id_size ? load_cached(build_id, build_id_size, &symbols, err) : pp_symbols_load(&symbols, err);

	if (ret < 0)
		return ret;
	if (!symbols->text_start) {
		pp_symbols_free(symbols);
		return pp_fail(err, PP_E_FILE, EPERM, "read kernel symbols");
	}
	const uint64_t distance = text - symbols->text_start;
	if (distance)
		move(symbols, distance);
	*out = symbols;
	return distance != 0;
}

/* ---- looking up ---- */

static bool is_text(const struct symbol *symbol)
{
	return strchr("tw", tolower((unsigned char)symbol->name[-2]));
}

/* Are they in one piece of memory? A module's code and data are not, nor two BPF programs. */
static bool is_joined(const struct symbol *symbol, const struct symbol *next)
{
	if (!symbol->module || !next->module)
		return symbol->module == next->module;
	return !strcmp(symbol->module, next->module) && is_text(symbol) == is_text(next) && strcmp(symbol->module, "bpf") &&
	       strncmp(symbol->module, "__builtin__", strlen("__builtin__"));
}

static uint64_t end_of(const struct pp_symbols *symbols, size_t i)
{
	const struct symbol *symbol = &symbols->table[i];
	const struct symbol *next = i + 1 < symbols->count ? symbol + 1 : NULL;
	uint64_t last = (symbol->addr + LAST_SYMBOL_ROUND - 1) / LAST_SYMBOL_ROUND * LAST_SYMBOL_ROUND + LAST_SYMBOL_ROUND;

	if (!symbol->module && is_end_mark(symbol->name))
		return symbol->addr;
	if (next && (is_joined(symbol, next) || next->addr < last))
		return next->addr;
	return last;
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
	if (!low || addr >= end_of(symbols, low - 1))
		return NULL;
	*start = symbols->table[low - 1].addr;
	*module = symbols->table[low - 1].module;
	return symbols->table[low - 1].name;
}

size_t pp_symbols_count(const struct pp_symbols *symbols)
{
	return symbols->count;
}

uint64_t pp_symbols_text_start(const struct pp_symbols *symbols)
{
	return symbols->text_start;
}
