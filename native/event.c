/* SPDX-License-Identifier: MIT */
/*
 * One event: its attr, its name, its CPUs and its filter; and the system calls on its file descriptors. Owns copies of all that the
 * caller gave. It knows no rings.
 */
#include <errno.h>
#include <stdlib.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "session.h"

/* What the merge relies on: where the id and the time of a record sit follows from these. */
#define NEEDED_SAMPLE_TYPE (PERF_SAMPLE_IDENTIFIER | PERF_SAMPLE_TID | PERF_SAMPLE_TIME | PERF_SAMPLE_CPU)

int32_t pp_event_init(struct pp_kernel_event *event, const uint8_t *attr, uint32_t attr_size, const char *name,
		      const uint32_t *cpus, uint32_t cpu_count, uint32_t flags, struct pp_error *err)
{
	*event = (struct pp_kernel_event){.cpu_count = cpu_count,
					  .sideband = flags & PP_EVENT_SIDEBAND,
					  .probe = flags & PP_EVENT_PROBE,
					  .every_task = flags & PP_EVENT_EVERY_TASK,
					  .leader = PP_NO_LEADER};
	if (attr_size < PERF_ATTR_SIZE_VER0 || attr_size > PP_ATTR_MAX)
		return pp_fail(err, PP_E_ARG, 0, "attr of %s has %u bytes", name, attr_size);
	if (cpu_count == 0)
		return pp_fail(err, PP_E_ARG, 0, "%s has no CPUs", name);
	memcpy(event->attr.bytes, attr, attr_size);
	const struct perf_event_attr *fields = &event->attr.fields;
	if (fields->size != attr_size || (fields->sample_type & NEEDED_SAMPLE_TYPE) != NEEDED_SAMPLE_TYPE || !fields->sample_id_all)
		return pp_fail(err, PP_E_ARG, 0, "attr of %s has not the size or the sample_type that a session needs", name);
	event->name = strdup(name);
	event->cpus = malloc(cpu_count * sizeof(*cpus));
	if (!event->name || !event->cpus) {
		pp_event_free(event);
		return pp_fail(err, PP_E_NOMEM, 0, "copying event %s", name);
	}
	memcpy(event->cpus, cpus, cpu_count * sizeof(*cpus));
	return 0;
}

void pp_event_free(struct pp_kernel_event *event)
{
	free(event->name);
	free(event->cpus);
	free(event->filter);
}

struct pp_slot pp_event_slot(const struct pp_kernel_event *event, uint32_t index)
{
	/* perf_event_open(2): a sample has IDENTIFIER, IP, TID, TIME, ... after its header; all other records end with struct
	 * sample_id: TID, TIME, ID, STREAM_ID, CPU, IDENTIFIER. Each that is there takes 8 bytes. */
	const uint64_t type = event->attr.fields.sample_type;
	const uint32_t pid_offset = 16 + (type & PERF_SAMPLE_IP ? 8 : 0);
	const uint32_t trailer = 24 + (type & PERF_SAMPLE_ID ? 8 : 0) + (type & PERF_SAMPLE_STREAM_ID ? 8 : 0);

	return (struct pp_slot){.event = index,
				.pid_offset = event->every_task ? 0 : (uint16_t)pid_offset,
				.time_offset = (uint16_t)(pid_offset + 8),
				.time_trailer = (uint16_t)trailer,
				.sideband = event->sideband,
				.brief = event->brief};
}

bool pp_event_on_cpu(const struct pp_kernel_event *event, uint32_t cpu)
{
	for (uint32_t i = 0; i < event->cpu_count; i++) {
		if (event->cpus[i] == cpu)
			return true;
	}
	return false;
}

static int perf_event_open(const struct perf_event_attr *attr, int32_t pid, uint32_t cpu, int leader, unsigned long flags)
{
	int fd;

	/* EINTR: a signal came while it waited for a task that is in exec. */
	do
		fd = (int)syscall(SYS_perf_event_open, attr, pid, (int)cpu, leader, flags | PERF_FLAG_FD_CLOEXEC);
	while (fd < 0 && errno == EINTR);
	return fd;
}

int32_t pp_event_open(const struct pp_kernel_event *event, uint32_t index, struct pp_aim aim, uint32_t cpu, int leader,
		      struct pp_error *err)
{
	const int fd = perf_event_open(&event->attr.fields, aim.pid, cpu, leader, aim.flags);

	if (fd >= 0)
		return fd;
	const bool task = aim.pid >= 0 && !(aim.flags & PERF_FLAG_PID_CGROUP);
	if (task)
		pp_fail(err, PP_E_OPEN, errno, "perf_event_open %s cpu=%u pid=%d", event->name, cpu, aim.pid);
	else
		pp_fail(err, PP_E_OPEN, errno, "perf_event_open %s cpu=%u", event->name, cpu);
	err->event = (int32_t)index;
	err->cpu = (int32_t)cpu;
	err->pid = task ? aim.pid : -1;
	return PP_E_OPEN;
}

