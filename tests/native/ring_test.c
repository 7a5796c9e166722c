/* SPDX-License-Identifier: MIT */
/*
 * Rings and their merge over plain memory: no kernel, no privileges. A ring's memory is exactly as long as the ring, so that the
 * address sanitizer sees the first byte read beyond it.
 */
#include <string.h>

#include "check.h"
#include "session.h"

#define RING_BYTES 4096
#define RINGS	   3
#define SAMPLE_TID 4711
#define SELF	   99

/* One merge with RINGS rings; ring r has event 0 with id 100 + r, and side-band event 1 with id 200 + r. */
struct bed {
	struct pp_merge merge;
	struct pp_state state;
	struct perf_event_mmap_page *pages[RINGS];
	uint8_t *data[RINGS];
	uint64_t heads[RINGS];
	uint8_t out[1 << 20];
};

static struct bed *bed_new(uint64_t order_mask, uint64_t start)
{
	struct bed *bed = calloc(1, sizeof(*bed));
	struct pp_ring *rings = calloc(RINGS, sizeof(*rings));
	struct pp_table *table = &bed->merge.table;
	struct pp_error err;

	table->slots = calloc(RINGS * 2, sizeof(*table->slots));
	table->state = &bed->state;
	table->order_mask = order_mask;
	table->self = SELF;
	for (uint32_t r = 0; r < RINGS; r++) {
		bed->pages[r] = calloc(1, sizeof(*bed->pages[r]));
		bed->data[r] = calloc(1, RING_BYTES);
		pp_ring_init(&rings[r], bed->pages[r], bed->data[r], RING_BYTES, r);
		bed->heads[r] = rings[r].next = bed->pages[r]->data_tail = start;
		rings[r].first_slot = r * 2;
		rings[r].slot_count = 2;
		table->slots[r * 2] = (struct pp_slot){.event = 0, .pid_offset = 16, .time_offset = 24, .time_trailer = 24};
		table->slots[r * 2 + 1] = (struct pp_slot){.event = 1, .time_offset = 24, .time_trailer = 24, .sideband = true};
		pp_ids_add(&table->ids, 100 + r, r * 2, &err);
		pp_ids_add(&table->ids, 200 + r, r * 2 + 1, &err);
	}
	pp_merge_init(&bed->merge, rings, RINGS, &err);
	return bed;
}

static void bed_free(struct bed *bed)
{
	for (uint32_t r = 0; r < RINGS; r++) {
		free(bed->pages[r]);
		free(bed->data[r]);
	}
	pp_merge_free(&bed->merge);
	free(bed);
}

/* Writes as the kernel does, byte by byte around the end. */
static void put(struct bed *bed, uint32_t r, const void *bytes, uint32_t size)
{
	for (uint32_t i = 0; i < size; i++)
		bed->data[r][bed->heads[r]++ % RING_BYTES] = ((const uint8_t *)bytes)[i];
	bed->pages[r]->data_head = bed->heads[r];
}

struct sample {
	struct perf_event_header header;
	uint64_t id;
	uint32_t pid, tid;
	uint64_t time;
	uint8_t raw[512];
};

static void put_sample(struct bed *bed, uint32_t r, uint64_t time, uint32_t raw, uint32_t pid)
{
	struct sample sample = {{PERF_RECORD_SAMPLE, 0, (uint16_t)(32 + raw)}, 100 + r, pid, SAMPLE_TID, time, {0}};

	for (uint32_t i = 0; i < raw; i++)
		sample.raw[i] = (uint8_t)(time + i);
	put(bed, r, &sample, 32 + raw);
}

/* A record with body of `words` and the trailer { pid, tid; time; cpu; identifier }. */
static void put_other(struct bed *bed, uint32_t r, uint32_t type, const uint64_t *body, uint32_t words, uint64_t id, uint64_t time)
{
	const uint32_t size = 8 + words * 8 + 32;
	const struct perf_event_header header = {type, 0, (uint16_t)size};
	const uint64_t trailer[] = {0, time, 0, id};

	put(bed, r, &header, sizeof(header));
	put(bed, r, body, words * 8);
	put(bed, r, trailer, sizeof(trailer));
}

static uint32_t read_up_to(struct bed *bed, uint64_t limit, uint32_t room, uint32_t *need)
{
	struct pp_out out = {.at = bed->out, .end = bed->out + room};

	if (bed->merge.heap_count == 0)
		pp_merge_start(&bed->merge, limit);
	pp_merge_copy(&bed->merge, &out);
	if (need)
		*need = out.need;
	return (uint32_t)(out.at - bed->out);
}

static uint32_t read_all(struct bed *bed, uint64_t limit)
{
	return read_up_to(bed, limit, sizeof(bed->out), NULL);
}

