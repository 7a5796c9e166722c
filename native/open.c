/* SPDX-License-Identifier: MIT */
/*
 * Opening all of a session: the rings first (an event can only be redirected to a ring that is mapped), then each event on each CPU
 * and target. close.c closes them.
 */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "session.h"

/* Of a ring that has side-band records only. */
#define SMALL_RING_BYTES 65536
/* A wished ring size is not halved below this. */
#define LEAST_PAGES 8

static int32_t raise_file_limit(uint64_t fds, struct pp_error *err)
{
	struct rlimit limit;

	/* Some more are for what is open already, and for files of the caller. */
	if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= fds + 256 || limit.rlim_cur == limit.rlim_max)
		return 0;
	limit.rlim_cur = limit.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &limit) != 0)
		return pp_fail(err, PP_E_SYS, errno, "setrlimit RLIMIT_NOFILE");
	return 0;
}

/* ---- rings ---- */

enum use { UNUSED, SIDEBAND_ONLY, SAMPLES };

/* Makes a ring for each CPU that has events, in the order of the CPUs, and a slot for each event on it. */
static int32_t make_rings(struct pp_session *session, const uint8_t *uses, uint32_t ring_count, uint32_t slot_count,
			  struct pp_error *err)
{
	struct pp_merge *merge = &session->merge;
	struct pp_ring *rings = calloc(ring_count, sizeof(*rings)), *ring = rings;

	merge->table.slots = calloc(slot_count, sizeof(*merge->table.slots));
	if (!rings || !merge->table.slots) {
		free(rings);
		return pp_fail(err, PP_E_NOMEM, 0, "allocating %u rings", ring_count);
	}
	struct pp_slot *slot = merge->table.slots;
	for (uint32_t cpu = 0; ring < rings + ring_count; cpu++) {
		if (uses[cpu] == UNUSED)
			continue;
		pp_ring_init(ring, NULL, NULL, 0, cpu);
		ring->sideband = uses[cpu] == SIDEBAND_ONLY;
		ring->first_slot = (uint32_t)(slot - merge->table.slots);
		for (uint32_t i = 0; i < session->event_count; i++) {
			if (!pp_event_on_cpu(&session->events[i], cpu))
				continue;
			*slot++ = pp_event_slot(&session->events[i], i);
			ring->slot_count++;
		}
		ring++;
	}
	merge->table.slot_count = slot_count;
	return pp_merge_init(merge, rings, ring_count, err);
}

/* The kernel takes the watermark in bytes from the event that is mapped, so the owner gets the least that any of its events wants,
 * in proportion to the ring. 0: half of the ring. */
static uint32_t ring_watermark(const struct pp_session *session, const struct pp_ring *ring, uint32_t pages)
{
	uint32_t least = 0;

	for (uint32_t i = 0; i < ring->slot_count; i++) {
		const uint32_t event = session->merge.table.slots[ring->first_slot + i].event;
		const struct perf_event_attr *attr = &session->events[event].attr.fields;
		if (attr->watermark && attr->wakeup_watermark > 0 && (least == 0 || attr->wakeup_watermark < least))
			least = attr->wakeup_watermark;
	}
	const uint32_t scaled = (uint32_t)((uint64_t)least * pages / session->options.ring_pages);
	return least > 0 && scaled == 0 ? 1 : scaled;
}

static int32_t map_ring(struct pp_session *session, struct pp_ring *ring, uint32_t pages, struct pp_error *err)
{
	const int32_t owner =
	    pp_event_open_owner(pp_clock_of_kernel(session->options.clockid), ring_watermark(session, ring, pages), ring->cpu, err);

	if (owner < 0)
		return owner;
	ring->owner = owner;
	const int reason = pp_ring_map(ring, pages);
	if (reason == 0)
		return 0;
	pp_fail(err, PP_E_MMAP, reason, "mmap ring of %u pages cpu=%u", pages, ring->cpu);
	err->cpu = (int32_t)ring->cpu;
	return PP_E_MMAP;
}

