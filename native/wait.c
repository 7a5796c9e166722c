/* SPDX-License-Identifier: MIT */
/*
 * Sleeping until there is something to do. Owns two sets of epoll: `control` (wake-ups, ends of tasks, the reader of stdout), and
 * `all`, which has `control` and the rings. A rest (`pause`) waits on the first: a ring with data cannot cut it short, and its
 * readiness, which the kernel clears as it is reported, is not used up. A watermark never wakes for a few events, so a wait looks
 * at the rings itself now and then: that costs a hundredth of waking the caller's event loop for it.
 */
#include <errno.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "session.h"

enum source { WAKE, TASK, COMMAND, STDOUT, CONTROL, RING };

#define PROC_EVERY_MS 500
/* With what a record is held back (session.c), well below the 100 ms within which each is delivered. */
#define LOOK_EVERY_MS 40

static uint64_t tag(enum source source, uint32_t index)
{
	return (uint64_t)source << 32 | index;
}

static int32_t watch(int set, int fd, uint32_t events, uint64_t data, const char *what, struct pp_error *err)
{
	if (epoll_ctl(set, EPOLL_CTL_ADD, fd, &(struct epoll_event){.events = events, .data.u64 = data}) == 0)
		return 0;
	return pp_fail(err, PP_E_SYS, errno, "epoll_ctl %s", what);
}

int32_t pp_wait_init(struct pp_session *session, struct pp_error *err)
{
	session->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	session->control = epoll_create1(EPOLL_CLOEXEC);
	session->all = epoll_create1(EPOLL_CLOEXEC);
	if (session->wake < 0 || session->control < 0 || session->all < 0)
		return pp_fail(err, PP_E_SYS, errno, "epoll_create");
	if (session->options.flags & PP_WATCH_STDOUT) {
		/* Errors only. EPERM: a regular file, which has no reader to lose. */
		const int32_t code = watch(session->control, STDOUT_FILENO, 0, tag(STDOUT, 0), "stdout", err);
		if (code < 0 && err->sys_errno != EPERM && err->sys_errno != EBADF)
			return code;
	}
	const int32_t code = watch(session->control, session->wake, EPOLLIN, tag(WAKE, 0), "eventfd", err);
	return code < 0 ? code : watch(session->all, session->control, EPOLLIN, tag(CONTROL, 0), "control", err);
}

int32_t pp_wait_watch_tasks(struct pp_session *session, struct pp_error *err)
{
	int32_t code = 0;

	for (uint32_t i = 0; i < session->targets.task_count && code == 0; i++) {
		const int pidfd = session->targets.tasks[i].pidfd;
		if (pidfd >= 0)
			code = watch(session->control, pidfd, EPOLLIN, tag(TASK, i), "pidfd", err);
	}
	if (code == 0 && session->command)
		code = watch(session->control, pp_command_pidfd(session->command), EPOLLIN, tag(COMMAND, 0), "command", err);
	return code;
}

int32_t pp_wait_watch_rings(struct pp_session *session, struct pp_error *err)
{
	int32_t code = 0;

	for (uint32_t i = 0; i < session->merge.ring_count && code == 0; i++)
		code = watch(session->all, session->merge.rings[i].owner, EPOLLIN, tag(RING, i), "ring", err);
	return code;
}

static uint64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static int32_t look_for_ends(struct pp_session *session)
{
	struct pp_state *state = session->state;
	const uint32_t before = state->ended;

	if (pp_targets_ended(&session->targets, session->control))
		state->ended = 1;
	if (session->command && state->command_status == -1 && pp_command_ended(session->command, &state->command_status)) {
		epoll_ctl(session->control, EPOLL_CTL_DEL, pp_command_pidfd(session->command), NULL);
		state->ended = 1;
	}
	return state->ended && !before ? PP_WAIT_ENDED : 0;
}

