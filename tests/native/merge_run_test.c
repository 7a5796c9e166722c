/* SPDX-License-Identifier: MIT */
/*
 * Runs (merge.c) against the same merge without them, over plain memory: random streams of three rings, whose times go backwards a
 * little, with records of all kinds between, go to both in the same pieces. Each is read by its own random limits, and what comes
 * out of both must be the one order of time.
 */
#include <string.h>

#include "check.h"
#include "session.h"

#define RINGS	   3
#define RING_BYTES 16384
#define WATCH_ID   7
#define LOG_MAX	   200000
/* Records of a ring that a late one stands behind its place, at most: fewer than are compared. */
#define LATE_MOST 30
#define NOBODY	  UINT32_MAX /* a pid that no sample has */

enum { HANDLED, HANDLED_TOO, COPIED, BRIEF, SIDEBAND, EVENTS };

struct sample {
	struct perf_event_header header;
	uint64_t id;
	uint32_t pid, tid;
	uint64_t time;
	uint64_t number; /* in its ring */
	uint8_t more[120];
};

/* What came out: a sample or side-band record by its time, a loss by its count. */
struct out {
	uint64_t value;
	uint32_t event;
	uint32_t ring;
};

static struct world {
	struct pp_merge merge;
	struct perf_event_mmap_page pages[RINGS];
	uint8_t *data[RINGS];
	struct pp_sink sink;
	struct pp_handing handing;
	struct pp_watch watch;
	struct pp_route routes[EVENTS];
	struct pp_state state;
	struct out log[LOG_MAX];
	uint32_t logged, calls, backwards;
	unsigned seed;
} worlds[2];

static struct world *current;
static uint64_t newest; /* of what was put */
static uint64_t made, lost, heads[RINGS];

static void add(struct world *world, uint64_t value, uint32_t event, uint32_t ring)
{
	world->log[world->logged++ % LOG_MAX] = (struct out){value, event, ring};
}

static void on_event(const struct pp_event *event)
{
	add(current, event->time, event->source, event->cpu);
	current->calls++;
	current->watch.yield = rand_r(&current->seed) % 500 == 0;
}

static void begin(struct world *world, bool has_runs, uint64_t order_mask, uint64_t start, unsigned seed)
{
	struct pp_ring *rings = calloc(RINGS, sizeof(*rings));
	struct pp_slot *slots = calloc(RINGS * EVENTS, sizeof(*slots));
	struct pp_error err;

	memset(world, 0, sizeof(*world));
	world->seed = seed;
	world->sink =
	    (struct pp_sink){.handing = &world->handing, .watch = &world->watch, .routes = world->routes, .route_count = EVENTS};
	for (uint32_t event = HANDLED; event <= HANDLED_TOO; event++)
		world->routes[event] = (struct pp_route){on_event, WATCH_ID, event, 16, true};
	world->merge = (struct pp_merge){.table = {.slots = slots, .order_mask = order_mask, .state = &world->state}};
	/* A merge that has to look at each sample's pid makes no runs. */
	world->merge.table.self = has_runs ? 0 : NOBODY;
	for (uint32_t ring = 0; ring < RINGS; ring++) {
		for (uint32_t event = 0; event < EVENTS; event++) {
			slots[ring * EVENTS + event] = (struct pp_slot){.event = event,
									.time_offset = 24,
									.pid_offset = 16,
									.time_trailer = 24,
									.sideband = event == SIDEBAND,
									.brief = event == BRIEF};
			pp_ids_add(&world->merge.table.ids, 1 + ring * EVENTS + event, ring * EVENTS + event, &err);
		}
		world->data[ring] = calloc(1, RING_BYTES);
		pp_ring_init(&rings[ring], &world->pages[ring], world->data[ring], RING_BYTES, ring);
		rings[ring].first_slot = ring * EVENTS;
		rings[ring].slot_count = EVENTS;
		world->pages[ring].data_head = world->pages[ring].data_tail = rings[ring].next = heads[ring] = start;
	}
	pp_merge_init(&world->merge, rings, RINGS, &err);
}

