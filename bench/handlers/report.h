/* SPDX-License-Identifier: MIT */
/*
 * What the measured handlers in C share: they say "ready" before the first event, and their counts as JSON at the end, on stderr,
 * as report.ts does. The measured part is the event handler alone.
 */
#include <inttypes.h>
#include <perfprof_handler.h>
#include <stdio.h>

PERFPROF_HANDLER;

static struct {
	uint64_t events, lost;
} counts;

static struct pp_field id;

int __init__(void)
{
	fputs("ready\n", stderr);
	return pp_field_find("raw_syscalls:sys_enter", "id", &id);
}

void __lost__(uint64_t start, uint64_t end, const struct pp_lost_info *info)
{
	(void)start;
	(void)end;
	counts.lost += info->count;
}

void __exit__(void)
{
	fprintf(stderr, "{\"events\":%" PRIu64 ",\"lost\":%" PRIu64 "}\n", counts.events, counts.lost);
}
