/* SPDX-License-Identifier: MIT */
/*
 * Many rings -> one stream in order of time. Records stay in their ring until they are copied, once, to the reader's buffer, or
 * handed to a compiled handler as they lie.
 * Owns the slots and the heap of rings. It knows no clock: the caller says up to which time a pass may deliver.
 *
 * Without PP_ORDER every key is 0 (order_mask), so that the same code empties ring after ring.
 */
#include <stdlib.h>
#include <string.h>

#include "session.h"

int32_t pp_merge_init(struct pp_merge *merge, struct pp_ring *rings, uint32_t ring_count, struct pp_error *err)
{
	merge->rings = rings;
	merge->ring_count = ring_count;
	merge->heap = calloc(ring_count, sizeof(*merge->heap));
	merge->touched = calloc(ring_count, sizeof(*merge->touched));
	if (!merge->heap || !merge->touched)
		return pp_fail(err, PP_E_NOMEM, 0, "allocating the merge of %u rings", ring_count);
	return 0;
}

void pp_merge_free(struct pp_merge *merge)
{
	for (uint32_t i = 0; i < merge->ring_count; i++)
		pp_ring_close(&merge->rings[i]);
	free(merge->rings);
	free(merge->heap);
	free(merge->touched);
	free(merge->table.slots);
	free(merge->table.ids.places);
}

static uint64_t ring_key(const struct pp_merge *merge, const struct pp_ring *ring)
{
	return ring->window[ring->first % PP_WINDOW].time & merge->table.order_mask;
}

static void heap_sift_down(struct pp_merge *merge, uint32_t i)
{
	struct pp_heap_item *heap = merge->heap;
	const struct pp_heap_item item = heap[i];

	for (uint32_t child; (child = 2 * i + 1) < merge->heap_count; i = child) {
		if (child + 1 < merge->heap_count && heap[child + 1].key < heap[child].key)
			child++;
		if (heap[child].key >= item.key)
			break;
		heap[i] = heap[child];
	}
	heap[i] = item;
}

void pp_merge_start(struct pp_merge *merge, uint64_t limit)
{
	merge->limit = limit;
	merge->heap_count = 0;
	for (uint32_t i = 0; i < merge->ring_count; i++) {
		struct pp_ring *ring = &merge->rings[i];
		pp_ring_snapshot(ring, &merge->table);
		pp_ring_fill(ring, &merge->table);
		if (ring->count > 0 && ring_key(merge, ring) <= limit)
			merge->heap[merge->heap_count++] = (struct pp_heap_item){ring_key(merge, ring), ring};
		else if (ring->count == 0)
			pp_ring_release(ring); /* all of it may have been dropped */
	}
	for (uint32_t i = merge->heap_count / 2; i-- > 0;)
		heap_sift_down(merge, i);
}

uint8_t *pp_out_put(struct pp_out *out, uint32_t size, uint32_t event, uint32_t cpu)
{
	const struct pp_prefix prefix = {.size = size, .event = (uint16_t)event, .cpu = (uint16_t)cpu};
	uint8_t *to = out->at + sizeof(prefix);

	if ((size_t)(out->end - out->at) < sizeof(prefix) + size) {
		out->need = (uint32_t)sizeof(prefix) + size;
		return NULL;
	}
	memcpy(out->at, &prefix, sizeof(prefix));
	out->at = to + size;
	return to;
}

/* Gives a time in a record that was copied its offset. */
static void offset_time(uint8_t *at, int64_t offset)
{
	uint64_t time;

	memcpy(&time, at, sizeof(time));
	time += (uint64_t)offset;
	memcpy(at, &time, sizeof(time));
}

static bool copy_sample(const struct pp_merge *merge, const struct pp_ring *ring, const struct pp_entry *entry, struct pp_out *out)
{
	const struct pp_slot *slot = &merge->table.slots[entry->slot];
	const uint64_t time = entry->time + (uint64_t)merge->offset;
	uint8_t *to = pp_out_put(out, slot->brief ? sizeof(time) : entry->size, slot->event, ring->cpu);

	if (!to)
		return false;
	if (slot->brief) {
		memcpy(to, &time, sizeof(time));
		return true;
	}
	pp_ring_copy(ring, entry->at, to, entry->size);
	if (merge->offset != 0)
		offset_time(to + slot->time_offset, merge->offset);
	return true;
}

