/* SPDX-License-Identifier: MIT */
/*
 * What becomes of a record: a sample that is wanted, a side-band record or a loss goes to its place in the order; a finished round
 * lets what is old enough go. The rest is perf's own, or of no use here.
 */
#include <errno.h>
#include <stdlib.h>

#include "replay.h"

#define CPU_MAX	   65536u /* pp_prefix.cpu */
#define ARENA_MOST (256ull << 20)
#define LOST_SIZE  24u /* header, u64 id, u64 lost */
#define MMAP_NAME  40u
#define MMAP2_NAME 72u
#define TASK_SIZE  32u /* header, u32 pid, ppid, tid, ptid, u64 time */

/* A record that makes no sense, between others that may: with PP_REPLAY_FORCE it is counted and left out. */
static int32_t reject(struct pp_replay *replay, const struct pp_record *record, struct pp_error *err, const char *why)
{
	replay->state->damaged++;
	if (replay->flags & PP_REPLAY_FORCE)
		return PP_OK;
	return pp_input_damaged(&replay->input, record->offset, err, "a record of type %u %s", record->type, why);
}

static int32_t no_memory(struct pp_replay *replay, struct pp_error *err)
{
	return pp_fail(err, PP_E_NOMEM, ENOMEM, "sort the records of %s", replay->input.path);
}

/* NULL without memory. */
static struct pp_replay_cpu *cpu_of(struct pp_replay *replay, uint32_t cpu)
{
	if (cpu >= replay->cpu_count) {
		struct pp_replay_cpu *bigger = reallocarray(replay->by_cpu, cpu + 1, sizeof(*bigger));

		if (!bigger)
			return NULL;
		memset(&bigger[replay->cpu_count], 0, (cpu + 1 - replay->cpu_count) * sizeof(*bigger));
		replay->by_cpu = bigger;
		replay->cpu_count = cpu + 1;
	}
	return &replay->by_cpu[cpu];
}

/* ---- losses ---- */

/* A kernel does not tell whose samples a ring lost: the record has the id of whichever event wrote next. So only where there is no
 * other event is it known. */
static uint32_t loser(const struct pp_replay *replay)
{
	uint32_t event = PP_EVENT_UNKNOWN;
	uint32_t count = 0;

	for (uint32_t i = 0; i < replay->event_count; i++) {
		const struct perf_event_attr *attr = &replay->events[i].attr;

		if (attr->type == PERF_TYPE_SOFTWARE && attr->config == PERF_COUNT_SW_DUMMY)
			continue;
		event = i;
		count++;
	}
	return count == 1 ? event : PP_EVENT_UNKNOWN;
}

static int32_t add_loss(struct pp_replay *replay, uint32_t cpu, uint64_t count, uint64_t start, uint64_t end, struct pp_error *err)
{
	const uint32_t event = loser(replay);
	const uint32_t index = event == PP_EVENT_UNKNOWN ? PP_EVENT_UNKNOWN : replay->events[event].index;
	const struct pp_lost lost = {.start = start, .end = end, .count = count, .event = index, .cpu = cpu};
	uint8_t *to = pp_order_add(&replay->order, end, sizeof(lost), PP_EVENT_LOST, cpu);

	if (!to)
		return no_memory(replay, err);
	memcpy(to, &lost, sizeof(lost));
	replay->state->lost += count;
	if (event != PP_EVENT_UNKNOWN)
		replay->events[event].lost += count;
	return PP_OK;
}

static bool is_wanted(const struct pp_replay_event *event, uint32_t cpu)
{
	return !event->cpus || event->cpus[cpu / 64] >> cpu % 64 & 1;
}

/* Of any event that is wanted. */
static bool is_cpu_wanted(const struct pp_replay *replay, uint32_t cpu)
{
	for (uint32_t i = 0; i < replay->event_count; i++) {
		if (replay->events[i].index != PP_EVENT_UNKNOWN && is_wanted(&replay->events[i], cpu))
			return true;
	}
	return false;
}

