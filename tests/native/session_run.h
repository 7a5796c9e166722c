/* SPDX-License-Identifier: MIT */
/*
 * What the tests of live sessions share: a session on raw_syscalls:sys_enter, read to its end, and what came out of it. A known
 * number of system calls is made, and exactly that number must be accounted for. Needs root and tracefs.
 */
#ifndef SESSION_RUN_H
#define SESSION_RUN_H

#include <errno.h>
#include <linux/perf_event.h>
#include <sched.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "check.h"
#include "perfprof.h"

#ifndef PERF_FORMAT_LOST
#define PERF_FORMAT_LOST (1U << 4)
#endif

/* Another call than emit's: some tests watch the whole machine, where an emit may be running. */
#define NR   SYS_sched_get_priority_min
#define NAME "raw_syscalls:sys_enter"

static struct pp_error err;
static uint32_t cpus[1024], cpu_count;
static uint32_t tracepoint;
static uint8_t buffer[1 << 18] __attribute__((aligned(8)));

/* What came out of a session. */
struct seen {
	uint64_t samples, sideband, lost;
	uint64_t last_time;
	bool ordered;	 /* no time below the one before */
	bool loss_times; /* every loss is between two times that follow each other */
};

struct run {
	struct pp_session *session;
	struct pp_state state;
	struct seen seen;
};

static inline void must(int32_t code, const char *what)
{
	if (code >= 0)
		return;
	check(false, "%s: %d %s: %s", what, code, err.text, strerror(err.sys_errno));
	exit(1);
}

static inline void call(uint64_t times)
{
	for (uint64_t i = 0; i < times; i++)
		syscall(NR, SCHED_OTHER);
}

static inline struct perf_event_attr attr_of(uint32_t type, uint64_t config)
{
	return (struct perf_event_attr){
	    .type = type,
	    .size = sizeof(struct perf_event_attr),
	    .config = config,
	    .sample_period = 1,
	    .sample_type = PERF_SAMPLE_IDENTIFIER | PERF_SAMPLE_TID | PERF_SAMPLE_TIME | PERF_SAMPLE_CPU |
			   (type == PERF_TYPE_TRACEPOINT ? PERF_SAMPLE_PERIOD | PERF_SAMPLE_RAW : 0),
	    .read_format = PERF_FORMAT_LOST,
	    .disabled = 1,
	    .sample_id_all = 1,
	    .use_clockid = 1,
	    .clockid = CLOCK_MONOTONIC,
	};
}

static inline void run_new_queued(struct run *run, uint32_t flags, uint32_t ring_pages, uint32_t queue_bytes)
{
	const struct pp_options options = {.size = sizeof(options),
					   .flags = flags,
					   .clockid = CLOCK_MONOTONIC,
					   .ring_pages = ring_pages,
					   .slack_us = 1000,
					   .queue_bytes = queue_bytes};

	*run = (struct run){.seen.ordered = true, .seen.loss_times = true};
	must(pp_session_new(&options, &run->state, &run->session, &err), "pp_session_new");
}

static inline void run_new(struct run *run, uint32_t flags, uint32_t ring_pages)
{
	run_new_queued(run, flags, ring_pages, 0);
}

static inline void run_add(struct run *run, const char *filter)
{
	const struct perf_event_attr attr = attr_of(PERF_TYPE_TRACEPOINT, tracepoint);
	const int32_t event =
	    pp_session_add_event(run->session, (const uint8_t *)&attr, sizeof(attr), NAME, cpus, cpu_count, 0, &err);

	must(event, "pp_session_add_event");
	if (filter)
		must(pp_session_set_filter(run->session, (uint32_t)event, filter, &err), "pp_session_set_filter");
}

static inline void run_start(struct run *run)
{
	must(pp_session_open(run->session, &err), "pp_session_open");
	must(pp_session_enable(run->session, &err), "pp_session_enable");
}

/* Of event 0 only the times are wanted. */
static inline void run_start_brief(struct run *run)
{
	must(pp_session_open(run->session, &err), "pp_session_open");
	must(pp_session_set_brief(run->session, 0, &err), "pp_session_set_brief");
	must(pp_session_enable(run->session, &err), "pp_session_enable");
}

