/* SPDX-License-Identifier: MIT */
/*
 * Runs a command to its end and says what it took, by wait4(2): CPU time of it and of the children that it waited for, and the
 * largest resident set among them. For programs that are measured as a whole; those that run on are read by bench/process.ts.
 *
 *     rusage COMMAND [ARG...]     the last line of stderr: {"status":N,"cpu_ns":N,"peak_rss_kb":N}
 */
#define _GNU_SOURCE
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static volatile pid_t command;

static void pass_on(int number)
{
	if (command > 0)
		kill(command, number);
}

static long long ns(struct timeval time)
{
	return time.tv_sec * 1000000000LL + time.tv_usec * 1000LL;
}

static void become(char **argv)
{
	/* Nothing is left behind by one that is killed. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	execvp(argv[0], argv);
	perror(argv[0]);
	_exit(127);
}

int main(int argc, char **argv)
{
	struct sigaction action = {.sa_handler = pass_on, .sa_flags = SA_RESTART};
	struct rusage usage;
	int status;

	if (argc < 2) {
		fputs("usage: rusage COMMAND [ARG...]\n", stderr);
		return 2;
	}
	command = fork();
	if (command == 0)
		become(argv + 1);
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	if (command < 0 || wait4(command, &status, 0, &usage) < 0) {
		perror("rusage");
		return 1;
	}
	status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
	fprintf(stderr, "{\"status\":%d,\"cpu_ns\":%lld,\"peak_rss_kb\":%ld}\n", status, ns(usage.ru_utime) + ns(usage.ru_stime),
		usage.ru_maxrss);
	return status;
}