static int32_t take_control(struct pp_session *session, const struct epoll_event *events, int count)
{
	int32_t result = 0;
	uint64_t ignored;

	for (int i = 0; i < count; i++) {
		switch (events[i].data.u64 >> 32) {
		case WAKE:
			if (read(session->wake, &ignored, sizeof(ignored)) > 0)
				result |= PP_WAIT_WOKEN;
			break;
		case STDOUT: /* told once: it stays so */
			epoll_ctl(session->control, EPOLL_CTL_DEL, STDOUT_FILENO, NULL);
			result |= PP_WAIT_STDOUT;
			break;
		default:
			result |= look_for_ends(session);
		}
	}
	return result;
}

static int32_t take_rings(struct pp_session *session, const struct epoll_event *events, int count)
{
	int32_t result = 0;

	for (int i = 0; i < count; i++) {
		if (events[i].data.u64 >> 32 != RING)
			continue;
		/* A CPU that went offline hangs up for ever; what its ring holds is read all the same. */
		if (events[i].events & (EPOLLHUP | EPOLLERR))
			epoll_ctl(session->all, EPOLL_CTL_DEL, session->merge.rings[(uint32_t)events[i].data.u64].owner, NULL);
		result |= PP_WAIT_DATA;
	}
	return result;
}

/* The kernel has published what the last pass did not see. */
static bool has_more(const struct pp_merge *merge)
{
	for (uint32_t i = 0; i < merge->ring_count; i++) {
		const struct pp_ring *ring = &merge->rings[i];
		if (__atomic_load_n(&ring->page->data_head, __ATOMIC_RELAXED) != ring->head)
			return true;
	}
	return false;
}

/* Returns what epoll_wait does; 0 with *found: it was seen by looking. */
static int wait_for_rings(const struct pp_session *session, struct epoll_event *events, int most, uint32_t timeout_ms, bool *found)
{
	const uint64_t until = now_ms() + timeout_ms;

	for (uint64_t left = timeout_ms;; left = until - now_ms()) {
		const bool last = left <= LOOK_EVERY_MS;
		const int count = epoll_wait(session->all, events, most, last ? (int)left : LOOK_EVERY_MS);
		*found = count == 0 && has_more(&session->merge);
		if (count != 0 || *found || last || now_ms() >= until)
			return count;
	}
}

int32_t pp_session_wait(struct pp_session *session, uint32_t timeout_ms, uint32_t pause)
{
	struct epoll_event events[32];
	const int most = sizeof(events) / sizeof(*events);
	int32_t result = 0;

	if (session->targets.ask_proc && timeout_ms > PROC_EVERY_MS)
		timeout_ms = PROC_EVERY_MS;
	int timeout = timeout_ms > INT32_MAX ? INT32_MAX : (int)timeout_ms;
	if (!pause) {
		bool found;
		const bool queued = session->spill && !pp_spill_wait_begins(session->spill);
		const int count = wait_for_rings(session, events, most, queued ? 0 : timeout_ms, &found);
		if (session->spill)
			pp_spill_wait_ends(session->spill);
		result |= take_rings(session, events, count) | (queued || found ? PP_WAIT_DATA : 0);
		timeout = 0;
	}
	result |= take_control(session, events, epoll_wait(session->control, events, most, timeout));
	if (session->targets.ask_proc && now_ms() - session->proc_asked_at >= PROC_EVERY_MS) {
		session->proc_asked_at = now_ms();
		result |= look_for_ends(session);
	}
	return result;
}

int32_t pp_session_wait_here(struct pp_session *session, uint32_t timeout_ms)
{
	errno = 0;
	const int32_t result = pp_session_wait(session, timeout_ms, 0);
	return result == 0 && errno == EINTR ? PP_WAIT_WOKEN : result;
}

void pp_session_wake(struct pp_session *session)
{
	const uint64_t one = 1;

	/* It fails only when the counter is full, and then the wait ends as well. */
	(void)!write(session->wake, &one, sizeof(one));
}

void pp_wait_close(struct pp_session *session)
{
	const int fds[] = {session->wake, session->control, session->all};

	for (size_t i = 0; i < sizeof(fds) / sizeof(*fds); i++) {
		if (fds[i] >= 0)
			close(fds[i]);
	}
}
