/* SPDX-License-Identifier: MIT */
/*
 * Sessions on this kernel: exact counts, order, losses, rings, clocks and errors.
 */
#include <linux/capability.h>
#include <sys/wait.h>

#include "session_run.h"

static void test_exact(void)
{
	char filter[128];
	struct run run;

	run_new(&run, PP_ORDER | PP_RING_SHRINK, 256);
	run_add(&run, filter_own(filter, sizeof(filter)));
	run_start(&run);
	call(1000);
	check(pp_session_wait(run.session, 0, 1) == 0, "a rest is not ended by data");
	run_stop(&run);
	check(run.seen.samples == 1000 && accounts_for(&run, 1000), "1000 calls, 1000 samples");
	check(run.seen.ordered && run.state.late == 0 && run.state.damaged == 0, "in order, none late, none damaged");
	check(run.state.more == 0 && run.state.pending == 0 && run.state.safe_time >= run.seen.last_time, "nothing is left");
	pp_session_close(run.session);
}

static void test_brief(void)
{
	char filter[128];
	struct run run;

	run_new(&run, PP_ORDER | PP_RING_SHRINK, 256);
	run_add(&run, filter_own(filter, sizeof(filter)));
	run_start_brief(&run);
	const uint64_t before = run.state.safe_time;
	call(1000);
	run_stop(&run);
	check(run.seen.samples == 1000 && accounts_for(&run, 1000), "1000 calls, 1000 brief records");
	check(run.seen.ordered && run.seen.last_time > before && run.state.batch_newest == 0, "with the times of the calls");
	check(pp_session_set_brief(run.session, 0, &err) == PP_E_ARG, "not once it was enabled");
	check(pp_session_set_brief(run.session, 1, &err) == PP_E_ARG, "nor of an event that is not there");
	pp_session_close(run.session);
}

static void test_loss(void)
{
	char filter[128];
	struct run run;

	run_new(&run, PP_ORDER, 8);
	run_add(&run, filter_own(filter, sizeof(filter)));
	run_start(&run);
	for (uint32_t round = 0; round < 5; round++) {
		call(3000);
		nanosleep(&(struct timespec){.tv_nsec = 5000000}, NULL);
		drain(&run);
	}
	call(3000);
	run_stop(&run);
	check(run.seen.lost > 10000 && accounts_for(&run, 18000), "a ring of 8 pages: sent = delivered + lost, to the event");
	check(run.seen.loss_times, "each loss names its event and lies between two samples");
	pp_session_close(run.session);
}

/* Two events on one ring, which loses some of each: a PERF_RECORD_LOST alone would name the wrong one. */
static void test_loss_of_each(void)
{
	struct pp_count counts[2048];
	char filter[128];
	struct run run;

	run_new(&run, PP_ORDER, 8);
	run_add(&run, filter_own(filter, sizeof(filter)));
	run_add(&run, filter);
	run_start(&run);
	call(500);
	nanosleep(&(struct timespec){.tv_nsec = 5000000}, NULL);
	drain(&run);
	call(5000);
	run_stop(&run);
	const int32_t count = pp_session_counts(run.session, counts, sizeof(counts), &err);
	uint64_t sent[2] = {0};
	for (int32_t i = 0; i < count; i++) {
		if (counts[i].event < 2)
			sent[counts[i].event] += counts[i].delivered + counts[i].lost;
	}
	check(sent[0] == 5500 && sent[1] == 5500 && run.state.lost > 0, "two events on one ring: each accounts for its own losses");
	check(run.seen.lost == run.state.lost, "and every loss was told");
	pp_session_close(run.session);
}

/* Nothing follows this loss, so that no PERF_RECORD_LOST tells of it. */
static void test_loss_unsaid(void)
{
	char filter[128];
	struct run run;

	run_new(&run, PP_ORDER, 8);
	run_add(&run, filter_own(filter, sizeof(filter)));
	run_start(&run);
	drain(&run);
	call(3000);
	nanosleep(&(struct timespec){.tv_nsec = 5000000}, NULL);
	drain(&run);
	nanosleep(&(struct timespec){.tv_sec = 1, .tv_nsec = 100000000}, NULL);
	drain(&run);
	const uint64_t lost = run.state.lost;
	check(lost > 2000 && lost + run.seen.samples == 3000, "what no record tells of is known within a second");
	check(run.seen.lost == 0, "and told when something follows");
	run_stop(&run);
	check(run.seen.lost == lost && accounts_for(&run, 3000), "or at the end");
	pp_session_close(run.session);
}

static void test_sideband(void)
{
	struct perf_event_attr dummy = attr_of(PERF_TYPE_SOFTWARE, PERF_COUNT_SW_DUMMY);
	char filter[128];
	struct run run;

	dummy.sample_period = 0;
	dummy.task = dummy.comm = 1;
	run_new(&run, PP_ORDER, 64);
	must(pp_session_add_event(run.session, (const uint8_t *)&dummy, sizeof(dummy), "sideband", cpus, cpu_count,
				  PP_EVENT_SIDEBAND, &err),
	     "pp_session_add_event");
	run_add(&run, filter_own(filter, sizeof(filter)));
	run_start(&run);
	call(5);
	const pid_t child = fork();
	if (child == 0)
		_exit(0);
	waitpid(child, NULL, 0);
	run_stop(&run);
	check(run.seen.samples == 5 && run.seen.sideband >= 2 && accounts_for(&run, 5),
	      "side-band records come, and are not counted");
	pp_session_close(run.session);
}

