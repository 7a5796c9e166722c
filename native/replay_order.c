/* SPDX-License-Identifier: MIT */
/*
 * Puts the records of a recording in the order of their times, by perf's rule (tools/perf/util/ordered-events.c): perf record
 * empties all rings in rounds, so when a round is finished, whatever is no newer than the end of the round before can no longer be
 * preceded by anything. Owns the records of two rounds, which is all that memory holds.
 *
 * Each ring's part of a round ascends but for a few: so the entries are runs, and merging these sorts them. Equal times stay in
 * the order of the file.
 */
#include <stdlib.h>

#include "replay.h"

#define ARENA_FIRST   (1u << 20)
#define ENTRIES_FIRST 8192u

static bool grow_entries(struct pp_order *order)
{
	uint32_t size = order->size ? order->size * 2 : ENTRIES_FIRST;
	void *entries = realloc(order->entries, size * sizeof(struct pp_entry));

	if (!entries)
		return false;
	order->entries = entries;
	void *spare = realloc(order->spare, size * sizeof(struct pp_entry));
	if (!spare)
		return false;
	order->spare = spare;
	order->size = size;
	return true;
}

static bool begin_run(struct pp_order *order, uint32_t at)
{
	if (order->run_count == order->run_size) {
		uint32_t size = order->run_size ? order->run_size * 2 : 64;
		void *runs = realloc(order->runs, size * sizeof(uint32_t));

		if (!runs)
			return false;
		order->runs = runs;
		order->run_size = size;
	}
	order->runs[order->run_count++] = at;
	return true;
}

static bool make_room(struct pp_arena *arena, size_t size)
{
	size_t bigger = arena->size ? arena->size : ARENA_FIRST;

	while (bigger < arena->used + size)
		bigger *= 2;
	if (bigger == arena->size)
		return true;
	uint8_t *bytes = realloc(arena->bytes, bigger);
	if (!bytes)
		return false;
	arena->bytes = bytes;
	arena->size = bigger;
	return true;
}

uint8_t *pp_order_add(struct pp_order *order, uint64_t time, uint32_t size, uint32_t event, uint32_t cpu)
{
	struct pp_arena *arena = &order->arenas[order->current];
	const struct pp_prefix prefix = {.size = size, .event = event, .cpu = cpu};

	if (order->count == order->size && !grow_entries(order))
		return NULL;
	if ((order->run_count == 0 || time < order->entries[order->count - 1].time) && !begin_run(order, order->count))
		return NULL;
	if (arena->used + sizeof(prefix) + size > arena->size && !make_room(arena, sizeof(prefix) + size))
		return NULL;
	order->entries[order->count++] = (struct pp_entry){time, arena->used / 8, order->current};
	if (time > order->newest)
		order->newest = time;
	if (time > 0 && (time < order->oldest || order->oldest == 0))
		order->oldest = time;
	uint8_t *at = arena->bytes + arena->used;
	memcpy(at, &prefix, sizeof(prefix));
	arena->used += sizeof(prefix) + size;
	return at + sizeof(prefix);
}

/* [low, middle) and [middle, high) of `from` -> [low, high) of `to`. */
static void merge(const struct pp_entry *from, struct pp_entry *to, uint32_t low, uint32_t middle, uint32_t high)
{
	uint32_t left = low, right = middle;

	for (uint32_t i = low; i < high; i++)
		to[i] = left < middle && (right == high || from[left].time <= from[right].time) ? from[left++] : from[right++];
}

static void sort(struct pp_order *order)
{
	while (order->run_count > 1) {
		uint32_t merged = 0;

		for (uint32_t run = 0; run < order->run_count; run += 2) {
			uint32_t middle = run + 1 < order->run_count ? order->runs[run + 1] : order->count;
			uint32_t high = run + 2 < order->run_count ? order->runs[run + 2] : order->count;

			merge(order->entries, order->spare, order->runs[run], middle, high);
			order->runs[merged++] = order->runs[run];
		}
		order->run_count = merged;
		struct pp_entry *sorted = order->spare;
		order->spare = order->entries;
		order->entries = sorted;
	}
}

/* Lets go of the entries that were delivered. */
static void drop_delivered(struct pp_order *order)
{
	order->count -= order->ready;
	memmove(order->entries, order->entries + order->ready, order->count * sizeof(struct pp_entry));
	for (uint32_t run = 0; run < order->run_count; run++)
		order->runs[run] -= order->ready;
	order->next = order->ready = 0;
}

/* How many entries are not newer than `limit`. */
static uint32_t count_up_to(const struct pp_order *order, uint64_t limit)
{
	uint32_t low = 0, high = order->count;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (order->entries[middle].time <= limit)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

void pp_order_finish(struct pp_order *order, bool all)
{
	if (order->count == 0)
		return;
	/* At first there is no round before: this one is continued. */
	if (!all && order->flush_to == 0) {
		order->flush_to = order->newest;
		return;
	}
	drop_delivered(order);
	sort(order);
	order->ready = all ? order->count : count_up_to(order, order->flush_to);
	order->flush_to = order->newest;
	/* What stays is one run, which the next records may continue. */
	order->run_count = order->ready < order->count;
	order->runs[0] = order->ready;
	/* The other arena has the round before, all of which is ready: it takes the next one, once that is delivered. */
	order->current ^= 1;
	order->arenas[order->current].used = 0;
}

void pp_order_free(struct pp_order *order)
{
	free(order->arenas[0].bytes);
	free(order->arenas[1].bytes);
	free(order->entries);
	free(order->spare);
	free(order->runs);
}