static int32_t map_rings(struct pp_session *session, uint32_t pages, struct pp_error *err)
{
	struct pp_merge *merge = &session->merge;
	const uint32_t fits = SMALL_RING_BYTES / (uint32_t)sysconf(_SC_PAGESIZE);
	const uint32_t small = fits == 0 ? 1 : fits < pages ? fits : pages;
	int32_t code = 0;

	session->state->rings = 0;
	for (uint32_t i = 0; i < merge->ring_count && code == 0; i++) {
		const bool samples = !merge->rings[i].sideband;
		code = map_ring(session, &merge->rings[i], samples ? pages : small, err);
		session->state->rings += samples;
	}
	for (uint32_t i = 0; i < merge->ring_count && code < 0; i++)
		pp_ring_close(&merge->rings[i]);
	session->state->ring_bytes = (uint64_t)pages * (uint64_t)sysconf(_SC_PAGESIZE);
	return code;
}

/* What each CPU is used for, and how many rings and slots that makes. */
static void plan(const struct pp_session *session, uint8_t *uses, uint32_t *ring_count, uint32_t *slot_count)
{
	for (uint32_t i = 0; i < session->event_count; i++) {
		const struct pp_kernel_event *event = &session->events[i];
		for (uint32_t j = 0; j < event->cpu_count; j++) {
			uint8_t *use = &uses[event->cpus[j]];
			*ring_count += *use == UNUSED;
			if (!event->sideband)
				*use = SAMPLES;
			else if (*use == UNUSED)
				*use = SIDEBAND_ONLY;
		}
		*slot_count += event->cpu_count;
	}
}

int32_t pp_open_rings(struct pp_session *session, struct pp_error *err)
{
	uint32_t pages = session->options.ring_pages, ring_count = 0, slot_count = 0;
	uint8_t *uses = calloc(PP_CPU_MAX, 1);

	if (!uses)
		return pp_fail(err, PP_E_NOMEM, 0, "allocating the CPU table");
	plan(session, uses, &ring_count, &slot_count);
	int32_t code = make_rings(session, uses, ring_count, slot_count, err);
	free(uses);
	if (code == 0)
		code = raise_file_limit(ring_count, err);
	if (code < 0)
		return code;
	for (;; pages /= 2) {
		code = map_rings(session, pages, err);
		const bool refused = code == PP_E_MMAP && (err->sys_errno == EPERM || err->sys_errno == ENOMEM);
		if (!refused || !(session->options.flags & PP_RING_SHRINK) || pages / 2 < LEAST_PAGES)
			return code;
	}
}

/* ---- events ---- */

/* Terms of a trace filter that leave out every thread of this process; "" where tids have another meaning to the tracer. */
static int32_t self_terms(char *terms, size_t size, struct pp_error *err)
{
	char namespace[64];
	size_t length = 0;
	DIR *dir;

	terms[0] = '\0';
	/* common_pid is the tid in the first namespace, whose inode number is fixed (include/linux/proc_ns.h). */
	const ssize_t got = readlink("/proc/self/ns/pid", namespace, sizeof(namespace));
	if (got != (ssize_t)strlen("pid:[4026531836]") || memcmp(namespace, "pid:[4026531836]", (size_t)got) != 0)
		return 0;
	dir = opendir("/proc/self/task");
	if (!dir)
		return pp_fail(err, PP_E_FILE, errno, "/proc/self/task");
	for (struct dirent *entry; (entry = readdir(dir));) {
		if (entry->d_name[0] == '.')
			continue;
		const int wrote =
		    snprintf(terms + length, size - length, "%scommon_pid != %s", length ? " && " : "", entry->d_name);
		if (wrote < 0 || (size_t)wrote >= size - length) {
			terms[0] = '\0'; /* more than a filter may have */
			break;
		}
		length += (size_t)wrote;
	}
	closedir(dir);
	return 0;
}

/* Targets decide who inherits, and who starts an event; the kernel, which clocks there are. */
static void patch_attrs(struct pp_session *session)
{
	const bool tasks = session->targets.task_count > 0;

	for (uint32_t i = 0; i < session->event_count; i++) {
		struct perf_event_attr *attr = &session->events[i].attr.fields;
		/* A member is off as long as its leader is. Switched on behind the leader it may stay off: the kernel then looks at
		 * the events of its own PMU alone (ctx_resched, kernel/events/core.c), and the group is its leader's. */
		attr->disabled = session->events[i].leader == PP_NO_LEADER;
		if (attr->use_clockid)
			attr->clockid = pp_clock_of_kernel(attr->clockid);
		attr->inherit =
		    !session->events[i].every_task && (session->command || (tasks && session->options.flags & PP_INHERIT));
		attr->enable_on_exec = session->command && !session->events[i].every_task;
	}
}

