/* SPDX-License-Identifier: MIT */
/*
 * The calls of perfprof.h on a recording: opens it, tells what is in it, and hands its records out in batches, as a session does.
 * Owns the struct pp_replay. It knows nothing of what is in a record (replay_record.c), nor where it comes from (replay_input.c).
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "handler.h"
#include "replay.h"

/* The largest section that is given: tracing data of every event with the kernel's symbols has some 20 MB. */
#define SECTION_MOST (256u << 20)
#define CPU_WORDS    (65536 / 64)

int32_t pp_replay_open(const char *path, uint32_t flags, struct pp_state *state, struct pp_replay **out, struct pp_error *err)
{
	struct pp_replay *replay = calloc(1, sizeof(*replay));
	int32_t ret;

	*out = NULL;
	if (!replay)
		return pp_fail(err, PP_E_NOMEM, ENOMEM, "open %s", path);
	*state = (struct pp_state){.command_status = -1};
	*replay = (struct pp_replay){.flags = flags, .state = state, .to = UINT64_MAX, .wake = -1};
	replay->input.fd = -1;
	replay->path = strdup(path);
	replay->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (!replay->path || replay->wake < 0)
		ret = pp_fail(err, PP_E_NOMEM, errno, "open %s", path);
	else
		ret = pp_input_open(&replay->input, replay->path, err);
	if (ret >= 0)
		ret = pp_replay_header_read(replay, err);
	if (ret < 0)
		pp_replay_close(replay);
	else
		*out = replay;
	return ret;
}

void pp_replay_close(struct pp_replay *replay)
{
	if (!replay)
		return;
	for (uint32_t i = 0; i < replay->event_count; i++) {
		free(replay->events[i].raw_attr);
		free(replay->events[i].cpus);
	}
	for (uint32_t i = 0; i < PP_FEATURE_COUNT; i++)
		free(replay->sections[i].bytes);
	free(replay->events);
	free(replay->delivered);
	free(replay->ids.ids);
	free(replay->ids.events);
	free(replay->by_cpu);
	pp_order_free(&replay->order);
	pp_input_close(&replay->input);
	if (replay->wake >= 0)
		close(replay->wake);
	free(replay->path);
	free(replay);
}

/* ---- what is in it ---- */

void pp_replay_describe(struct pp_replay *replay, struct pp_recording *recording)
{
	*recording = (struct pp_recording){.kernel_build_id_size = replay->kernel_build_id_size,
					   .events = replay->event_count,
					   .pipe = replay->input.end == UINT64_MAX,
					   .unfinished = replay->unfinished,
					   .at = replay->input.offset,
					   .end = replay->input.end,
					   .kernel_text = replay->kernel_text};
	memcpy(recording->kernel_build_id, replay->kernel_build_id, sizeof(replay->kernel_build_id));
}

int32_t pp_replay_attr(struct pp_replay *replay, uint32_t event, uint8_t *attr, uint32_t size, struct pp_error *err)
{
	if (event >= replay->event_count)
		return pp_fail(err, PP_E_ARG, 0, "event %u of %u", event, replay->event_count);
	const struct pp_replay_event *of = &replay->events[event];
	if (of->raw_size > size) {
		pp_fail(err, PP_E_SPACE, 0, "attr of %u bytes", of->raw_size);
		err->need = of->raw_size;
		return PP_E_SPACE;
	}
	memcpy(attr, of->raw_attr, of->raw_size);
	return (int32_t)of->raw_size;
}

int32_t pp_replay_section(struct pp_replay *replay, uint32_t feature, uint8_t *bytes, uint32_t size, struct pp_error *err)
{
	if (feature >= PP_FEATURE_COUNT)
		return pp_fail(err, PP_E_ARG, 0, "section %u", feature);
	const struct pp_section *section = &replay->sections[feature];
	if (section->size > SECTION_MOST)
		return pp_input_damaged(&replay->input, section->offset, err, "section %u is said to have %llu bytes", feature,
					(unsigned long long)section->size);
	if (section->size > size) {
		pp_fail(err, PP_E_SPACE, 0, "section of %llu bytes", (unsigned long long)section->size);
		err->need = (uint32_t)section->size;
		return PP_E_SPACE;
	}
	if (section->bytes)
		memcpy(bytes, section->bytes, section->size);
	else if (section->size > 0 && pp_input_read_at(&replay->input, section->offset, bytes, section->size, err) < 0)
		return err->code;
	return (int32_t)section->size;
}

/* ---- what is wanted of it ---- */

