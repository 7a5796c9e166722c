/* SPDX-License-Identifier: MIT */
/*
 * What the files of compiled handlers share: handler.c (a shared object and its callbacks), handler_host.c (what it is offered),
 * handler_sink.c (samples on their way to it), handler_crash.c (naming the one that crashed). The sink is what merge.c, spill.c and
 * replay.c know of them.
 */
#ifndef PERFPROF_HANDLERS_INTERNAL_H
#define PERFPROF_HANDLERS_INTERNAL_H

#include "internal.h"
#include "perfprof_handler.h"

typedef void pp_event_callback(const struct pp_event *event);

/* What becomes of the samples of one event of a session. */
struct pp_route {
	pp_event_callback *call; /* NULL: nobody wants them */
	int32_t watch_id;	 /* pp_watch_name of the callback */
	uint32_t source;
	uint16_t tid_at; /* of PERF_SAMPLE_TID in a sample, from its header; TIME follows */
	bool taken;	 /* they come here, and not into the buffer */
};

/* Where samples go instead of a buffer. Used by one thread, and only within its reads. */
struct pp_sink {
	struct pp_handing *handing;
	struct pp_watch *watch;
	struct pp_route *routes; /* by the session's event */
	uint32_t route_count;
	int32_t running;       /* watch_id of the callback that was called last in this read */
	bool unflushed;	       /* a handler was called since stdout was flushed */
	const uint8_t *buffer; /* of this read: once it holds a record, samples behind that have to wait */
	uint8_t joined[UINT16_MAX + 1] __attribute__((aligned(8))); /* a record that wraps in its ring */
};

static inline bool pp_sink_takes(const struct pp_sink *sink, uint32_t event)
{
	return sink && event < sink->route_count && sink->routes[event].taken;
}

/* True once the read is to end before the next sample of theirs. */
static inline bool pp_sink_left(const struct pp_sink *sink)
{
	return sink && sink->handing->left != PP_LEFT_DONE;
}

/* Around the hand-overs of a read into `buffer`. NULL is fine. */
void pp_sink_begin(struct pp_sink *sink, const uint8_t *buffer);
void pp_sink_end(struct pp_sink *sink);
/* Hands a sample over, or passes over it. `at` is where the next record of the buffer would go. False: the read ends before it,
 * and handing->left says why. */
bool pp_sink_hand(struct pp_sink *sink, uint32_t event, uint32_t cpu, uint64_t time, const uint8_t *record, const uint8_t *at);

/* Samples of one event, one behind the other in memory and in order, and what became of them. */
struct pp_stretch {
	const uint8_t *at; /* the next one */
	const uint8_t *end;
	uint32_t time_offset; /* of the time, from a sample's header */
	uint64_t bound;	      /* nothing newer is handed over */
	uint64_t count;	      /* those that were, or were passed over */
	uint64_t time;	      /* of the last of them */
};

/* As pp_sink_hand, for a stretch: up to one that does not end within it. False: the read ends before the next one, or that is newer
 * than the bound. */
bool pp_sink_hand_stretch(struct pp_sink *sink, uint32_t event, uint32_t cpu, struct pp_stretch *stretch, const uint8_t *at);

/* ---- handler.c ---- */

struct pp_handlers {
	void *object; /* of dlopen */
	char *path;
	void **functions; /* callbacks by the numbers that pp_handlers_find gave */
	uint32_t function_count;
	struct pp_host *host; /* the caller's */
	char why[512];	      /* of pp_give_up */
	struct pp_sink sink;
};

/* ---- handler_host.c ---- */

/* Fills in what C does by itself. There is one handler in a process. */
void pp_host_complete(struct pp_host *host, char *why, uint32_t why_size);

/* ---- handler_crash.c ---- */

/* From now on a crash within a callback is told by its name, before what happened without this. */
void pp_crash_watch(const struct pp_watch *watch);

#endif