/* It ends with the next sample of its CPU. */
static int32_t take_lost(struct pp_replay *replay, const struct pp_record *record, const struct pp_trailer *trailer,
			 struct pp_error *err)
{
	if (record->size < LOST_SIZE + replay->layout.trailer || trailer->cpu >= CPU_MAX)
		return reject(replay, record, err, "is too short");
	struct pp_replay_cpu *cpu = cpu_of(replay, trailer->cpu);
	if (!cpu)
		return no_memory(replay, err);
	const uint64_t count = pp_load64(record->data + 16);
	replay->lost_records += count;
	if (!is_cpu_wanted(replay, trailer->cpu))
		return PP_OK;
	cpu->lost += count;
	cpu->lost_time = trailer->time > cpu->last_time ? trailer->time : cpu->last_time;
	return PP_OK;
}

/* Samples that never came to a ring. Where the kernel counts what each event lost (PERF_FORMAT_LOST), perf record 6.1 and newer
 * writes these totals at the end: then but what is beyond the LOST records is news. */
static int32_t take_lost_samples(struct pp_replay *replay, const struct pp_record *record, const struct pp_trailer *trailer,
				 struct pp_error *err)
{
	if (record->size < 16u + replay->layout.trailer)
		return reject(replay, record, err, "is too short");
	uint64_t count = pp_load64(record->data + 8);
	if (replay->counts_lost) {
		const uint64_t known =
		    replay->lost_records > replay->lost_samples ? replay->lost_records - replay->lost_samples : 0;

		replay->lost_samples += count;
		count = count > known ? count - known : 0;
	}
	if (count == 0)
		return PP_OK;
	const uint64_t time = trailer->time ? trailer->time : replay->order.newest;
	return add_loss(replay, trailer->cpu < CPU_MAX ? trailer->cpu : 0, count, time, time, err);
}

/* The sample at `time` ends the loss that its CPU has had. */
static int32_t end_loss(struct pp_replay *replay, uint32_t number, struct pp_replay_cpu *cpu, uint64_t time, struct pp_error *err)
{
	const uint64_t lost = cpu->lost;

	cpu->lost = 0;
	return lost ? add_loss(replay, number, lost, cpu->last_time, time, err) : PP_OK;
}

/* ---- samples ---- */

/* NULL where nobody's. */
static struct pp_replay_event *event_of(struct pp_replay *replay, const struct pp_record *record)
{
	if (replay->layout.id_at == 0 || replay->ids.size == 0)
		return replay->event_count == 1 ? &replay->events[0] : NULL;
	if (record->size < replay->layout.id_at + 8u)
		return NULL;
	const uint32_t event = pp_replay_ids_find(&replay->ids, pp_load64(record->data + replay->layout.id_at));
	return event < replay->event_count ? &replay->events[event] : NULL;
}

static int32_t take_sample(struct pp_replay *replay, const struct pp_record *record, struct pp_error *err)
{
	struct pp_replay_event *event = event_of(replay, record);

	if (!event)
		return reject(replay, record, err, "has an id that no event has");
	if (event->index == PP_EVENT_UNKNOWN)
		return PP_OK;
	const uint32_t size = record->size + event->added_size;
	if (record->size < event->fixed_size || record->size % 8 || size > UINT16_MAX)
		return reject(replay, record, err, "does not hold what its event's attr says");
	const uint64_t time = event->time_at ? pp_load64(record->data + event->time_at) : replay->order.newest;
	const uint32_t number = event->cpu_at ? pp_load32(record->data + event->cpu_at) : 0;
	if (number >= CPU_MAX)
		return reject(replay, record, err, "is of a CPU that cannot be");
	if (!is_wanted(event, number))
		return PP_OK;
	struct pp_replay_cpu *cpu = number < replay->cpu_count ? &replay->by_cpu[number] : cpu_of(replay, number);
	if (!cpu)
		return no_memory(replay, err);
	if (cpu->lost && end_loss(replay, number, cpu, time, err) < 0)
		return err->code;
	cpu->last_time = time;
	uint8_t *to = pp_order_add(&replay->order, time, size, event->index, number);
	if (!to)
		return no_memory(replay, err);
	pp_replay_sample(event, record, time, to);
	return PP_OK;
}

/* ---- side-band ---- */

