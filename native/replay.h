/* SPDX-License-Identifier: MIT */
/*
 * What the files that read recordings (perf.data) share. A record's way: replay_input.c takes whole ones out of the file or pipe,
 * replay_record.c finds whose it is and gives it the layout that live ones have, replay_order.c sorts the rounds, replay.c hands
 * them out. replay_header.c has read before whose records there are. Nothing here trusts a length of the file.
 */
#ifndef PERFPROF_REPLAY_H
#define PERFPROF_REPLAY_H

#include <linux/perf_event.h>
#include <string.h>

#include "internal.h"

/* include/linux/perf_event.h knows those of the kernel; these are perf's own (tools/lib/perf/include/perf/event.h). */
enum pp_perf_record {
	PP_PERF_USER_FIRST = 64,
	PP_PERF_HEADER_ATTR = 64,
	PP_PERF_HEADER_EVENT_TYPE = 65,
	PP_PERF_TRACING_DATA = 66,
	PP_PERF_HEADER_BUILD_ID = 67,
	PP_PERF_FINISHED_ROUND = 68,
	PP_PERF_AUXTRACE = 71,
	PP_PERF_EVENT_UPDATE = 78,
	PP_PERF_HEADER_FEATURE = 80,
	PP_PERF_COMPRESSED = 81,
	PP_PERF_COMPRESSED2 = 83,
};

/* Bits of the header's feature mask (tools/perf/util/header.h). */
enum pp_perf_feature {
	PP_FEATURE_TRACING_DATA = 1,
	PP_FEATURE_BUILD_ID = 2,
	PP_FEATURE_COUNT = 256,
};

static inline uint16_t pp_load16(const uint8_t *at)
{
	uint16_t value;

	memcpy(&value, at, sizeof(value));
	return value;
}

static inline uint32_t pp_load32(const uint8_t *at)
{
	uint32_t value;

	memcpy(&value, at, sizeof(value));
	return value;
}

static inline uint64_t pp_load64(const uint8_t *at)
{
	uint64_t value;

	memcpy(&value, at, sizeof(value));
	return value;
}

/* ---- replay_input.c: bytes of a file or pipe -> whole records ---- */

struct pp_unpacker;

struct pp_input {
	const char *path; /* for messages; of the caller */
	int fd;
	bool seekable;
	uint64_t offset; /* in the file, of buf[pos] */
	uint64_t end;	 /* of the data in the file; UINT64_MAX: where the file ends */
	uint8_t *buf;
	uint32_t pos, len;
	uint64_t skip; /* bytes of a record's appendix that are still to be passed over */
	struct pp_unpacker *unpacker;
};

/* A whole record: valid up to the next call. */
struct pp_record {
	const uint8_t *data;
	uint32_t type;
	uint32_t size;
	uint64_t offset; /* in the file; of one that was compressed, where its pack begins */
};

