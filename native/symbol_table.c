/* SPDX-License-Identifier: MIT */
/*
 * Named ranges of addresses. They are gathered in a list; an index of disjoint pieces is made of that, so that a lookup is one
 * binary search however they overlap.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "symbol_table.h"

#define RANK_SIZED  (1u << 31)
#define RANK_STRONG (1u << 30)
#define RANK_GLOBAL (1u << 29)
#define NOTHING	    UINT32_MAX

struct range {
	uint64_t start;
	uint64_t end;
	uint32_t name; /* where it is in `names` */
	uint32_t rank;
};

struct pp_symbol_table {
	struct range *ranges;
	size_t count;
	size_t room;
	char *names;
	size_t names_size;
	size_t names_room;
	/* The index: piece i is [bounds[i], bounds[i + 1]) and belongs to range owners[i], or to NOTHING. */
	uint64_t *bounds;
	uint32_t *owners;
	size_t pieces;
};

uint32_t pp_symbol_rank(bool sized, bool weak, bool global, const char *name, size_t length)
{
	size_t underscores = 0;

	while (underscores < length && underscores < 255 && name[underscores] == '_')
		underscores++;
	/* The one of a mangled name belongs to the mangling. */
	if (underscores == 1 && length > 1 && (name[1] == 'Z' || name[1] == 'R'))
		underscores = 0;
	return (sized ? RANK_SIZED : 0) | (weak ? 0 : RANK_STRONG) | (global ? RANK_GLOBAL : 0) |
	       (uint32_t)(255 - underscores) << 16 | (length < 0xffff ? length : 0xffff);
}

struct pp_symbol_table *pp_symbol_table_new(void)
{
	return calloc(1, sizeof(struct pp_symbol_table));
}

void pp_symbol_table_free(struct pp_symbol_table *table)
{
	if (!table)
		return;
	free(table->ranges);
	free(table->names);
	free(table->bounds);
	free(table->owners);
	free(table);
}

/* ---- gathering ---- */

static int grow(void **memory, size_t *room, size_t need, size_t size, size_t first)
{
	size_t bigger = *room ? *room : first;
	void *moved;

	while (bigger < need)
		bigger *= 2;
	if (bigger == *room)
		return 0;
	moved = realloc(*memory, bigger * size);
	if (!moved)
		return -ENOMEM;
	*memory = moved;
	*room = bigger;
	return 0;
}

int pp_symbol_table_add(struct pp_symbol_table *table, uint64_t start, uint64_t end, uint32_t rank, const char *name, size_t length)
{
	if (end <= start || !length || length > PP_SYMBOL_NAME_MAX)
		return 0;
	if (table->count >= PP_SYMBOLS_MAX || table->names_size + length + 1 > PP_NAMES_MAX)
		return -E2BIG;
	if (grow((void **)&table->ranges, &table->room, table->count + 1, sizeof(*table->ranges), 64) < 0 ||
	    grow((void **)&table->names, &table->names_room, table->names_size + length + 1, 1, 1024) < 0)
		return -ENOMEM;
	table->ranges[table->count++] = (struct range){.start = start, .end = end, .name = table->names_size, .rank = rank};
	memcpy(table->names + table->names_size, name, length);
	table->names[table->names_size + length] = '\0';
	table->names_size += length + 1;
	return 0;
}

/* By start, the best of those at one address first; names lie in the order of adding. */
static int by_start_and_rank(const void *a, const void *b)
{
	const struct range *left = a, *right = b;

	if (left->start != right->start)
		return left->start < right->start ? -1 : 1;
	if (left->rank != right->rank)
		return left->rank > right->rank ? -1 : 1;
	return left->name < right->name ? -1 : left->name > right->name;
}

void pp_symbol_table_choose(struct pp_symbol_table *table)
{
	size_t kept = 0;

	if (!table->count)
		return;
	qsort(table->ranges, table->count, sizeof(*table->ranges), by_start_and_rank);
	for (size_t i = 1; i < table->count; i++)
		if (table->ranges[i].start != table->ranges[kept].start)
			table->ranges[++kept] = table->ranges[i];
	table->count = kept + 1;
	for (size_t i = 0; i + 1 < table->count; i++)
		if (!(table->ranges[i].rank & RANK_SIZED) && table->ranges[i].end > table->ranges[i + 1].start)
			table->ranges[i].end = table->ranges[i + 1].start;
}