/* Gives a compiled handler the record where it lies in the ring: it is the kernel's again when the read is over. */
static bool hand_sample(const struct pp_merge *merge, const struct pp_ring *ring, const struct pp_entry *entry,
			const struct pp_out *out)
{
	const struct pp_slot *slot = &merge->table.slots[entry->slot];
	const uint64_t begin = entry->at & ring->mask;
	const uint8_t *record = ring->data + begin;

	if (merge->offset != 0 || begin + entry->size > ring->mask + 1) {
		pp_ring_copy(ring, entry->at, out->sink->joined, entry->size);
		offset_time(out->sink->joined + slot->time_offset, merge->offset);
		record = out->sink->joined;
	}
	return pp_sink_hand(out->sink, slot->event, ring->cpu, entry->time + (uint64_t)merge->offset, record, out->at);
}

/* `count` samples of a slot were delivered, the last of them at `time`, and none before was newer. */
static void count_samples(struct pp_merge *merge, struct pp_ring *ring, struct pp_slot *slot, uint64_t count, uint64_t time)
{
	struct pp_state *state = merge->table.state;

	slot->delivered += count;
	state->delivered += count;
	state->batch_samples += (uint32_t)count;
	ring->last_time = time;
	if (time + (uint64_t)merge->offset > state->batch_newest)
		state->batch_newest = time + (uint64_t)merge->offset;
	if (time >= merge->newest)
		merge->newest = time;
	else if (merge->table.order_mask != 0)
		state->late += count;
}

static bool deliver_sample(struct pp_merge *merge, struct pp_ring *ring, const struct pp_entry *entry, struct pp_out *out)
{
	struct pp_slot *slot = &merge->table.slots[entry->slot];

	if (ring->due > 0 && !pp_loss_tell(merge, ring, entry->time, out))
		return false;
	if (pp_sink_takes(out->sink, slot->event) ? !hand_sample(merge, ring, entry, out) : !copy_sample(merge, ring, entry, out))
		return false;
	count_samples(merge, ring, slot, 1, entry->time);
	return true;
}

/* False when it did not fit, or no handler may have it yet. */
static bool deliver(struct pp_merge *merge, struct pp_ring *ring, const struct pp_entry *entry, struct pp_out *out)
{
	struct pp_slot *slot = &merge->table.slots[entry->slot];
	uint8_t *to;

	switch (entry->type) {
	case PERF_RECORD_SAMPLE:
		return deliver_sample(merge, ring, entry, out);
	case PERF_RECORD_LOST: /* { header, u64 id, u64 lost, sample_id } */
		pp_loss_place(merge, ring, pp_ring_u64(ring, entry->at + 16));
		return true;
	case PERF_RECORD_LOST_SAMPLES: /* { header, u64 lost, sample_id }: lost by the PMU, in no counter */
		pp_loss_count(merge, slot, pp_ring_u64(ring, entry->at + 8));
		pp_loss_place_rest(merge, ring);
		return true;
	default:
		to = pp_out_put(out, entry->size, slot->event, ring->cpu);
		if (!to)
			return false;
		pp_ring_copy(ring, entry->at, to, entry->size);
		if (merge->offset != 0)
			offset_time(to + entry->size - slot->time_trailer, merge->offset);
		return true;
	}
}

/*
 * Runs: samples of one event, one behind the other in a ring and in order. They are looked at and handed over, or copied, where
 * they lie, and never become entries of the window.
 */

/* So many records behind a sample are known to be no older, as with the window. */
#define RUN_AHEAD    (PP_WINDOW / 2)
#define RUN_PREFETCH 2048

