/* SPDX-License-Identifier: MIT */
/*
 * The calls of perfprof.h on a session. Owns the session and its clock: when a pass over the rings begins, and up to which time it
 * may deliver. The rest is done by the files named in session.h.
 *
 * A pass reads the clock first and the heads of the rings after it. A record older than that reading less `slack` was then
 * published before its ring's head was read, so none that is older can follow: all up to there may be delivered in order, and a
 * ring without records holds nothing back. The snapshot of the heads serves as many reads as it takes to empty it: a machine with
 * 256 CPUs does not look at 256 heads for each buffer.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "session.h"

/* The clock of perf costs several system calls: a reading serves so long. An older one only delivers less, never out of order. */
#define PERF_CLOCK_EVERY_NS 5000000ULL
#define COUNTERS_EVERY_NS   1000000000ULL

static uint64_t clock_of_events(struct pp_session *session)
{
	const int32_t clockid = pp_clock_of_kernel(session->options.clockid);

	if (clockid != PP_CLOCK_PERF)
		return pp_clock_now(clockid);
	const uint64_t now = pp_clock_now(CLOCK_MONOTONIC);
	if (now - session->clock_read_at >= PERF_CLOCK_EVERY_NS) {
		const uint64_t value = pp_clock_now(PP_CLOCK_PERF); /* 0 when it cannot be read */
		if (value > session->clock_value)
			session->clock_value = value;
		session->clock_read_at = now;
	}
	return session->clock_value;
}

/* struct pp_merge calls it at a PERF_RECORD_LOST. */
static void read_lost(void *owner, struct pp_ring *ring)
{
	struct pp_session *session = owner;
	struct pp_slot *slots = session->merge.table.slots;

	for (uint32_t i = 0; i < ring->fd_count; i++) {
		struct pp_fd *fd = &session->fds[ring->first_fd + i];
		uint64_t lost;
		if (!pp_event_read_lost(&session->events[slots[fd->slot].event], fd->fd, &lost) || lost <= fd->lost)
			continue;
		pp_loss_count(&session->merge, &slots[fd->slot], lost - fd->lost);
		fd->lost = lost;
	}
	ring->nearly_full = false;
}

int32_t pp_session_new(const struct pp_options *options, struct pp_state *state, struct pp_session **out, struct pp_error *err)
{
	const uint32_t pages = options->ring_pages;

	*out = NULL;
	if (options->size != sizeof(*options) || pages == 0 || (pages & (pages - 1)) != 0 || pages > 1U << 20)
		return pp_fail(err, PP_E_ARG, 0, "session options: size=%u ring_pages=%u", options->size, pages);
	struct pp_session *session = calloc(1, sizeof(*session));
	if (!session)
		return pp_fail(err, PP_E_NOMEM, 0, "allocating a session");
	*state = (struct pp_state){.command_status = -1};
	*session = (struct pp_session){.options = *options, .state = state, .control = -1, .all = -1, .wake = -1};
	session->merge.table.state = state;
	session->merge.table.order_mask = options->flags & PP_ORDER ? UINT64_MAX : 0;
	session->merge.table.self = options->flags & PP_EXCLUDE_SELF ? (uint32_t)getpid() : 0;
	session->merge.read_lost = read_lost;
	session->merge.owner = session;
	int32_t code = pp_wait_init(session, err);
	if (code == 0 && options->queue_bytes > 0)
		code = pp_spill_new(session, err);
	if (code < 0)
		pp_session_close(session);
	else
		*out = session;
	return code;
}

int32_t pp_session_add_event(struct pp_session *session, const uint8_t *attr, uint32_t attr_size, const char *name,
			     const uint32_t *cpus, uint32_t cpu_count, uint32_t flags, struct pp_error *err)
{
	const uint32_t index = session->event_count;

	if (session->merge.rings || index >= PP_EVENT_LOST)
		return pp_fail(err, PP_E_ARG, 0, "event %s comes too late or is one too many", name);
	for (uint32_t i = 0; i < cpu_count; i++) {
		if (cpus[i] >= PP_CPU_MAX)
			return pp_fail(err, PP_E_ARG, 0, "event %s on cpu %u", name, cpus[i]);
	}
	struct pp_kernel_event *events = reallocarray(session->events, index + 1, sizeof(*events));
	if (!events)
		return pp_fail(err, PP_E_NOMEM, 0, "event %s", name);
	session->events = events;
	const int32_t code = pp_event_init(&events[index], attr, attr_size, name, cpus, cpu_count, flags, err);
	if (code < 0)
		return code;
	session->event_count++;
	return (int32_t)index;
}

