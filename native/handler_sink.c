/* SPDX-License-Identifier: MIT */
/*
 * Samples on their way to compiled handlers: called where they lie, in a ring, the queue or a recording's memory, without a copy.
 * Owns the rules by which a read stops before the next one: what lib/delivery.ts's walk has for handlers in JavaScript. It knows
 * nothing of rings, and calls back into nothing but handlers.
 */
#include <stdio.h>
#include <string.h>

#include "handler.h"

void pp_sink_begin(struct pp_sink *sink, const uint8_t *buffer)
{
	if (!sink)
		return;
	sink->buffer = buffer;
	sink->running = 0;
	sink->handing->left = PP_LEFT_DONE;
}

void pp_sink_end(struct pp_sink *sink)
{
	if (!sink || !sink->unflushed)
		return;
	if (sink->running != 0)
		__atomic_store_n(&sink->watch->running, 0, __ATOMIC_RELAXED);
	/* What handlers printed is seen no later than what scripts print: once the batch is done. */
	fflush(stdout);
	sink->unflushed = false;
}

static bool leave(struct pp_sink *sink, enum pp_left why)
{
	sink->handing->left = why;
	return false;
}

static void call(struct pp_sink *sink, const struct pp_route *route, const struct pp_event *event)
{
	if (sink->running != route->watch_id) {
		sink->running = route->watch_id;
		sink->unflushed = true;
		__atomic_store_n(&sink->watch->running, route->watch_id, __ATOMIC_RELAXED);
	}
	sink->handing->handed++;
	route->call(event);
	if (__atomic_load_n(&sink->watch->yield, __ATOMIC_RELAXED) != 0)
		sink->handing->left = PP_LEFT_YIELD;
}

bool pp_sink_hand(struct pp_sink *sink, uint32_t event, uint32_t cpu, uint64_t time, const uint8_t *record, const uint8_t *at)
{
	const struct pp_route *route = &sink->routes[event];
	struct pp_handing *handing = sink->handing;
	struct pp_event handed = {.size = sizeof(handed), .source = route->source, .record = record, .cpu = cpu, .time = time};
	uint16_t size;

	if (handing->pass_over) {
		handing->passed += route->call != NULL;
		return true;
	}
	if (handing->left != PP_LEFT_DONE)
		return false;
	if (at != sink->buffer)
		return leave(sink, PP_LEFT_BATCH);
	if (time > handing->until) {
		handing->next_time = time;
		return leave(sink, PP_LEFT_TIME);
	}
	if (!route->call)
		return true;
	if (handing->handed >= handing->most)
		return leave(sink, PP_LEFT_COUNT);
	/* perf_event_header.size, and { u32 pid, tid }. */
	memcpy(&size, record + 6, sizeof(size));
	memcpy(&handed.pid, record + route->tid_at, 2 * sizeof(handed.pid));
	handed.record_size = size;
	call(sink, route, &handed);
	return true;
}