static void test_prompt(void)
{
	char filter[128];
	struct run run;

	run_new(&run, PP_ORDER, 64);
	run_add(&run, filter_own(filter, sizeof(filter)));
	run_start(&run);
	call(1);
	for (uint32_t ms = 0; ms < 100 && run.seen.samples == 0; ms++) {
		pp_session_wait(run.session, 1, 0);
		drain(&run);
	}
	check(run.seen.samples == 1, "a single event comes while the session runs, whatever other rings do");
	pp_session_wake(run.session);
	check(pp_session_wait(run.session, 5000, 0) == PP_WAIT_WOKEN, "a wake-up before the wait ends it");
	check(pp_session_wait(run.session, 1, 0) == 0, "and only once");
	pp_session_close(run.session);
}

/* Takes CAP_IPC_LOCK, which frees root from the limit of locked memory, or gives it back. */
static void lock_freely(bool freely)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2];

	if (syscall(SYS_capget, &header, data) != 0)
		exit(1);
	data[0].effective = freely ? data[0].effective | 1U << CAP_IPC_LOCK : data[0].effective & ~(1U << CAP_IPC_LOCK);
	if (syscall(SYS_capset, &header, data) != 0)
		exit(1);
}

static void test_shrink(void)
{
	const uint32_t wish = 1 << 15;
	char filter[128], paranoid[32] = "";
	struct run run;

	pp_kernel_file_read("/proc/sys/kernel/perf_event_paranoid", paranoid, sizeof(paranoid), &err);
	if (atoi(paranoid) < 0)
		return; /* nobody is limited */
	lock_freely(false);
	run_new(&run, PP_ORDER, wish);
	run_add(&run, NULL);
	check(pp_session_open(run.session, &err) == PP_E_MMAP && err.sys_errno == EPERM && err.cpu >= 0,
	      "no more than may be locked");
	pp_session_close(run.session);

	run_new(&run, PP_ORDER | PP_RING_SHRINK, wish);
	run_add(&run, filter_own(filter, sizeof(filter)));
	run_start(&run);
	lock_freely(true);
	call(10);
	run_stop(&run);
	check(run.state.ring_bytes < (uint64_t)wish * (uint64_t)sysconf(_SC_PAGESIZE) && run.state.rings == cpu_count,
	      "rings shrink to what may be locked");
	check(run.seen.samples == 10, "and work");
	pp_session_close(run.session);
}

static void test_perf_clock(void)
{
	struct perf_event_attr attr = attr_of(PERF_TYPE_TRACEPOINT, tracepoint);
	const struct pp_options options = {
	    .size = sizeof(options), .flags = PP_ORDER, .clockid = PP_CLOCK_PERF, .ring_pages = 8, .slack_us = 1000};
	char filter[128];
	struct run run = {.seen.ordered = true};

	attr.use_clockid = 0;
	attr.clockid = 0;
	must(pp_session_new(&options, &run.state, &run.session, &err), "pp_session_new");
	must(pp_session_add_event(run.session, (const uint8_t *)&attr, sizeof(attr), NAME, cpus, cpu_count, 0, &err), "add_event");
	must(pp_session_set_filter(run.session, 0, filter_own(filter, sizeof(filter)), &err), "pp_session_set_filter");
	run_start(&run);
	call(20);
	for (uint32_t ms = 0; ms < 100 && run.seen.samples < 20; ms++) {
		pp_session_wait(run.session, 1, 1);
		drain(&run);
	}
	check(run.seen.samples == 20 && run.seen.ordered, "the kernel's own clock: events come while the session runs");
	pp_session_close(run.session);
}

static void test_errors(void)
{
	const uint32_t far = 4000;
	const struct perf_event_attr attr = attr_of(PERF_TYPE_TRACEPOINT, tracepoint);
	struct run run;

	run_new(&run, PP_ORDER, 8);
	run_add(&run, "no_such_field == 1");
	check(pp_session_open(run.session, &err) == PP_E_FILTER && err.event == 0 && strstr(err.text, "^"),
	      "a filter that the kernel refuses, with its caret");
	pp_session_close(run.session);

	run_new(&run, PP_ORDER, 8);
	must(pp_session_add_event(run.session, (const uint8_t *)&attr, sizeof(attr), NAME, &far, 1, 0, &err),
	     "pp_session_add_event");
	check(pp_session_open(run.session, &err) == PP_E_OPEN && err.cpu == 4000, "a CPU that is not there: %s", err.text);
	pp_session_close(run.session);

	run_new(&run, PP_ORDER, 8);
	check(pp_session_add_cgroup(run.session, "no/such/cgroup", &err) == PP_E_CGROUP && err.sys_errno == ENOENT,
	      "no such cgroup");
	check(pp_session_add_cgroup(run.session, "/proc", &err) == PP_E_CGROUP, "a folder that is no cgroup");
	check(pp_session_open(run.session, &err) == PP_E_ARG, "a session without events");
	pp_session_close(run.session);
	pp_session_close(NULL);
}

int main(void)
{
	need_machine();
	test_exact();
	test_brief();
	test_loss();
	test_loss_of_each();
	test_loss_unsaid();
	test_sideband();
	test_prompt();
	test_perf_clock();
	test_shrink();
	test_errors();
	return check_done();
}