/* ---- the index ---- */

static int by_value(const void *a, const void *b)
{
	uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;

	return left < right ? -1 : left > right;
}

/* How many of the ascending `bounds` are at or below `value`. */
static size_t count_up_to(const uint64_t *bounds, size_t count, uint64_t value)
{
	size_t low = 0, high = count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (bounds[middle] <= value)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* Every start and end once, ascending. Those of an ELF file are nearly so already. */
static size_t gather_bounds(const struct pp_symbol_table *table, uint64_t *bounds)
{
	size_t count = 0, kept = 0;
	bool sorted = true;

	for (size_t i = 0; i < table->count; i++) {
		bounds[count++] = table->ranges[i].start;
		bounds[count++] = table->ranges[i].end;
		sorted = sorted && (i == 0 || bounds[count - 3] <= bounds[count - 2]);
	}
	if (!sorted)
		qsort(bounds, count, sizeof(*bounds), by_value);
	for (size_t i = 1; i < count; i++)
		if (bounds[i] != bounds[kept])
			bounds[++kept] = bounds[i];
	return count ? kept + 1 : 0;
}

/* The first piece at or after `piece` that has no owner yet: `next` leads there, and is shortened on the way. */
static uint32_t next_free(uint32_t *next, uint32_t piece)
{
	while (next[piece] != piece) {
		next[piece] = next[next[piece]];
		piece = next[piece];
	}
	return piece;
}

/* The last range takes its pieces first, the others what is left of theirs: so each piece is taken once. */
static void take_pieces(const struct pp_symbol_table *table, const uint64_t *bounds, size_t pieces, uint32_t *owners,
			uint32_t *next)
{
	for (size_t i = 0; i < pieces; i++) {
		owners[i] = NOTHING;
		next[i] = i;
	}
	for (size_t i = table->count; i-- > 0;) {
		const struct range *range = &table->ranges[i];
		uint32_t piece = next_free(next, count_up_to(bounds, pieces, range->start) - 1);

		while (bounds[piece] < range->end) {
			owners[piece] = i;
			next[piece] = piece + 1;
			piece = next_free(next, piece + 1);
		}
	}
}

int pp_symbol_table_index(struct pp_symbol_table *table)
{
	size_t most = table->count * 2;
	uint64_t *bounds = malloc((most ? most : 1) * sizeof(*bounds));
	uint32_t *owners = NULL, *next = NULL;
	size_t pieces;

	if (!bounds)
		return -ENOMEM;
	pieces = gather_bounds(table, bounds);
	owners = malloc((pieces + 1) * sizeof(*owners));
	next = malloc((pieces + 1) * sizeof(*next));
	if (!owners || !next) {
		free(bounds);
		free(owners);
		free(next);
		return -ENOMEM;
	}
	take_pieces(table, bounds, pieces, owners, next);
	free(next);
	free(table->bounds);
	free(table->owners);
	table->bounds = bounds;
	table->owners = owners;
	table->pieces = pieces;
	return 0;
}

const char *pp_symbol_table_find(const struct pp_symbol_table *table, uint64_t address, uint64_t *start)
{
	size_t below = count_up_to(table->bounds, table->pieces, address);
	const struct range *range;

	if (!below || table->owners[below - 1] == NOTHING)
		return NULL;
	range = &table->ranges[table->owners[below - 1]];
	*start = range->start;
	return table->names + range->name;
}

size_t pp_symbol_table_count(const struct pp_symbol_table *table)
{
	return table->count;
}

size_t pp_symbol_table_bytes(const struct pp_symbol_table *table)
{
	return sizeof(*table) + table->room * sizeof(*table->ranges) + table->names_room +
	       table->pieces * (sizeof(*table->bounds) + sizeof(*table->owners));
}
