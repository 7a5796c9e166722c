/* SPDX-License-Identifier: MIT */
/*
 * Does what the scheduler tells of, in known numbers.
 *
 *   sched_states [--wait] [--cpu K] sleeps N MS          sleeps N times for MS ms: N states S
 *   sched_states [--wait] [--cpu K] vforks N MS          N times waits for a vfork child that sleeps MS ms: N states D
 *   sched_states [--wait] [--cpu K] stops N              N times stops a child for 2 ms: its N states T
 *   sched_states [--wait] [--cpu K] rounds N             N times to a child and back, over two pipes: both sleep N times, on CPU K
 *   sched_states [--wait] [--cpu K] spins MS             uses the CPU for MS ms
 *   sched_states [--wait] moves N                        N times to another CPU and back (of the first two that it may use)
 *
 * --wait: not before a line or the end of stdin. --cpu: on this CPU only.
 * Ends with one JSON line: {"pid":P,"child":C,"from":F,"to":T,"slept":S,"preempted":R}: its pid, that of its last child (0 without
 * one), and how often it left its CPU by the kernel's count between two times of CLOCK_MONOTONIC, ns.
 */
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static pid_t child;
static int cpus[2];

static void require(int ok)
{
	if (!ok) {
		perror("sched_states");
		_exit(1);
	}
}

/* How often the process had left its CPU at a time. */
struct mark {
	uint64_t ns;
	long slept, preempted;
};

static uint64_t now_ns(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

/* Both at once: it did not leave its CPU between the counts. */
static struct mark mark(void)
{
	struct rusage before, after;
	uint64_t ns;

	do {
		getrusage(RUSAGE_SELF, &before);
		ns = now_ns(CLOCK_MONOTONIC);
		getrusage(RUSAGE_SELF, &after);
	} while (before.ru_nvcsw != after.ru_nvcsw || before.ru_nivcsw != after.ru_nivcsw);
	return (struct mark){ns, after.ru_nvcsw, after.ru_nivcsw};
}

static void sleep_ms(long ms)
{
	require(nanosleep(&(struct timespec){.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000}, NULL) == 0);
}

static void sleeps(long n, long ms)
{
	while (n--)
		sleep_ms(ms);
}

static void vforks(long n, long ms)
{
	while (n--) {
		child = vfork();
		if (child == 0) {
			nanosleep(&(struct timespec){.tv_nsec = ms * 1000000}, NULL);
			_exit(0);
		}
		require(child > 0 && waitpid(child, NULL, 0) == child);
	}
}

static void stops(long n)
{
	int status;

	child = fork();
	require(child >= 0);
	while (child == 0) /* until it is killed */
		raise(SIGSTOP);
	for (; n > 0; n--) {
		require(waitpid(child, &status, WUNTRACED) == child && WIFSTOPPED(status));
		sleep_ms(2);
		if (n > 1)
			require(kill(child, SIGCONT) == 0);
	}
	require(kill(child, SIGKILL) == 0 && waitpid(child, NULL, 0) == child);
}

static void rounds(long n)
{
	int there[2], back[2];
	char byte = 0;

	require(pipe(there) == 0 && pipe(back) == 0);
	child = fork();
	require(child >= 0);
	if (child == 0) {
		while (n--)
			require(read(there[0], &byte, 1) == 1 && write(back[1], &byte, 1) == 1);
		_exit(0);
	}
	while (n--)
		require(write(there[1], &byte, 1) == 1 && read(back[0], &byte, 1) == 1);
	require(waitpid(child, NULL, 0) == child);
}

static void spins(long ms)
{
	const uint64_t until = now_ns(CLOCK_PROCESS_CPUTIME_ID) + (uint64_t)ms * 1000000;

	while (now_ns(CLOCK_PROCESS_CPUTIME_ID) < until)
		;
}

static void pin(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	require(sched_setaffinity(0, sizeof(set), &set) == 0);
}

/* The first two CPUs that it may use. It is on the first from here on. */
static void find_cpus(void)
{
	cpu_set_t set;
	int count = 0;

	require(sched_getaffinity(0, sizeof(set), &set) == 0);
	for (int cpu = 0; cpu < CPU_SETSIZE && count < 2; cpu++) {
		if (CPU_ISSET(cpu, &set))
			cpus[count++] = cpu;
	}
	require(count == 2);
	pin(cpus[0]);
}

static void moves(long n)
{
	while (n--) {
		pin(cpus[1]);
		pin(cpus[0]);
	}
}

static void wait_for_line(void)
{
	char byte;

	while (read(STDIN_FILENO, &byte, 1) == 1 && byte != '\n')
		;
}

static void run(const char *what, long n, long ms)
{
	if (strcmp(what, "sleeps") == 0)
		sleeps(n, ms);
	else if (strcmp(what, "vforks") == 0)
		vforks(n, ms);
	else if (strcmp(what, "stops") == 0)
		stops(n);
	else if (strcmp(what, "rounds") == 0)
		rounds(n);
	else if (strcmp(what, "spins") == 0)
		spins(n);
	else if (strcmp(what, "moves") == 0)
		moves(n);
	else
		exit(2);
}

int main(int argc, char **argv)
{
	int i = 1;

	if (i < argc && strcmp(argv[i], "--wait") == 0) {
		i++;
		wait_for_line();
	}
	if (i + 1 < argc && strcmp(argv[i], "--cpu") == 0) {
		pin(atoi(argv[i + 1]));
		i += 2;
	}
	if (i + 1 >= argc)
		return 2;
	if (strcmp(argv[i], "moves") == 0)
		find_cpus();
	const struct mark from = mark();
	run(argv[i], atol(argv[i + 1]), i + 2 < argc ? atol(argv[i + 2]) : 0);
	const struct mark to = mark();
	printf("{\"pid\":%d,\"child\":%d,\"from\":%ju,\"to\":%ju,\"slept\":%ld,\"preempted\":%ld}\n", getpid(), child,
	       (uintmax_t)from.ns, (uintmax_t)to.ns, to.slept - from.slept, to.preempted - from.preempted);
	return 0;
}