int32_t pp_input_open(struct pp_input *input, const char *path, struct pp_error *err);
void pp_input_close(struct pp_input *input);
/* `size` bytes at `offset` of a file, not of a pipe. */
int32_t pp_input_read_at(const struct pp_input *input, uint64_t offset, void *to, size_t size, struct pp_error *err);
/* Goes on at input->offset of a file. */
int32_t pp_input_seek(struct pp_input *input, struct pp_error *err);
/* The next `size` bytes, into `to`; waits for them. */
int32_t pp_input_take(struct pp_input *input, void *to, size_t size, struct pp_error *err);
/* The next record: 1, or 0 at the end. With `wait` false, PP_INPUT_LATER where a pipe has none yet. */
#define PP_INPUT_LATER 2
int32_t pp_input_next(struct pp_input *input, bool wait, struct pp_record *record, struct pp_error *err);
/* PP_E_RECORDING at a place of the file. */
int32_t pp_input_damaged(const struct pp_input *input, uint64_t offset, struct pp_error *err, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* ---- replay_unpack.c: records within PERF_RECORD_COMPRESSED ---- */

void pp_unpacker_free(struct pp_unpacker *unpacker);
/* Packed bytes that are unpacked by the next calls; they stay the caller's and must stay in place meanwhile. PP_E_FILE where
 * libzstd is not installed. */
int32_t pp_unpacker_feed(struct pp_unpacker **unpacker, const uint8_t *packed, uint32_t size, uint64_t offset,
			 struct pp_error *err);
/* The next record of them: 1; 0 when there is no whole one (left). -1: they do not unpack. */
int32_t pp_unpacker_next(struct pp_unpacker *unpacker, struct pp_record *record);

/* ---- replay_record.c: whose a record is, and its layout ---- */

/* An event of the recording. */
struct pp_replay_event {
	struct perf_event_attr attr; /* what this library knows of it */
	uint8_t *raw_attr;	     /* all of it */
	uint32_t raw_size;
	uint32_t index;	  /* that it is handed out as, or PP_EVENT_UNKNOWN: not at all */
	uint16_t time_at; /* in samples, bytes from the record's start; 0: it has none. So the others */
	uint16_t tid_at;
	uint16_t cpu_at;
	uint16_t fixed_size; /* up to the first member that not every event has in 8 bytes */
	uint64_t added;	     /* members that are put in: see pp_replay_sample */
	uint32_t added_size; /* their bytes */
	uint64_t period;     /* where samples have none */
	uint64_t delivered;
	uint64_t lost;
	uint64_t *cpus; /* a bit for each that is wanted; NULL: all */
};

struct pp_replay_ids {
	uint64_t *ids;
	uint32_t *events;
	uint32_t size; /* a power of two, 0: no ids */
	uint32_t count;
	uint32_t last; /* slot of the last one that was looked for */
};

int32_t pp_replay_ids_add(struct pp_replay_ids *ids, uint64_t id, uint32_t event);
/* PP_EVENT_UNKNOWN where it is nobody's. */
uint32_t pp_replay_ids_find(struct pp_replay_ids *ids, uint64_t id);

/* Where samples, and the ends of other records, say what. The same of all events of a recording, or there is just one. */
struct pp_replay_layout {
	uint16_t id_at;	  /* in a sample, 0: there are no ids */
	uint16_t trailer; /* bytes at the end of a record that is no sample, 0 without sample_id_all */
			  /* Of the trailer's members TID, TIME, ID, STREAM_ID, CPU, IDENTIFIER: 0 where it is not there. */
#define PP_TRAILER_MEMBERS 6
	uint16_t from_end[PP_TRAILER_MEMBERS];
};

/* Fills the offsets of an event whose attr is set. */
void pp_replay_event_place(struct pp_replay_event *event);
/* False where the events do not agree. */
bool pp_replay_layout_of(const struct pp_replay_event *events, uint32_t count, struct pp_replay_layout *layout);
/* Copies a sample; members that it lacks and each handler is promised are put in at their places. */
void pp_replay_sample(const struct pp_replay_event *event, const struct pp_record *record, uint64_t time, uint8_t *to);

/* What the end of a record that is no sample says. */
struct pp_trailer {
	uint32_t pid, tid;
	uint64_t time;
	uint32_t cpu;
	uint64_t id;
};
/* False when the record is too short for it. */
bool pp_replay_trailer(const struct pp_replay_layout *layout, const struct pp_record *record, struct pp_trailer *trailer);
#define PP_TRAILER_SIZE 32
/* Copies a side-band record with the trailer that live ones have: TID, TIME, CPU, IDENTIFIER. Returns its size. */
uint32_t pp_replay_sideband(const struct pp_replay_layout *layout, const struct pp_record *record, const struct pp_trailer *trailer,
			    uint8_t *to);

/* ---- replay_order.c: records of a round, by time ---- */

struct pp_entry {
	uint64_t time;
	uint32_t place; /* in 8 bytes, of its prefix in the arena */
	uint32_t arena;
};

struct pp_arena {
	uint8_t *bytes;
	size_t used, size;
};

struct pp_order {
	struct pp_arena arenas[2];
	struct pp_entry *entries, *spare;
	uint32_t *runs; /* where ascending runs of the entries begin */
	uint32_t count, size, run_count, run_size;
	uint32_t next, ready;	 /* entries [next, ready) may be delivered */
	uint32_t current;	 /* the arena that takes records */
	uint64_t newest, oldest; /* of all times but 0, which perf's own records have; 0: none yet */
	uint64_t flush_to;	 /* newest of the round before */
};

/* Room for a record of `size` bytes, behind its prefix, which is filled; NULL without memory. */
uint8_t *pp_order_add(struct pp_order *order, uint64_t time, uint32_t size, uint32_t event, uint32_t cpu);
/* A round is finished: what the one before had and all that is as old becomes ready; with `all`, everything. What was ready before
 * must have been delivered. */
void pp_order_finish(struct pp_order *order, bool all);
static inline const uint8_t *pp_order_at(const struct pp_order *order, const struct pp_entry *entry)
{
	return order->arenas[entry->arena].bytes + (size_t)entry->place * 8;
}
void pp_order_free(struct pp_order *order);

/* ---- a recording ---- */

struct pp_section {
	uint8_t *bytes; /* of a pipe: here */
	uint64_t offset;
	uint64_t size;
};

/* A loss of a CPU that no sample has followed yet. */
struct pp_replay_cpu {
	uint64_t last_time;
	uint64_t lost;
	uint64_t lost_time;
};

struct pp_replay {
	struct pp_input input;
	char *path;
	uint32_t flags;
	struct pp_state *state;
	struct pp_replay_event *events;
	uint32_t event_count;
	uint32_t sideband;   /* what side-band records are handed out as */
	uint64_t *delivered; /* by what events are handed out as */
	struct pp_replay_ids ids;
	struct pp_replay_layout layout;
	struct pp_section sections[PP_FEATURE_COUNT];
	struct pp_order order;
	struct pp_record held; /* of a pipe: the first record behind its headers */
	bool has_held;
	bool ended, stopped;
	bool past;	   /* all that is wanted was handed out */
	bool unfinished;   /* perf was killed: the header does not say how much data there is */
	uint64_t from, to; /* of the samples that are wanted */
	struct pp_replay_cpu *by_cpu;
	uint32_t cpu_count;
	uint64_t lost_records, lost_samples;
	bool counts_lost; /* an attr has PERF_FORMAT_LOST */
	uint64_t last_delivered;
	uint64_t kernel_text;
	uint32_t kernel_build_id_size;
	uint8_t kernel_build_id[20];
	int wake;
};

/* ---- replay_take.c: what becomes of a record ---- */

int32_t pp_replay_take(struct pp_replay *replay, const struct pp_record *record, struct pp_error *err);
/* The recording is at its end. */
int32_t pp_replay_take_end(struct pp_replay *replay, struct pp_error *err);
/* Keeps the memory of what waits for its round flat. */
void pp_replay_bound(struct pp_replay *replay);

/* ---- replay_header.c ---- */

int32_t pp_replay_header_read(struct pp_replay *replay, struct pp_error *err);

#endif
