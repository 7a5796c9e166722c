/* SPDX-License-Identifier: MIT */
/*
 * Handlers on live sessions: one that is away for long, while a thread makes system calls at a steady rate. What the rings cannot
 * hold goes through the queue meanwhile, and every event comes to the handler, once and in order.
 */
#include <pthread.h>

#include "handler.h"
#include "session_run.h"

#define CALLS	   100000
#define BURST	   200 /* a ms */
#define RING_PAGES 64
#define QUEUE	   (32U << 20)

const struct pp_host *pp_host;

static struct pp_watch watch;
static struct pp_handing handing = {.until = UINT64_MAX, .most = UINT64_MAX};
static struct pp_route route;
static struct pp_handlers handlers = {.sink = {.handing = &handing, .watch = &watch, .routes = &route, .route_count = 1}};
static pthread_barrier_t barrier;
static int tid;

/* What the handler saw. */
static uint64_t events, last_time;
static bool ordered = true;

static void sleep_ms(long ms)
{
	nanosleep(&(struct timespec){.tv_nsec = ms * 1000000}, NULL);
}

static void on_event(const struct pp_event *event)
{
	if (events++ == 0)
		sleep_ms(300);
	ordered &= event->time >= last_time && event->tid == (uint32_t)tid;
	last_time = event->time;
}

static void *load(void *unused)
{
	tid = (int)gettid();
	pthread_barrier_wait(&barrier); /* the tid is known */
	pthread_barrier_wait(&barrier); /* the session is enabled */
	for (uint64_t made = 0; made < CALLS; made += BURST) {
		call(BURST);
		sleep_ms(1);
	}
	return unused;
}

/* Reads until nothing comes into the buffer, which is all that the caller sees of the end. */
static void read_all(struct run *run)
{
	for (int32_t bytes; (bytes = pp_session_hand(run->session, &handlers, buffer, sizeof(buffer), &err)) != 0;) {
		must(bytes, "pp_session_hand");
		see(run, (uint32_t)bytes);
	}
}

/* Returns whether nothing was lost. */
static bool slow_handler(uint32_t queue_bytes)
{
	pthread_t thread;
	char filter[128];
	struct run run;

	events = last_time = 0;
	ordered = true;
	handing.handed = 0;
	route = (struct pp_route){.call = on_event, .watch_id = 1, .tid_at = 16, .taken = true};
	pthread_barrier_init(&barrier, NULL, 2);
	pthread_create(&thread, NULL, load, NULL);
	pthread_barrier_wait(&barrier);
	snprintf(filter, sizeof(filter), "id == %d && common_pid == %d", NR, tid);
	run_new_queued(&run, PP_ORDER, RING_PAGES, queue_bytes);
	run_add(&run, filter);
	run_start(&run);
	pthread_barrier_wait(&barrier);
	while (events + run.seen.lost < CALLS / 2) {
		pp_session_wait(run.session, 5, 0);
		read_all(&run);
	}
	pthread_join(thread, NULL);
	must(pp_session_disable(run.session, &err), "pp_session_disable");
	read_all(&run);
	printf("# %lu events, %lu lost\n", events, run.seen.lost);
	check(events + run.seen.lost == CALLS && handing.handed == events && run.state.delivered == events,
	      "a slow handler: sent = delivered + lost");
	check(ordered && run.seen.samples == 0, "in order, and none by the buffer");
	pp_session_close(run.session);
	pthread_barrier_destroy(&barrier);
	return run.seen.lost == 0;
}

int main(void)
{
	need_machine();
	slow_handler(0);
	/* A machine that is busy with something else may keep the thread from its work once, not each time. */
	check(slow_handler(QUEUE) || slow_handler(QUEUE) || slow_handler(QUEUE), "with a queue it loses nothing");
	return check_done();
}
