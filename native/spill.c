/* SPDX-License-Identifier: MIT */
/*
 * The spill: while the caller's thread is away, a thread of the session runs the merge in its stead, into a queue of memory that
 * all rings share (queue.c). Owns the queue, the thread, and the lock on the merge; only sessions with options.queue_bytes have
 * one.
 *
 * What is queued is the stream itself (prefix and record, in order), so a read hands out what is queued before it merges again, and
 * nothing else changes. The caller's struct pp_state is written in the caller's calls only: the merge counts into one of our own.
 *
 * The thread does not poll the rings' fds: the kernel clears their readiness as it reports it, and a wait of the caller would miss
 * it. It looks at their heads, but only while the caller is out of pp_session_wait.
 */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "session.h"

/* A ring that is more than half full at two ticks in a row has a reader that is away, or cannot keep up. One of 512 KiB is full
 * after 20 ms at 200,000 events/s of 128 bytes. */
#define TICK_NS 2000000

struct pp_spill {
	struct pp_session *session;
	struct pp_state state; /* what the merge writes */
	pthread_mutex_t lock;  /* on all of this, and on the merge */
	pthread_cond_t wake;
	pthread_t thread;
	bool started;
	bool stopping;
	bool waiting;	/* the caller is in pp_session_wait, and sees the rings for itself */
	bool resting;	/* the thread sleeps until that has changed */
	int32_t wanted; /* atomic, the one thing outside of the lock: the caller asks for it */
	struct pp_queue queue;
};

/* ---- into the queue ---- */

/* Merges at head, at most `size` bytes: a caller that comes back waits for no more than PP_QUEUE_CHUNK. */
static void merge_chunk(struct pp_spill *spill, uint32_t size)
{
	uint8_t *begin = spill->queue.bytes + spill->queue.head;
	struct pp_out out = {.at = begin, .end = begin + (size < PP_QUEUE_CHUNK ? size : PP_QUEUE_CHUNK)};

	pp_session_merge(spill->session, &out);
	pp_queue_put(&spill->queue, (uint32_t)(out.at - begin));
}

/* Merges what the rings hold now, until the queue is full or the caller is back. */
static void fill(struct pp_spill *spill)
{
	uint32_t size;

	while ((size = pp_queue_room(&spill->queue)) > 0) {
		merge_chunk(spill, size);
		if (!spill->state.more || __atomic_load_n(&spill->wanted, __ATOMIC_RELAXED))
			return;
	}
}

/* ---- out of it ---- */

static uint64_t sample_time(const struct pp_session *session, uint32_t event, const uint8_t *record)
{
	const struct pp_slot slot = pp_event_slot(&session->events[event], event);
	uint64_t time;

	memcpy(&time, record + (slot.brief ? 0 : slot.time_offset), sizeof(time));
	return time;
}

static void note_sample(const struct pp_session *session, uint32_t event, const uint8_t *record)
{
	struct pp_state *state = session->state;

	if (event == PP_EVENT_LOST)
		return;
	if (!session->events[event].brief && ((const struct perf_event_header *)record)->type != PERF_RECORD_SAMPLE)
		return;
	const uint64_t time = sample_time(session, event, record);
	state->batch_samples++;
	if (time > state->batch_newest)
		state->batch_newest = time;
}

static struct pp_prefix prefix_at(const uint8_t *at)
{
	struct pp_prefix prefix;

	memcpy(&prefix, at, sizeof(prefix));
	return prefix;
}

/* Hands the records from `at` to handlers, as far as that goes. Returns where it ended. */
static const uint8_t *hand_over(struct pp_spill *spill, const uint8_t *at, const uint8_t *stop, const struct pp_out *out)
{
	while (at < stop) {
		const struct pp_prefix prefix = prefix_at(at);
		const uint8_t *record = at + sizeof(prefix);
		if (!pp_sink_takes(out->sink, prefix.event) ||
		    !pp_sink_hand(out->sink, prefix.event, prefix.cpu, sample_time(spill->session, prefix.event, record), record,
				  out->at))
			break;
		note_sample(spill->session, prefix.event, record);
		at = record + prefix.size;
	}
	return at;
}

