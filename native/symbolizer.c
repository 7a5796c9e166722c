/* SPDX-License-Identifier: MIT */
/*
 * The symbolizer: the handle, names as they are given, and the calls for the kernel and for JIT maps. dsos.c has those for files.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "demangle.h"
#include "perf_map.h"
#include "symbolizer.h"
#include "symbols.h"

#define KERNEL_AGAIN_NS 1000000000ull /* how often an unknown address may have kallsyms read again */
#define MAPS_BYTES	(128u << 20)  /* of all JIT maps, but for the one in use */

int32_t pp_symbolizer_new(uint32_t flags, struct pp_symbolizer **out, struct pp_error *err)
{
	if (flags & ~(uint32_t)PP_SYMBOLS_MANGLED)
		return pp_fail(err, PP_E_ARG, 0, "symbolizer flags %x", flags);
	*out = calloc(1, sizeof(**out));
	if (!*out)
		return pp_fail(err, PP_E_NOMEM, ENOMEM, "a symbolizer");
	(*out)->flags = flags;
	return PP_OK;
}

void pp_symbolizer_free(struct pp_symbolizer *symbolizer)
{
	if (!symbolizer)
		return;
	if (symbolizer->dwarf)
		pp_dwarf_free(symbolizer->dwarf);
	pp_symbols_free(symbolizer->kernel);
	pp_dsos_free(symbolizer);
	for (uint32_t i = 0; i < symbolizer->map_count; i++)
		pp_perf_map_free(symbolizer->maps[i].map);
	free(symbolizer);
}

bool pp_symbolizer_mangled(const struct pp_symbolizer *symbolizer)
{
	return symbolizer->flags & PP_SYMBOLS_MANGLED;
}

struct pp_dwarf **pp_symbolizer_dwarf(struct pp_symbolizer *symbolizer)
{
	return &symbolizer->dwarf;
}

/* ---- names ---- */

/* A file's names may hold anything, and end up on terminals: what would be obeyed there becomes a "?". */
static int32_t give_name(const char *name, char *buf, uint32_t size, struct pp_error *err)
{
	int32_t length = pp_give_text(name, strlen(name), buf, size, err);

	for (int32_t i = 0; i < length; i++)
		if ((unsigned char)buf[i] < ' ' || buf[i] == 0x7f)
			buf[i] = '?';
	return length;
}

int32_t pp_name_give(const struct pp_symbolizer *symbolizer, const char *name, char *buf, uint32_t size, struct pp_error *err)
{
	char *demangled = pp_symbolizer_mangled(symbolizer) ? NULL : pp_demangle(name);
	int32_t length = give_name(demangled ? demangled : name, buf, size, err);

	free(demangled);
	return length;
}

int32_t pp_unknown_give(struct pp_symbol *symbol, enum pp_unknown reason, uint64_t offset, char *buf, uint32_t size)
{
	*symbol = (struct pp_symbol){.offset = offset, .unknown = reason};
	if (size)
		buf[0] = '\0';
	return 0;
}

/* ---- the kernel ---- */

static void read_kernel(struct pp_symbolizer *symbolizer)
{
	struct pp_symbols *symbols = NULL;
	struct pp_error err;

	symbolizer->kernel_ns = pp_clock_now(CLOCK_MONOTONIC);
	if (pp_symbols_load(&symbols, &err) < 0) {
		symbolizer->kernel_none =
		    err.sys_errno == EACCES || err.sys_errno == EPERM ? PP_UNKNOWN_HIDDEN : PP_UNKNOWN_STRIPPED;
		return;
	}
	pp_symbols_free(symbolizer->kernel);
	symbolizer->kernel = symbols;
	symbolizer->kernel_none = pp_symbols_count(symbols) ? PP_UNKNOWN_NO_SYMBOL : PP_UNKNOWN_HIDDEN;
}

int32_t pp_symbolizer_recorded(struct pp_symbolizer *symbolizer, uint64_t text, const uint8_t *build_id, uint32_t build_id_size,
			       struct pp_error *err)
{
	struct pp_symbols *symbols;
	const int32_t moved = pp_symbols_recorded(text, build_id, build_id_size, &symbols, err);

	if (moved < 0)
		return moved;
	pp_symbols_free(symbolizer->kernel);
	symbolizer->kernel = symbols;
	symbolizer->kernel_none = PP_UNKNOWN_NO_SYMBOL;
	symbolizer->kernel_ns = pp_clock_now(CLOCK_MONOTONIC);
	symbolizer->is_recorded = true;
	return moved;
}

