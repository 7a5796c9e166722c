/* SPDX-License-Identifier: MIT */
/*
 * Makes a known number of events: a system call that nothing else in it makes (sched_get_priority_max, unless told otherwise),
 * so that raw_syscalls:sys_enter with `id == NR` counts exactly what it was asked for.
 *
 *   emit [--wait] [--cpu K] calls N [SYSCALL_NR]     N calls
 *   emit [--wait] [--cpu K] flood SECONDSs           as many as it can for so long
 *   emit [--wait] [--cpu K] flood N                  N calls, as fast as it can
 *   emit [--wait] [--cpu K] rate PER_SECOND SECONDS  evenly, in bursts of 1 ms
 *   emit [--wait] [--cpu K] threads T N              T threads, one after the other, N calls each
 *   emit [--wait] [--cpu K] crowd T N                T threads at once, which are there when it waits (always), N calls each
 *   emit [--wait] [--cpu K] fork K N                 K children, one after the other, N calls each
 *   emit nr                                          prints the system call's number
 *
 * --wait: not before a line or the end of stdin. --cpu: on this CPU only.
 * Ends with one JSON line: {"calls":N,"ns_per_call":X}, X being the CPU time of the first thread.
 */
#include <pthread.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static long nr = SYS_sched_get_priority_max;

static void call(uint64_t times)
{
	for (uint64_t i = 0; i < times; i++)
		syscall(nr, SCHED_OTHER);
}

static uint64_t now_ns(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static uint64_t flood(double seconds)
{
	const uint64_t until = now_ns(CLOCK_MONOTONIC) + (uint64_t)(seconds * 1e9);
	uint64_t calls = 0;

	for (; now_ns(CLOCK_MONOTONIC) < until; calls += 1000)
		call(1000);
	return calls;
}

static uint64_t rate(uint64_t per_second, double seconds)
{
	const uint64_t start = now_ns(CLOCK_MONOTONIC), total = (uint64_t)((double)per_second * seconds);
	uint64_t calls = 0;

	while (calls < total) {
		const uint64_t elapsed = now_ns(CLOCK_MONOTONIC) - start;
		uint64_t due = (uint64_t)((double)elapsed * (double)per_second / 1e9);
		due = due < total ? due : total;
		call(due - calls);
		calls = due;
		if (calls < total)
			nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
	}
	return calls;
}

static void *thread_main(void *times)
{
	call(*(const uint64_t *)times);
	return NULL;
}

static uint64_t threads(uint64_t count, uint64_t times)
{
	for (uint64_t i = 0; i < count; i++) {
		pthread_t thread;
		if (pthread_create(&thread, NULL, thread_main, &times) != 0 || pthread_join(thread, NULL) != 0)
			exit(1);
	}
	return count * times;
}

static void wait_for_line(void)
{
	char byte;

	while (read(STDIN_FILENO, &byte, 1) == 1 && byte != '\n')
		;
}

static pthread_barrier_t everyone;

static void *crowd_main(void *times)
{
	pthread_barrier_wait(&everyone);
	return thread_main(times);
}

static uint64_t crowd(uint64_t count, uint64_t times)
{
	pthread_t *threads = calloc(count, sizeof(*threads));

	if (!threads || pthread_barrier_init(&everyone, NULL, (unsigned int)count + 1) != 0)
		exit(1);
	for (uint64_t i = 0; i < count; i++) {
		if (pthread_create(&threads[i], NULL, crowd_main, &times) != 0)
			exit(1);
	}
	wait_for_line();
	pthread_barrier_wait(&everyone);
	for (uint64_t i = 0; i < count; i++)
		pthread_join(threads[i], NULL);
	free(threads);
	return count * times;
}

static uint64_t children(uint64_t count, uint64_t times)
{
	for (uint64_t i = 0; i < count; i++) {
		const pid_t child = fork();
		if (child == 0) {
			call(times);
			_exit(0);
		}
		if (child < 0 || waitpid(child, NULL, 0) != child)
			exit(1);
	}
	return count * times;
}

static uint64_t run(int argc, char **argv)
{
	const char *what = argv[0];
	const uint64_t n = strtoull(argv[1], NULL, 10);

	if (strcmp(what, "calls") == 0) {
		if (argc > 2)
			nr = atol(argv[2]);
		call(n);
		return n;
	}
	if (strcmp(what, "flood") == 0 && strchr(argv[1], 's'))
		return flood(strtod(argv[1], NULL));
	if (strcmp(what, "flood") == 0) {
		call(n);
		return n;
	}
	if (argc > 2 && strcmp(what, "rate") == 0)
		return rate(n, strtod(argv[2], NULL));
	if (argc > 2 && strcmp(what, "threads") == 0)
		return threads(n, strtoull(argv[2], NULL, 10));
	if (argc > 2 && strcmp(what, "crowd") == 0)
		return crowd(n, strtoull(argv[2], NULL, 10));
	if (argc > 2 && strcmp(what, "fork") == 0)
		return children(n, strtoull(argv[2], NULL, 10));
	fprintf(stderr, "emit: see the head of emit.c\n");
	exit(2);
}

static void pin(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set) != 0) {
		perror("emit: sched_setaffinity");
		exit(1);
	}
}

int main(int argc, char **argv)
{
	int at = 1, wait = 0;

	for (; at < argc && strncmp(argv[at], "--", 2) == 0; at++) {
		if (strcmp(argv[at], "--wait") == 0)
			wait = 1;
		else if (strcmp(argv[at], "--cpu") == 0 && at + 1 < argc)
			pin(atoi(argv[++at]));
	}
	if (at < argc && strcmp(argv[at], "nr") == 0)
		return printf("%ld\n", nr) < 0;
	if (at + 1 >= argc) {
		fprintf(stderr, "emit: see the head of emit.c\n");
		return 2;
	}
	if (wait && strcmp(argv[at], "crowd") != 0)
		wait_for_line();
	const uint64_t before = now_ns(CLOCK_THREAD_CPUTIME_ID);
	const uint64_t calls = run(argc - at, argv + at);
	const uint64_t spent = now_ns(CLOCK_THREAD_CPUTIME_ID) - before;
	printf("{\"calls\":%lu,\"ns_per_call\":%.1f}\n", calls, calls ? (double)spent / (double)calls : 0.0);
	return 0;
}