int32_t pp_event_open_owner(int32_t clockid, uint32_t watermark, uint32_t cpu, struct pp_error *err)
{
	struct perf_event_attr attr = {
	    .type = PERF_TYPE_SOFTWARE,
	    .size = PERF_ATTR_SIZE_VER5, /* of Linux 4.13: nothing newer is used */
	    .config = PERF_COUNT_SW_DUMMY,
	    .sample_type = NEEDED_SAMPLE_TYPE,
	    .disabled = 1,
	    .exclude_kernel = 1,
	    .exclude_hv = 1,
	    .sample_id_all = 1,
	    .watermark = watermark > 0,
	    .wakeup_watermark = watermark,
	    .use_clockid = clockid != PP_CLOCK_PERF,
	    .clockid = clockid != PP_CLOCK_PERF ? clockid : 0,
	};
	int fd = perf_event_open(&attr, -1, cpu, -1, 0);

	/* Who may not watch a whole CPU may own a ring by an event of its own thread: it counts nothing either. */
	if (fd < 0 && (errno == EACCES || errno == EPERM))
		fd = perf_event_open(&attr, 0, cpu, -1, 0);
	if (fd >= 0)
		return fd;
	pp_fail(err, PP_E_OPEN, errno, "perf_event_open ring cpu=%u", cpu);
	err->cpu = (int32_t)cpu;
	return PP_E_OPEN;
}

/* The reason that the kernel keeps from the ioctl: tracefs tells it. */
static void explain_filter(const struct pp_kernel_event *event, struct pp_error *err)
{
	char tracefs[256], reason[sizeof(err->text)], system[128];
	struct pp_error ignored;
	const char *colon = strchr(event->name, ':');

	if (!colon || (size_t)(colon - event->name) >= sizeof(system))
		return;
	memcpy(system, event->name, (size_t)(colon - event->name));
	system[colon - event->name] = '\0';
	if (pp_tracefs_path(0, tracefs, sizeof(tracefs), &ignored) > 0 &&
	    pp_filter_check(tracefs, system, colon + 1, event->filter, reason, sizeof(reason), &ignored) > 0)
		pp_fail(err, PP_E_FILTER, EINVAL, "%s", reason);
}

int32_t pp_event_set_filter(const struct pp_kernel_event *event, uint32_t index, int fd, const char *self, struct pp_error *err)
{
	const char *own = event->filter;
	char *both = NULL;
	int result = -1;

	if (event->attr.fields.type == PERF_TYPE_TRACEPOINT && self[0] != '\0') {
		if (asprintf(&both, own ? "(%s) && (%s)" : "%s%s", own ? own : "", self) < 0)
			return pp_fail(err, PP_E_NOMEM, 0, "filter of %s", event->name);
		result = ioctl(fd, PERF_EVENT_IOC_SET_FILTER, both);
		free(both);
	}
	/* Without our terms (a filter has at most a page) samples of this process are still dropped when they are read. */
	if (result == 0 || !own)
		return 0;
	if (ioctl(fd, PERF_EVENT_IOC_SET_FILTER, own) == 0)
		return 0;
	pp_fail(err, PP_E_FILTER, errno, "filter %s of %s", own, event->name);
	if (err->sys_errno == EINVAL)
		explain_filter(event, err);
	err->event = (int32_t)index;
	return PP_E_FILTER;
}

bool pp_event_read_lost(const struct pp_kernel_event *event, int fd, uint64_t *lost)
{
	/* perf_event_open(2), "Reading results", of an event that is no group: value, then what read_format names, in this order.
	 */
	const uint64_t format = event->attr.fields.read_format;
	const uint32_t before = 1 + !!(format & PERF_FORMAT_TOTAL_TIME_ENABLED) + !!(format & PERF_FORMAT_TOTAL_TIME_RUNNING) +
				!!(format & PERF_FORMAT_ID);
	uint64_t values[3 + 3 * PP_GROUP_MAX];

	if (!(format & PERF_FORMAT_LOST))
		return false;
	if (format & PERF_FORMAT_GROUP) {
		/* { nr, [enabled], [running], { value, [id], lost } of each }, the leader first: its count stands where it stands
		 * without a group. */
		if (read(fd, values, sizeof(values)) < (ssize_t)((before + 2) * sizeof(*values)))
			return false;
		*lost = values[before + 1];
		return true;
	}
	if (read(fd, values, sizeof(values)) < (ssize_t)((before + 1) * sizeof(*values)))
		return false;
	*lost = values[before];
	return true;
}
