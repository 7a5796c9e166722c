/* SPDX-License-Identifier: MIT */
/*
 * What the kernel lost: how much, of which event, and where in the stream. Two things tell of it, and each knows half:
 *  - PERF_FORMAT_LOST, a counter of each event: exact to the event, silent about when.
 *  - PERF_RECORD_LOST, written with the first record that fits again: its place and its count are exact, but the event it names
 *    is the one that was written next, not the one that lost (kernel/events/ring_buffer.c, __perf_output_begin).
 * Both count the same losses. So at a PERF_RECORD_LOST the counters are read, its count is shared out among the events that have
 * unplaced losses, and told before the ring's next sample. What no such record followed is told at the end.
 */
#include <string.h>

#include "session.h"

void pp_loss_count(struct pp_merge *merge, struct pp_slot *slot, uint64_t lost)
{
	slot->lost += lost;
	slot->unplaced += lost;
	if (slot->sideband)
		merge->table.state->sideband_lost += lost;
	else
		merge->table.state->lost += lost;
}

static uint64_t unplaced(const struct pp_merge *merge, const struct pp_ring *ring)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < ring->slot_count; i++)
		sum += merge->table.slots[ring->first_slot + i].unplaced;
	return sum;
}

static void place(struct pp_ring *ring, struct pp_slot *slot, uint64_t count)
{
	slot->unplaced -= count;
	if (slot->sideband)
		return; /* nobody is told of those */
	slot->due += count;
	ring->due += count;
}

void pp_loss_place(struct pp_merge *merge, struct pp_ring *ring, uint64_t lost)
{
	uint64_t sum = unplaced(merge, ring);

	if (sum < lost && merge->read_lost) {
		merge->read_lost(merge->owner, ring);
		sum = unplaced(merge, ring);
	}
	if (sum < lost && ring->sideband) { /* a kernel before 6.0 */
		merge->table.state->sideband_lost += lost - sum;
		lost = sum;
	} else if (sum < lost) {
		ring->unknown_lost += lost - sum;
		ring->unknown_due += lost - sum;
		ring->due += lost - sum;
		merge->table.state->lost += lost - sum;
		lost = sum;
	}
	/* Counters also know what was lost after this place: each event gets its share, so that none that lost here is left out. */
	for (uint32_t i = 0; i < ring->slot_count && lost > 0; i++) {
		struct pp_slot *slot = &merge->table.slots[ring->first_slot + i];
		const uint64_t had = slot->unplaced;
		uint64_t share = (uint64_t)(((unsigned __int128)had * lost + sum - 1) / sum);
		share = share < lost ? share : lost;
		place(ring, slot, share);
		sum -= had;
		lost -= share;
	}
}

void pp_loss_place_rest(struct pp_merge *merge, struct pp_ring *ring)
{
	for (uint32_t i = 0; i < ring->slot_count; i++) {
		struct pp_slot *slot = &merge->table.slots[ring->first_slot + i];
		place(ring, slot, slot->unplaced);
	}
}

static bool tell(const struct pp_merge *merge, struct pp_ring *ring, uint64_t *due, uint32_t event, uint64_t end,
		 struct pp_out *out)
{
	const uint64_t offset = (uint64_t)merge->offset;
	/* A loss is known only after the sample that follows it, but times within a ring may go backwards a little. */
	const uint64_t start = ring->last_time < end ? ring->last_time : end;
	const struct pp_lost lost = {.start = start + offset, .end = end + offset, .count = *due, .event = event, .cpu = ring->cpu};

	if (*due == 0)
		return true;
	uint8_t *to = pp_out_put(out, sizeof(lost), PP_EVENT_LOST, ring->cpu);
	if (!to)
		return false;
	memcpy(to, &lost, sizeof(lost));
	ring->due -= *due;
	*due = 0;
	return true;
}

bool pp_loss_tell(struct pp_merge *merge, struct pp_ring *ring, uint64_t end, struct pp_out *out)
{
	for (uint32_t i = 0; i < ring->slot_count; i++) {
		struct pp_slot *slot = &merge->table.slots[ring->first_slot + i];
		if (!tell(merge, ring, &slot->due, slot->event, end, out))
			return false;
	}
	return tell(merge, ring, &ring->unknown_due, PP_EVENT_UNKNOWN, end, out);
}