struct run {
	struct pp_slot *slot;
	uint64_t id;
	uint64_t time;	/* of the last record that was looked at */
	uint64_t ahead; /* where that ends in the ring */
};

/* Looks at RUN_AHEAD more records. False where they are not of the run: the window has to put them in order, or to drop them. */
static bool run_look(const struct pp_ring *ring, struct run *run)
{
	uint64_t at = run->ahead;

	for (uint32_t i = 0; i < RUN_AHEAD; i++) {
		const uint64_t header_bits = at == ring->head ? 0 : pp_ring_u64(ring, at);
		struct perf_event_header header;
		memcpy(&header, &header_bits, sizeof(header));

		if (header.type != PERF_RECORD_SAMPLE || header.size < run->slot->time_offset + 8 || header.size % 8 != 0 ||
		    header.size > ring->head - at || pp_ring_u64(ring, at + 8) != run->id)
			return false;
		const uint64_t time = pp_ring_u64(ring, at + run->slot->time_offset);
		if (time < run->time)
			return false;
		run->time = time;
		/* Some 20 records on: these are looked at so fast that the next ones have to be asked for. */
		__builtin_prefetch(ring->data + ((at + RUN_PREFETCH) & ring->mask));
		at += header.size;
	}
	run->ahead = at;
	return true;
}

/* Does a run follow the window, which can all be delivered up to `bound`? */
static bool run_follows(const struct pp_merge *merge, const struct pp_ring *ring, uint64_t bound, struct run *run)
{
	const struct pp_entry *last = &ring->window[(ring->first + ring->count - 1) % PP_WINDOW];
	struct pp_slot *slot = &merge->table.slots[last->slot];

	if ((last->time & merge->table.order_mask) > bound || last->type != PERF_RECORD_SAMPLE)
		return false;
	/* Those are late, or have to be changed or looked at first. */
	if (last->time < merge->newest || merge->offset != 0 || (merge->table.self != 0 && slot->pid_offset != 0))
		return false;
	*run = (struct run){.slot = slot, .id = pp_ring_u64(ring, last->at + 8), .time = last->time, .ahead = ring->next};
	return run_look(ring, run);
}

/* Copies what lies up to `end`. False when a record is newer than `bound`, or does not fit. */
static bool run_copy(struct pp_merge *merge, struct pp_ring *ring, const struct run *run, uint64_t end, uint64_t bound,
		     struct pp_out *out)
{
	struct pp_slot *slot = run->slot;
	uint64_t count = 0, newest = 0;

	for (; ring->next != end; count++) {
		const uint16_t size = pp_ring_u64(ring, ring->next) >> 48; /* perf_event_header.size */
		const uint64_t time = pp_ring_u64(ring, ring->next + slot->time_offset);
		if ((time & merge->table.order_mask) > bound)
			break;
		uint8_t *to = pp_out_put(out, slot->brief ? sizeof(time) : size, slot->event, ring->cpu);
		if (!to)
			break;
		if (slot->brief)
			memcpy(to, &time, sizeof(time));
		else
			pp_ring_copy(ring, ring->next, to, size);
		newest = time;
		ring->next += size;
	}
	if (count > 0)
		count_samples(merge, ring, slot, count, newest);
	return ring->next == end;
}

