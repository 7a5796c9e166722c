/* SPDX-License-Identifier: MIT */
/*
 * What the files of a session share: event.c (one event and its file descriptors), target.c (whose events), ring.c (one ring and
 * its window), ids.c (whose a record is), merge.c (rings -> one stream), loss.c (what the kernel lost), spill.c (the stream while
 * the caller is away), queue.c (its memory), wait.c (sleeping), open.c (opening it all), close.c (closing the events), session.c
 * (the calls of perfprof.h). What becomes of samples that compiled handlers take is handler_sink.c's.
 *
 * The merge (struct pp_merge with its rings and slots) knows neither file descriptors nor clocks, so that tests run it over plain
 * memory.
 */
#ifndef PERFPROF_SESSION_H
#define PERFPROF_SESSION_H

#include <linux/perf_event.h>

#include "handler.h"

#ifndef PERF_FORMAT_LOST /* headers before 6.0 */
#define PERF_FORMAT_LOST (1U << 4)
#endif

/* ---- slots: what the id in a record leads to ---- */

/* One event on one CPU. The slots of a ring lie next to one another. */
struct pp_slot {
	uint64_t delivered;
	uint64_t excluded;
	uint64_t lost;	       /* all that are known */
	uint64_t unplaced;     /* of `lost`: not yet given to a place in the stream */
	uint64_t due;	       /* of `lost`: told before the ring's next sample */
	uint32_t event;	       /* index in the session */
	uint16_t time_offset;  /* of PERF_SAMPLE_TIME in a sample, from its header */
	uint16_t pid_offset;   /* 0: its samples are wanted whoever made them */
	uint16_t time_trailer; /* of PERF_SAMPLE_TIME in any other record, from its end */
	bool sideband;
	bool brief; /* the reader gets only the times of its samples */
};

/* id -> slot. Ids count up from 1, so that `id & mask` spreads those of one session without a collision; 0 is a free place. */
struct pp_ids {
	struct pp_id {
		uint64_t id;
		uint32_t slot;
	} * places;
	uint64_t mask;
	uint32_t count;
};

#define PP_NO_SLOT UINT32_MAX
int32_t pp_ids_add(struct pp_ids *ids, uint64_t id, uint32_t slot, struct pp_error *err);

static inline uint32_t pp_ids_find(const struct pp_ids *ids, uint64_t id)
{
	for (uint64_t i = id & ids->mask; ids->places[i].id != 0; i = (i + 1) & ids->mask) {
		if (ids->places[i].id == id)
			return ids->places[i].slot;
	}
	return PP_NO_SLOT;
}

/* ---- ring.c ---- */

/*
 * Records of a ring are put in order within a window: an interrupt between the reading of a sample's time and the reservation of
 * its place writes later times before it. At least PP_WINDOW / 2 records are compared; reading their headers so far ahead also
 * fetches them into the cache before they are copied.
 */
#define PP_WINDOW 64

struct pp_entry {
	uint64_t time;
	uint64_t at; /* its place, counted as data_head counts */
	uint32_t slot;
	uint16_t size;
	uint16_t type; /* PERF_RECORD_* */
};

struct pp_ring {
	struct perf_event_mmap_page *page;
	const uint8_t *data;
	uint64_t mask;	    /* data bytes - 1 */
	uint64_t head;	    /* of the current pass */
	uint64_t next;	    /* where the record after those of the window begins */
	uint64_t last_time; /* of its last sample delivered, or when it was enabled */
	uint64_t due;	    /* losses to tell before its next sample; see loss.c */
	uint64_t unknown_due;
	uint64_t unknown_lost;
	uint32_t cpu;
	uint32_t first_slot;
	uint32_t slot_count;
	uint32_t first_fd; /* in the session; the ring's fds lie next to one another */
	uint32_t fd_count;
	uint32_t first; /* the window: a queue in order of time */
	uint32_t count;
	bool sideband;	  /* none of its events samples */
	bool nearly_full; /* since the counters were read last: it may have lost records without a PERF_RECORD_LOST yet */
	bool touched;	  /* in this read: data_tail is to be moved */
	int owner;	  /* the fd that is mapped */
	size_t mapped;	  /* bytes, 0 where the memory is not ours */
	struct pp_entry window[PP_WINDOW];
};

