/* SPDX-License-Identifier: MIT */
/* Events that count in a group of another, and events of all tasks in a session of one. Exact numbers of system calls. */
#include <signal.h>
#include <sys/wait.h>

#include "session_run.h"

/* A sample of a group's leader: what attr_of asks for, less PERIOD and RAW, and PERF_SAMPLE_READ with GROUP, ID and LOST.
 */
struct group_sample {
	struct pp_prefix prefix;
	struct perf_event_header header;
	uint64_t identifier;
	uint32_t pid, tid;
	uint64_t time;
	uint32_t cpu, reserved;
	uint64_t nr;
	struct {
		uint64_t value, id, lost;
	} counts[2];
};

static uint32_t add(struct run *run, struct perf_event_attr attr, const char *name, const char *filter, uint32_t flags)
{
	const int32_t event =
	    pp_session_add_event(run->session, (const uint8_t *)&attr, sizeof(attr), name, cpus, cpu_count, flags, &err);

	must(event, "pp_session_add_event");
	if (filter)
		must(pp_session_set_filter(run->session, (uint32_t)event, filter, &err), "pp_session_set_filter");
	return (uint32_t)event;
}

static uint32_t sys_exit_id(void)
{
	char path[256], text[64];

	must(pp_tracefs_path(1, path, sizeof(path), &err), "pp_tracefs_path");
	strncat(path, "/events/raw_syscalls/sys_exit/id", sizeof(path) - strlen(path) - 1);
	must(pp_kernel_file_read(path, text, sizeof(text), &err), "sys_exit/id");
	return (uint32_t)atoi(text);
}

/* Stays on one CPU: a group counts on each of its own. */
static void stay(void)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpus[0], &set);
	check(sched_setaffinity(0, sizeof(set), &set) == 0, "staying on CPU %u", cpus[0]);
}

static void test_group(void)
{
	struct perf_event_attr leader = attr_of(PERF_TYPE_TRACEPOINT, tracepoint);
	struct perf_event_attr member = attr_of(PERF_TYPE_TRACEPOINT, sys_exit_id());
	struct group_sample sample = {0};
	uint64_t samples = 0;
	char filter[128];
	struct run run;

	leader.sample_period = 10;
	/* With PERF_SAMPLE_PERIOD the kernel samples each event, whatever the period (perf_swevent_event, kernel/events/core.c). */
	leader.sample_type |= PERF_SAMPLE_READ;
	leader.sample_type &= ~(uint64_t)(PERF_SAMPLE_PERIOD | PERF_SAMPLE_RAW);
	leader.read_format = PERF_FORMAT_GROUP | PERF_FORMAT_ID | PERF_FORMAT_LOST;
	member.sample_period = 0;
	run_new(&run, PP_ORDER, 64);
	filter_own(filter, sizeof(filter));
	const uint32_t first = add(&run, leader, NAME, filter, 0);
	const uint32_t second = add(&run, member, "raw_syscalls:sys_exit", filter, 0);
	check(pp_session_set_leader(run.session, first, second, &err) == PP_E_ARG, "a leader comes before its members");
	must(pp_session_set_leader(run.session, second, first, &err), "pp_session_set_leader");
	run_start(&run);
	call(100);
	must(pp_session_disable(run.session, &err), "pp_session_disable");
	for (int32_t bytes; (bytes = pp_session_read(run.session, buffer, sizeof(buffer), &err)) > 0;) {
		for (uint32_t at = 0; at < (uint32_t)bytes; at += (uint32_t)sizeof(sample.prefix) + sample.prefix.size) {
			memcpy(&sample, buffer + at, sizeof(sample));
			samples++;
			check(sample.nr == 2 && sample.counts[0].value == 10 * samples &&
				  sample.counts[1].value == 10 * samples - 1,
			      "sample %lu: %lu entries, %lu exits", samples, sample.counts[0].value, sample.counts[1].value);
		}
	}
	check(samples == 10, "one sample for ten calls: %lu", samples);
	pp_session_close(run.session);
}