/* The times of the samples in the buffer; a pp_lost gives its count with the top bit set. Every sample's bytes are compared. */
static uint32_t times_of(const struct bed *bed, uint32_t bytes, uint64_t *times, bool *intact)
{
	uint32_t count = 0;

	*intact = true;
	for (uint32_t at = 0; at < bytes;) {
		struct pp_prefix prefix;
		memcpy(&prefix, bed->out + at, sizeof(prefix));
		const uint8_t *record = bed->out + at + sizeof(prefix);
		at += (uint32_t)sizeof(prefix) + prefix.size;
		if (prefix.event == PP_EVENT_LOST) {
			struct pp_lost lost;
			memcpy(&lost, record, sizeof(lost));
			times[count++] = lost.count | 1ULL << 63;
			continue;
		}
		uint64_t time;
		memcpy(&time, record + (prefix.event == 0 ? 24 : prefix.size - 24), sizeof(time));
		for (uint32_t i = 32; i < prefix.size && prefix.event == 0; i++)
			*intact &= record[i] == (uint8_t)(time + i - 32);
		times[count++] = time;
	}
	return count;
}

static bool delivers(struct bed *bed, uint64_t limit, const uint64_t *want, uint32_t want_count)
{
	uint64_t times[4096];
	bool intact;
	const uint32_t count = times_of(bed, read_all(bed, limit), times, &intact);

	return intact && count == want_count && memcmp(times, want, count * sizeof(*times)) == 0;
}
#define DELIVERS(bed, limit, ...)                                                                                                  \
	delivers(bed, limit, (const uint64_t[]){__VA_ARGS__}, sizeof((const uint64_t[]){__VA_ARGS__}) / sizeof(uint64_t))

static void test_wrap(void)
{
	bool joined = true, freed = true;

	for (uint64_t start = 0; start < RING_BYTES; start += 8) {
		struct bed *bed = bed_new(UINT64_MAX, start);
		put_sample(bed, 0, 1, 200, 1);
		put_sample(bed, 0, 2, 8, 1);
		joined &= DELIVERS(bed, UINT64_MAX, 1, 2);
		freed &= bed->pages[0]->data_tail == bed->heads[0];
		bed_free(bed);
	}
	check(joined, "a record that wraps is joined, at every offset");
	check(freed, "data_tail follows the last record");
}

static void test_order(void)
{
	struct bed *bed = bed_new(UINT64_MAX, 8);

	put_sample(bed, 0, 10, 8, 1);
	put_sample(bed, 0, 40, 8, 1);
	put_sample(bed, 1, 20, 8, 1);
	put_sample(bed, 1, 50, 8, 1);
	put_sample(bed, 2, 30, 8, 1);
	check(DELIVERS(bed, UINT64_MAX, 10, 20, 30, 40, 50), "three rings merge by time");
	put_sample(bed, 0, 63, 8, 1);
	put_sample(bed, 0, 61, 8, 1);
	put_sample(bed, 0, 62, 8, 1);
	check(DELIVERS(bed, UINT64_MAX, 61, 62, 63), "times that go backwards in a ring are put right");
	check(bed->state.late == 0, "and none counts as late");
	put_sample(bed, 1, 5, 8, 1);
	check(DELIVERS(bed, UINT64_MAX, 5) && bed->state.late == 1, "a late sample is delivered and counted");
	bed_free(bed);

	bed = bed_new(0, 8);
	put_sample(bed, 0, 10, 8, 1);
	put_sample(bed, 0, 5, 8, 1);
	put_sample(bed, 1, 1, 8, 1);
	check(DELIVERS(bed, UINT64_MAX, 10, 5, 1) && bed->state.late == 0, "without order: ring after ring, as written");
	check(bed->state.batch_newest == 10 && bed->state.batch_samples == 3, "the batch's newest time and count");
	bed_free(bed);
}

static void test_hold_back(void)
{
	struct bed *bed = bed_new(UINT64_MAX, 0);

	put_sample(bed, 0, 100, 8, 1);
	put_sample(bed, 0, 300, 8, 1);
	put_sample(bed, 0, 90, 8, 1);
	check(DELIVERS(bed, 200, 90, 100), "newer records than the limit are held back");
	check(bed->pages[0]->data_tail == 40, "and data_tail stays before the oldest of them, although one behind it is out");
	put_sample(bed, 1, 250, 8, 1);
	check(DELIVERS(bed, 300, 250, 300), "they come in the next pass, in order");
	check(bed->pages[0]->data_tail == bed->heads[0], "and then their place is free");
	bed_free(bed);
}