/* Opens one event on one CPU for one target, into the CPU's ring. *opened stays -1 where the task has ended. */
static int32_t open_one(struct pp_session *session, struct pp_ring *ring, uint32_t slot_index, struct pp_aim aim, int leader,
			const char *self, int *opened, struct pp_error *err)
{
	const uint32_t index = session->merge.table.slots[slot_index].event;
	const struct pp_kernel_event *event = &session->events[index];
	uint64_t id;

	const int32_t fd = pp_event_open(event, index, aim, ring->cpu, leader, err);
	if (fd < 0) {
		const bool ended = err->sys_errno == ESRCH && session->targets.task_count > 0;
		return ended ? 0 : fd;
	}
	*opened = fd;
	session->fds[session->fd_count++] = (struct pp_fd){.fd = fd, .slot = slot_index};
	ring->fd_count++;
	if (event->probe)
		pp_probe_hold(fd);
	if (ioctl(fd, PERF_EVENT_IOC_SET_OUTPUT, ring->owner) != 0 || ioctl(fd, PERF_EVENT_IOC_ID, &id) != 0) {
		pp_fail(err, PP_E_IOCTL, errno, "redirecting %s cpu=%u to its ring", event->name, ring->cpu);
		err->event = (int32_t)index;
		err->cpu = (int32_t)ring->cpu;
		return PP_E_IOCTL;
	}
	const int32_t code = pp_event_set_filter(event, index, fd, self, err);
	return code < 0 ? code : pp_ids_add(&session->merge.table.ids, id, slot_index, err);
}

/* All events of a ring for one target: the target's, or those of every task. `opened` has an fd for each event of the session. */
static int32_t open_aim(struct pp_session *session, struct pp_ring *ring, struct pp_aim aim, bool every_task, const char *self,
			int *opened, struct pp_error *err)
{
	for (uint32_t i = ring->first_slot; i < ring->first_slot + ring->slot_count; i++) {
		const uint32_t index = session->merge.table.slots[i].event;
		const struct pp_kernel_event *event = &session->events[index];
		const int leader = event->leader == PP_NO_LEADER ? -1 : opened[event->leader];

		opened[index] = -1;
		if (event->every_task != every_task || (event->leader != PP_NO_LEADER && leader < 0))
			continue;
		const int32_t code = open_one(session, ring, i, aim, leader, self, &opened[index], err);
		if (code < 0)
			return code;
	}
	return 0;
}

static int32_t open_ring_events(struct pp_session *session, struct pp_ring *ring, const struct pp_aim *aims, uint32_t aim_count,
				const char *self, int *opened, struct pp_error *err)
{
	const struct pp_aim every_task = {.pid = -1};
	int32_t code;

	ring->first_fd = session->fd_count;
	/* What pairs the records of several tasks needs those of this process as well, and leaves it out by itself. */
	code = open_aim(session, ring, every_task, true, "", opened, err);
	for (uint32_t i = 0; i < aim_count && code == 0; i++)
		code = open_aim(session, ring, aims[i], false, self, opened, err);
	return code;
}

int32_t pp_open_events(struct pp_session *session, struct pp_error *err)
{
	struct pp_merge *merge = &session->merge;
	struct pp_aim *aims = NULL;
	int *opened = NULL;
	char self[3500] = ""; /* a filter has at most a page */
	int32_t code = pp_targets_aims(&session->targets, session->command, &aims, err);

	if (code < 0)
		return code;
	const uint64_t most = (uint64_t)code * merge->table.slot_count;
	const uint32_t aim_count = (uint32_t)code;
	session->fds = calloc(most, sizeof(*session->fds));
	opened = calloc(session->event_count, sizeof(*opened));
	code = session->fds && opened ? raise_file_limit(most + merge->ring_count + session->targets.task_count, err)
				      : pp_fail(err, PP_E_NOMEM, 0, "allocating the list of fds");
	if (code == 0 && session->options.flags & PP_EXCLUDE_SELF)
		code = self_terms(self, sizeof(self), err);
	patch_attrs(session);
	for (uint32_t i = 0; i < merge->ring_count && code == 0; i++)
		code = open_ring_events(session, &merge->rings[i], aims, aim_count, self, opened, err);
	if (code == 0 && session->fd_count == 0) {
		code = pp_fail(err, PP_E_TASK, ESRCH, "task %d", aims[0].pid);
		err->pid = aims[0].pid;
	}
	free(aims);
	free(opened);
	return code;
}
