/* SPDX-License-Identifier: MIT */
/*
 * The watchdog: one thread that ticks while the script's thread is busy, and ends a script that is stuck after a signal to stop.
 * Owns the process's handlers of those signals, before the runtime's own, and the names of callbacks. The only file that writes to
 * stderr and exits.
 *
 * Everything here lives as long as the process. The script's thread and this one share plain integers (struct pp_watch); relaxed
 * atomics are enough where an integer stands alone.
 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "internal.h"

#define TICK_MS	 10
#define STUCK_NS UINT64_C(3000000000)
#define SAME_NS	 UINT64_C(300000000)

/* Prepended by the script's thread, walked by the watchdog, never freed: a walk needs no lock. */
struct name {
	const struct name *next;
	int32_t id;
	char text[];
};

static struct pp_watch watch;
static const struct name *names;
static const int stop_signals[] = {SIGINT, SIGTERM, SIGHUP};
#define STOP_SIGNALS (sizeof(stop_signals) / sizeof(stop_signals[0]))
static struct sigaction chained[STOP_SIGNALS];
static uint64_t counted_ns; /* when the last SIGINT came that counts */
static int32_t stops;	    /* signals to stop that came, of any kind */
static int stopped_by;	    /* the last of them */
static int wake_fd = -1;    /* eventfd: a signal to stop */
static int tick_fd = -1;    /* timerfd: runs while the script's thread is busy */

static void wake(void)
{
	uint64_t one = 1;

	/* Fails only when the counter is full, and then the thread is woken already. */
	(void)!write(wake_fd, &one, sizeof(one));
}

/* One Ctrl-C can come twice within milliseconds: from the terminal to the whole group, and from timeout(1) or a task runner that
 * passes on its own. Such a pair counts once. Loaded before the clock is read, so that the difference is never negative. */
static void count_sigint(void)
{
	uint64_t before = __atomic_load_n(&counted_ns, __ATOMIC_ACQUIRE);
	uint64_t now = pp_clock_now(CLOCK_MONOTONIC);

	if (before && now - before < SAME_NS)
		return;
	/* Another thread that is here as well has counted this one. */
	if (__atomic_compare_exchange_n(&counted_ns, &before, now, false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED))
		__atomic_add_fetch(&watch.signals, 1, __ATOMIC_RELAXED);
}

/* Async-signal-safe: atomics, the clock, a write, and what was there before. */
static void on_stop(int sig, siginfo_t *info, void *context)
{
	const struct sigaction *next = chained;
	int saved = errno;

	for (size_t i = 0; stop_signals[i] != sig; i++)
		next++;
	if (next->sa_handler == SIG_IGN)
		return;
	if (sig == SIGINT)
		count_sigint();
	__atomic_store_n(&stopped_by, sig, __ATOMIC_RELAXED);
	__atomic_add_fetch(&stops, 1, __ATOMIC_RELAXED);
	wake();
	if (next->sa_flags & SA_SIGINFO)
		next->sa_sigaction(sig, info, context);
	else if (next->sa_handler != SIG_DFL)
		next->sa_handler(sig);
	else {
		/* Delivered as soon as this handler has returned. */
		sigaction(sig, next, NULL);
		raise(sig);
	}
	errno = saved;
}

const char *pp_watch_name_of(int32_t id)
{
	const struct name *name = __atomic_load_n(&names, __ATOMIC_ACQUIRE);

	while (name && name->id != id)
		name = name->next;
	return name ? name->text : NULL;
}

static _Noreturn void end_stuck(void)
{
	const char *name = pp_watch_name_of(__atomic_load_n(&watch.running, __ATOMIC_RELAXED));
	char line[256];
	int length;

	length = snprintf(line, sizeof(line), "perfprof: stopped while %.200s was running\n", name ? name : "a timer or promise");
	(void)!write(STDERR_FILENO, line, length);
	pp_probes_remove();
	_exit(128 + __atomic_load_n(&stopped_by, __ATOMIC_RELAXED));
}