static void test_batches(void)
{
	struct bed *bed = bed_new(UINT64_MAX, 4000);
	uint64_t times[64], last = 0;
	uint32_t count = 0, need = 0;
	bool sorted = true, intact;

	for (uint32_t i = 0; i < 60; i++)
		put_sample(bed, i % RINGS, i + 1, 80, 1);
	for (uint32_t bytes; (bytes = read_up_to(bed, UINT64_MAX, 300, &need)) > 0;) {
		const uint32_t got = times_of(bed, bytes, times, &intact);
		for (uint32_t i = 0; i < got; last = times[i++])
			sorted &= intact && times[i] == last + 1;
		count += got;
	}
	check(sorted && count == 60, "a pass goes on over small buffers, nothing twice, nothing missing");
	put_sample(bed, 0, 100, 504, 1);
	check(read_up_to(bed, UINT64_MAX, 300, &need) == 0 && need == 544, "a record that does not fit tells its size");
	check(DELIVERS(bed, UINT64_MAX, 100), "and comes when there is room");
	bed_free(bed);
}

static void test_brief(void)
{
	struct bed *bed = bed_new(UINT64_MAX, RING_BYTES - 16);
	uint64_t words[64];

	for (uint32_t r = 0; r < RINGS; r++)
		bed->merge.table.slots[r * 2].brief = true;
	bed->merge.offset = 1000;
	put_sample(bed, 0, 10, 200, 1);
	put_sample(bed, 1, 20, 8, 1);
	put_sample(bed, 0, 30, 8, SELF);
	put_other(bed, 2, PERF_RECORD_COMM, (const uint64_t[]){1, 2}, 2, 202, 25);
	const uint32_t bytes = read_all(bed, UINT64_MAX);
	memcpy(words, bed->out, sizeof(words));
	check(bytes == 2 * 16 + 8 + 56 && words[0] == 8 && words[1] == 1010 && words[2] == (8 | 1ULL << 48) && words[3] == 1020,
	      "a brief record is its time alone, with the clock's offset");
	check((uint32_t)words[4] == 56 && words[9] == 1025, "a side-band record beside it is whole");
	check(bed->state.batch_newest == 1020 && bed->state.delivered == 2 && bed->state.excluded == 1, "and counts as ever");
	check(bed->pages[0]->data_tail == bed->heads[0], "the kernel gets all of its place back");
	bed_free(bed);
}

static void test_kinds(void)
{
	struct bed *bed = bed_new(UINT64_MAX, 0);
	const uint64_t comm[] = {1, 2};

	put_sample(bed, 0, 10, 8, SELF);
	check(read_all(bed, UINT64_MAX) == 0 && bed->state.excluded == 1, "samples of this process are dropped and counted");
	check(bed->pages[0]->data_tail == bed->heads[0], "and their place is free");
	put_other(bed, 0, PERF_RECORD_COMM, comm, 2, 200, 20);
	check(read_all(bed, 15) == 0 && DELIVERS(bed, 20, 20), "a side-band record waits for its time in the trailer");
	put_other(bed, 0, PERF_RECORD_THROTTLE, comm, 2, 100, 30);
	check(read_all(bed, UINT64_MAX) == 0 && bed->state.damaged == 0, "what nobody asked for is skipped");
	put_sample(bed, 0, 10, 8, 1);
	bed->data[0][(bed->heads[0] - 40 + 8) % RING_BYTES] = 77;
	check(read_all(bed, UINT64_MAX) == 0 && bed->state.damaged == 1, "an unknown id is dropped and counted");
	bed_free(bed);
}

/* Counters of a kernel: what read_lost finds, per slot of ring 0. */
static uint64_t counters[2];

static void read_counters(void *owner, struct pp_ring *ring)
{
	struct pp_merge *merge = owner;

	for (uint32_t i = 0; i < 2; i++) {
		pp_loss_count(merge, &merge->table.slots[ring->first_slot + i], counters[i]);
		counters[i] = 0;
	}
}