int32_t pp_session_set_filter(struct pp_session *session, uint32_t event, const char *filter, struct pp_error *err)
{
	if (event >= session->event_count)
		return pp_fail(err, PP_E_ARG, 0, "filter of event %u", event);
	char *copy = strdup(filter);
	if (!copy)
		return pp_fail(err, PP_E_NOMEM, 0, "filter of %s", session->events[event].name);
	free(session->events[event].filter);
	session->events[event].filter = copy;
	return 0;
}

/* On the same CPUs, each of its fds finds a leader's. */
static bool on_same_cpus(const struct pp_kernel_event *event, const struct pp_kernel_event *leader)
{
	for (uint32_t i = 0; i < event->cpu_count; i++) {
		if (!pp_event_on_cpu(leader, event->cpus[i]))
			return false;
	}
	return event->every_task == leader->every_task;
}

int32_t pp_session_set_leader(struct pp_session *session, uint32_t event, uint32_t leader, struct pp_error *err)
{
	uint32_t members = 2;

	for (uint32_t i = 0; i < session->event_count; i++)
		members += session->events[i].leader == leader;
	if (event >= session->event_count || leader >= event || session->events[leader].leader != PP_NO_LEADER ||
	    members > PP_GROUP_MAX || !on_same_cpus(&session->events[event], &session->events[leader]))
		return pp_fail(err, PP_E_ARG, 0, "event %u in the group of %u", event, leader);
	session->events[event].leader = leader;
	return 0;
}

int32_t pp_session_add_task(struct pp_session *session, uint32_t pid, uint32_t whole_process, struct pp_error *err)
{
	return pp_targets_add_task(&session->targets, pid, whole_process != 0, err);
}

int32_t pp_session_add_cgroup(struct pp_session *session, const char *path, struct pp_error *err)
{
	return pp_targets_add_cgroup(&session->targets, path, err);
}

int32_t pp_session_command(struct pp_session *session, const char *argv, uint32_t argv_size, struct pp_error *err)
{
	if (session->command)
		return pp_fail(err, PP_E_ARG, 0, "a second command");
	const int32_t code = pp_command_start(argv, argv_size, session->options.flags & PP_COMMAND_STDERR, &session->command, err);
	return code < 0 ? code : pp_command_pid(session->command);
}

int32_t pp_session_open(struct pp_session *session, struct pp_error *err)
{
	if (session->event_count == 0 || session->merge.rings)
		return pp_fail(err, PP_E_ARG, 0, "a session without events, or opened twice");
	int32_t code = pp_open_rings(session, err);
	if (code == 0)
		code = pp_open_events(session, err);
	if (code == 0)
		code = pp_wait_watch_tasks(session, err);
	if (code == 0)
		code = pp_wait_watch_rings(session, err);
	return code;
}

int32_t pp_session_set_brief(struct pp_session *session, uint32_t event, struct pp_error *err)
{
	struct pp_table *table = &session->merge.table;

	if (event >= session->event_count || session->events[event].sideband || session->enabled_at != 0)
		return pp_fail(err, PP_E_ARG, 0, "brief records of event %u", event);
	session->events[event].brief = true;
	for (uint32_t i = 0; i < table->slot_count; i++)
		table->slots[i].brief |= table->slots[i].event == event;
	return 0;
}

static bool is_sideband(const struct pp_kernel_event *event)
{
	return event->sideband;
}

static bool is_sampling(const struct pp_kernel_event *event)
{
	return !event->sideband;
}

static bool is_of_every_task(const struct pp_kernel_event *event)
{
	return event->every_task;
}