/* What records are understood by. */
struct pp_table {
	struct pp_slot *slots;
	uint32_t slot_count;
	struct pp_ids ids;
	uint64_t order_mask; /* ~0 compares times; 0 keeps the order of the ring */
	uint32_t self;	     /* samples of this process are dropped, 0: none are */
	struct pp_state *state;
};

/* A ring over memory of the caller: the mmap page and `size` bytes (a power of two) of data. */
void pp_ring_init(struct pp_ring *ring, struct perf_event_mmap_page *page, const uint8_t *data, uint64_t size, uint32_t cpu);
/* Maps `pages` data pages of ring->owner. Returns 0 or the errno. */
int pp_ring_map(struct pp_ring *ring, uint32_t pages);
/* Unmaps, and closes the owner. */
void pp_ring_close(struct pp_ring *ring);
/* Takes what the kernel has published until now. */
void pp_ring_snapshot(struct pp_ring *ring, struct pp_table *table);
/* Fills the window from the snapshot. */
void pp_ring_fill(struct pp_ring *ring, struct pp_table *table);
/* Copies `size` bytes, joining what wraps. */
void pp_ring_copy(const struct pp_ring *ring, uint64_t at, uint8_t *to, uint32_t size);
/* Gives what was delivered back to the kernel. */
void pp_ring_release(struct pp_ring *ring);

/* Records lie at multiples of 8 in a ring whose size is one too, so that a u64 of a record never wraps. */
static inline uint64_t pp_ring_u64(const struct pp_ring *ring, uint64_t at)
{
	uint64_t value;
	__builtin_memcpy(&value, ring->data + (at & ring->mask), sizeof(value));
	return value;
}

/* ---- merge.c ---- */

/* The buffer of a read. */
struct pp_out {
	uint8_t *at;
	uint8_t *end;
	uint32_t need;	      /* bytes of the first record that did not fit, 0: all did */
	struct pp_sink *sink; /* of compiled handlers, NULL: there are none */
};

struct pp_merge {
	struct pp_table table;
	struct pp_ring *rings;
	uint32_t ring_count;
	uint64_t limit;	 /* of the pass: nothing newer is delivered */
	uint64_t newest; /* time delivered so far */
	int64_t offset;	 /* pp_clock_offset: added to the times that leave; all others here are of the kernel's clock */
	/* Rings with something to deliver in this pass; the one with the oldest record is at the root. */
	struct pp_heap_item {
		uint64_t key;
		struct pp_ring *ring;
	} * heap;
	uint32_t heap_count;
	struct pp_ring **touched; /* in this read */
	uint32_t touched_count;
	/* Reads the lost counters of a ring's fds into its slots. */
	void (*read_lost)(void *owner, struct pp_ring *ring);
	void *owner;
};

/* Takes rings and slots (its own from now on, freed by pp_merge_free). */
int32_t pp_merge_init(struct pp_merge *merge, struct pp_ring *rings, uint32_t ring_count, struct pp_error *err);
void pp_merge_free(struct pp_merge *merge);
/* Begins a pass: snapshots every ring. Records with a time up to `limit` are deliverable. */
void pp_merge_start(struct pp_merge *merge, uint64_t limit);
/* Copies what fits; the pass is exhausted when heap_count is 0. */
void pp_merge_copy(struct pp_merge *merge, struct pp_out *out);
/* Room for a record of `size` bytes, with its prefix filled in; NULL (and out->need) where it does not fit. */
uint8_t *pp_out_put(struct pp_out *out, uint32_t size, uint32_t event, uint32_t cpu);

/* ---- loss.c ---- */

