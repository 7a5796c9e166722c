/* SPDX-License-Identifier: MIT */
/*
 * One ring of the kernel: what was published, record by record, into the ring's window (struct pp_ring), and the place given back.
 * Owns the mapping and the fd that is mapped. It trusts no length: a record that makes no sense is dropped and counted, and
 * where the next one would begin is then unknown, so the ring goes on at the head.
 *
 * The layouts are those of perf_event_open(2), "MMAP layout", and of struct perf_event_mmap_page.
 */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "session.h"

void pp_ring_init(struct pp_ring *ring, struct perf_event_mmap_page *page, const uint8_t *data, uint64_t size, uint32_t cpu)
{
	*ring = (struct pp_ring){.page = page, .data = data, .mask = size - 1, .cpu = cpu, .owner = -1};
}

int pp_ring_map(struct pp_ring *ring, uint32_t pages)
{
	const size_t length = (1 + (size_t)pages) * (size_t)sysconf(_SC_PAGESIZE);
	struct perf_event_mmap_page *page = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_SHARED, ring->owner, 0);

	if (page == MAP_FAILED)
		return errno;
	ring->page = page;
	ring->mapped = length;
	/* Before Linux 4.1 the page does not say where its data is; perfprof needs 5.4. */
	const uint64_t offset = page->data_offset, size = page->data_size;
	if (size < 4096 || (size & (size - 1)) != 0 || offset > length || size > length - offset)
		return EPROTO;
	ring->data = (const uint8_t *)page + offset;
	ring->mask = size - 1;
	return 0;
}

void pp_ring_close(struct pp_ring *ring)
{
	if (ring->mapped > 0)
		munmap(ring->page, ring->mapped);
	if (ring->owner >= 0)
		close(ring->owner);
	ring->mapped = 0;
	ring->owner = -1;
}

void pp_ring_snapshot(struct pp_ring *ring, struct pp_table *table)
{
	/* Acquire: the bytes of the records are read after the head that published them (the kernel's perf_output_put_handle). */
	const uint64_t head = __atomic_load_n(&ring->page->data_head, __ATOMIC_ACQUIRE);
	const uint64_t size = ring->mask + 1;
	const uint64_t used = head - ring->page->data_tail;

	if (head - ring->next > size || (head & 7) != 0) {
		/* No kernel does this; going on from there would be reading other memory. */
		table->state->damaged++;
		ring->count = 0;
		ring->next = head & ~7ULL;
	}
	ring->head = head & ~7ULL;
	/* A record is lost only where it does not fit, and none is larger than this. */
	if (used > size || size - used < PP_RECORD_MAX)
		ring->nearly_full = true;
}

static void window_insert(struct pp_ring *ring, const struct pp_entry *entry, uint64_t order_mask)
{
	const uint64_t key = entry->time & order_mask;
	uint32_t i = ring->first + ring->count++;

	for (; i != ring->first; i--) {
		const struct pp_entry *before = &ring->window[(i - 1) % PP_WINDOW];
		if ((before->time & order_mask) <= key)
			break;
		ring->window[i % PP_WINDOW] = *before;
	}
	ring->window[i % PP_WINDOW] = *entry;
}

/* What a record is to us. */
enum verdict { TAKE, SKIP, DAMAGED };

static enum verdict read_sample(const struct pp_ring *ring, const struct pp_table *table, struct pp_entry *entry)
{
	if (entry->size < 16)
		return DAMAGED;
	entry->slot = pp_ids_find(&table->ids, pp_ring_u64(ring, entry->at + 8));
	if (entry->slot == PP_NO_SLOT)
		return DAMAGED;
	struct pp_slot *slot = &table->slots[entry->slot];
	if (entry->size < slot->time_offset + 8)
		return DAMAGED;
	if (slot->sideband)
		return SKIP;
	/* struct { u32 pid, tid } */
	if (table->self != 0 && slot->pid_offset != 0 && (uint32_t)pp_ring_u64(ring, entry->at + slot->pid_offset) == table->self) {
		slot->excluded++;
		table->state->excluded++;
		return SKIP;
	}
	entry->time = pp_ring_u64(ring, entry->at + slot->time_offset);
	return TAKE;
}

/* All but samples end with the fields of struct sample_id, the last of which is PERF_SAMPLE_IDENTIFIER. */
static enum verdict read_other(const struct pp_ring *ring, const struct pp_table *table, struct pp_entry *entry)
{
	const uint64_t end = entry->at + entry->size;
	const uint32_t body = entry->type == PERF_RECORD_LOST ? 16 : 8;

	if (entry->size < 16)
		return DAMAGED;
	entry->slot = pp_ids_find(&table->ids, pp_ring_u64(ring, end - 8));
	if (entry->slot == PP_NO_SLOT)
		return DAMAGED;
	const struct pp_slot *slot = &table->slots[entry->slot];
	if (entry->size < 8 + body + slot->time_trailer)
		return DAMAGED;
	entry->time = pp_ring_u64(ring, end - slot->time_trailer);
	const bool loss = entry->type == PERF_RECORD_LOST || entry->type == PERF_RECORD_LOST_SAMPLES;
	/* An event that samples brings PERF_RECORD_THROTTLE and its like, too: nobody asked for them. */
	return loss || slot->sideband ? TAKE : SKIP;
}

void pp_ring_fill(struct pp_ring *ring, struct pp_table *table)
{
	while (ring->count < PP_WINDOW && ring->next != ring->head) {
		const uint64_t header_bits = pp_ring_u64(ring, ring->next);
		struct perf_event_header header;
		memcpy(&header, &header_bits, sizeof(header));

		if (header.size < sizeof(header) || header.size % 8 != 0 || header.size > ring->head - ring->next) {
			table->state->damaged++;
			ring->next = ring->head;
			return;
		}
		struct pp_entry entry = {.at = ring->next, .size = header.size, .type = (uint16_t)header.type};
		ring->next += header.size;
		/* The line that the copy will meet second; the first was just read. */
		__builtin_prefetch(ring->data + ((entry.at + 64) & ring->mask));
		const enum verdict verdict =
		    header.type == PERF_RECORD_SAMPLE ? read_sample(ring, table, &entry) : read_other(ring, table, &entry);
		if (verdict == TAKE)
			window_insert(ring, &entry, table->order_mask);
		else if (verdict == DAMAGED)
			table->state->damaged++;
	}
}

void pp_ring_copy(const struct pp_ring *ring, uint64_t at, uint8_t *to, uint32_t size)
{
	const uint64_t begin = at & ring->mask;
	const uint64_t straight = ring->mask + 1 - begin;

	if (size <= straight) {
		memcpy(to, ring->data + begin, size);
		return;
	}
	memcpy(to, ring->data + begin, straight);
	memcpy(to + straight, ring->data, size - straight);
}

void pp_ring_release(struct pp_ring *ring)
{
	uint64_t tail = ring->next;

	/* A record that was overtaken in the window keeps its place, and all places after it. */
	for (uint32_t i = 0; i < ring->count; i++) {
		const uint64_t at = ring->window[(ring->first + i) % PP_WINDOW].at;
		if (ring->next - at > ring->next - tail)
			tail = at;
	}
	if (tail == ring->page->data_tail)
		return; /* the kernel's next write need not fetch the line from us */
	/* Release: our reads of the records are done before the kernel may write over them. */
	__atomic_store_n(&ring->page->data_tail, tail, __ATOMIC_RELEASE);
}