static void *watch_main(void *unused)
{
	struct pollfd fds[] = {{.fd = wake_fd, .events = POLLIN}, {.fd = tick_fd, .events = POLLIN}};
	int32_t stops_before = 0;
	uint64_t window_end = 0; /* of the 3 s after a signal to stop; 0: no window */
	uint64_t count;

	for (;;) {
		/* Within the window it ticks by itself. */
		(void)!poll(fds, 2, window_end ? TICK_MS : -1);
		const bool woken = fds[0].revents != 0;
		const int32_t stops_now = __atomic_load_n(&stops, __ATOMIC_RELAXED);
		const bool yielded = !__atomic_load_n(&watch.yield, __ATOMIC_RELAXED);

		if (woken)
			(void)!read(wake_fd, &count, sizeof(count));
		if (fds[1].revents)
			(void)!read(tick_fd, &count, sizeof(count));
		if (__atomic_load_n(&watch.signals, __ATOMIC_RELAXED) > 1)
			end_stuck();
		/* One that comes before the end of an open window was seen has a window of its own. */
		if (stops_now > stops_before && (!window_end || yielded)) {
			window_end = pp_clock_now(CLOCK_MONOTONIC) + STUCK_NS;
			__atomic_store_n(&watch.yield, 1, __ATOMIC_RELAXED);
		} else if (window_end && yielded) {
			window_end = 0;
		} else if (window_end && pp_clock_now(CLOCK_MONOTONIC) >= window_end) {
			end_stuck();
		} else if (!woken) {
			__atomic_store_n(&watch.yield, 1, __ATOMIC_RELAXED);
		}
		stops_before = stops_now;
	}
	return unused;
}

static void chain(int sig, struct sigaction *before)
{
	struct sigaction action = {.sa_sigaction = on_stop};

	sigaction(sig, NULL, before);
	action.sa_flags = SA_SIGINFO | (before->sa_flags & (SA_ONSTACK | SA_RESTART));
	action.sa_mask = before->sa_mask;
	sigaction(sig, &action, NULL);
}

static int start_thread(void)
{
	pthread_t thread;
	const int error = pp_thread_start(&thread, watch_main, NULL);

	return error ? error : pthread_detach(thread);
}

int32_t pp_watch_start(struct pp_watch **out, struct pp_error *err)
{
	int error;

	*out = &watch;
	if (wake_fd >= 0)
		return PP_OK;
	wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	tick_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	error = wake_fd < 0 || tick_fd < 0 ? errno : start_thread();
	if (error) {
		close(wake_fd);
		close(tick_fd);
		wake_fd = tick_fd = -1;
		return pp_fail(err, PP_E_SYS, error, "start the watchdog");
	}
	for (size_t i = 0; i < STOP_SIGNALS; i++)
		chain(stop_signals[i], &chained[i]);
	return PP_OK;
}

int32_t pp_watch_name(const char *text, struct pp_error *err)
{
	size_t size = strlen(text) + 1;
	struct name *name = malloc(sizeof(*name) + size);

	if (!name)
		return pp_fail(err, PP_E_NOMEM, ENOMEM, "name of a callback");
	memcpy(name->text, text, size);
	name->next = names;
	name->id = names ? names->id + 1 : 1;
	/* Release: the watchdog must see a whole name. */
	__atomic_store_n(&names, name, __ATOMIC_RELEASE);
	return name->id;
}

/* Arms a timer instead of waking the thread: work that is done within a tick wakes nobody. */
void pp_watch_busy(uint32_t busy)
{
	const struct timespec tick = {.tv_nsec = busy ? TICK_MS * 1000000 : 0};
	const struct itimerspec ticks = {.it_interval = tick, .it_value = tick};

	__atomic_store_n(&watch.busy, busy != 0, __ATOMIC_RELAXED);
	timerfd_settime(tick_fd, 0, &ticks, NULL);
}
