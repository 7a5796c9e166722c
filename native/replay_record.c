/* SPDX-License-Identifier: MIT */
/*
 * Whose a record of a recording is, and when it was; and its layout made into that of live ones, so that nothing behind it needs to
 * know where it comes from: a sample without TID, TIME, CPU or PERIOD gets them, side-band records get the trailer that ours have.
 * The order of members is that of perf_event_open(2): perf_output_sample() and perf_event__output_id_sample() of
 * kernel/events/core.c.
 */
#include <errno.h>
#include <stdlib.h>

#include "replay.h"

#define HEADER	  sizeof(struct perf_event_header)
#define IDS_FIRST 64u

/* ---- ids ---- */

static uint32_t slot_of(const struct pp_replay_ids *ids, uint64_t id)
{
	return (uint32_t)((id * 0x9e3779b97f4a7c15ULL) >> 32) & (ids->size - 1);
}

static void put(struct pp_replay_ids *ids, uint64_t id, uint32_t event)
{
	uint32_t slot = slot_of(ids, id);

	while (ids->events[slot] != PP_EVENT_UNKNOWN && ids->ids[slot] != id)
		slot = (slot + 1) & (ids->size - 1);
	ids->count += ids->events[slot] == PP_EVENT_UNKNOWN;
	ids->ids[slot] = id;
	ids->events[slot] = event;
}

static bool grow(struct pp_replay_ids *ids)
{
	struct pp_replay_ids bigger = {.size = ids->size ? ids->size * 2 : IDS_FIRST};

	bigger.ids = malloc(bigger.size * sizeof(*bigger.ids));
	bigger.events = malloc(bigger.size * sizeof(*bigger.events));
	if (!bigger.ids || !bigger.events) {
		free(bigger.ids);
		free(bigger.events);
		return false;
	}
	memset(bigger.events, 0xff, bigger.size * sizeof(*bigger.events));
	for (uint32_t i = 0; i < ids->size; i++) {
		if (ids->events[i] != PP_EVENT_UNKNOWN)
			put(&bigger, ids->ids[i], ids->events[i]);
	}
	free(ids->ids);
	free(ids->events);
	*ids = bigger;
	return true;
}

int32_t pp_replay_ids_add(struct pp_replay_ids *ids, uint64_t id, uint32_t event)
{
	if (ids->count * 2 >= ids->size && !grow(ids))
		return PP_E_NOMEM;
	put(ids, id, event);
	return PP_OK;
}

uint32_t pp_replay_ids_find(struct pp_replay_ids *ids, uint64_t id)
{
	if (ids->size == 0)
		return PP_EVENT_UNKNOWN;
	uint32_t slot = ids->last;
	if (ids->ids[slot] == id && ids->events[slot] != PP_EVENT_UNKNOWN)
		return ids->events[slot];
	for (slot = slot_of(ids, id); ids->events[slot] != PP_EVENT_UNKNOWN; slot = (slot + 1) & (ids->size - 1)) {
		if (ids->ids[slot] != id)
			continue;
		ids->last = slot;
		return ids->events[slot];
	}
	return PP_EVENT_UNKNOWN;
}

/* ---- samples ---- */

/* The members of 8 bytes each that a sample begins with. */
static const uint64_t MEMBERS[] = {
    PERF_SAMPLE_IDENTIFIER, PERF_SAMPLE_IP,	   PERF_SAMPLE_TID, PERF_SAMPLE_TIME,	PERF_SAMPLE_ADDR,
    PERF_SAMPLE_ID,	    PERF_SAMPLE_STREAM_ID, PERF_SAMPLE_CPU, PERF_SAMPLE_PERIOD,
};
#define MEMBER_COUNT (sizeof(MEMBERS) / sizeof(MEMBERS[0]))

/* Of a member in a sample of this type, 0 where it has none. */
static uint16_t place_of(uint64_t sample_type, uint64_t member)
{
	uint16_t at = HEADER;

	for (uint32_t i = 0; i < MEMBER_COUNT && MEMBERS[i] != member; i++)
		at += sample_type & MEMBERS[i] ? 8 : 0;
	return sample_type & member ? at : 0;
}

static uint16_t fixed_size(uint64_t sample_type)
{
	uint16_t size = HEADER;

	for (uint32_t i = 0; i < MEMBER_COUNT; i++)
		size += sample_type & MEMBERS[i] ? 8 : 0;
	return size;
}

void pp_replay_event_place(struct pp_replay_event *event)
{
	const uint64_t type = event->attr.sample_type;

	event->time_at = place_of(type, PERF_SAMPLE_TIME);
	event->tid_at = place_of(type, PERF_SAMPLE_TID);
	event->cpu_at = place_of(type, PERF_SAMPLE_CPU);
	event->fixed_size = fixed_size(type);
	event->added = (PERF_SAMPLE_TID | PERF_SAMPLE_TIME | PERF_SAMPLE_CPU | PERF_SAMPLE_PERIOD) & ~type;
	event->added_size = 8u * (uint32_t)__builtin_popcountll(event->added);
	event->period = event->attr.freq ? 1 : event->attr.sample_period;
}

