/* SPDX-License-Identifier: MIT */
/*
 * Names the compiled handler that crashes: one line, and then whatever happens without it (a core dump, status 139). A fault that
 * is not a handler's is passed on unseen: V8 and Rust's runtime have uses of their own for these signals.
 */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "handler.h"

static struct fault {
	int signal;
	const char *name;
	struct sigaction before;
} faults[] = {{.signal = SIGSEGV, .name = "SIGSEGV"},
	      {.signal = SIGBUS, .name = "SIGBUS"},
	      {.signal = SIGILL, .name = "SIGILL"},
	      {.signal = SIGFPE, .name = "SIGFPE"},
	      {.signal = SIGABRT, .name = "SIGABRT"}};
#define FAULTS (sizeof(faults) / sizeof(*faults))

static const struct pp_watch *watch;
static pthread_t handlers_thread;
static volatile sig_atomic_t said;

/* Async-signal-safe: a walk over names that are never freed, and writes. */
static void say(const struct fault *fault, const char *name)
{
	const char *parts[] = {"perfprof: ", name, " crashed (", fault->name, ")\n"};

	for (size_t i = 0; i < sizeof(parts) / sizeof(*parts); i++)
		(void)!write(STDERR_FILENO, parts[i], strlen(parts[i]));
}

static void on_fault(int sig, siginfo_t *info, void *context)
{
	const int saved = errno;
	struct fault *fault = faults;

	while (fault->signal != sig)
		fault++;
	const char *name = pp_watch_name_of(__atomic_load_n(&watch->running, __ATOMIC_RELAXED));
	const bool is_handlers = name && pthread_equal(pthread_self(), handlers_thread);
	const struct sigaction *before = &fault->before;
	/* Once: of an overflowed stack Rust's runtime makes a SIGABRT. */
	if (is_handlers && !said) {
		said = 1;
		say(fault, name);
	}
	if (is_handlers || before->sa_handler == SIG_DFL) {
		/* The instruction faults again when this has returned; a signal that somebody sent does not. */
		sigaction(sig, before, NULL);
		if (info->si_code <= 0)
			raise(sig);
	} else if (before->sa_flags & SA_SIGINFO) {
		before->sa_sigaction(sig, info, context);
	} else if (before->sa_handler != SIG_IGN) {
		before->sa_handler(sig);
	}
	errno = saved;
}

void pp_crash_watch(const struct pp_watch *of)
{
	struct sigaction action = {.sa_sigaction = on_fault};

	if (watch)
		return;
	watch = of;
	handlers_thread = pthread_self();
	for (size_t i = 0; i < FAULTS; i++) {
		sigaction(faults[i].signal, NULL, &faults[i].before);
		/* On the stack that the runtime has set aside for it: a handler's own may have overflowed. */
		action.sa_flags = SA_SIGINFO | SA_ONSTACK;
		action.sa_mask = faults[i].before.sa_mask;
		sigaction(faults[i].signal, &action, NULL);
	}
}