/* Copies the records from `at` to the caller's buffer, as many as fit before one that a handler takes. Returns where it ended. */
static const uint8_t *copy_out(struct pp_spill *spill, const uint8_t *begin, const uint8_t *stop, struct pp_out *out)
{
	const uint8_t *at = begin;

	while (at < stop) {
		const struct pp_prefix prefix = prefix_at(at);
		const uint32_t size = (uint32_t)sizeof(prefix) + prefix.size;
		if (pp_sink_takes(out->sink, prefix.event))
			break;
		if (size > out->end - out->at - (at - begin)) {
			out->need = size;
			break;
		}
		note_sample(spill->session, prefix.event, at + sizeof(prefix));
		at += size;
	}
	memcpy(out->at, begin, (size_t)(at - begin));
	out->at += at - begin;
	return at;
}

/* Moves the oldest records to handlers, and then to the caller's buffer. Handlers run without the lock: what is queued up to `stop`
 * is the caller's until the tail has moved, and the thread may write behind it. */
static void take(struct pp_spill *spill, struct pp_out *out)
{
	const struct pp_queue *queue = &spill->queue;
	const uint8_t *begin = queue->bytes + queue->tail, *stop = queue->bytes + (queue->wrapped ? queue->end : queue->head);
	const uint8_t *at = begin;

	if (out->sink) {
		pthread_mutex_unlock(&spill->lock);
		at = hand_over(spill, begin, stop, out);
		pp_spill_lock(spill);
	}
	if (!pp_sink_left(out->sink))
		at = copy_out(spill, at, stop, out);
	pp_queue_drop(&spill->queue, (uint32_t)(at - begin));
}

/* ---- the thread ---- */

static bool is_behind(const struct pp_merge *merge)
{
	for (uint32_t i = 0; i < merge->ring_count; i++) {
		const struct pp_ring *ring = &merge->rings[i];
		const uint64_t head = __atomic_load_n(&ring->page->data_head, __ATOMIC_RELAXED);
		if (head - ring->page->data_tail > ring->mask / 2)
			return true;
	}
	return false;
}

static void sleep_tick(struct pp_spill *spill)
{
	struct timespec until;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_nsec += TICK_NS;
	until.tv_sec += until.tv_nsec / 1000000000;
	until.tv_nsec %= 1000000000;
	pthread_cond_timedwait(&spill->wake, &spill->lock, &until);
}

static void *spill_main(void *argument)
{
	struct pp_spill *spill = argument;
	bool behind = false;

	pthread_mutex_lock(&spill->lock);
	while (!spill->stopping) {
		spill->resting = spill->waiting;
		if (spill->resting)
			pthread_cond_wait(&spill->wake, &spill->lock);
		else
			sleep_tick(spill);
		const bool before = behind;
		behind = !spill->stopping && !spill->waiting && is_behind(&spill->session->merge);
		if (before && behind)
			fill(spill);
	}
	pthread_mutex_unlock(&spill->lock);
	return NULL;
}

/* ---- the caller's side ---- */

int32_t pp_spill_new(struct pp_session *session, struct pp_error *err)
{
	const uint32_t size = session->options.queue_bytes & ~7U;
	pthread_condattr_t monotonic;

	if (size < PP_QUEUE_CHUNK)
		return pp_fail(err, PP_E_ARG, 0, "session options: queue_bytes=%u", size);
	struct pp_spill *spill = calloc(1, sizeof(*spill));
	if (!spill)
		return pp_fail(err, PP_E_NOMEM, ENOMEM, "queue of %u bytes", size);
	spill->session = session;
	spill->state = *session->state;
	const int32_t ret = pp_queue_init(&spill->queue, size, err);
	if (ret < 0) {
		free(spill);
		return ret;
	}
	pthread_mutex_init(&spill->lock, NULL);
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&spill->wake, &monotonic);
	pthread_condattr_destroy(&monotonic);
	session->merge.table.state = &spill->state;
	session->spill = spill;
	return 0;
}