static void test_loss(void)
{
	const uint64_t seven[] = {100, 7}, five[] = {100, 5};
	struct bed *bed = bed_new(UINT64_MAX, 0);

	put_sample(bed, 0, 10, 8, 1);
	put_other(bed, 0, PERF_RECORD_LOST, seven, 2, 100, 20);
	put_sample(bed, 0, 20, 8, 1);
	bed->merge.rings[1].sideband = true;
	put_other(bed, 1, PERF_RECORD_LOST, five, 2, 201, 20);
	check(DELIVERS(bed, UINT64_MAX, 10, 7 | 1ULL << 63, 20),
	      "without counters a loss stands before the sample that follows it");
	check(bed->state.lost == 7 && bed->merge.rings[0].unknown_lost == 7, "and its event is unknown");
	check(bed->state.sideband_lost == 5, "but not where there are side-band events only");

	bed->merge.read_lost = read_counters;
	bed->merge.owner = &bed->merge;
	counters[0] = 9;
	counters[1] = 3;
	put_other(bed, 0, PERF_RECORD_LOST, seven, 2, 100, 30);
	put_sample(bed, 0, 30, 8, 1);
	put_other(bed, 0, PERF_RECORD_LOST, five, 2, 100, 40);
	put_sample(bed, 0, 40, 8, 1);
	check(DELIVERS(bed, UINT64_MAX, 6 | 1ULL << 63, 30, 3 | 1ULL << 63, 40),
	      "counters are shared out over the losses they cover");
	check(bed->state.lost == 16 && bed->state.sideband_lost == 8, "side-band losses are counted apart");
	counters[0] = 4;
	read_counters(&bed->merge, &bed->merge.rings[0]);
	pp_loss_place_rest(&bed->merge, &bed->merge.rings[0]);
	struct pp_out none = {.at = bed->out, .end = bed->out + 39}, room = {.at = bed->out, .end = bed->out + 40};
	check(!pp_loss_tell(&bed->merge, &bed->merge.rings[0], 50, &none) && none.need == 40, "the rest waits for room");
	check(pp_loss_tell(&bed->merge, &bed->merge.rings[0], 50, &room) && room.at == room.end, "and is told once there is");
	struct pp_lost lost;
	memcpy(&lost, bed->out + 8, sizeof(lost));
	check(lost.start == 40 && lost.end == 50 && lost.count == 4 && lost.event == 0, "from the last sample to the end");
	bed_free(bed);
}

static void test_resync(void)
{
	struct bed *bed = bed_new(UINT64_MAX, 0);
	const uint64_t zero = 0, beyond = 1ULL << 48 | 0x0800ULL << 48;

	put_sample(bed, 0, 10, 8, 1);
	put(bed, 0, &zero, 8);
	put_sample(bed, 0, 11, 8, 1);
	check(DELIVERS(bed, UINT64_MAX, 10) && bed->state.damaged == 1, "a record of size 0 ends the pass of its ring");
	put_sample(bed, 0, 12, 8, 1);
	check(DELIVERS(bed, UINT64_MAX, 12), "which goes on at the head");
	put(bed, 0, &beyond, 8);
	check(read_all(bed, UINT64_MAX) == 0 && bed->state.damaged == 2, "so does one that passes the head");
	bed->pages[0]->data_head += 10 * RING_BYTES;
	check(read_all(bed, UINT64_MAX) == 0 && bed->state.damaged == 3,
	      "a head further away than the ring is long is not believed");
	bed_free(bed);
}

static uint64_t random_next(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

/* Rings full of records with damaged bytes. The sanitizers and the end of the loop are the check. */
static void test_hostile(void)
{
	uint64_t read = 0, damaged = 0;

	for (uint64_t seed = 1; seed <= 400; seed++) {
		uint64_t state = seed * 0x9e3779b97f4a7c15ULL;
		struct bed *bed = bed_new(UINT64_MAX, random_next(&state) % RING_BYTES & ~7ULL);
		for (uint32_t round = 0; round < 20; round++) {
			const uint64_t body[] = {random_next(&state), random_next(&state)};
			for (uint32_t i = 0; i < 20; i++) {
				const uint32_t r = (uint32_t)(random_next(&state) % RINGS);
				if (i % 4 == 3)
					put_other(bed, r, i == 3 ? PERF_RECORD_LOST : i, body, i % 3, 100 + r + i % 2 * 100, i);
				else
					put_sample(bed, r, i, (uint32_t)(random_next(&state) % 8 * 8), 1);
			}
			for (uint32_t i = 0; i < random_next(&state) % 8; i++)
				bed->data[random_next(&state) % RINGS][random_next(&state) % RING_BYTES] =
				    (uint8_t)random_next(&state);
			if (round % 7 == 6)
				bed->pages[0]->data_head = random_next(&state);
			read += read_up_to(bed, random_next(&state) % 40, (uint32_t)(random_next(&state) % 4000), NULL);
			bed->heads[0] = bed->pages[0]->data_head & ~7ULL;
		}
		damaged += bed->state.damaged;
		bed_free(bed);
	}
	check(read > 100000 && damaged > 400, "400 seeds of damaged rings end, within their bytes");
}

int main(void)
{
	test_wrap();
	test_order();
	test_hold_back();
	test_batches();
	test_brief();
	test_kinds();
	test_loss();
	test_resync();
	test_hostile();
	return check_done();
}
