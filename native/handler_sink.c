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

/* May the next sample, which is of `time`, be handed over? What is asked but once for a stretch is not asked here. */
static bool may_hand(struct pp_handing *handing, uint64_t time)
{
	if (handing->left != PP_LEFT_DONE)
		return false;
	if (time > handing->until) {
		handing->next_time = time;
		handing->left = PP_LEFT_TIME;
	} else if (handing->handed >= handing->most) {
		handing->left = PP_LEFT_COUNT;
	}
	return handing->left == PP_LEFT_DONE;
}

/* perf_event_header.size */
static uint16_t record_size(const uint8_t *record)
{
	uint16_t size;

	memcpy(&size, record + 6, sizeof(size));
	return size;
}

/* Fills in what differs from sample to sample. */
static void fill(struct pp_event *event, const struct pp_route *route, uint64_t time, const uint8_t *record)
{
	event->time = time;
	event->record = record;
	event->record_size = record_size(record);
	memcpy(&event->pid, record + route->tid_at, 2 * sizeof(event->pid)); /* { u32 pid, tid } */
}

bool pp_sink_hand(struct pp_sink *sink, uint32_t event, uint32_t cpu, uint64_t time, const uint8_t *record, const uint8_t *at)
{
	const struct pp_route *route = &sink->routes[event];
	struct pp_handing *handing = sink->handing;
	struct pp_event handed = {.size = sizeof(handed), .source = route->source, .cpu = cpu};

	if (handing->pass_over) {
		handing->passed += route->call != NULL;
		return true;
	}
	if (handing->left == PP_LEFT_DONE && at != sink->buffer)
		handing->left = PP_LEFT_BATCH;
	if (!route->call && handing->left == PP_LEFT_DONE && time <= handing->until)
		return true;
	if (!may_hand(handing, time))
		return false;
	fill(&handed, route, time, record);
	call(sink, route, &handed);
	return true;
}

bool pp_sink_hand_stretch(struct pp_sink *sink, uint32_t event, uint32_t cpu, struct pp_stretch *stretch, const uint8_t *at)
{
	const struct pp_route *route = &sink->routes[event];
	const bool simple = !sink->handing->pass_over && route->call && at == sink->buffer;
	struct pp_event handed = {.size = sizeof(handed), .source = route->source, .cpu = cpu};

	while (stretch->at < stretch->end) {
		const uint8_t *record = stretch->at;
		const uint16_t size = record_size(record);
		uint64_t time;
		if (size > stretch->end - record)
			break;
		memcpy(&time, record + stretch->time_offset, sizeof(time));
		if (time > stretch->bound)
			return false;
		if (simple) {
			if (!may_hand(sink->handing, time))
				return false;
			fill(&handed, route, time, record);
			call(sink, route, &handed);
		} else if (!pp_sink_hand(sink, event, cpu, time, record, at)) {
			return false;
		}
		stretch->at += size;
		stretch->count++;
		stretch->time = time;
	}
	return true;
}
