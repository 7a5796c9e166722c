/* SPDX-License-Identifier: MIT */
/*
 * Sessions with a queue: what a reader that stalls finds when it is back. A thread makes system calls at a steady rate, the
 * reader stays away, and what it then reads must be the same stream, to the event.
 */
#include <pthread.h>

#include "session_run.h"

#define RATE 200000 /* a second, of 112 bytes */
#define MIB  (1U << 20)

/* Makes `calls` system calls: RATE a second in bursts of 1 ms, or with `rate` 0 as fast as it can. */
struct load {
	pthread_t thread;
	pthread_barrier_t barrier;
	uint64_t calls, rate;
	int tid;
	bool done;
};

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static void sleep_ms(long ms)
{
	nanosleep(&(struct timespec){.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000}, NULL);
}

static void *load_main(void *argument)
{
	struct load *load = argument;

	load->tid = (int)gettid();
	pthread_barrier_wait(&load->barrier); /* the tid is known */
	pthread_barrier_wait(&load->barrier); /* the session is enabled */
	const uint64_t start = now_ns();
	for (uint64_t made = 0; made < load->calls;) {
		uint64_t due = load->rate ? (now_ns() - start) * load->rate / 1000000000 : load->calls;
		due = due < load->calls ? due : load->calls;
		if (load->rate && due - made > load->rate / 500) /* it was held up: no more than twice the rate */
			due = made + load->rate / 500;
		call(due - made);
		made = due;
		if (load->rate)
			sleep_ms(1);
	}
	__atomic_store_n(&load->done, true, __ATOMIC_RELAXED);
	return NULL;
}

/* A session with a queue, enabled, and a load that starts now. */
static void start(struct run *run, struct load *load, uint32_t ring_pages, uint32_t queue_bytes, bool brief)
{
	char filter[128];

	pthread_barrier_init(&load->barrier, NULL, 2);
	pthread_create(&load->thread, NULL, load_main, load);
	pthread_barrier_wait(&load->barrier);
	snprintf(filter, sizeof(filter), "id == %d && common_pid == %d", NR, load->tid);
	run_new_queued(run, PP_ORDER, ring_pages, queue_bytes);
	run_add(run, filter);
	(brief ? run_start_brief : run_start)(run);
	pthread_barrier_wait(&load->barrier);
}

static void join(struct load *load)
{
	pthread_join(load->thread, NULL);
	pthread_barrier_destroy(&load->barrier);
}

/* One read into the first `size` bytes. What the state says of the batch must be so. Returns the bytes. */
static uint32_t read_some(struct run *run, uint32_t size, bool *true_state)
{
	const uint64_t safe = run->state.safe_time, samples = run->seen.samples, delivered = run->state.delivered;
	const int32_t bytes = pp_session_read(run->session, buffer, size, &err);
	uint64_t first = UINT64_MAX;

	must(bytes, "pp_session_read");
	for (uint32_t at = 0; at < (uint32_t)bytes && first == UINT64_MAX;) {
		struct pp_prefix prefix;
		memcpy(&prefix, buffer + at, sizeof(prefix));
		if (prefix.event != PP_EVENT_LOST)
			memcpy(&first, buffer + at + sizeof(prefix) + (is_brief(&prefix) ? 0 : 24), sizeof(first));
		at += (uint32_t)sizeof(prefix) + prefix.size;
	}
	see(run, (uint32_t)bytes);
	*true_state &= first > safe && run->state.batch_samples == run->seen.samples - samples;
	*true_state &= run->seen.samples == samples || run->state.batch_newest == run->seen.last_time;
	*true_state &= run->state.delivered >= delivered && run->state.delivered >= run->seen.samples;
	return (uint32_t)bytes;
}