/* One ioctl for all fds of some events. */
static int32_t switch_events(struct pp_session *session, unsigned long request, bool (*of)(const struct pp_kernel_event *),
			     struct pp_error *err)
{
	for (uint32_t i = 0; i < session->fd_count; i++) {
		const uint32_t index = session->merge.table.slots[session->fds[i].slot].event;
		const struct pp_kernel_event *event = &session->events[index];
		if (!of(event) || ioctl(session->fds[i].fd, request, 0) == 0)
			continue;
		pp_fail(err, PP_E_IOCTL, errno, "%s %s", request == PERF_EVENT_IOC_ENABLE ? "enabling" : "disabling", event->name);
		err->event = (int32_t)index;
		return PP_E_IOCTL;
	}
	return 0;
}

int32_t pp_session_enable(struct pp_session *session, struct pp_error *err)
{
	session->enabled_at = clock_of_events(session);
	for (uint32_t i = 0; i < session->merge.ring_count; i++)
		session->merge.rings[i].last_time = session->enabled_at;
	int32_t code = session->spill ? pp_spill_start(session->spill, err) : 0;
	if (code < 0)
		return code;
	if (session->command) { /* its exec enables its events */
		code = switch_events(session, PERF_EVENT_IOC_ENABLE, is_of_every_task, err);
		return code < 0 ? code : pp_command_go(session->command, err);
	}
	code = switch_events(session, PERF_EVENT_IOC_ENABLE, is_sideband, err);
	return code < 0 ? code : switch_events(session, PERF_EVENT_IOC_ENABLE, is_sampling, err);
}

int32_t pp_session_disable(struct pp_session *session, struct pp_error *err)
{
	struct timespec slack = {.tv_sec = session->options.slack_us / 1000000,
				 .tv_nsec = (long)(session->options.slack_us % 1000000) * 1000};
	int32_t code = switch_events(session, PERF_EVENT_IOC_DISABLE, is_sampling, err);

	if (code == 0)
		code = switch_events(session, PERF_EVENT_IOC_DISABLE, is_sideband, err);
	if (session->spill)
		pp_spill_stop(session->spill);
	/* The interrupt that disables may hit a tracepoint that is about to write its record: it is still published. */
	while (nanosleep(&slack, &slack) < 0 && errno == EINTR)
		continue;
	session->clock_read_at = 0; /* read anew */
	session->disabled_at = clock_of_events(session);
	/* A pass from before does not see all that the rings hold, so its end would not be the end of all. */
	session->merge.heap_count = 0;
	return code;
}

/* Once a second the counters of rings that were nearly full are read: a ring that stays full brings no PERF_RECORD_LOST. */
static void count_losses(struct pp_session *session)
{
	if (session->now - session->counted_at < COUNTERS_EVERY_NS)
		return;
	session->counted_at = session->now;
	for (uint32_t i = 0; i < session->merge.ring_count; i++) {
		if (session->merge.rings[i].nearly_full)
			read_lost(session, &session->merge.rings[i]);
	}
}

/* Up to when all is known to be in the rings. */
static uint64_t settled(const struct pp_session *session)
{
	const uint64_t slack = session->disabled_at ? 0 : (uint64_t)session->options.slack_us * 1000;

	return session->now > slack ? session->now - slack : 0;
}

static void begin_pass(struct pp_session *session)
{
	uint64_t limit = UINT64_MAX;

	session->now = clock_of_events(session);
	session->merge.offset = pp_clock_offset(session->options.clockid, session->merge.offset);
	if (session->options.flags & PP_ORDER && session->disabled_at == 0)
		limit = settled(session);
	pp_merge_start(&session->merge, limit);
	count_losses(session);
}

/* All was delivered after the end: what is still unplaced was lost between a ring's last record and the end. */
static void tell_rest(struct pp_session *session, struct pp_out *out)
{
	for (uint32_t i = 0; i < session->merge.ring_count; i++) {
		struct pp_ring *ring = &session->merge.rings[i];
		if (!session->rest_placed) {
			read_lost(session, ring);
			pp_loss_place_rest(&session->merge, ring);
		}
		if (ring->due > 0)
			pp_loss_tell(&session->merge, ring, session->disabled_at, out);
	}
	session->rest_placed = true;
}