static void end(struct world *world)
{
	pp_merge_free(&world->merge);
	for (uint32_t ring = 0; ring < RINGS; ring++)
		free(world->data[ring]);
}

/* ---- what goes in: to both worlds, where both have room ---- */

static bool has_room(uint32_t ring, uint32_t size)
{
	for (uint32_t i = 0; i < 2; i++) {
		if (heads[ring] + size - worlds[i].pages[ring].data_tail > RING_BYTES)
			return false;
	}
	return true;
}

static void put(uint32_t ring, const void *bytes, uint32_t size)
{
	for (uint32_t i = 0; i < 2; i++) {
		for (uint32_t j = 0; j < size; j++)
			worlds[i].data[ring][(heads[ring] + j) % RING_BYTES] = ((const uint8_t *)bytes)[j];
	}
	heads[ring] += size;
}

static void put_sample(uint32_t ring, uint32_t event, uint64_t time, uint32_t size)
{
	struct sample sample = {{PERF_RECORD_SAMPLE, 0, (uint16_t)size}, 1 + ring * EVENTS + event, 1, 2, time, made++, {0}};

	put(ring, &sample, size);
}

/* { header, body, sample_id: tid, time, cpu, id } */
static void put_other(uint32_t ring, uint32_t type, uint64_t value, uint64_t time)
{
	const bool is_loss = type == PERF_RECORD_LOST;
	const struct {
		struct perf_event_header header;
		uint64_t body[2], tid, time, cpu, id;
	} record = {{type, 0, sizeof(record)}, {0, value}, 0, time, 0, 1 + ring * EVENTS + (is_loss ? HANDLED : SIDEBAND)};

	put(ring, &record, sizeof(record));
	lost += is_loss ? value : 0;
	made += is_loss ? 0 : 1;
}

/* The next time of a ring: those of the rings lie between one another, and none is twice. */
static uint64_t next_time(uint64_t time, unsigned *seed)
{
	return time + RINGS * (1 + (uint64_t)rand_r(seed) % 3);
}

/* Some records for a ring, from `time` on, mostly in order and of one event. */
static void put_some(uint32_t ring, uint64_t time, unsigned *seed)
{
	const uint32_t changes = rand_r(seed) % 3 ? 100000 : 20, size = 40 + 8 * ((uint32_t)rand_r(seed) % 16);
	uint32_t event = (uint32_t)rand_r(seed) % SIDEBAND, behind = 0;
	uint64_t late = 0;

	for (int left = rand_r(seed) % 300; left > 0 && has_room(ring, 8 * sizeof(struct sample)); left--) {
		const bool is_other = (uint32_t)rand_r(seed) % changes == 0;
		time = next_time(time, seed);
		if (late == 0 && rand_r(seed) % 60 == 0) {
			late = time;
			time = next_time(time, seed);
			behind = (uint32_t)rand_r(seed) % LATE_MOST;
		}
		if (is_other && rand_r(seed) % 2)
			event = (uint32_t)rand_r(seed) % SIDEBAND;
		if (is_other && rand_r(seed) % 2)
			put_other(ring, rand_r(seed) % 2 ? PERF_RECORD_LOST : PERF_RECORD_COMM, 3, time);
		else
			put_sample(ring, event, time, size);
		if (late != 0 && behind-- == 0) {
			put_sample(ring, HANDLED, late, size);
			late = 0;
		}
	}
	if (late != 0)
		put_sample(ring, HANDLED, late, size);
	newest = time > newest ? time : newest;
}

/* ---- what comes out ---- */