/* Counts of the events that are handed out as up to `index`. */
static int32_t count_up_to(struct pp_replay *replay, uint32_t index, struct pp_error *err)
{
	if (index < replay->sideband)
		return PP_OK;
	uint64_t *delivered = reallocarray(replay->delivered, index + 1, sizeof(*delivered));
	if (!delivered)
		return pp_fail(err, PP_E_NOMEM, ENOMEM, "events of %s", replay->input.path);
	memset(&delivered[replay->sideband], 0, (index + 1 - replay->sideband) * sizeof(*delivered));
	replay->delivered = delivered;
	replay->sideband = index + 1;
	return PP_OK;
}

int32_t pp_replay_choose(struct pp_replay *replay, uint32_t event, uint32_t index, const uint32_t *cpus, uint32_t cpu_count,
			 struct pp_error *err)
{
	if (event >= replay->event_count || index >= PP_EVENT_LOST)
		return pp_fail(err, PP_E_ARG, 0, "event %u as %u", event, index);
	struct pp_replay_event *chosen = &replay->events[event];
	if (cpu_count > 0 && !chosen->cpus)
		chosen->cpus = calloc(CPU_WORDS, sizeof(uint64_t));
	if (cpu_count > 0 && !chosen->cpus)
		return pp_fail(err, PP_E_NOMEM, ENOMEM, "events of %s", replay->input.path);
	for (uint32_t i = 0; i < cpu_count; i++) {
		if (cpus[i] < CPU_WORDS * 64)
			chosen->cpus[cpus[i] / 64] |= 1ull << cpus[i] % 64;
	}
	chosen->index = index;
	return count_up_to(replay, index, err);
}

void pp_replay_limit(struct pp_replay *replay, uint64_t from, uint64_t to)
{
	replay->from = from;
	replay->to = to;
}

/* ---- its records ---- */

/* The next record: 1, 0 at the end, PP_INPUT_LATER. */
static int32_t next_record(struct pp_replay *replay, struct pp_record *record, struct pp_error *err)
{
	if (replay->has_held) {
		replay->has_held = false;
		*record = replay->held;
		return 1;
	}
	int32_t got = pp_input_next(&replay->input, false, record, err);
	/* What cannot be gone on behind is the end. Of a recording that was cut off that is to be expected. */
	if (got == PP_E_RECORDING && (replay->flags & PP_REPLAY_FORCE || replay->unfinished)) {
		replay->state->damaged++;
		return 0;
	}
	return got;
}

static int32_t finish(struct pp_replay *replay, struct pp_error *err)
{
	replay->ended = true;
	return pp_replay_take_end(replay, err);
}

/* Reads until some records may be delivered, the recording ends or a pipe has no more yet. */
static int32_t fill(struct pp_replay *replay, struct pp_error *err)
{
	struct pp_record record;

	while (replay->order.next == replay->order.ready && !replay->ended) {
		int32_t got = next_record(replay, &record, err);

		if (got == PP_INPUT_LATER)
			return PP_OK;
		if (got == 1)
			got = pp_replay_take(replay, &record, err);
		else if (got == 0)
			got = finish(replay, err);
		if (got < 0)
			return got;
		pp_replay_bound(replay);
	}
	return PP_OK;
}

int32_t pp_replay_first_time(struct pp_replay *replay, uint64_t *time, struct pp_error *err)
{
	const struct pp_order *order = &replay->order;
	int32_t ret = fill(replay, err);

	if (ret < 0)
		return ret;
	*time = order->oldest > replay->from ? order->oldest : replay->from;
	return order->ready > order->next || replay->ended;
}

/* Is it a sample that nobody wants? What is told of tasks is wanted whenever it was. */
static bool is_outside(const struct pp_replay *replay, uint32_t event, uint64_t time)
{
	return event != replay->sideband && (time < replay->from || time > replay->to);
}

static void count(struct pp_replay *replay, const struct pp_prefix *prefix, uint64_t time)
{
	struct pp_state *state = replay->state;

	if (prefix->event >= replay->sideband)
		return;
	state->late += time < replay->last_delivered;
	if (time > replay->last_delivered)
		replay->last_delivered = time;
	if (time > state->batch_newest)
		state->batch_newest = time;
	state->delivered++;
	replay->delivered[prefix->event]++;
	state->batch_samples++;
}