static void end_pass(struct pp_session *session, struct pp_out *out)
{
	struct pp_state *state = session->merge.table.state;
	const uint64_t safe = settled(session) + (uint64_t)session->merge.offset;

	if (session->disabled_at)
		tell_rest(session, out);
	if (safe > state->safe_time)
		state->safe_time = safe;
	state->pending = 0;
	for (uint32_t i = 0; i < session->merge.ring_count; i++)
		state->pending |= session->merge.rings[i].count > 0;
}

void pp_session_merge(struct pp_session *session, struct pp_out *out)
{
	struct pp_merge *merge = &session->merge;
	struct pp_state *state = merge->table.state;
	const uint8_t *begin = out->at;

	state->batch_newest = 0;
	state->batch_samples = 0;
	for (bool fresh = false; !fresh && out->at == begin && out->need == 0 && !pp_sink_left(out->sink);) {
		fresh = merge->heap_count == 0;
		if (fresh)
			begin_pass(session);
		pp_merge_copy(merge, out);
		if (merge->heap_count == 0)
			end_pass(session, out);
	}
	state->more = merge->heap_count > 0 || out->need > 0;
}

static int32_t read_records(struct pp_session *session, struct pp_sink *sink, uint8_t *buf, uint32_t size, struct pp_error *err)
{
	struct pp_out out = {.at = buf, .end = buf + size, .sink = sink};

	pp_sink_begin(sink, buf);
	if (session->spill)
		pp_spill_read(session->spill, &out);
	else
		pp_session_merge(session, &out);
	pp_sink_end(sink);
	if (out.at > buf || out.need == 0)
		return (int32_t)(out.at - buf);
	pp_fail(err, PP_E_SPACE, 0, "a record of %u bytes", out.need);
	err->need = out.need;
	return PP_E_SPACE;
}

int32_t pp_session_read(struct pp_session *session, uint8_t *buf, uint32_t size, struct pp_error *err)
{
	return read_records(session, NULL, buf, size, err);
}

int32_t pp_session_hand(struct pp_session *session, struct pp_handlers *handlers, uint8_t *buf, uint32_t size, struct pp_error *err)
{
	return read_records(session, &handlers->sink, buf, size, err);
}

int32_t pp_session_counts(struct pp_session *session, struct pp_count *counts, uint32_t size, struct pp_error *err)
{
	const struct pp_merge *merge = &session->merge;
	const uint64_t need = ((uint64_t)merge->table.slot_count + merge->ring_count) * sizeof(*counts);
	int32_t count = 0;

	if (size < need) {
		pp_fail(err, PP_E_SPACE, 0, "counts of %u events and CPUs", merge->table.slot_count);
		err->need = (uint32_t)need;
		return PP_E_SPACE;
	}
	if (session->spill)
		pp_spill_lock(session->spill);
	for (uint32_t i = 0; i < merge->ring_count; i++) {
		struct pp_ring *ring = &merge->rings[i];
		read_lost(session, ring);
		for (uint32_t j = 0; j < ring->slot_count; j++) {
			const struct pp_slot *slot = &merge->table.slots[ring->first_slot + j];
			if (!slot->sideband)
				counts[count++] =
				    (struct pp_count){slot->event, ring->cpu, slot->delivered, slot->lost, slot->excluded};
		}
		if (ring->unknown_lost > 0)
			counts[count++] = (struct pp_count){PP_EVENT_UNKNOWN, ring->cpu, 0, ring->unknown_lost, 0};
	}
	if (session->spill)
		pp_spill_unlock(session->spill);
	return count;
}

void pp_session_close(struct pp_session *session)
{
	if (!session)
		return;
	if (session->spill)
		pp_spill_free(session->spill);
	pp_wait_close(session);
	pp_close_events(session);
	pp_merge_free(&session->merge);
	pp_targets_close(&session->targets);
	pp_command_close(session->command);
	for (uint32_t i = 0; i < session->event_count; i++)
		pp_event_free(&session->events[i]);
	free(session->events);
	free(session);
}
