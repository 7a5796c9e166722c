/* SPDX-License-Identifier: MIT */
/*
 * How long system calls take: a histogram by powers of two, at the end and with -i at each interval.
 *
 *   gcc -shared -fPIC -O2 -o calls.so calls.c
 *   perfprof -e raw_syscalls:sys_enter,raw_syscalls:sys_exit ./calls.so
 */
#include <inttypes.h>
#include <perfprof_handler.h>
#include <stdio.h>

PERFPROF_HANDLER;

#define TASKS (1 << 16)

/* The call that a thread is in. Threads whose numbers share a place push each other out. */
static struct {
	uint32_t tid;
	int64_t id;
	uint64_t time;
} calls[TASKS];

static uint64_t histogram[64], total;
static struct pp_field enter_id, exit_id;

int __init__(void)
{
	return pp_field_find("raw_syscalls:sys_enter", "id", &enter_id) || pp_field_find("raw_syscalls:sys_exit", "id", &exit_id);
}

PP_EXPORT void raw_syscalls__sys_enter(const struct pp_event *event)
{
	calls[event->tid % TASKS].tid = event->tid;
	calls[event->tid % TASKS].id = pp_get_i64(event, &enter_id);
	calls[event->tid % TASKS].time = event->time;
}

PP_EXPORT void raw_syscalls__sys_exit(const struct pp_event *event)
{
	const uint32_t place = event->tid % TASKS;

	if (calls[place].tid != event->tid || calls[place].id != pp_get_i64(event, &exit_id))
		return;
	calls[place].tid = 0;
	histogram[63 - __builtin_clzll((event->time - calls[place].time) | 1)]++;
	total++;
}

void __interval__(void)
{
	for (int power = 0; power < 64; power++) {
		if (histogram[power] > 0)
			printf("%12" PRIu64 " ns or more: %" PRIu64 "\n", (uint64_t)1 << power, histogram[power]);
	}
	printf("%" PRIu64 " calls\n", total);
}

void __exit__(void)
{
	__interval__();
}
