/* SPDX-License-Identifier: MIT */
/*
 * Closing the events of a session, without the caller's waiting for the kernel. Owns the short-lived process that waits instead.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "session.h"

static int compare_fds(const void *a, const void *b)
{
	return ((const struct pp_fd *)a)->fd - ((const struct pp_fd *)b)->fd;
}

/* In the grandchild: nothing but the event fds and the pipe stays open, so that no pipe or socket of the process is kept alive. */
static _Noreturn void hold(const struct pp_fd *fds, uint32_t count, const int *ends)
{
	unsigned int from = 1;
	char byte;

	close(ends[1]);
	if (dup2(ends[0], 0) < 0)
		_exit(0);
	for (uint32_t i = 0; i < count; i++) {
		const unsigned int fd = (unsigned int)fds[i].fd;
		if (fd > from)
			syscall(SYS_close_range, from, fd - 1, 0);
		from = fd + 1;
	}
	syscall(SYS_close_range, from, ~0U, 0);
	(void)!read(0, &byte, 1); /* until the parent has closed its own */
	_exit(0);
}

/*
 * Closing the last fd of a tracepoint waits 30 to 50 ms for all CPUs under one lock. It is only the last that pays: a grandchild
 * (nobody has to wait for it) has a copy of each while the caller closes its own, and pays when it exits.
 * Returns the pipe whose end it waits for, or -1.
 */
static int leave_to_child(struct pp_fd *fds, uint32_t count)
{
	sigset_t all, before;
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) != 0)
		return -1;
	qsort(fds, count, sizeof(*fds), compare_fds);
	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &before); /* a handler of the process must not run in the child */
	const pid_t child = fork();
	if (child == 0) {
		if (fork() == 0)
			hold(fds, count, ends);
		_exit(0);
	}
	if (child > 0)
		waitpid(child, NULL, 0);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	close(ends[0]);
	return ends[1];
}

void pp_close_events(struct pp_session *session)
{
	const struct pp_slot *slots = session->merge.table.slots;
	struct pp_fd *fds = session->fds;
	uint32_t count = 0;
	int pipe = -1;

	/* What takes long to close, and nobody waits for, comes to the front. */
	for (uint32_t i = 0; i < session->fd_count; i++) {
		const struct pp_kernel_event *event = &session->events[slots[fds[i].slot].event];
		if (event->probe)
			pp_probe_close(fds[i].fd);
		else if (event->attr.fields.type == PERF_TYPE_TRACEPOINT)
			fds[count++] = fds[i];
		else
			close(fds[i].fd);
	}
	if (count > 0)
		pipe = leave_to_child(fds, count);
	for (uint32_t i = 0; i < count; i++)
		close(fds[i].fd);
	if (pipe >= 0)
		close(pipe);
	free(fds);
}