/* Copies what is ready as far as it fits, or hands it to `sink`: false when the next one does not fit, or has to wait. */
static bool deliver(struct pp_replay *replay, struct pp_sink *sink, uint8_t *buf, uint32_t size, uint32_t *used)
{
	struct pp_order *order = &replay->order;

	for (; order->next < order->ready; order->next++) {
		const struct pp_entry *entry = &order->entries[order->next];
		const uint8_t *from = pp_order_at(order, entry);
		struct pp_prefix prefix;

		memcpy(&prefix, from, sizeof(prefix));
		replay->past |= entry->time > replay->to;
		if (is_outside(replay, prefix.event, entry->time))
			continue;
		if (pp_sink_takes(sink, prefix.event)) {
			if (!pp_sink_hand(sink, prefix.event, prefix.cpu, entry->time, from + sizeof(prefix), buf + *used))
				return false;
		} else if (*used + sizeof(prefix) + prefix.size > size) {
			return false;
		} else {
			memcpy(buf + *used, from, sizeof(prefix) + prefix.size);
			*used += sizeof(prefix) + prefix.size;
		}
		count(replay, &prefix, entry->time);
	}
	return true;
}

static int32_t read_records(struct pp_replay *replay, struct pp_sink *sink, uint8_t *buf, uint32_t size, struct pp_error *err)
{
	struct pp_state *state = replay->state;
	uint32_t used = 0;
	int32_t ret;

	state->batch_samples = 0;
	state->batch_newest = 0;
	state->more = 0;
	while (!replay->stopped) {
		if (!deliver(replay, sink, buf, size, &used)) {
			state->more = 1;
			break;
		}
		if (replay->ended || replay->past)
			break;
		ret = fill(replay, err);
		/* What was read before is good: the failure comes with the next call. */
		if (ret < 0 && state->batch_samples == 0 && used == 0)
			return ret;
		if (ret < 0 || replay->order.next == replay->order.ready)
			break;
	}
	if (state->more && used == 0 && !pp_sink_left(sink)) {
		pp_fail(err, PP_E_SPACE, 0, "a record in a buffer of %u bytes", size);
		err->need = PP_RECORD_MAX;
		return PP_E_SPACE;
	}
	state->safe_time = replay->last_delivered;
	state->ended = !state->more && (replay->ended || replay->stopped || replay->past);
	return (int32_t)used;
}

int32_t pp_replay_read(struct pp_replay *replay, uint8_t *buf, uint32_t size, struct pp_error *err)
{
	return read_records(replay, NULL, buf, size, err);
}

int32_t pp_replay_hand(struct pp_replay *replay, struct pp_handlers *handlers, uint8_t *buf, uint32_t size, struct pp_error *err)
{
	pp_sink_begin(&handlers->sink, buf);
	const int32_t ret = read_records(replay, &handlers->sink, buf, size, err);
	pp_sink_end(&handlers->sink);
	return ret;
}

int32_t pp_replay_counts(struct pp_replay *replay, struct pp_count *counts, uint32_t size, struct pp_error *err)
{
	uint32_t written = 0;

	if (size < replay->event_count * sizeof(*counts)) {
		pp_fail(err, PP_E_SPACE, 0, "counts of %u events", replay->event_count);
		err->need = replay->event_count * sizeof(*counts);
		return PP_E_SPACE;
	}
	for (uint32_t i = 0; i < replay->event_count; i++) {
		const struct pp_replay_event *event = &replay->events[i];

		if (event->index < replay->sideband)
			counts[written++] = (struct pp_count){
			    .event = event->index, .delivered = replay->delivered[event->index], .lost = event->lost};
	}
	return (int32_t)written;
}

/* ---- waiting ---- */

int32_t pp_replay_wait(struct pp_replay *replay, uint32_t timeout_ms, uint32_t pause)
{
	bool waits = !pause && !replay->input.seekable && !replay->ended;
	struct pollfd fds[] = {
	    {.fd = replay->wake, .events = POLLIN},
	    {.fd = replay->flags & PP_REPLAY_WATCH_STDOUT ? STDOUT_FILENO : -1},
	    {.fd = waits ? replay->input.fd : -1, .events = POLLIN},
	};
	uint64_t ignored;
	int32_t why = 0;

	/* A file always has more: there is nothing to wait for, only the event loop gets its turn. */
	if (poll(fds, 3, waits ? (int)timeout_ms : 0) <= 0)
		return 0;
	if (fds[0].revents && read(replay->wake, &ignored, sizeof(ignored)) > 0)
		why |= PP_WAIT_WOKEN;
	if (fds[1].revents & (POLLERR | POLLHUP))
		why |= PP_WAIT_STDOUT;
	return fds[2].revents ? why | PP_WAIT_DATA : why;
}

void pp_replay_wake(struct pp_replay *replay)
{
	const uint64_t one = 1;

	/* It can only fail where it was woken before. */
	(void)!write(replay->wake, &one, sizeof(one));
}

void pp_replay_stop(struct pp_replay *replay)
{
	replay->stopped = true;
}