/* Where perf found the kernel: PERF_RECORD_MMAP of pid -1, u32 pid, tid, u64 addr, len, pgoff, "[kernel.kallsyms]_text"; pgoff is
 * the address of the symbol behind the bracket. With --buildid-mmap it is a PERF_RECORD_MMAP2: before the name come u8 size, 3
 * bytes of nothing, u8 build_id[20], u32 prot, flags. */
static void note_kernel(struct pp_replay *replay, const struct pp_record *record)
{
	static const char name[] = "[kernel.kallsyms]_text";
	const bool has_id = record->type == PERF_RECORD_MMAP2 && pp_load16(record->data + 4) & PERF_RECORD_MISC_MMAP_BUILD_ID;
	const uint32_t name_at = record->type == PERF_RECORD_MMAP2 ? MMAP2_NAME : MMAP_NAME;

	if ((record->type != PERF_RECORD_MMAP && !has_id) || record->size < name_at + sizeof(name) ||
	    pp_load32(record->data + 8) != UINT32_MAX || memcmp(record->data + name_at, name, sizeof(name)) != 0)
		return;
	replay->kernel_text = pp_load64(record->data + 32);
	if (has_id && record->data[40] <= sizeof(replay->kernel_build_id)) {
		replay->kernel_build_id_size = record->data[40];
		memcpy(replay->kernel_build_id, record->data + 44, record->data[40]);
	}
}

static int32_t take_sideband(struct pp_replay *replay, const struct pp_record *record, struct pp_trailer *trailer,
			     struct pp_error *err)
{
	const uint32_t size = record->size - replay->layout.trailer + PP_TRAILER_SIZE;

	if (record->size % 8 || size > UINT16_MAX)
		return reject(replay, record, err, "has a length that cannot be");
	/* Births and ends have a time of their own, where there is no other. */
	if (!replay->layout.trailer && (record->type == PERF_RECORD_FORK || record->type == PERF_RECORD_EXIT) &&
	    record->size >= TASK_SIZE)
		trailer->time = pp_load64(record->data + TASK_SIZE - 8);
	note_kernel(replay, record);
	uint8_t *to = pp_order_add(&replay->order, trailer->time, size, replay->sideband, trailer->cpu & (CPU_MAX - 1));
	if (!to)
		return no_memory(replay, err);
	pp_replay_sideband(&replay->layout, record, trailer, to);
	return PP_OK;
}

int32_t pp_replay_take(struct pp_replay *replay, const struct pp_record *record, struct pp_error *err)
{
	struct pp_trailer trailer;

	if (record->type == PERF_RECORD_SAMPLE)
		return take_sample(replay, record, err);
	if (record->type == PP_PERF_FINISHED_ROUND) {
		pp_order_finish(&replay->order, false);
		return PP_OK;
	}
	if (record->type >= PP_PERF_USER_FIRST)
		return PP_OK;
	if (!pp_replay_trailer(&replay->layout, record, &trailer))
		return reject(replay, record, err, "is too short");
	switch (record->type) {
	case PERF_RECORD_LOST:
		return take_lost(replay, record, &trailer, err);
	case PERF_RECORD_LOST_SAMPLES:
		return take_lost_samples(replay, record, &trailer, err);
	case PERF_RECORD_MMAP:
	case PERF_RECORD_COMM:
	case PERF_RECORD_EXIT:
	case PERF_RECORD_FORK:
	case PERF_RECORD_MMAP2:
		return take_sideband(replay, record, &trailer, err);
	default:
		return PP_OK;
	}
}

int32_t pp_replay_take_end(struct pp_replay *replay, struct pp_error *err)
{
	int32_t ret = PP_OK;

	for (uint32_t i = 0; i < replay->cpu_count && ret >= 0; i++)
		ret = end_loss(replay, i, &replay->by_cpu[i], replay->by_cpu[i].lost_time, err);
	pp_order_finish(&replay->order, true);
	return ret;
}

/* A recording without rounds, as perf inject makes, is sorted. */
void pp_replay_bound(struct pp_replay *replay)
{
	if (replay->order.arenas[replay->order.current].used > ARENA_MOST)
		pp_order_finish(&replay->order, true);
}
