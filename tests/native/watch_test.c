/* SPDX-License-Identifier: MIT */
/* The watchdog: its ticks, and when it ends a process. Each case is a process of its own, all at once, since most take 3 s. */
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "check.h"
#include "internal.h"

static struct pp_watch *watch;
static volatile sig_atomic_t chained;

static void sleep_ms(long ms)
{
	nanosleep(&(struct timespec){.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000}, NULL);
}

static uint64_t now_ms(void)
{
	return pp_clock_now(CLOCK_MONOTONIC) / 1000000;
}

static int32_t yield_of(void)
{
	return __atomic_load_n(&watch->yield, __ATOMIC_RELAXED);
}

static void clear_yield(void)
{
	__atomic_store_n(&watch->yield, 0, __ATOMIC_RELAXED);
}

static bool yields_within(long ms)
{
	for (uint64_t end = now_ms() + ms; now_ms() < end && !yield_of();)
		sleep_ms(1);
	return yield_of();
}

static void on_sigint(int sig)
{
	chained = sig;
}

static void on_sigint_info(int sig, siginfo_t *info, void *context)
{
	chained = context && info->si_pid == getpid() ? sig : -1;
}

static void start(void)
{
	struct pp_error err;
	struct pp_watch *again;

	if (pp_watch_start(&watch, &err) < 0 || pp_watch_start(&again, &err) < 0 || again != watch)
		_exit(2);
	pp_watch_name("first", &err);
	__atomic_store_n(&watch->running, pp_watch_name("sched__sched_switch", &err), __ATOMIC_RELAXED);
	pp_watch_name("third", &err);
}

static _Noreturn void hang(void)
{
	for (;;)
		sleep_ms(1000);
}

static int ticks_while_busy(void)
{
	start();
	sleep_ms(50);
	if (yield_of())
		return 3;
	pp_watch_busy(1);
	for (int i = 0; i < 3; i++) {
		if (!yields_within(1000))
			return 4;
		clear_yield();
	}
	pp_watch_busy(0);
	sleep_ms(50);
	clear_yield();
	sleep_ms(100);
	if (yield_of())
		return 5;
	pp_watch_busy(1);
	return yields_within(1000) ? 0 : 6;
}

static int ends_a_stuck_script(void)
{
	signal(SIGINT, on_sigint);
	start();
	raise(SIGINT);
	hang();
}

static int ends_a_stuck_script_after_sigterm(void)
{
	signal(SIGTERM, on_sigint);
	start();
	raise(SIGTERM);
	sleep_ms(400);
	raise(SIGTERM);
	hang();
}

/* The script has answered the SIGINT, which the watchdog has not seen yet, and is stuck in what comes next. */
static int ends_one_that_was_stuck_after_it_had_yielded(void)
{
	signal(SIGINT, on_sigint);
	signal(SIGTERM, on_sigint);
	start();
	raise(SIGINT);
	if (!yields_within(1000))
		return 3;
	clear_yield();
	raise(SIGTERM);
	hang();
}

static int ends_at_a_second_sigint(void)
{
	signal(SIGINT, on_sigint);
	start();
	raise(SIGINT);
	sleep_ms(400);
	raise(SIGINT);
	hang();
}

static int takes_a_sigint_that_comes_twice_for_one(void)
{
	signal(SIGINT, on_sigint);
	start();
	for (int i = 0; i < 3; i++)
		raise(SIGINT);
	sleep_ms(50);
	raise(SIGINT);
	hang();
}

static int spares_a_script_that_yields(void)
{
	signal(SIGINT, on_sigint);
	start();
	raise(SIGINT);
	if (chained != SIGINT || !yields_within(1000))
		return 3;
	clear_yield();
	sleep_ms(3500);
	return __atomic_load_n(&watch->signals, __ATOMIC_RELAXED) == 1 ? 0 : 4;
}

static int passes_on_what_a_handler_is_told(void)
{
	sigaction(SIGINT, &(struct sigaction){.sa_sigaction = on_sigint_info, .sa_flags = SA_SIGINFO | SA_RESTART}, NULL);
	start();
	raise(SIGINT);
	return chained == SIGINT ? 0 : 3;
}

