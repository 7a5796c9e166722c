/* SPDX-License-Identifier: MIT */
/*
 * What C offers to compiled handlers by itself (struct pp_host of perfprof_handler.h): printing, copies of events, the reason of a
 * failure. Names, texts and stacks are TypeScript's, which fills those members.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "handler.h"

#define TEXT_FIRST 1024

/* Of the process's one handler. */
static const struct pp_host *host;
static char *given_up;
static uint32_t given_up_size;

/* By C's own stdout, so that it keeps its place among what the handler prints with printf. */
static int32_t host_print(const struct pp_event *event, uint32_t flags)
{
	int32_t size = TEXT_FIRST, length = 0;
	char *text = NULL;

	for (;;) {
		char *bigger = realloc(text, (size_t)size);
		if (!bigger)
			break;
		text = bigger;
		length = host->text(event, flags, text, (uint32_t)size);
		if (length < size)
			break;
		size = length + 1;
	}
	const bool whole = text && length >= 0 && length < size;
	if (whole) {
		fwrite(text, 1, (size_t)length, stdout);
		fputc('\n', stdout);
	}
	free(text);
	return whole ? 0 : -1;
}

static struct pp_event *host_keep(const struct pp_event *event)
{
	/* The record behind the struct, which ends at a multiple of 8. */
	struct pp_event *kept = malloc(sizeof(*kept) + event->record_size);

	if (!kept)
		return NULL;
	*kept = *event;
	kept->record = memcpy(kept + 1, event->record, event->record_size);
	return kept;
}

static void host_drop(struct pp_event *kept)
{
	free(kept);
}

static void host_give_up(const char *why)
{
	snprintf(given_up, given_up_size, "%s", why);
}

void pp_host_complete(struct pp_host *of, char *why, uint32_t why_size)
{
	host = of;
	given_up = why;
	given_up_size = why_size;
	of->size = sizeof(*of);
	of->print = host_print;
	of->keep = host_keep;
	of->drop = host_drop;
	of->give_up = host_give_up;
}
