/* SPDX-License-Identifier: MIT */
/*
 * Samples that go from rings to handlers, over plain memory: what they see, and each rule by which a read stops before the next
 * one. The getters of perfprof_handler.h, on records that are cut short as well. A ring's memory is exactly as long as the ring, so
 * that the address sanitizer sees the first byte read beyond it.
 */
#include <string.h>

#include "check.h"
#include "session.h"

#define RING_BYTES 32768
#define RAW	   24
#define SIZE	   (32 + RAW)
#define WATCH_ID   7

static struct pp_watch watch;
static struct pp_handing handing;
static struct pp_route routes[2];
static struct pp_sink sink = {.handing = &handing, .watch = &watch, .routes = routes, .route_count = 2};
static struct pp_state state;
static struct perf_event_mmap_page page;
static struct pp_merge merge;
static uint8_t *data;
static uint64_t head;
static uint8_t buffer[1 << 16] __attribute__((aligned(8)));

/* What the handler saw. */
static struct {
	uint64_t calls, bytes_wrong, backwards;
	struct pp_event last;
	uint64_t yield_at; /* the watchdog asks at this call, 0: never */
} seen;

const struct pp_host *pp_host;

static void on_event(const struct pp_event *event)
{
	const uint8_t *raw = (const uint8_t *)event->record + 32;

	seen.calls++;
	seen.backwards += event->time < seen.last.time;
	seen.last = *event;
	for (uint32_t i = 0; i < RAW; i++)
		seen.bytes_wrong += raw[i] != (uint8_t)(event->time + i);
	seen.bytes_wrong += event->record_size != SIZE || watch.running != WATCH_ID;
	watch.yield = seen.calls == seen.yield_at;
}

/* One ring that begins at `start`: event 0 has a handler, 1 is side-band. */
static void begin(uint64_t start)
{
	struct pp_ring *ring = calloc(1, sizeof(*ring));
	struct pp_error err;

	memset(&seen, 0, sizeof(seen));
	memset(&watch, 0, sizeof(watch));
	handing = (struct pp_handing){.until = UINT64_MAX, .most = UINT64_MAX};
	routes[0] = (struct pp_route){.call = on_event, .watch_id = WATCH_ID, .source = 3, .tid_at = 16, .taken = true};
	state = (struct pp_state){0};
	merge = (struct pp_merge){.table = {.state = &state, .order_mask = UINT64_MAX, .slots = calloc(2, sizeof(struct pp_slot))}};
	merge.table.slots[0] = (struct pp_slot){.event = 0, .time_offset = 24, .time_trailer = 24};
	merge.table.slots[1] = (struct pp_slot){.event = 1, .time_offset = 24, .time_trailer = 24, .sideband = true};
	pp_ids_add(&merge.table.ids, 100, 0, &err);
	pp_ids_add(&merge.table.ids, 200, 1, &err);
	data = calloc(1, RING_BYTES);
	pp_ring_init(ring, &page, data, RING_BYTES, 5);
	page.data_head = page.data_tail = ring->next = head = start;
	ring->slot_count = 2;
	pp_merge_init(&merge, ring, 1, &err);
}

static void end(void)
{
	pp_merge_free(&merge);
	free(data);
}

static void put(const void *bytes, uint32_t size)
{
	for (uint32_t i = 0; i < size; i++)
		data[head++ % RING_BYTES] = ((const uint8_t *)bytes)[i];
	page.data_head = head;
}

static void put_sample(uint64_t time)
{
	struct {
		struct perf_event_header header;
		uint64_t id;
		uint32_t pid, tid;
		uint64_t time;
		uint8_t raw[RAW];
	} sample = {{PERF_RECORD_SAMPLE, 0, SIZE}, 100, 11, 12, time, {0}};

	for (uint32_t i = 0; i < RAW; i++)
		sample.raw[i] = (uint8_t)(time + i);
	put(&sample, sizeof(sample));
}