static int leaves_an_ignored_sigint_ignored(void)
{
	signal(SIGINT, SIG_IGN);
	start();
	raise(SIGINT);
	raise(SIGINT);
	sleep_ms(200);
	return __atomic_load_n(&watch->signals, __ATOMIC_RELAXED) == 0 ? 0 : 3;
}

static int leaves_the_default_of_sighup(void)
{
	signal(SIGHUP, SIG_DFL);
	start();
	raise(SIGHUP);
	hang();
}

static int leaves_the_default_to_the_kernel(void)
{
	signal(SIGINT, SIG_DFL);
	start();
	raise(SIGINT);
	hang();
}

static const struct {
	const char *name;
	int (*run)(void);
	int status; /* of wait(2) */
	int min_ms, max_ms;
	const char *line;
} cases[] = {
    {"ticks while busy", ticks_while_busy, 0, 0, 3000, ""},
    {"ends a stuck script after 3 s", ends_a_stuck_script, 130 << 8, 2900, 5000,
     "perfprof: stopped while sched__sched_switch was running\n"},
    /* A second one is no Ctrl-C of somebody who is tired of waiting. */
    {"ends a stuck script 3 s after SIGTERM", ends_a_stuck_script_after_sigterm, 143 << 8, 2900, 5000,
     "perfprof: stopped while sched__sched_switch was running\n"},
    {"ends one that was stuck after it had yielded", ends_one_that_was_stuck_after_it_had_yielded, 143 << 8, 2900, 5000,
     "perfprof: stopped while sched__sched_switch was running\n"},
    {"ends at a second SIGINT", ends_at_a_second_sigint, 130 << 8, 400, 2500,
     "perfprof: stopped while sched__sched_switch was running\n"},
    {"takes a SIGINT that comes twice for one", takes_a_sigint_that_comes_twice_for_one, 130 << 8, 2900, 5000,
     "perfprof: stopped while sched__sched_switch was running\n"},
    {"spares a script that yields", spares_a_script_that_yields, 0, 3400, 6000, ""},
    {"passes on what a handler is told", passes_on_what_a_handler_is_told, 0, 0, 2000, ""},
    {"leaves an ignored SIGINT ignored", leaves_an_ignored_sigint_ignored, 0, 0, 2000, ""},
    {"leaves the default of SIGHUP to the kernel", leaves_the_default_of_sighup, SIGHUP, 0, 2000, ""},
    {"leaves the default to the kernel", leaves_the_default_to_the_kernel, SIGINT, 0, 2000, ""},
};

#define CASES (sizeof(cases) / sizeof(cases[0]))

static pid_t spawn(size_t i, int *errors)
{
	int ends[2];
	pid_t pid;

	if (pipe(ends) < 0)
		abort();
	pid = fork();
	if (pid == 0) {
		dup2(ends[1], STDERR_FILENO);
		_exit(cases[i].run());
	}
	close(ends[1]);
	*errors = ends[0];
	return pid;
}

static void check_case(size_t i, int status, uint64_t ms, int errors)
{
	char line[256];
	ssize_t got = read(errors, line, sizeof(line) - 1);

	line[got < 0 ? 0 : got] = '\0';
	close(errors);
	check(status == cases[i].status, "%s: status %x", cases[i].name, status);
	check((int)ms >= cases[i].min_ms && (int)ms <= cases[i].max_ms, "%s: in %d ms", cases[i].name, (int)ms);
	check(!strcmp(line, cases[i].line), "%s: says \"%.*s\"", cases[i].name, (int)strcspn(line, "\n"), line);
}

int main(void)
{
	uint64_t begin = now_ms();
	int errors[CASES];
	pid_t pids[CASES];

	for (size_t i = 0; i < CASES; i++)
		pids[i] = spawn(i, &errors[i]);
	for (size_t left = CASES; left; left--) {
		int status;
		pid_t pid = wait(&status);

		for (size_t i = 0; i < CASES; i++)
			if (pids[i] == pid)
				check_case(i, status, now_ms() - begin, errors[i]);
	}
	return check_done();
}
