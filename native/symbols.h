/* SPDX-License-Identifier: MIT */
/* The kernel's symbols, by address. */
#ifndef PERFPROF_SYMBOLS_H
#define PERFPROF_SYMBOLS_H

#include "internal.h"

struct pp_symbols;

/* Reads /proc/kallsyms. The table is empty where the kernel hides its addresses (kptr_restrict). */
int32_t pp_symbols_load(struct pp_symbols **out, struct pp_error *err);
void pp_symbols_free(struct pp_symbols *symbols);

/* The symbol that `addr` is in: its name, start and module (NULL: the kernel itself); NULL when there is none. The texts belong to
 * the table. */
const char *pp_symbols_find(const struct pp_symbols *symbols, uint64_t addr, uint64_t *start, const char **module);

/* Addresses that have a symbol: 0 where they are hidden. */
size_t pp_symbols_count(const struct pp_symbols *symbols);
/* Where the kernel's code begins (_text), 0 where nobody told. */
uint64_t pp_symbols_text_start(const struct pp_symbols *symbols);

#endif