int32_t pp_spill_start(struct pp_spill *spill, struct pp_error *err)
{
	const int reason = pp_thread_start(&spill->thread, spill_main, spill);

	if (reason != 0)
		return pp_fail(err, PP_E_SYS, reason, "start the thread of the queue");
	spill->started = true;
	return 0;
}

void pp_spill_lock(struct pp_spill *spill)
{
	__atomic_store_n(&spill->wanted, 1, __ATOMIC_RELAXED);
	pthread_mutex_lock(&spill->lock);
	__atomic_store_n(&spill->wanted, 0, __ATOMIC_RELAXED);
}

void pp_spill_unlock(struct pp_spill *spill)
{
	const struct pp_state *from = &spill->state;
	struct pp_state *to = spill->session->state;

	to->delivered = from->delivered;
	to->lost = from->lost;
	to->late = from->late;
	to->excluded = from->excluded;
	to->sideband_lost = from->sideband_lost;
	to->damaged = from->damaged;
	pthread_mutex_unlock(&spill->lock);
}

/* Handlers get their events from the queue: while a slow one runs, the thread must be able to merge. What they take is in no buffer
 * that would tell the caller to ask again, so it is gone on to the end of what the rings held when this read looked. */
static void take_all(struct pp_spill *spill, struct pp_out *out)
{
	const uint8_t *begin = out->at;

	for (bool last = false; !last && out->at == begin && out->need == 0 && !pp_sink_left(out->sink);) {
		if (pp_queue_is_empty(&spill->queue)) {
			merge_chunk(spill, pp_queue_room(&spill->queue));
			last = !spill->state.more;
		}
		take(spill, out);
	}
}

void pp_spill_read(struct pp_spill *spill, struct pp_out *out)
{
	const struct pp_state *merged = &spill->state;
	struct pp_state *state = spill->session->state;

	pp_spill_lock(spill);
	if (pp_queue_is_empty(&spill->queue) && !out->sink) {
		pp_session_merge(spill->session, out);
		state->batch_newest = merged->batch_newest;
		state->batch_samples = merged->batch_samples;
	} else {
		state->batch_newest = 0;
		state->batch_samples = 0;
		if (out->sink)
			take_all(spill, out);
		else
			take(spill, out);
	}
	state->pending = merged->pending;
	state->more = !pp_queue_is_empty(&spill->queue) || merged->more;
	/* What was merged is delivered once nothing of it is queued. */
	if (pp_queue_is_empty(&spill->queue))
		state->safe_time = merged->safe_time;
	pp_spill_unlock(spill);
}

bool pp_spill_wait_begins(struct pp_spill *spill)
{
	pp_spill_lock(spill);
	spill->waiting = pp_queue_is_empty(&spill->queue);
	const bool waits = spill->waiting;
	pthread_mutex_unlock(&spill->lock);
	return waits;
}

void pp_spill_wait_ends(struct pp_spill *spill)
{
	pp_spill_lock(spill);
	spill->waiting = false;
	if (spill->resting)
		pthread_cond_signal(&spill->wake);
	pthread_mutex_unlock(&spill->lock);
}

void pp_spill_stop(struct pp_spill *spill)
{
	if (!spill->started)
		return;
	pp_spill_lock(spill);
	spill->stopping = true;
	pthread_cond_signal(&spill->wake);
	pthread_mutex_unlock(&spill->lock);
	pthread_join(spill->thread, NULL);
	spill->started = false;
}

void pp_spill_free(struct pp_spill *spill)
{
	pp_spill_stop(spill);
	pthread_cond_destroy(&spill->wake);
	pthread_mutex_destroy(&spill->lock);
	pp_queue_free(&spill->queue);
	free(spill);
}