static void put_comm(uint64_t time)
{
	const struct {
		struct perf_event_header header;
		uint64_t body[2], tid, time, cpu, id;
	} comm = {{PERF_RECORD_COMM, 0, sizeof(comm)}, {0}, 0, time, 0, 200};

	put(&comm, sizeof(comm));
}

/* A read, as session.c makes one. Returns the bytes in the buffer. */
static uint32_t read_once(void)
{
	struct pp_out out = {.at = buffer, .end = buffer + sizeof(buffer), .sink = &sink};

	pp_sink_begin(&sink, buffer);
	if (merge.heap_count == 0)
		pp_merge_start(&merge, UINT64_MAX);
	pp_merge_copy(&merge, &out);
	pp_sink_end(&sink);
	return (uint32_t)(out.at - buffer);
}

static void test_in_place(void)
{
	begin(RING_BYTES - 3 * SIZE - 8);
	for (uint64_t time = 1; time <= 5; time++)
		put_sample(time);
	check(read_once() == 0 && seen.calls == 5 && handing.handed == 5, "every sample is handed over, none is copied");
	check(seen.bytes_wrong == 0, "with its bytes, also where it wraps, while its callback is named");
	check(seen.last.cpu == 5 && seen.last.source == 3 && seen.last.pid == 11 && seen.last.tid == 12 && seen.last.time == 5,
	      "with what it is told of");
	check(state.delivered == 5 && merge.table.slots[0].delivered == 5 && page.data_tail == head && watch.running == 0,
	      "they are counted, the ring is the kernel's again, and nothing runs");
	put_sample(7);
	put_sample(6);
	read_once();
	check(seen.calls == 7 && seen.last.time == 7, "in the order of their times");
	end();
}

static void test_offset(void)
{
	begin(0);
	merge.offset = 1000;
	put_sample(24);
	read_once();
	uint64_t time;
	memcpy(&time, data + 24, sizeof(time));
	check(seen.last.time == 1024 && time == 24, "a clock's offset is added to the time, and not in the ring");
	end();
}

static void test_nobody(void)
{
	begin(0);
	routes[0].call = NULL;
	put_sample(1);
	check(read_once() == 0 && handing.handed == 0 && state.delivered == 1, "samples that nobody wants are not copied either");
	end();
}

static void test_order_with_buffer(void)
{
	begin(0);
	put_sample(1);
	put_comm(2);
	put_sample(3);
	check(read_once() == 8 + 56 && seen.calls == 1 && handing.left == PP_LEFT_BATCH,
	      "a record in the buffer comes before the samples behind it");
	check(read_once() == 0 && seen.calls == 2 && handing.left == PP_LEFT_DONE, "which the next read hands over");
	end();
}

static void test_limits(void)
{
	begin(0);
	for (uint64_t time = 1; time <= 6; time++)
		put_sample(time);
	handing.until = 2;
	read_once();
	check(seen.calls == 2 && handing.left == PP_LEFT_TIME && handing.next_time == 3, "none newer than the next tick");
	check(page.data_tail == 2 * SIZE, "what was not handed over stays in the ring");
	handing.until = UINT64_MAX;
	handing.most = 4;
	read_once();
	check(seen.calls == 4 && handing.left == PP_LEFT_COUNT, "none beyond -N");
	handing.most = UINT64_MAX;
	seen.yield_at = 5;
	read_once();
	check(seen.calls == 5 && handing.left == PP_LEFT_YIELD, "none once the watchdog asks for a turn");
	read_once();
	check(seen.calls == 6 && handing.left == PP_LEFT_DONE, "at least one in each read, though");
	end();
}

static void test_pass_over(void)
{
	begin(0);
	put_sample(1);
	put_comm(2);
	put_sample(3);
	handing.pass_over = 1;
	handing.until = 0;
	check(read_once() == 8 + 56 && seen.calls == 0 && handing.passed == 2, "none is handed over any more, and all are counted");
	end();
}

