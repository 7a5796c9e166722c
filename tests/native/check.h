/* SPDX-License-Identifier: MIT */
/*
 * What the test programs share: one line per check, "ok WHAT" or "not ok WHAT". Exit status 0: all held, 1: one did not,
 * CHECK_SKIP: this machine cannot run them, and the last line says why.
 */
#ifndef CHECK_H
#define CHECK_H

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#define CHECK_SKIP 77

static int check_failures;

/* `what` is a printf format. Returns whether it held. */
#define check(holds, ...) check_at(holds, __FILE__, __LINE__, __VA_ARGS__)

__attribute__((format(printf, 4, 5))) static inline bool check_at(bool holds, const char *file, int line, const char *what, ...)
{
	va_list args;

	printf(holds ? "ok " : "not ok ");
	va_start(args, what);
	vprintf(what, args);
	va_end(args);
	if (!holds)
		printf(" (%s:%d)", file, line);
	putchar('\n');
	fflush(stdout);
	check_failures += !holds;
	return holds;
}

static inline _Noreturn void check_skip(const char *why)
{
	printf("skip %s\n", why);
	exit(CHECK_SKIP);
}

static inline int check_done(void)
{
	return check_failures ? 1 : 0;
}

#endif
