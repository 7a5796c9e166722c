/* SPDX-License-Identifier: MIT */
/* How the library starts a thread of its own: signals are for the others, and its stack is small. */
#include <pthread.h>
#include <signal.h>

#include "internal.h"

#define STACK_BYTES (256 << 10)

int pp_thread_start(pthread_t *thread, void *(*run)(void *), void *argument)
{
	pthread_attr_t attr;
	sigset_t all, before;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, STACK_BYTES);
	/* A thread starts with its creator's mask. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	const int reason = pthread_create(thread, &attr, run, argument);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	pthread_attr_destroy(&attr);
	return reason;
}