/* No other record is so short. */
static inline bool is_brief(const struct pp_prefix *prefix)
{
	return prefix->size == sizeof(uint64_t);
}

static inline void see(struct run *run, uint32_t bytes)
{
	struct seen *seen = &run->seen;

	for (uint32_t at = 0; at < bytes;) {
		struct pp_prefix prefix;
		struct pp_lost lost;
		uint64_t time;
		memcpy(&prefix, buffer + at, sizeof(prefix));
		const uint8_t *record = buffer + at + sizeof(prefix);
		at += (uint32_t)sizeof(prefix) + prefix.size;
		if (prefix.event == PP_EVENT_LOST) {
			memcpy(&lost, record, sizeof(lost));
			seen->lost += lost.count;
			seen->loss_times &= lost.start > 0 && lost.start <= lost.end && lost.event != PP_EVENT_UNKNOWN;
		} else if (is_brief(&prefix) || ((const struct perf_event_header *)record)->type == PERF_RECORD_SAMPLE) {
			memcpy(&time, record + (is_brief(&prefix) ? 0 : 24), sizeof(time));
			seen->ordered &= time >= seen->last_time;
			seen->last_time = time;
			seen->samples++;
		} else {
			seen->sideband++;
		}
	}
}

static inline void drain(struct run *run)
{
	for (int32_t bytes; (bytes = pp_session_read(run->session, buffer, sizeof(buffer), &err)) != 0;) {
		must(bytes, "pp_session_read");
		see(run, (uint32_t)bytes);
	}
}

static inline void run_stop(struct run *run)
{
	must(pp_session_disable(run->session, &err), "pp_session_disable");
	drain(run);
}

/* sent = delivered + lost + excluded, by what the session says and by what came out. */
static inline bool accounts_for(struct run *run, uint64_t sent)
{
	static struct pp_count counts[4096];
	const int32_t count = pp_session_counts(run->session, counts, sizeof(counts), &err);
	uint64_t delivered = 0, lost = 0, excluded = 0;

	must(count, "pp_session_counts");
	for (int32_t i = 0; i < count; i++) {
		delivered += counts[i].delivered;
		lost += counts[i].lost;
		excluded += counts[i].excluded;
	}
	printf("# sent %lu, delivered %lu, lost %lu, excluded %lu, late %lu\n", sent, delivered, lost, excluded, run->state.late);
	return delivered + lost + excluded == sent && delivered == run->seen.samples && delivered == run->state.delivered &&
	       lost == run->seen.lost && lost == run->state.lost && excluded == run->state.excluded;
}

static inline const char *filter_own(char *filter, size_t size)
{
	snprintf(filter, size, "id == %d && common_pid == %d", NR, (int)gettid());
	return filter;
}

static inline bool find_machine(void)
{
	char path[256], text[256];

	if (pp_tracefs_path(1, path, sizeof(path), &err) < 0)
		return false;
	strncat(path, "/events/raw_syscalls/sys_enter/id", sizeof(path) - strlen(path) - 1);
	if (pp_kernel_file_read(path, text, sizeof(text), &err) < 0)
		return false;
	tracepoint = (uint32_t)atoi(text);
	if (pp_kernel_file_read("/sys/devices/system/cpu/online", text, sizeof(text), &err) < 0)
		return false;
	for (char *at = text; *at >= '0' && *at <= '9';) {
		const uint32_t first = (uint32_t)strtoul(at, &at, 10);
		const uint32_t last = *at == '-' ? (uint32_t)strtoul(at + 1, &at, 10) : first;
		for (uint32_t cpu = first; cpu <= last && cpu_count < 1024; cpu++)
			cpus[cpu_count++] = cpu;
		at += *at == ',';
	}
	return cpu_count > 0;
}

/* Ends the program where there is nothing to test with. */
static inline void need_machine(void)
{
	if (geteuid() != 0)
		check_skip("needs root");
	if (!find_machine())
		check_skip("no tracefs with raw_syscalls here");
}

#endif