/* Long runs in order, as they are mostly, and what interrupts them: an older record, one of another kind, each limit, the ring's
 * end. */
static void test_runs(unsigned seed)
{
	uint64_t made = 0, comms = 0, time = 1, read = 0;
	bool limits_held = true;

	begin((uint64_t)rand_r(&seed) / 8 * 8);
	for (int round = 0; round < 100; round++) {
		for (int left = rand_r(&seed) % 400; left > 0; left--, made++, time += 2) {
			const bool swapped = rand_r(&seed) % 200 == 0;
			put_sample(time + 2 * swapped);
			if (swapped) {
				put_sample(time);
				time += 2;
				made++;
			}
			if (rand_r(&seed) % 150 == 0) {
				put_comm(time);
				comms++;
			}
		}
		handing.most = rand_r(&seed) % 3 ? UINT64_MAX : made - (made - handing.handed) / 2;
		handing.until = rand_r(&seed) % 3 ? UINT64_MAX : time - 100;
		seen.yield_at = rand_r(&seed) % 3 ? 0 : handing.handed + (unsigned)rand_r(&seed) % 200;
		const uint64_t before = seen.calls;
		for (int reads = rand_r(&seed) % 8; reads > 0; reads--)
			read += read_once();
		limits_held &= handing.handed <= handing.most && (seen.calls == before || seen.last.time <= handing.until);
		handing.until = handing.most = UINT64_MAX;
		while (page.data_tail != head)
			read += read_once();
	}
	check(seen.calls == made && state.delivered == made && merge.table.slots[0].delivered == made, "runs: each sample once");
	check(seen.bytes_wrong == 0 && seen.backwards == 0 && state.late == 0 && state.damaged == 0, "whole, and in order");
	check(read == comms * (8 + 56) && limits_held, "beside what goes to the buffer, and no limit is passed");
	end();
}

/* A run of one ring gives way to another ring's older samples. */
static void test_two_rings(void)
{
	struct perf_event_mmap_page other_page = {0};
	uint8_t *other = calloc(1, RING_BYTES);
	struct pp_ring *rings = calloc(2, sizeof(*rings));
	struct pp_error err;

	begin(0);
	for (uint64_t time = 1; time <= 500; time++)
		put_sample(time < 250 ? time : time + 1000);
	memcpy(other, data, 10 * SIZE);
	for (int i = 0; i < 10; i++) {
		const uint64_t time = 300 + (uint64_t)i;
		memcpy(other + i * SIZE + 24, &time, sizeof(time));
		for (uint32_t j = 0; j < RAW; j++)
			other[i * SIZE + 32 + j] = (uint8_t)(time + j);
	}
	rings[0] = merge.rings[0];
	pp_ring_init(&rings[1], &other_page, other, RING_BYTES, 6);
	rings[1].slot_count = 2;
	other_page.data_head = 10 * SIZE;
	free(merge.rings);
	free(merge.heap);
	free(merge.touched);
	pp_merge_init(&merge, rings, 2, &err);
	read_once();
	check(seen.calls == 510 && seen.backwards == 0 && seen.bytes_wrong == 0, "two rings: in order of time");
	check(page.data_tail == head && other_page.data_tail == 10 * SIZE, "and both are empty");
	end();
	free(other);
}

/* ---- perfprof_handler.h ---- */

static uint8_t record[64] __attribute__((aligned(8)));

static struct pp_event event_of(uint32_t size)
{
	return (struct pp_event){.size = sizeof(struct pp_event), .source = 3, .record = record, .record_size = size};
}

