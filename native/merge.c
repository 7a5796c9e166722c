/* SPDX-License-Identifier: MIT */
/*
 * Many rings -> one stream in order of time. Records stay in their ring until they are copied, once, to the reader's buffer.
 * Owns the ids, the slots and the heap of rings. It knows no clock: the caller says up to which time a pass may deliver.
 *
 * Without PP_ORDER every key is 0 (order_mask), so that the same code empties ring after ring.
 */
#include <stdlib.h>
#include <string.h>

#include "session.h"

static int32_t ids_grow(struct pp_ids *ids, struct pp_error *err)
{
	const uint64_t size = ids->places ? (ids->mask + 1) * 2 : 64;
	struct pp_ids grown = {.places = calloc(size, sizeof(*grown.places)), .mask = size - 1};

	if (!grown.places)
		return pp_fail(err, PP_E_NOMEM, 0, "allocating the table of event ids");
	for (uint64_t i = 0; ids->places && i <= ids->mask; i++) {
		if (ids->places[i].id != 0)
			pp_ids_add(&grown, ids->places[i].id, ids->places[i].slot, err);
	}
	free(ids->places);
	*ids = grown;
	return 0;
}

int32_t pp_ids_add(struct pp_ids *ids, uint64_t id, uint32_t slot, struct pp_error *err)
{
	/* At most half full: a search always meets a free place. */
	if (!ids->places || ids->count >= ids->mask / 2) {
		int32_t code = ids_grow(ids, err);
		if (code < 0)
			return code;
	}
	uint64_t i = id & ids->mask;
	while (ids->places[i].id != 0)
		i = (i + 1) & ids->mask;
	ids->places[i] = (struct pp_id){.id = id, .slot = slot};
	ids->count++;
	return 0;
}

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

static bool deliver_sample(struct pp_merge *merge, struct pp_ring *ring, const struct pp_entry *entry, struct pp_out *out)
{
	struct pp_slot *slot = &merge->table.slots[entry->slot];
	struct pp_state *state = merge->table.state;

	if (ring->due > 0 && !pp_loss_tell(merge, ring, entry->time, out))
		return false;
	uint8_t *to = pp_out_put(out, entry->size, slot->event, ring->cpu);
	if (!to)
		return false;
	pp_ring_copy(ring, entry->at, to, entry->size);
	if (merge->offset != 0)
		offset_time(to + slot->time_offset, merge->offset);
	slot->delivered++;
	state->delivered++;
	state->batch_samples++;
	ring->last_time = entry->time;
	if (entry->time + (uint64_t)merge->offset > state->batch_newest)
		state->batch_newest = entry->time + (uint64_t)merge->offset;
	if (entry->time >= merge->newest)
		merge->newest = entry->time;
	else if (merge->table.order_mask != 0)
		state->late++;
	return true;
}

/* False when it did not fit. */
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
		if (--ring->count <= PP_WINDOW / 2)
			pp_ring_fill(ring, &merge->table);
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