static uint64_t added_value(const struct pp_replay_event *event, uint64_t member, uint64_t time)
{
	if (member == PERF_SAMPLE_TIME)
		return time;
	return member == PERF_SAMPLE_PERIOD ? event->period : 0;
}

void pp_replay_sample(const struct pp_replay_event *event, const struct pp_record *record, uint64_t time, uint8_t *to)
{
	const uint8_t *from = record->data + HEADER;
	uint8_t *start = to;

	if (!event->added) {
		memcpy(to, record->data, record->size);
		return;
	}
	memcpy(to, record->data, HEADER);
	to += HEADER;
	for (uint32_t i = 0; i < MEMBER_COUNT; i++) {
		if (event->attr.sample_type & MEMBERS[i]) {
			memcpy(to, from, 8);
			from += 8;
		} else if (event->added & MEMBERS[i]) {
			const uint64_t value = added_value(event, MEMBERS[i], time);
			memcpy(to, &value, 8);
		} else {
			continue;
		}
		to += 8;
	}
	memcpy(to, from, record->data + record->size - from);
	const uint16_t size = record->size + event->added_size;
	memcpy(start + offsetof(struct perf_event_header, size), &size, sizeof(size));
}

/* ---- other records ---- */

/* The trailer's members in order. */
static const uint64_t TRAILER[PP_TRAILER_MEMBERS] = {
    PERF_SAMPLE_TID, PERF_SAMPLE_TIME, PERF_SAMPLE_ID, PERF_SAMPLE_STREAM_ID, PERF_SAMPLE_CPU, PERF_SAMPLE_IDENTIFIER,
};
enum { TRAILER_TID, TRAILER_TIME, TRAILER_ID, TRAILER_STREAM_ID, TRAILER_CPU, TRAILER_IDENTIFIER };

/* Where a sample says whose it is. */
static uint16_t id_place(uint64_t type)
{
	return place_of(type, type & PERF_SAMPLE_IDENTIFIER ? PERF_SAMPLE_IDENTIFIER : PERF_SAMPLE_ID);
}

static void place_trailer(const struct perf_event_attr *attr, struct pp_replay_layout *layout)
{
	*layout = (struct pp_replay_layout){.id_at = id_place(attr->sample_type)};
	for (uint32_t i = PP_TRAILER_MEMBERS; attr->sample_id_all && i-- > 0;) {
		if (!(attr->sample_type & TRAILER[i]))
			continue;
		layout->trailer += 8;
		layout->from_end[i] = layout->trailer;
	}
}

bool pp_replay_layout_of(const struct pp_replay_event *events, uint32_t count, struct pp_replay_layout *layout)
{
	struct pp_replay_layout other;

	place_trailer(&events[0].attr, layout);
	for (uint32_t i = 1; i < count; i++) {
		place_trailer(&events[i].attr, &other);
		if (memcmp(layout, &other, sizeof(other)) != 0)
			return false;
	}
	return count == 1 || layout->id_at > 0;
}

bool pp_replay_trailer(const struct pp_replay_layout *layout, const struct pp_record *record, struct pp_trailer *trailer)
{
	const uint8_t *end = record->data + record->size;
	const uint16_t *at = layout->from_end;

	*trailer = (struct pp_trailer){0};
	if (record->size < HEADER + layout->trailer)
		return false;
	if (at[TRAILER_TID]) {
		trailer->pid = pp_load32(end - at[TRAILER_TID]);
		trailer->tid = pp_load32(end - at[TRAILER_TID] + 4);
	}
	if (at[TRAILER_TIME])
		trailer->time = pp_load64(end - at[TRAILER_TIME]);
	if (at[TRAILER_CPU])
		trailer->cpu = pp_load32(end - at[TRAILER_CPU]);
	if (at[TRAILER_IDENTIFIER])
		trailer->id = pp_load64(end - at[TRAILER_IDENTIFIER]);
	else if (at[TRAILER_ID])
		trailer->id = pp_load64(end - at[TRAILER_ID]);
	/* perf's own records, of what there was before, have all zeros or all ones for a time. */
	if (trailer->time == UINT64_MAX)
		trailer->time = 0;
	return true;
}

uint32_t pp_replay_sideband(const struct pp_replay_layout *layout, const struct pp_record *record, const struct pp_trailer *trailer,
			    uint8_t *to)
{
	const uint32_t body = record->size - layout->trailer;
	const uint32_t cpu[2] = {trailer->cpu, 0};
	const uint16_t size = body + PP_TRAILER_SIZE;

	memcpy(to, record->data, body);
	memcpy(to + offsetof(struct perf_event_header, size), &size, sizeof(size));
	memcpy(to + body, &trailer->pid, 4);
	memcpy(to + body + 4, &trailer->tid, 4);
	memcpy(to + body + 8, &trailer->time, 8);
	memcpy(to + body + 16, cpu, 8);
	memcpy(to + body + 24, &trailer->id, 8);
	return size;
}
