/* SPDX-License-Identifier: MIT */
/* Named ranges of addresses, and which of them an address is in. Used for ELF files and for the maps of JIT compilers. */
#ifndef PERFPROF_SYMBOL_TABLE_H
#define PERFPROF_SYMBOL_TABLE_H

#include "internal.h"

/* What one table may take: more comes from a file that was made to exhaust memory, and is an error. */
#define PP_SYMBOLS_MAX	   (4u << 20)
#define PP_NAMES_MAX	   (256u << 20) /* bytes of all names */
#define PP_SYMBOL_NAME_MAX (16u << 10)	/* a longer name is left out with its symbol */

struct pp_symbol_table;

struct pp_symbol_table *pp_symbol_table_new(void);
void pp_symbol_table_free(struct pp_symbol_table *table);

/* Adds [start, end), which nothing can be found in before an index is made. `rank` matters to pp_symbol_table_choose. Returns 0,
 * -ENOMEM, or -E2BIG when it is more than a table may take. An empty range or name is passed over. */
int pp_symbol_table_add(struct pp_symbol_table *table, uint64_t start, uint64_t end, uint32_t rank, const char *name,
			size_t length);

/* Of ranges that start at one address the one of highest rank is kept, the first added among equals. What has no size of its own
 * (its rank says so) ends where the next one starts. Afterwards they are in the order of their starts. */
void pp_symbol_table_choose(struct pp_symbol_table *table);

/* Makes what was added findable; where ranges overlap, the later one hides the earlier. 0 or -ENOMEM. */
int pp_symbol_table_index(struct pp_symbol_table *table);

/* The name of the range that `address` is in, and where that starts; NULL when it is in none. The text belongs to the table. */
const char *pp_symbol_table_find(const struct pp_symbol_table *table, uint64_t address, uint64_t *start);

size_t pp_symbol_table_count(const struct pp_symbol_table *table);
/* Memory it takes. */
size_t pp_symbol_table_bytes(const struct pp_symbol_table *table);

/* Which of several symbols at one address names it: the one of the highest rank. The order is perf's (choose_best_symbol,
 * tools/perf/util/symbol.c): one with a size, not weak, global, with fewer underscores before it, longer. */
uint32_t pp_symbol_rank(bool sized, bool weak, bool global, const char *name, size_t length);

#endif