static uint32_t read_once(struct world *world, uint64_t limit)
{
	static uint8_t buffer[4096] __attribute__((aligned(8)));
	struct pp_out out = {.at = buffer, .end = buffer + 256 + (uint32_t)rand_r(&world->seed) % 3840, .sink = &world->sink};
	const uint32_t calls = world->calls;
	struct pp_prefix prefix;
	uint64_t value;

	current = world;
	pp_sink_begin(&world->sink, buffer);
	if (world->merge.heap_count == 0)
		pp_merge_start(&world->merge, limit);
	pp_merge_copy(&world->merge, &out);
	pp_sink_end(&world->sink);
	for (const uint8_t *at = buffer; at < out.at; at += sizeof(prefix) + prefix.size) {
		memcpy(&prefix, at, sizeof(prefix));
		const uint8_t *record = at + sizeof(prefix);
		const uint32_t value_at = prefix.event == PP_EVENT_LOST ? 16
					  : prefix.event == SIDEBAND	? 32
					  : prefix.event == BRIEF	? 0
									: 24;
		memcpy(&value, record + value_at, sizeof(value));
		add(world, value, prefix.event, prefix.cpu);
	}
	return world->calls - calls + (uint32_t)(out.at - buffer);
}

/* Reads by limits that are random, and each world's own. */
static void read_some(struct world *world)
{
	const uint64_t limit = newest - (rand_r(&world->seed) % 2 ? 0 : (uint64_t)rand_r(&world->seed) % 600);

	world->handing.until = rand_r(&world->seed) % 3 ? UINT64_MAX : newest - (uint64_t)rand_r(&world->seed) % 600;
	world->handing.most = world->handing.handed + (rand_r(&world->seed) % 3 ? 100000 : (uint64_t)rand_r(&world->seed) % 200);
	for (int reads = rand_r(&world->seed) % 10; reads > 0; reads--)
		read_once(world, limit);
}

static void read_all(struct world *world)
{
	world->handing.until = world->handing.most = UINT64_MAX;
	for (uint32_t idle = 0; idle < 3;)
		idle = read_once(world, UINT64_MAX) == 0 ? idle + 1 : 0;
}

static bool is_whole(struct world *world, bool ordered)
{
	uint64_t records = 0, told = 0, last = 0;

	for (uint32_t i = 0; i < world->logged; i++) {
		const struct out *out = &world->log[i];
		if (out->event == PP_EVENT_LOST || out->event == PP_EVENT_UNKNOWN) {
			told += out->value;
			continue;
		}
		records++;
		world->backwards += out->value <= last;
		last = out->value;
	}
	for (uint32_t ring = 0; ring < RINGS; ring++)
		told += world->merge.rings[ring].due;
	return records == made && told == lost && world->state.damaged == 0 &&
	       (!ordered || (world->backwards == 0 && world->state.late == 0));
}

static bool run(unsigned seed, bool ordered)
{
	const uint64_t start = (uint64_t)rand_r(&seed) / 8 * 8;
	bool is_right = true;

	made = lost = 0;
	newest = 1000 * RINGS;
	for (uint32_t i = 0; i < 2; i++)
		begin(&worlds[i], i == 0, ordered ? UINT64_MAX : 0, start, seed + i);
	for (int round = 0; round < 200; round++) {
		const uint64_t from = newest / RINGS * RINGS;
		for (uint32_t ring = 0; ring < RINGS; ring++)
			put_some(ring, from + RINGS + ring, &seed);
		for (uint32_t i = 0; i < 2; i++) {
			for (uint32_t ring = 0; ring < RINGS; ring++)
				worlds[i].pages[ring].data_head = heads[ring];
			read_some(&worlds[i]);
		}
	}
	for (uint32_t i = 0; i < 2; i++) {
		read_all(&worlds[i]);
		is_right &= is_whole(&worlds[i], ordered);
		end(&worlds[i]);
	}
	is_right &= worlds[0].logged == worlds[1].logged;
	if (ordered)
		is_right &= memcmp(worlds[0].log, worlds[1].log, worlds[0].logged * sizeof(struct out)) == 0;
	return is_right && made > 1000 && worlds[0].calls == worlds[1].calls;
}

int main(void)
{
	for (unsigned seed = 1; seed <= 20; seed++) {
		check(run(seed, true), "seed %u: with and without runs, in order of time, to the record", seed);
		check(run(seed, false), "seed %u: without an order, nothing twice and nothing left out", seed);
	}
	return check_done();
}