/* The counter's PMU is another than that of its leader, a clock: the kernel switches the group as a whole, or not at all. */
static void test_group_of_clock(void)
{
	struct perf_event_attr leader = attr_of(PERF_TYPE_SOFTWARE, PERF_COUNT_SW_CPU_CLOCK);
	struct perf_event_attr member = attr_of(PERF_TYPE_TRACEPOINT, tracepoint);
	struct group_sample sample = {0};
	char filter[128];
	struct run run;

	leader.sample_period = 1000000;
	leader.sample_type |= PERF_SAMPLE_READ;
	leader.read_format = PERF_FORMAT_GROUP | PERF_FORMAT_ID | PERF_FORMAT_LOST;
	member.sample_period = 0;
	run_new(&run, PP_ORDER, 64);
	filter_own(filter, sizeof(filter));
	const uint32_t first = add(&run, leader, "cpu-clock", NULL, 0);
	const uint32_t second = add(&run, member, NAME, filter, 0);
	must(pp_session_set_leader(run.session, second, first, &err), "pp_session_set_leader");
	run_start(&run);
	call(100);
	for (int32_t bytes = 0; bytes == 0 || sample.counts[1].value < 100;) {
		pp_session_wait(run.session, 10, 0);
		bytes = pp_session_read(run.session, buffer, sizeof(buffer), &err);
		must(bytes, "pp_session_read");
		for (uint32_t at = 0; at < (uint32_t)bytes; at += (uint32_t)sizeof(struct pp_prefix) + sample.prefix.size) {
			memcpy(&sample, buffer + at, sizeof(sample.prefix) + sizeof(sample.header));
			if (sample.prefix.cpu == cpus[0] && sample.header.type == PERF_RECORD_SAMPLE)
				memcpy(&sample, buffer + at, sizeof(sample));
		}
	}
	check(sample.nr == 2 && sample.counts[1].value == 100, "a clock's group has %lu calls", sample.counts[1].value);
	pp_session_close(run.session);
}

/* A sample of an event of this thread, in a session whose target is another process. */
static void test_every_task(void)
{
	const struct perf_event_attr attr = attr_of(PERF_TYPE_TRACEPOINT, tracepoint);
	const pid_t child = fork();
	char filter[128];
	struct run run;

	if (child == 0) {
		pause();
		_exit(0);
	}
	run_new(&run, PP_ORDER | PP_INHERIT, 64);
	filter_own(filter, sizeof(filter));
	add(&run, attr, NAME, filter, 0);
	add(&run, attr, NAME, filter, PP_EVENT_EVERY_TASK);
	must(pp_session_add_task(run.session, (uint32_t)child, 1, &err), "pp_session_add_task");
	run_start(&run);
	call(7);
	run_stop(&run);
	check(run.seen.samples == 7 && accounts_for(&run, 7), "events of every task come, beside those of the target");
	pp_session_close(run.session);
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
}

/* Analyses leave this process out by themselves: they pair its records with those of others. */
static void test_every_task_with_self(void)
{
	const struct perf_event_attr attr = attr_of(PERF_TYPE_TRACEPOINT, tracepoint);
	char filter[128];
	struct run run;

	run_new(&run, PP_ORDER | PP_EXCLUDE_SELF, 64);
	filter_own(filter, sizeof(filter));
	add(&run, attr, NAME, filter, 0);
	add(&run, attr, NAME, filter, PP_EVENT_EVERY_TASK);
	run_start(&run);
	call(6);
	run_stop(&run);
	check(run.seen.samples == 6, "this process is excluded from its events, not from those of every task");
	pp_session_close(run.session);
}

static void test_every_task_of_command(const char *emit)
{
	const struct perf_event_attr attr = attr_of(PERF_TYPE_TRACEPOINT, tracepoint);
	char filter[128], argv[512];
	struct run run;

	run_new(&run, PP_ORDER | PP_INHERIT, 64);
	filter_own(filter, sizeof(filter));
	add(&run, attr, NAME, filter, PP_EVENT_EVERY_TASK);
	const int length = snprintf(argv, sizeof(argv), "%s%ccalls%c1", emit, 0, 0);
	must(pp_session_command(run.session, argv, (uint32_t)length + 1, &err), "pp_session_command");
	run_start(&run);
	call(5);
	while (!run.state.ended)
		pp_session_wait(run.session, 100, 0);
	run_stop(&run);
	check(run.seen.samples == 5 && accounts_for(&run, 5), "and beside those of a command");
	pp_session_close(run.session);
}

int main(int argc, char **argv)
{
	char emit[400];

	need_machine();
	stay();
	test_group();
	test_group_of_clock();
	test_every_task();
	test_every_task_with_self();
	/* The generator is built beside this program. */
	const char *slash = argc > 0 ? strrchr(argv[0], '/') : NULL;
	snprintf(emit, sizeof(emit), "%.*semit", slash ? (int)(slash + 1 - argv[0]) : 0, argv[0]);
	test_every_task_of_command(emit);
	return check_done();
}