/* Hands over what lies up to `end`. False when a record is newer than `bound`, or no handler may have it yet. */
static bool run_hand(struct pp_merge *merge, struct pp_ring *ring, const struct run *run, uint64_t end, uint64_t bound,
		     const struct pp_out *out)
{
	const uint32_t time_offset = run->slot->time_offset;
	/* Without PP_ORDER nothing is newer. */
	struct pp_stretch stretch = {.time_offset = time_offset, .bound = merge->table.order_mask ? bound : UINT64_MAX};
	bool all = true;

	while (all && ring->next != end) {
		const uint64_t begin = ring->next & ring->mask, left = end - ring->next, straight = ring->mask + 1 - begin;
		stretch.at = ring->data + begin;
		stretch.end = stretch.at + (left < straight ? left : straight);
		all = pp_sink_hand_stretch(out->sink, run->slot->event, ring->cpu, &stretch, out->at);
		ring->next += (uint64_t)(stretch.at - (ring->data + begin));
		if (!all || ring->next == end || stretch.at == stretch.end)
			continue;
		/* One that wraps. */
		const struct pp_entry entry = {.time = pp_ring_u64(ring, ring->next + time_offset),
					       .at = ring->next,
					       .slot = (uint32_t)(run->slot - merge->table.slots),
					       .size = (uint16_t)(pp_ring_u64(ring, ring->next) >> 48)};
		all = entry.time <= stretch.bound && hand_sample(merge, ring, &entry, out);
		if (!all)
			continue;
		ring->next += entry.size;
		stretch.count++;
		stretch.time = entry.time;
	}
	if (stretch.count > 0)
		count_samples(merge, ring, run->slot, stretch.count, stretch.time);
	return ring->next == end;
}

/* Delivers the window and the run that follows it, if there is one. False when the buffer is full, or no handler may have the next
 * one yet. */
static bool deliver_with_run(struct pp_merge *merge, struct pp_ring *ring, uint64_t bound, struct pp_out *out)
{
	struct run run;

	/* A window that is less than half full has no more behind it. */
	if (ring->count < PP_WINDOW / 2 || !run_follows(merge, ring, bound, &run))
		return true;
	for (; ring->count > 0; ring->first++, ring->count--) {
		if (!deliver(merge, ring, &ring->window[ring->first % PP_WINDOW], out))
			return false;
	}
	/* The end of what was looked at before: what lies up to there has RUN_AHEAD records behind it. */
	uint64_t end = run.ahead;
	const bool is_taken = pp_sink_takes(out->sink, run.slot->event);
	bool all = true;
	while (all && run_look(ring, &run)) {
		all = is_taken ? run_hand(merge, ring, &run, end, bound, out) : run_copy(merge, ring, &run, end, bound, out);
		end = run.ahead;
	}
	return out->need == 0 && !pp_sink_left(out->sink);
}

/* Copies from one ring while it has the oldest record: up to `bound`. False when the buffer is full. */
static bool deliver_run(struct pp_merge *merge, struct pp_ring *ring, uint64_t bound, struct pp_out *out)
{
	while (ring->count > 0) {
		const struct pp_entry *entry = &ring->window[ring->first % PP_WINDOW];
		if ((entry->time & merge->table.order_mask) > bound)
			break;
		if (!deliver(merge, ring, entry, out))
			return false;
		ring->first++;
		if (--ring->count > PP_WINDOW / 2)
			continue;
		const bool room = deliver_with_run(merge, ring, bound, out);
		pp_ring_fill(ring, &merge->table);
		if (!room)
			return false;
	}
	return true;
}

static void touch(struct pp_merge *merge, struct pp_ring *ring)
{
	if (!ring->touched)
		merge->touched[merge->touched_count++] = ring;
	ring->touched = true;
}

static void release_touched(struct pp_merge *merge)
{
	for (; merge->touched_count > 0; merge->touched_count--) {
		struct pp_ring *ring = merge->touched[merge->touched_count - 1];
		ring->touched = false;
		pp_ring_release(ring);
	}
}

void pp_merge_copy(struct pp_merge *merge, struct pp_out *out)
{
	struct pp_heap_item *heap = merge->heap;

	while (merge->heap_count > 0) {
		struct pp_ring *ring = heap[0].ring;
		uint64_t bound = merge->limit;
		for (uint32_t child = 1; child <= 2 && child < merge->heap_count; child++) {
			if (heap[child].key < bound)
				bound = heap[child].key;
		}
		touch(merge, ring);
		const bool room = deliver_run(merge, ring, bound, out);
		if (ring->count > 0 && ring_key(merge, ring) <= merge->limit)
			heap[0].key = ring_key(merge, ring);
		else
			heap[0] = heap[--merge->heap_count];
		heap_sift_down(merge, 0);
		if (!room)
			break;
	}
	release_touched(merge);
}