/* `lost` samples of a slot became known. */
void pp_loss_count(struct pp_merge *merge, struct pp_slot *slot, uint64_t lost);
/* A PERF_RECORD_LOST of `lost` records stands here in the ring. */
void pp_loss_place(struct pp_merge *merge, struct pp_ring *ring, uint64_t lost);
/* All that is unplaced becomes due: nothing follows any more. */
void pp_loss_place_rest(struct pp_merge *merge, struct pp_ring *ring);
/* Tells what is due, as lost before `end`. False when the buffer is full. */
bool pp_loss_tell(struct pp_merge *merge, struct pp_ring *ring, uint64_t end, struct pp_out *out);

/* ---- event.c ---- */

#define PP_ATTR_MAX 256
#define PP_CPU_MAX  65536 /* pp_prefix.cpu */

struct pp_kernel_event {
	union {
		struct perf_event_attr fields;
		uint8_t bytes[PP_ATTR_MAX]; /* a newer attr than this header's passes through */
	} attr;
	char *name;
	char *filter; /* NULL: none */
	uint32_t *cpus;
	uint32_t cpu_count;
	bool sideband;
	bool probe;
	bool every_task;
	bool brief;
	uint32_t leader; /* of its group; PP_NO_LEADER: it is in none, or leads one */
};
#define PP_NO_LEADER UINT32_MAX
#define PP_GROUP_MAX 64 /* members, with the leader */

struct pp_fd {
	uint64_t lost; /* the counter when it was read last */
	int fd;
	uint32_t slot;
};

/* What an event is opened on: a thread, a cgroup's fd, or -1 (every task). */
struct pp_aim {
	int32_t pid;
	unsigned long flags; /* PERF_FLAG_* */
};

int32_t pp_event_init(struct pp_kernel_event *event, const uint8_t *attr, uint32_t attr_size, const char *name,
		      const uint32_t *cpus, uint32_t cpu_count, uint32_t flags, struct pp_error *err);
void pp_event_free(struct pp_kernel_event *event);
/* Where id and time sit in its records. */
struct pp_slot pp_event_slot(const struct pp_kernel_event *event, uint32_t index);
bool pp_event_on_cpu(const struct pp_kernel_event *event, uint32_t cpu);
/* Opens it disabled, in the group of the fd `leader` or with -1 in none. Returns the fd. */
int32_t pp_event_open(const struct pp_kernel_event *event, uint32_t index, struct pp_aim aim, uint32_t cpu, int leader,
		      struct pp_error *err);
/* Opens the disabled dummy that owns the ring of a CPU. Returns the fd. */
int32_t pp_event_open_owner(int32_t clockid, uint32_t watermark, uint32_t cpu, struct pp_error *err);
/* Gives the kernel the event's filter; a tracepoint's also has `self` in it: "", or terms that leave this process out. */
int32_t pp_event_set_filter(const struct pp_kernel_event *event, uint32_t index, int fd, const char *self, struct pp_error *err);
/* The lost counter in what read() of an fd gives; false where the kernel does not count. */
bool pp_event_read_lost(const struct pp_kernel_event *event, int fd, uint64_t *lost);

/* ---- target.c ---- */

struct pp_task_target {
	uint32_t pid;
	int pidfd; /* -1: the kernel has none for a thread; /proc is asked instead */
	bool whole_process;
	bool ended;
};

struct pp_targets {
	struct pp_task_target *tasks;
	uint32_t task_count;
	uint32_t tasks_ended;
	int *cgroups;
	uint32_t cgroup_count;
	bool ask_proc; /* of a task without a pidfd */
};

int32_t pp_targets_add_task(struct pp_targets *targets, uint32_t pid, bool whole_process, struct pp_error *err);
int32_t pp_targets_add_cgroup(struct pp_targets *targets, const char *path, struct pp_error *err);
/* What to open every event on, *out to be freed. Returns how many. */
int32_t pp_targets_aims(const struct pp_targets *targets, struct pp_command *command, struct pp_aim **out, struct pp_error *err);
/* Looks for tasks that ended, by their pidfds (taken out of `epoll` then) or by /proc. True when all have. */
bool pp_targets_ended(struct pp_targets *targets, int epoll);
void pp_targets_close(struct pp_targets *targets);