static void test_integers(void)
{
	struct pp_event event = event_of(sizeof(record));
	const uint64_t bits = 0xfedcba9876543280;

	memcpy(record + 16, &bits, sizeof(bits));
	for (uint32_t size = 1; size <= 8; size *= 2) {
		struct pp_field field = {.source = 4, .kind = PP_KIND_UNSIGNED, .offset = 16, .size = size};
		const uint64_t low = size == 8 ? bits : bits & ((UINT64_C(1) << size * 8) - 1);
		check(pp_get_u64(&event, &field) == low, "an unsigned field of %u bytes", size);
		field.kind = PP_KIND_SIGNED;
		const int64_t signed_low = (int64_t)(bits << (64 - size * 8)) >> (64 - size * 8);
		check(pp_get_i64(&event, &field) == signed_low, "a signed field of %u bytes", size);
		field.offset = sizeof(record) - size + 1;
		check(pp_get_u64(&event, &field) == 0, "one of %u bytes beyond its record is 0", size);
	}
	const struct pp_field other = {.source = 5, .kind = PP_KIND_UNSIGNED, .offset = 16, .size = 8};
	check(pp_get_u64(&event, &other) == 0 && pp_get_u64(&event, &(struct pp_field){0}) == 0, "another event's field is 0");
}

static void test_texts(void)
{
	struct pp_event event = event_of(48);
	const struct pp_field fixed = {.source = 4, .kind = PP_KIND_BYTES, .offset = 40, .size = 8};
	const struct pp_field rest = {.source = 4, .kind = PP_KIND_BYTES, .offset = 36};
	struct pp_field dynamic = {.source = 4, .kind = PP_KIND_DYNAMIC, .offset = 16, .size = 4, .base = 24};
	uint32_t place = 16 | 6 << 16, size;

	memcpy(record + 40, "hello\0\1\2", 8);
	memcpy(record + 16, &place, sizeof(place));
	check(strcmp(pp_get_str(&event, &fixed), "hello") == 0, "a text of fixed size");
	check(strcmp(pp_get_str(&event, &dynamic), "hello") == 0, "a text at a place that the record tells");
	check(pp_get_bytes(&event, &rest, &size) == record + 36 && size == 12, "all that follows");
	place = 16 | 5 << 16;
	memcpy(record + 16, &place, sizeof(place));
	check(pp_get_str(&event, &dynamic)[0] == '\0', "a text without an end is empty");
	place = 16 | 9 << 16;
	memcpy(record + 16, &place, sizeof(place));
	check(!pp_get_bytes(&event, &dynamic, &size), "bytes beyond the record are none");
	event.record_size = 47;
	check(!pp_get_bytes(&event, &fixed, &size), "nor are those that end beyond it");
}

static void test_call_chain(void)
{
	struct pp_event event = event_of(sizeof(record));
	const struct pp_field field = {.source = 4, .kind = PP_KIND_UNSIGNED, .offset = 24, .size = 4, .chain = 16};
	const uint32_t value = 4711;
	uint64_t addresses = 2;

	memcpy(record + 16, &addresses, sizeof(addresses));
	memcpy(record + 40, &value, sizeof(value));
	check(pp_get_u64(&event, &field) == value, "a field behind a call chain of 2");
	addresses = UINT64_MAX;
	memcpy(record + 16, &addresses, sizeof(addresses));
	check(pp_get_u64(&event, &field) == 0, "behind one that cannot be it is 0");
}

static void test_keep(void)
{
	struct pp_host host = {0};
	struct pp_event event = event_of(sizeof(record));
	char why[8];

	pp_host_complete(&host, why, sizeof(why));
	pp_host = &host;
	memset(record, 'a', sizeof(record));
	struct pp_event *kept = pp_keep(&event);
	memset(record, 'b', sizeof(record));
	check(kept->record != event.record && memchr(kept->record, 'b', kept->record_size) == NULL, "a copy has bytes of its own");
	pp_drop(kept);
	check(pp_give_up("much too long") == 1 && strcmp(why, "much to") == 0, "a reason that is long is cut");
}

int main(void)
{
	test_in_place();
	test_offset();
	test_nobody();
	test_order_with_buffer();
	test_limits();
	test_pass_over();
	for (unsigned seed = 1; seed <= 20; seed++)
		test_runs(seed);
	test_two_rings();
	test_integers();
	test_texts();
	test_call_chain();
	test_keep();
	return check_done();
}
