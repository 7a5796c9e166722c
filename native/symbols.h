/* SPDX-License-Identifier: MIT */
/* The kernel's symbols, by address. */
#ifndef PERFPROF_SYMBOLS_H
#define PERFPROF_SYMBOLS_H

#include "internal.h"

struct pp_symbols;

/* Reads /proc/kallsyms. The table is empty where the kernel hides its addresses (kptr_restrict). */
int32_t pp_symbols_load(struct pp_symbols **out, struct pp_error *err);
/* Those of a recording's kernel, whose code began at `text` (_text): with `build_id_size` 0 of the kernel that runs here, else of
 * the one whose kallsyms is in the build-id cache. Where that lay elsewhere they are moved, and 1 is returned: then there are none
 * of modules, which move each for itself. PP_E_FILE with EPERM where the addresses are hidden. */
int32_t pp_symbols_recorded(uint64_t text, const uint8_t *build_id, uint32_t build_id_size, struct pp_symbols **out,
			    struct pp_error *err);
void pp_symbols_free(struct pp_symbols *symbols);

/* The symbol that `addr` is in: its name, start and module (NULL: the kernel itself); NULL when there is none. The texts belong to
 * the table. */
const char *pp_symbols_find(const struct pp_symbols *symbols, uint64_t addr, uint64_t *start, const char **module);

/* Addresses that have a symbol: 0 where they are hidden. */
size_t pp_symbols_count(const struct pp_symbols *symbols);
/* Where the kernel's code begins (_text), 0 where nobody told. */
uint64_t pp_symbols_text_start(const struct pp_symbols *symbols);

#endif