/* ---- the session ---- */

struct pp_session {
	struct pp_options options;
	struct pp_state *state;
	struct pp_kernel_event *events;
	uint32_t event_count;
	struct pp_targets targets;
	struct pp_command *command;
	struct pp_merge merge;
	struct pp_spill *spill; /* NULL: rings only */
	struct pp_fd *fds;
	uint32_t fd_count;
	/* Times of the clock that the kernel stamps with. */
	uint64_t now; /* at the start of the last pass */
	uint64_t enabled_at;
	uint64_t disabled_at;	/* 0: not yet */
	uint64_t counted_at;	/* when the counters of nearly full rings were read last */
	uint64_t clock_read_at; /* CLOCK_MONOTONIC of `clock_value`; for PP_CLOCK_PERF only */
	uint64_t clock_value;
	bool rest_placed;	/* after the last pass: all losses are due */
	uint64_t proc_asked_at; /* CLOCK_MONOTONIC */
	/* Two sets of epoll: `control` has what a rest is ended by; `all` has that and the rings. */
	int control;
	int all;
	int wake;
};

/* session.c: one read from the rings. Its counts go to merge.table.state. */
void pp_session_merge(struct pp_session *session, struct pp_out *out);

/* ---- queue.c ---- */

/* Merged into it at a time. */
#define PP_QUEUE_CHUNK (2 * PP_RECORD_MAX)

/* Whole records in [tail, head), or in [tail, end) and then [0, head) when `wrapped`. */
struct pp_queue {
	uint8_t *bytes;
	uint32_t size, head, tail, end;
	uint32_t reached; /* bytes written to since it was empty */
	bool wrapped;
};

static inline bool pp_queue_is_empty(const struct pp_queue *queue)
{
	return !queue->wrapped && queue->tail == queue->head;
}

/* Maps `size` bytes, freed by pp_queue_free. */
int32_t pp_queue_init(struct pp_queue *queue, uint32_t size, struct pp_error *err);
void pp_queue_free(struct pp_queue *queue);
/* Bytes that may be written at head, at least one record; 0: it is full. */
uint32_t pp_queue_room(struct pp_queue *queue);
/* `size` bytes of records were written at head. */
void pp_queue_put(struct pp_queue *queue, uint32_t size);
/* The oldest `size` bytes, whole records, are done with. */
void pp_queue_drop(struct pp_queue *queue, uint32_t size);

/* spill.c */
/* Makes session->spill, and has the merge count into it. */
int32_t pp_spill_new(struct pp_session *session, struct pp_error *err);
int32_t pp_spill_start(struct pp_spill *spill, struct pp_error *err);
/* Ends the thread; what is queued stays. */
void pp_spill_stop(struct pp_spill *spill);
void pp_spill_free(struct pp_spill *spill);
/* Around what the caller does with the merge; the second also brings its counts to the caller's state. */
void pp_spill_lock(struct pp_spill *spill);
void pp_spill_unlock(struct pp_spill *spill);
/* A read: from the queue, or where that is empty from the rings. */
void pp_spill_read(struct pp_spill *spill, struct pp_out *out);
/* Around a wait: the thread need not watch the rings. False: something is queued, so there is nothing to wait for. */
bool pp_spill_wait_begins(struct pp_spill *spill);
void pp_spill_wait_ends(struct pp_spill *spill);

/* wait.c */
int32_t pp_wait_init(struct pp_session *session, struct pp_error *err);
int32_t pp_wait_watch_tasks(struct pp_session *session, struct pp_error *err);
int32_t pp_wait_watch_rings(struct pp_session *session, struct pp_error *err);
void pp_wait_close(struct pp_session *session);

/* open.c */
int32_t pp_open_rings(struct pp_session *session, struct pp_error *err);
int32_t pp_open_events(struct pp_session *session, struct pp_error *err);

/* close.c */
/* Closes all fds of events; where it takes long, in a child that outlives the call. */
void pp_close_events(struct pp_session *session);

#endif