static const char *find_kernel(struct pp_symbolizer *symbolizer, uint64_t addr, uint64_t *start, const char **module)
{
	return symbolizer->kernel ? pp_symbols_find(symbolizer->kernel, addr, start, module) : NULL;
}

int32_t pp_kernel_symbol(struct pp_symbolizer *symbolizer, uint64_t addr, struct pp_symbol *symbol, char *name, uint32_t size,
			 struct pp_error *err)
{
	const char *module = NULL, *found;
	uint64_t start = 0;

	if (!symbolizer->kernel_ns)
		read_kernel(symbolizer);
	found = find_kernel(symbolizer, addr, &start, &module);
	/* It may be of a module or a BPF program that was loaded since. */
	if (!found && !symbolizer->is_recorded && pp_clock_now(CLOCK_MONOTONIC) - symbolizer->kernel_ns > KERNEL_AGAIN_NS) {
		read_kernel(symbolizer);
		found = find_kernel(symbolizer, addr, &start, &module);
	}
	if (!found) {
		start = symbolizer->kernel ? pp_symbols_text_start(symbolizer->kernel) : 0;
		return pp_unknown_give(symbol, symbolizer->kernel_none, start && addr >= start ? addr - start : 0, name, size);
	}
	*symbol = (struct pp_symbol){.offset = addr - start};
	strncpy(symbol->module, module ? module : "", sizeof(symbol->module) - 1);
	return pp_name_give(symbolizer, found, name, size, err);
}

/* ---- JIT maps ---- */

/* The map of a process, or a new one in the place of what was not used longest. NULL without memory. */
static struct pp_perf_map_use *use_map(struct pp_symbolizer *symbolizer, uint32_t pid)
{
	struct pp_perf_map_use *use = &symbolizer->maps[0];
	struct pp_perf_map *map;

	for (uint32_t i = 0; i < symbolizer->map_count; i++) {
		if (pp_perf_map_pid(symbolizer->maps[i].map) == pid)
			return &symbolizer->maps[i];
		if (symbolizer->maps[i].used < use->used)
			use = &symbolizer->maps[i];
	}
	if (pp_perf_map_new(pid, &map) < 0)
		return NULL;
	if (symbolizer->map_count < PP_PERF_MAPS_MAX)
		use = &symbolizer->maps[symbolizer->map_count++];
	else
		pp_perf_map_free(use->map);
	*use = (struct pp_perf_map_use){.map = map};
	return use;
}

/* Gives up the maps that were not used longest, but for the one that was used just now. */
static void trim_maps(struct pp_symbolizer *symbolizer)
{
	for (;;) {
		struct pp_perf_map_use *oldest = &symbolizer->maps[0];
		size_t bytes = 0;

		for (uint32_t i = 0; i < symbolizer->map_count; i++) {
			bytes += pp_perf_map_bytes(symbolizer->maps[i].map);
			if (symbolizer->maps[i].used < oldest->used)
				oldest = &symbolizer->maps[i];
		}
		if (bytes <= MAPS_BYTES || oldest->used == symbolizer->calls)
			return;
		pp_perf_map_free(oldest->map);
		*oldest = symbolizer->maps[--symbolizer->map_count];
	}
}

int32_t pp_jit_symbol(struct pp_symbolizer *symbolizer, uint32_t pid, uint64_t addr, struct pp_symbol *symbol, char *name,
		      uint32_t size, struct pp_error *err)
{
	struct pp_perf_map_use *use = use_map(symbolizer, pid);
	enum pp_unknown reason;
	uint64_t start = 0;
	const char *found;
	size_t bytes;

	if (!use)
		return pp_fail(err, PP_E_NOMEM, ENOMEM, "the JIT map of %u", pid);
	use->used = ++symbolizer->calls;
	bytes = pp_perf_map_bytes(use->map);
	found = pp_perf_map_find(use->map, addr, &start, &reason);
	/* `found` is the map's own, which stays. */
	if (pp_perf_map_bytes(use->map) != bytes)
		trim_maps(symbolizer);
	if (!found)
		return pp_unknown_give(symbol, reason, 0, name, size);
	*symbol = (struct pp_symbol){.offset = addr - start};
	return pp_name_give(symbolizer, found, name, size, err);
}