static uint64_t resident_bytes(void)
{
	char text[256];
	unsigned long pages = 0;

	must(pp_kernel_file_read("/proc/self/statm", text, sizeof(text), &err), "statm");
	sscanf(text, "%*u %lu", &pages);
	return (uint64_t)pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

/* Returns whether nothing was lost. */
static bool stall(void)
{
	struct load load = {.calls = RATE, .rate = RATE};
	bool true_state = true;
	struct run run;

	start(&run, &load, 256, 32 * MIB, false);
	const uint64_t before = resident_bytes();
	const struct pp_state state = run.state;
	join(&load);
	check(memcmp(&state, &run.state, sizeof(state)) == 0, "the state does not change while the reader is away");
	check(resident_bytes() > before + 16 * MIB, "most of it is in the queue");
	check(pp_session_wait(run.session, 60000, 0) & PP_WAIT_DATA, "which there is no waiting for");
	must(pp_session_disable(run.session, &err), "pp_session_disable");
	while (read_some(&run, 32768, &true_state) > 0)
		continue;
	check(accounts_for(&run, RATE), "a stall: sent = delivered + lost");
	check(run.seen.ordered && run.state.late == 0 && run.state.damaged == 0, "in order");
	check(true_state && run.state.more == 0 && run.state.pending == 0, "what the state said of each batch was so");
	check(run.state.safe_time >= run.seen.last_time, "the end is reached");
	check(resident_bytes() < before + 8 * MIB, "the memory of the queue is given back");
	pp_session_close(run.session);
	return run.seen.lost == 0;
}

static void test_full(void)
{
	struct load load = {.calls = RATE};
	struct run run;

	start(&run, &load, 16, MIB, false);
	join(&load);
	run_stop(&run);
	check(run.seen.lost > 0 && run.seen.samples > 1000 && accounts_for(&run, RATE), "a full queue: sent = delivered + lost");
	check(run.seen.ordered && run.seen.loss_times, "in order, each loss in its place");
	pp_session_close(run.session);
}

/* Stalls and reads of all lengths: the queue wraps, is full, is left half read, and is emptied. */
static void test_stress(bool brief)
{
	struct load load = {.calls = 2 * RATE, .rate = RATE};
	bool true_state = true;
	struct run run;
	unsigned seed = 1;

	start(&run, &load, 128, 3 * MIB / 2, brief);
	while (!__atomic_load_n(&load.done, __ATOMIC_RELAXED)) {
		sleep_ms(rand_r(&seed) % 100);
		for (int reads = rand_r(&seed) % 200; reads > 0; reads--) {
			if (read_some(&run, 1024 + (uint32_t)rand_r(&seed) % 65536, &true_state) == 0)
				pp_session_wait(run.session, 5, rand_r(&seed) % 2);
		}
	}
	join(&load);
	must(pp_session_disable(run.session, &err), "pp_session_disable");
	while (read_some(&run, 4096, &true_state) > 0)
		continue;
	check(accounts_for(&run, load.calls) && run.seen.loss_times, "stalls and reads by turns: exact");
	check(run.seen.ordered && run.state.late == 0 && true_state, "in order, and the state says what was");
	pp_session_close(run.session);
}

static void test_close(void)
{
	struct load load = {.calls = RATE / 4, .rate = RATE};
	struct run run;

	start(&run, &load, 16, 4 * MIB, false);
	sleep_ms(50);
	pp_session_close(run.session);
	join(&load);
	run_new_queued(&run, PP_ORDER, 8, MIB);
	pp_session_close(run.session);
	run_new_queued(&run, PP_ORDER, 8, MIB);
	run_add(&run, NULL);
	must(pp_session_open(run.session, &err), "pp_session_open");
	pp_session_close(run.session);
	check(true, "closed during a stall, and without ever being enabled");
}

int main(void)
{
	need_machine();
	/* A machine that is busy with something else may keep the thread from its work once, not each time. */
	check(stall() || stall() || stall(), "a stall of 1 s loses nothing");
	test_full();
	test_stress(false);
	test_stress(true);
	test_close();
	return check_done();
}
